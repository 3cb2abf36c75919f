/* A lane for each address of which a connection runs; it goes with the last one. */
#include "server/net/lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"

#define BUCKETS 256

struct waiting {
	struct conn *conn; /* held */
	struct waiting *next;
};

struct lane {
	uint8_t address[16];
	unsigned running;
	struct waiting *first, **end;
	struct lane *next;
};

struct lanes {
	pthread_mutex_t lock;
	unsigned limit;
	struct lane *table[BUCKETS];
};

static bool
is_own(const uint8_t address[16])
{
	static const uint8_t four[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	static const uint8_t six[16] = { [15] = 1 };

	return memcmp(address, four, 16) == 0 || memcmp(address, six, 16) == 0;
}

static struct lane **
place(struct lanes *l, const uint8_t address[16])
{
	struct lane **at = &l->table[(address[15] ^ address[14] << 3 ^ address[13]) % BUCKETS];

	while (*at && memcmp((*at)->address, address, 16) != 0)
		at = &(*at)->next;
	return at;
}

static struct lane *
lane_new(const uint8_t address[16])
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (lane) {
		memcpy(lane->address, address, 16);
		lane->end = &lane->first;
	}
	return lane;
}

int
lanes_open(unsigned limit, struct lanes **out)
{
	struct lanes *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->limit = limit ? limit : 1;
	pthread_mutex_init(&l->lock, NULL);
	*out = l;
	return 0;
}

static void
lane_free(struct lane *lane)
{
	struct waiting *w;

	while ((w = lane->first)) {
		lane->first = w->next;
		conn_drop(w->conn);
		free(w);
	}
	free(lane);
}

void
lanes_close(struct lanes *l)
{
	struct lane *lane;

	if (!l)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		while ((lane = l->table[i])) {
			l->table[i] = lane->next;
			lane_free(lane);
		}
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

bool
lanes_enter(struct lanes *l, struct conn *c)
{
	const uint8_t *address = conn_peer(c)->address;
	struct waiting *w;
	struct lane **at;

	if (is_own(address))
		return true;
	SCOPED_LOCK(&l->lock);
	at = place(l, address);
	if (!*at && !(*at = lane_new(address)))
		return true; /* rather without a limit than not at all */
	if ((*at)->running < l->limit || !(w = malloc(sizeof(*w)))) {
		(*at)->running++;
		return true;
	}
	conn_hold(c);
	*w = (struct waiting){ c, NULL };
	*(*at)->end = w;
	(*at)->end = &w->next;
	return false;
}

/* The one whose turn it is, out of its lane; NULL: none waits. */
static struct waiting *
leave(struct lanes *l, const uint8_t address[16])
{
	SCOPED_LOCK(&l->lock);
	struct lane **at = place(l, address), *lane = *at;
	struct waiting *w;

	if (!lane)
		return NULL;
	lane->running--;
	w = lane->first;
	if (w && !(lane->first = w->next))
		lane->end = &lane->first;
	if (!w && !lane->running) {
		*at = lane->next;
		free(lane);
	}
	return w;
}

void
lanes_leave(struct lanes *l, struct conn *c)
{
	const uint8_t *address = conn_peer(c)->address;
	struct waiting *w = is_own(address) ? NULL : leave(l, address);

	if (!w)
		return;
	conn_resume(w->conn);
	conn_drop(w->conn);
	free(w);
}

/* A ring of events for each Pi; the Pi that was silent longest makes room for a new one. */
#include "server/boot/trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/bytes.h"
#include "cow/cleanup.h"

#define PIS        512
#define EVENTS     96
#define WHO        80
#define GAP_MS     120000 /* after so long without a word it is another boot */
#define REMOUNT_MS 60000

struct ring {
	char who[WHO];
	uint32_t first, n; /* in events */
	uint32_t boot;
	int64_t stages[TRACE_STAGES]; /* when it was last in each */
	struct trace_event events[EVENTS];
};

struct trace {
	pthread_mutex_t lock;
	uint32_t n;
	struct ring *rings[PIS];
};

static const char *const names[] = { "dhcp", "tftp", "lease", "mount", "read", "up", "said",
	"trouble" };
_Static_assert(ARRAY_SIZE(names) == TRACE_STAGES, "a stage has no name");

const char *
trace_stage_name(enum trace_stage stage)
{
	return names[stage];
}

int
trace_open(struct trace **out)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return 0;
}

void
trace_close(struct trace *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		free(t->rings[i]);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct trace_event *
event_at(struct ring *r, uint32_t i)
{
	return &r->events[(r->first + i) % EVENTS];
}

static int64_t
last_ms(struct ring *r)
{
	return r->n ? event_at(r, r->n - 1)->ms : 0;
}

static struct ring *
find(struct trace *t, const char *who)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (strcmp(t->rings[i]->who, who) == 0)
			return t->rings[i];
	return NULL;
}

/* A ring for one that is new; NULL: no memory. */
static struct ring *
add(struct trace *t, const char *who)
{
	struct ring *r;

	if (t->n < PIS) {
		r = calloc(1, sizeof(*r));
		if (r)
			t->rings[t->n++] = r;
	} else {
		r = t->rings[0];
		for (uint32_t i = 1; i < t->n; i++)
			if (last_ms(t->rings[i]) < last_ms(r))
				r = t->rings[i];
		memset(r, 0, sizeof(*r));
	}
	if (r)
		snprintf(r->who, sizeof(r->who), "%s", who);
	return r;
}

/* A bootloader that speaks after a root was mounted, or anything after a long silence, is a new
 * boot; so is another mount where no bootloader was seen. */
static bool
begins(struct ring *r, enum trace_stage stage, int64_t now)
{
	int64_t since = now - last_ms(r);
	enum trace_stage last;
	uint32_t i = r->n;

	if (stage > TRACE_MOUNT || stage == TRACE_LEASE)
		return r->boot == 0;
	do
		last = i-- > 0 ? event_at(r, i)->stage : TRACE_DHCP;
	while (last > TRACE_UP || last == TRACE_LEASE);
	if (r->n == 0 || since >= GAP_MS)
		return true;
	return last >= TRACE_MOUNT && (stage < TRACE_MOUNT || since >= REMOUNT_MS);
}

/* What a Pi or a stranger made up is printed on terminals. */
static void
make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

void
trace_note(struct trace *t, const char *who, enum trace_stage stage, bool failed, uint64_t bytes,
    const char *fmt, ...)
{
	struct trace_event event = { .stage = stage, .failed = failed, .bytes = bytes };
	struct timespec now;
	struct ring *r;
	va_list args;

	if (!t)
		return;
	va_start(args, fmt);
	vsnprintf(event.detail, sizeof(event.detail), fmt, args);
	va_end(args);
	make_printable(event.detail);
	clock_gettime(CLOCK_REALTIME, &now);
	event.ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	SCOPED_LOCK(&t->lock);
	r = find(t, who);
	if (!r && !(r = add(t, who)))
		return;
	if (begins(r, stage, event.ms))
		r->boot++;
	event.boot = r->boot;
	r->stages[stage] = event.ms;
	if (r->n == EVENTS) {
		r->first = (r->first + 1) % EVENTS;
		r->n--;
	}
	*event_at(r, r->n++) = event;
}

static void
drop(struct trace *t, struct ring *r)
{
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->rings[i] != r)
			continue;
		t->rings[i] = t->rings[--t->n];
		free(r);
		return;
	}
}

/* Only what leads up to now is of the client: it comes after what is known of it already. */
void
trace_adopt(struct trace *t, const char *from, const char *client)
{
	struct ring *old, *new;
	uint32_t boot;

	if (!t)
		return;
	SCOPED_LOCK(&t->lock);
	old = find(t, from);
	if (!old)
		return;
	new = find(t, client);
	if (!new) {
		snprintf(old->who, sizeof(old->who), "%s", client);
		return;
	}
	boot = new->boot;
	for (uint32_t i = 0; i < old->n; i++) {
		struct trace_event *e = event_at(old, i);

		if (e->ms < last_ms(new))
			continue;
		if (new->n == EVENTS) {
			new->first = (new->first + 1) % EVENTS;
			new->n--;
		}
		*event_at(new, new->n++) = *e;
		event_at(new, new->n - 1)->boot = boot + e->boot;
		new->boot = boot + e->boot;
		new->stages[e->stage] = e->ms;
	}
	drop(t, old);
}

void
trace_forget(struct trace *t, const char *who)
{
	struct ring *r;

	if (!t)
		return;
	SCOPED_LOCK(&t->lock);
	r = find(t, who);
	if (r)
		drop(t, r);
}

int
trace_each(struct trace *t, const char *who, trace_fn *fn, void *arg)
{
	struct ring *copy CLEANUP_FREE = malloc(sizeof(*copy));
	int rc = copy ? 0 : -ENOMEM;

	for (uint32_t i = 0; t && rc == 0; i++) {
		bool there;

		pthread_mutex_lock(&t->lock);
		there = i < t->n;
		if (there)
			*copy = *t->rings[i];
		pthread_mutex_unlock(&t->lock);
		if (!there)
			break;
		if (who && strcmp(copy->who, who) != 0)
			continue;
		for (uint32_t k = 0; k < copy->n && rc == 0; k++)
			rc = fn(arg, copy->who, event_at(copy, k));
	}
	return rc;
}

int64_t
trace_last(struct trace *t, const char *who, enum trace_stage stage)
{
	struct ring *r;

	if (!t)
		return 0;
	SCOPED_LOCK(&t->lock);
	r = find(t, who);
	return r ? r->stages[stage] : 0;
}

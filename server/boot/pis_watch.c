/* The timer's part: how far each boot is, by its reads, and whose view is used from two places. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cow/cleanup.h"
#include "server/boot/pis_priv.h"
#include "server/boot/trace.h"
#include "server/peer.h"

#define QUIET_SECONDS 10 /* without many reads: the boot is over */
#define MANY_READS    16 /* in a second */
#define BOTH_SECONDS  3  /* two addresses at about the same time */

static struct pi_boot *
find_boot(struct pis *p, const char *client)
{
	for (uint32_t i = 0; i < p->nboots; i++)
		if (strcmp(p->boots[i].client, client) == 0)
			return &p->boots[i];
	return NULL;
}

/* NULL: too many boot at a time. */
static struct pi_boot *
boot_for(struct pis *p, const char *client)
{
	struct pi_boot *b = find_boot(p, client);

	for (uint32_t i = 0; !b && i < p->nboots; i++)
		if (p->boots[i].over)
			b = &p->boots[i];
	if (!b && p->nboots < PIS_WATCHED)
		b = &p->boots[p->nboots++];
	return b;
}

void
pis_mounted(struct service *service, const struct client *c, const char *address)
{
	struct pis *p = service->pis;
	struct pi_boot *b;

	if (!p)
		return;
	trace_note(service->trace, c->name, TRACE_MOUNT, false, 0, "/%s from %s", c->name, address);
	SCOPED_LOCK(&p->lock);
	b = boot_for(p, c->name);
	if (!b)
		return;
	*b = (struct pi_boot){ .mounted = time(NULL) };
	snprintf(b->client, sizeof(b->client), "%s", c->name);
}

struct progress {
	bool first, up;
	int64_t seconds;
	uint64_t reads, bytes;
};

/* What became of a boot since the last look. */
static struct progress
look(struct pi_boot *b, uint64_t reads, uint64_t bytes)
{
	int64_t now = time(NULL);
	struct progress out = { 0 };

	if (reads < b->reads) /* the view was opened anew */
		b->reads = b->first_reads = b->first_bytes = 0;
	if (!b->reading && reads > b->reads) {
		out.first = b->reading = true;
		b->first_reads = b->reads;
		b->first_bytes = b->bytes;
		b->busy = now;
	}
	if (reads - b->reads >= MANY_READS)
		b->busy = now;
	if (b->reading && now - b->busy >= QUIET_SECONDS) {
		out.up = b->over = true;
		out.seconds = b->busy - b->mounted;
	}
	out.reads = reads - b->first_reads;
	out.bytes = bytes - b->first_bytes;
	b->reads = reads;
	b->bytes = bytes;
	return out;
}

static void
watch_boot(struct service *service, struct peer_client *client)
{
	uint64_t reads = atomic_load_explicit(&client->reads, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&client->read_bytes, memory_order_relaxed);
	const char *name = client->info.name;
	struct progress progress = { 0 };
	struct pi_boot *b;

	pthread_mutex_lock(&service->pis->lock);
	b = find_boot(service->pis, name);
	if (b && !b->over)
		progress = look(b, reads, bytes);
	pthread_mutex_unlock(&service->pis->lock);
	if (progress.first)
		trace_note(service->trace, name, TRACE_READ, false, 0, "the first file");
	if (progress.up)
		trace_note(service->trace, name, TRACE_UP, false, progress.bytes,
		    "%lld s after its mount, %llu reads", (long long)progress.seconds,
		    (unsigned long long)progress.reads);
}

static int
watch_one(void *arg, struct peer_client *client)
{
	struct service *service = arg;
	char seen[CLIENT_ADDRESSES][46];
	int n = peers_seen(service->peers, client->info.name, time(NULL) - BOTH_SECONDS, seen);

	if (n > 1)
		pis_alarm(service, client->info.name,
		    "the view of %s is used from two addresses at a time, %s and %s",
		    client->info.name, seen[0], seen[1]);
	watch_boot(service, client);
	return 0;
}

void
pis_tick(struct service *service)
{
	if (service->pis && service->peers)
		peers_each(service->peers, watch_one, service);
}

/* Looks each minute; collects when layers are to be given back, and once a day for the blocks that
 * were overwritten. */
#include "server/collector.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/flatten.h"
#include "cow/gc.h"
#include "cow/snapshot.h"
#include "server/config.h"
#include "server/log.h"
#include "server/peer.h"

#define LOOK_SECONDS  60
#define PAUSE_SECONDS 600   /* between two collections */
#define EACH_SECONDS  86400 /* a collection in any case */
#define NICE          10

struct collector {
	struct service *service;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool stop;
	int64_t last; /* when it last collected */
};

static int
flush_one(void *arg, struct peer_client *client)
{
	(void)arg;
	return view_flush(client->view);
}

static int
flush(void *arg)
{
	struct collector *c = arg;

	return peers_each(c->service->peers, flush_one, NULL);
}

static int
progress(void *arg, const char *what, uint64_t done, uint64_t of)
{
	struct collector *c = arg;

	(void)what;
	(void)done;
	(void)of;
	return atomic_load(&c->stop) ? -ECANCELED : 0;
}

static void
collect(struct collector *c)
{
	struct gc_options o = { .flush = flush, .progress = progress, .arg = c };
	struct log *log = c->service->log;
	struct gc_result r;
	int err = gc_run(c->service->store, &o, &r);

	c->last = time(NULL);
	if (err == 0 && (r.layers || r.blocks))
		log_info(log, LOG_STORE, "collected layers=%llu blocks=%llu bytes=%llu",
		    (unsigned long long)r.layers, (unsigned long long)r.blocks,
		    (unsigned long long)r.bytes);
	else if (err < 0 && err != -ECANCELED)
		log_info(log, LOG_STORE, "collection put off: %s", err_text(err));
}

struct swap {
	struct flatten *flat;
};

static int
swap(void *arg, struct view *const *views)
{
	return flatten_swap(((struct swap *)arg)->flat, views[0]);
}

/* A chain of many snapshots is laid flat, so that lookups pass few layers. */
static int
flatten(void *arg, const char *client)
{
	struct collector *c = arg;
	struct swap s = { NULL };
	int r = atomic_load(&c->stop)
		    ? -ECANCELED
		    : flatten_begin(c->service->store, client, FLATTEN_LAYERS, &s.flat);

	if (r != 1)
		return r < 0 ? r : 0;
	r = peers_with(c->service->peers, &client, 1, swap, &s);
	flatten_end(s.flat);
	if (r == 1)
		log_info(c->service->log, LOG_STORE, "chain laid flat client=%s", client);
	return r < 0 ? r : 0;
}

static void
look(struct collector *c)
{
	const struct config *config = c->service->config;
	int64_t since = time(NULL) - c->last;

	snapshot_expire(
	    c->service->store, (int64_t)config->keep_days * 86400, (int)config->keep_snapshots);
	flatten_each(c->service->store, FLATTEN_LAYERS, flatten, c);
	if (since >= EACH_SECONDS || (since >= PAUSE_SECONDS && gc_any(c->service->store) == 1))
		collect(c);
}

static void *
run(void *arg)
{
	struct collector *c = arg;
	struct timespec until;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread alone */
	pthread_mutex_lock(&c->lock);
	while (!atomic_load(&c->stop)) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_SECONDS;
		if (pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&c->lock);
		look(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int
collector_start(struct service *service, struct collector **out)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->service = service;
	c->last = time(NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	if (pthread_create(&c->thread, NULL, run, c) != 0) {
		pthread_cond_destroy(&c->wake);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return err_set(EAGAIN, "can't start the collector");
	}
	*out = c;
	return 0;
}

void
collector_stop(struct collector *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->stop, true);
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

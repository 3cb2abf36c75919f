/* A thread with a timer. */
#include "server/fuse/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>

#include "cow/err.h"

#define SECONDS     5
#define VIEW_MEMORY ((uint64_t)64 << 20)

struct keeper {
	struct mounted *mounted;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
};

static void
keep(struct mounted *m)
{
	int err = m->write ? view_flush(m->view) : 0;

	if (err < 0)
		syslog(LOG_ERR, "what was written is not on disk: %s", err_text(err));
	view_trim(m->view, VIEW_MEMORY);
}

static void *
run(void *arg)
{
	struct keeper *k = arg;
	struct timespec until;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += SECONDS;
		if (pthread_cond_timedwait(&k->wake, &k->lock, &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&k->lock);
		keep(k->mounted);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

int
keeper_start(struct mounted *m, struct keeper **out)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return -ENOMEM;
	k->mounted = m;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
	rc = pthread_create(&k->thread, NULL, run, k);
	if (rc != 0) {
		free(k);
		return err_set(rc, "starting a thread");
	}
	*out = k;
	return 0;
}

void
keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* Counts of what was done are compared with those of the last look; no thread is asked anything. */
#include "server/watchdog.h"

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "cow/batch.h"
#include "server/log.h"

#define LOOKS 4 /* in the time after which systemd kills */

struct watchdog {
	struct service *service;
	struct loop *loop;
	uint64_t each, next; /* of the looks, in microseconds */
	uint64_t commits;    /* at the last look, as are */
	uint64_t *turns;     /* each worker's */
	bool silent;         /* the last look found the server hung */
};

int
watchdog_open(struct service *service, struct loop *loop, struct watchdog **out)
{
	struct watchdog *w;
	uint64_t limit;

	*out = NULL;
	if (sd_watchdog_enabled(0, &limit) <= 0)
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w || !(w->turns = calloc(loop_workers(loop), sizeof(*w->turns)))) {
		free(w);
		return -ENOMEM;
	}
	w->service = service;
	w->loop = loop;
	w->each = limit / LOOKS;
	w->commits = UINT64_MAX; /* none was seen yet */
	*out = w;
	return 0;
}

static bool
committer_hangs(struct watchdog *w)
{
	struct batch_stats now;
	bool hangs;

	if (!w->service->store || !store_batch(w->service->store))
		return false;
	batch_stats(store_batch(w->service->store), &now);
	hangs = now.committing && now.commits == w->commits;
	w->commits = now.commits;
	return hangs;
}

static unsigned
count_hanging_workers(struct watchdog *w)
{
	unsigned hanging = 0;

	for (unsigned i = 0; i < loop_workers(w->loop); i++) {
		uint64_t now = loop_turns(w->loop, i);

		hanging += now & 1 && now == w->turns[i];
		w->turns[i] = now;
	}
	return hanging;
}

void
watchdog_tick(struct watchdog *w)
{
	uint64_t now = loop_microseconds();
	bool committer, hangs;
	unsigned workers;

	if (!w || now < w->next)
		return;
	w->next = now + w->each;
	committer = committer_hangs(w);
	workers = count_hanging_workers(w);
	hangs = committer || 2 * workers >= loop_workers(w->loop);
	if (!hangs)
		sd_notify(0, "WATCHDOG=1");
	else if (!w->silent)
		log_error(w->service->log, LOG_MAIN,
		    "no progress: systemd isn't told that all is well committer=%s workers=%u",
		    committer ? "hangs" : "fine", workers);
	w->silent = hangs;
}

void
watchdog_close(struct watchdog *w)
{
	if (!w)
		return;
	free(w->turns);
	free(w);
}

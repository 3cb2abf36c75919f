/*
 * Leader and followers on one epoll set. An event names its source by slot and generation, not by
 * pointer: the source may be gone by the time that the event is looked at.
 */
#include "server/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"

#define STOP UINT64_MAX /* the event that ends a worker */

struct slot {
	struct source *source; /* NULL: free */
	uint32_t generation;
};

struct worker {
	struct loop *loop;
	pthread_t thread;
	unsigned number;
	_Atomic uint64_t turns;
};

struct loop {
	int epoll, stop;
	pthread_mutex_t lock; /* of slots */
	struct slot *slots;
	uint32_t nslots;
	struct worker *workers;
	unsigned nworkers, running;
};

void
source_init(struct source *s, struct loop *loop, const struct source_ops *ops, int fd)
{
	s->ops = ops;
	s->fd = fd;
	s->loop = loop;
	atomic_init(&s->refs, 1);
	s->slot = UINT32_MAX;
}

void
source_hold(struct source *s)
{
	atomic_fetch_add(&s->refs, 1);
}

void
source_drop(struct source *s)
{
	if (atomic_fetch_sub(&s->refs, 1) == 1)
		s->ops->free(s);
}

int
loop_open(unsigned workers, struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = STOP };

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->stop = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&loop->lock, NULL);
	loop->workers = calloc(workers, sizeof(*loop->workers));
	loop->nworkers = workers;
	if (loop->epoll < 0 || loop->stop < 0 || !loop->workers ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->stop, &ev) < 0) {
		int err = err_errno("can't set up the event loop");

		loop_close(loop);
		return err;
	}
	*out = loop;
	return 0;
}

/* The event's source, held; NULL if it is gone. */
static struct source *
source_of(struct loop *loop, uint64_t data)
{
	uint32_t slot = (uint32_t)data, generation = (uint32_t)(data >> 32);
	SCOPED_LOCK(&loop->lock);

	if (slot >= loop->nslots || loop->slots[slot].generation != generation ||
	    !loop->slots[slot].source)
		return NULL;
	source_hold(loop->slots[slot].source);
	return loop->slots[slot].source;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct epoll_event ev;
	struct source *s;

	for (;;) {
		if (epoll_wait(w->loop->epoll, &ev, 1, -1) < 1)
			continue;
		if (ev.data.u64 == STOP)
			return NULL;
		s = source_of(w->loop, ev.data.u64);
		if (s) {
			w->turns++;
			s->ops->ready(s, ev.events, w->number);
			w->turns++;
			source_drop(s);
		}
	}
}

int
loop_start(struct loop *loop, const char *name)
{
	char title[32];

	for (unsigned i = 0; i < loop->nworkers; i++) {
		struct worker *w = &loop->workers[i];
		int err;

		w->loop = loop;
		w->number = i;
		err = pthread_create(&w->thread, NULL, worker_main, w);
		if (err) {
			loop_stop(loop);
			return err_set(err, "can't start worker %u", i);
		}
		loop->running++;
		snprintf(title, sizeof(title), "%.8s-%u", name, i % 10000); /* 15 at most */
		pthread_setname_np(w->thread, title);
	}
	return 0;
}

void
loop_stop(struct loop *loop)
{
	if (eventfd_write(loop->stop, 1) < 0)
		abort(); /* our own descriptor */
	while (loop->running > 0)
		pthread_join(loop->workers[--loop->running].thread, NULL);
}

void
loop_close(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->running)
		loop_stop(loop);
	for (uint32_t i = 0; i < loop->nslots; i++) {
		if (loop->slots[i].source)
			source_unwatch(loop->slots[i].source);
	}
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->stop >= 0)
		close(loop->stop);
	pthread_mutex_destroy(&loop->lock);
	free(loop->slots);
	free(loop->workers);
	free(loop);
}

/* Under the lock. */
static int
take_slot(struct loop *loop, struct source *s)
{
	uint32_t i = 0, more = loop->nslots ? 2 * loop->nslots : 16;
	struct slot *slots;

	while (i < loop->nslots && loop->slots[i].source)
		i++;
	if (i == loop->nslots) {
		slots = reallocarray(loop->slots, more, sizeof(*slots));
		if (!slots)
			return -ENOMEM;
		memset(slots + i, 0, (more - i) * sizeof(*slots));
		loop->slots = slots;
		loop->nslots = more;
	}
	loop->slots[i].source = s;
	s->slot = i;
	s->generation = ++loop->slots[i].generation & 0x7fffffff;
	loop->slots[i].generation = s->generation;
	source_hold(s);
	return 0;
}

static struct epoll_event
event_for(const struct source *s, uint32_t events)
{
	return (struct epoll_event){ .events = events | EPOLLONESHOT,
		.data.u64 = (uint64_t)s->generation << 32 | s->slot };
}

int
source_watch(struct source *s, uint32_t events)
{
	struct loop *loop = s->loop;
	SCOPED_LOCK(&loop->lock);
	struct epoll_event ev;
	int err = take_slot(loop, s);

	if (err < 0)
		return err;
	ev = event_for(s, events);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, s->fd, &ev) == 0)
		return 0;
	err = err_errno("can't watch a descriptor");
	loop->slots[s->slot].source = NULL;
	s->slot = UINT32_MAX;
	atomic_fetch_sub(&s->refs, 1); /* the caller has one */
	return err;
}

void
source_arm(struct source *s, uint32_t events)
{
	SCOPED_LOCK(&s->loop->lock);
	struct epoll_event ev = event_for(s, events);

	if (s->slot != UINT32_MAX)
		epoll_ctl(s->loop->epoll, EPOLL_CTL_MOD, s->fd, &ev);
}

void
source_unwatch(struct source *s)
{
	struct loop *loop = s->loop;

	pthread_mutex_lock(&loop->lock);
	if (s->slot == UINT32_MAX) {
		pthread_mutex_unlock(&loop->lock);
		return;
	}
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	loop->slots[s->slot].source = NULL;
	s->slot = UINT32_MAX;
	pthread_mutex_unlock(&loop->lock);
	source_drop(s);
}

unsigned
loop_workers(const struct loop *loop)
{
	return loop->nworkers;
}

uint64_t
loop_turns(const struct loop *loop, unsigned worker)
{
	return loop->workers[worker].turns;
}

struct timer {
	struct source source;
	void (*fn)(void *arg);
	void *arg;
};

static void
timer_ready(struct source *s, uint32_t events, unsigned worker)
{
	struct timer *t = (struct timer *)s;
	uint64_t times;

	(void)events;
	(void)worker;
	if (read(s->fd, &times, sizeof(times)) == sizeof(times))
		t->fn(t->arg);
	source_arm(s, EPOLLIN);
}

static void
timer_free(struct source *s)
{
	close(s->fd);
	free(s);
}

int
loop_every(struct loop *loop, unsigned ms, void (*fn)(void *arg), void *arg)
{
	static const struct source_ops ops = { timer_ready, timer_free };
	struct timespec each = { ms / 1000, (long)(ms % 1000) * 1000000 };
	struct itimerspec when = { each, each };
	struct timer *t = calloc(1, sizeof(*t));
	int fd, err;

	if (!t)
		return -ENOMEM;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0) {
		err = err_errno("can't set a timer");
		if (fd >= 0)
			close(fd);
		free(t);
		return err;
	}
	source_init(&t->source, loop, &ops, fd);
	t->fn = fn;
	t->arg = arg;
	err = source_watch(&t->source, EPOLLIN);
	source_drop(&t->source);
	return err;
}

uint64_t
loop_microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

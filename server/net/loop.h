/*
 * Loop: one epoll set and the workers that all wait on it. Whoever is woken runs the source's
 * handler itself, so that nothing is handed from thread to thread; a source is armed for one event
 * and sleeps till its handler arms it again.
 *
 * Lock order: a source's own locks, then the loop's.
 */
#ifndef SERVER_NET_LOOP_H
#define SERVER_NET_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct source;

struct source_ops {
	/* Something happened (EPOLLIN ...). worker: 0 to the number of workers - 1. As an arming
	 * may cross an event, it can run twice at a time: the handler must look. */
	void (*ready)(struct source *, uint32_t events, unsigned worker);
	/* The last reference is gone: closes fd and frees. */
	void (*free)(struct source *);
};

/* A descriptor that the loop watches; part of a larger object. Counted. */
struct source {
	const struct source_ops *ops;
	int fd;
	struct loop *loop;
	atomic_uint refs;
	uint32_t slot, generation; /* the loop's */
};

void source_init(struct source *, struct loop *, const struct source_ops *, int fd);
void source_hold(struct source *);
void source_drop(struct source *);

int loop_open(unsigned workers, struct loop **out);
/* Starts the workers; name is what the threads are called. */
int loop_start(struct loop *, const char *name);
/* Returns when every running handler has returned and the workers have ended. */
void loop_stop(struct loop *);
/* Stops, and drops what is still watched. */
void loop_close(struct loop *);

/* Watches the source, armed for events; holds it. */
int source_watch(struct source *, uint32_t events);
/* Arms it again; nothing if it isn't watched. */
void source_arm(struct source *, uint32_t events);
/* Ends watching and drops the loop's reference. A handler may still run. */
void source_unwatch(struct source *);

/* Calls fn(arg) each so many milliseconds from a worker, never twice at a time. */
int loop_every(struct loop *, unsigned ms, void (*fn)(void *arg), void *arg);

/* How often a worker (0 to the number of workers - 1) has begun and ended a handler: odd while it
 * is in one. */
unsigned loop_workers(const struct loop *);
uint64_t loop_turns(const struct loop *, unsigned worker);

/* Microseconds that never go back. */
uint64_t loop_microseconds(void);

#endif

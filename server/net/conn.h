/*
 * Conn: one TCP connection. The worker that finds it readable reads what is there, runs every whole
 * record in it, and sends the gathered replies by one system call; replies that had to wait come
 * later, from other threads.
 *
 * A connection is not read from while too much is owed to it: calls in flight, or unsent bytes. One
 * that makes no progress for long is closed.
 */
#ifndef SERVER_NET_CONN_H
#define SERVER_NET_CONN_H

#include "server/net/loop.h"
#include "server/serve.h"

#define CONN_RECORD_MAX  ((1u << 20) + 8192) /* a WRITE of 1 MiB, and what is around it */
#define CONN_INFLIGHT    128                 /* calls that wait for their reply */
#define CONN_UNSENT      (4u << 20)          /* bytes */
#define CONN_GATHER      (256u << 10)        /* bytes of replies that are sent at once */
#define CONN_GATHER_US   1000                /* replies wait no longer to be gathered */
#define CONN_STUCK       60                  /* seconds that one record or one reply may take */
#define CONN_IDLE_BUFFER 10                  /* seconds until a read buffer is given back */

#define CONN_SMALL (32u << 10) /* who holds no more is never closed to make room */

struct conn;

/* What all connections hold together: replies that are unsent, and records that are read. From a
 * quarter of max on, nobody is read from while a reply of his is unsent; beyond max, the slowest
 * goes. */
struct conn_memory {
	_Atomic uint64_t held;
	uint64_t max;
};

/* What connections share with their owner (conns.h). */
struct conn_env {
	struct loop *loop;
	struct serve *serve;
	const struct serve_programs *programs;
	struct log *log;
	struct conn_memory *memory;
	/* Before and after its calls are run: whether they may be now, else it waits, not armed,
	 * until conn_resume. Called without its lock. */
	bool (*enter)(void *arg, struct conn *);
	void (*leave)(void *arg, struct conn *);
	/* They hold more than max: one must go. Called from any thread, without a lock. */
	void (*crowded)(void *arg);
	/* The connection closes: called once, from any thread, without the connection's lock. */
	void (*closed)(void *arg, struct conn *);
	void *arg;
};

/* Takes fd over, also when it fails. The caller holds one reference. */
int conn_new(const struct conn_env *, int fd, const struct sockaddr_storage *, struct conn **out);
/* Begins to read. */
int conn_start(struct conn *);
/* Its turn has come. */
void conn_resume(struct conn *);
void conn_hold(struct conn *);
void conn_drop(struct conn *);
/* Closes it now; whatever is unsent is lost. Any number of times. */
void conn_close(struct conn *);
const struct peer *conn_peer(const struct conn *);

/* Once in a while: 1: it is stuck and should be closed; else 0. Gives idle memory back. */
int conn_tick(struct conn *, uint64_t now);
/* Since when it has neither finished nor begun anything (loop_microseconds); UINT64_MAX while it is
 * owed something. */
uint64_t conn_idle_since(struct conn *);
/* Since when it has been at its present record or reply. Gives idle memory back; *held: the bytes
 * that it holds then. */
uint64_t conn_slow_since(struct conn *, uint64_t *held);
/* At the end: waits at most so many milliseconds for what is unsent to leave. */
void conn_linger(struct conn *, int ms);

#endif

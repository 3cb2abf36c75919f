/*
 * Serve: the way of one record: duplicate cache, handler, batch, reply. Knows no sockets: the
 * transport hands in a record and a sink, and is handed the reply back, now or when it is durable.
 */
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include "rpc/program.h"
#include "server/call.h"

/* A reply on its way out, at the head of a malloc'ed object. */
struct out {
	struct out *next;
	struct rpc_reply reply;
};
void out_free(struct out *);

/* Where the answer to a call goes. Counted, as a reply may come long after its call. */
struct sink {
	const struct sink_ops *ops;
};
struct sink_ops {
	/* Takes the reply over; an empty one (no memory) is only freed. From any thread; never
	 * waits. */
	void (*send)(struct sink *, struct out *);
	void (*hold)(struct sink *);
	void (*drop)(struct sink *);
};

struct serve; /* what all transports of a server share */

struct serve_programs {
	const struct rpc_program *const *list;
	int n;
};

int serve_open(struct service *, struct serve **out);
void serve_close(struct serve *);

/* Serves one record. The reply goes to sink->send, perhaps before this returns, perhaps later (the
 * sink is held meanwhile), perhaps never (a record that isn't a call). shard: whose counters. */
void serve_record(struct serve *, const struct serve_programs *, unsigned shard, struct sink *,
    const struct peer *, const uint8_t *record, uint32_t n);

/* Waits until every reply that waited has been handed to its sink. The transports have stopped, and
 * the batch was flushed. */
void serve_drain(struct serve *);

/* The duplicate cache's waiter function (drc_open). */
void serve_waiter(void *waiter, const void *reply, uint32_t n);
/* Gives the duplicate cache what the store kept over the restart. 0 or -errno. */
int serve_load(struct service *);

#endif

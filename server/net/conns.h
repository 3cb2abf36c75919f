/*
 * Conns: all connections of a server: accepting, limits, the idle and the stuck.
 */
#ifndef SERVER_NET_CONNS_H
#define SERVER_NET_CONNS_H

#include "server/net/conn.h"

struct conns_options {
	struct loop *loop;
	struct serve *serve;
	struct service *service;
	struct serve_programs programs;
	unsigned max, max_address; /* connections in all, from one address (loopback: no limit) */
	unsigned max_running;      /* workers that one address may keep busy */
	uint64_t memory;           /* that they may hold together */
};

struct conns;

int conns_open(const struct conns_options *, struct conns **out);
/* Accepts from this listening socket from now on; takes it over. */
int conns_listen(struct conns *, int fd);
/* Once a second: closes what is stuck, accepts again after a lack of descriptors. */
void conns_tick(struct conns *);
unsigned conns_count(struct conns *);
/* The loop has stopped. Lets unsent replies leave, for at most a second in all; closes all. */
void conns_close(struct conns *);

#endif

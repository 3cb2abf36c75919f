/*
 * Server: NFS and MOUNT on one port, in threads of this process. Tests start one, too.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/serve.h"

struct server_options {
	const char *listen; /* numeric address; NULL or empty: all */
	uint16_t port;      /* 0: any that is free */
	bool rpcbind;       /* register there, if it runs */
	unsigned threads, max_connections, address_connections; /* 0: the defaults */
	uint64_t memory; /* that connections may hold together; 0: the default */
	/* What is served over TCP (n == 0: NFS and MOUNT). Over UDP those whose bit is set in
	 * udp are whole, the others have their NULL procedure only. */
	struct serve_programs programs;
	unsigned udp;
};

#define SERVER_PROGRAMS_MAX 4

/* Puts NFS and MOUNT there: what rubusd serves. */
void server_programs(struct server_options *);

/* The service is complete but for `server`, which is set; its drc was opened with serve_waiter.
 * Clients are served when this returns. Errors keep a sentence. */
int server_start(struct service *, const struct server_options *, struct server **out);
/* Accepts nothing more, ends running calls, waits for the batch and lets its replies leave. NULL is
 * fine. */
void server_stop(struct server *);

uint16_t server_port(const struct server *);
const char *server_address(const struct server *);
unsigned server_connections(const struct server *);

#endif

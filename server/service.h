/*
 * Service: what start-up fills and everyone in server/ is handed. No globals.
 */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "cow/store.h"

struct config;
struct log;
struct stats;
struct peers;
struct drc;
struct server;
struct pis;
struct trace;

struct service {
	const struct config *config; /* server/config.h */
	struct log *log;             /* server/log.h */
	struct stats *stats;         /* server/stats.h */
	struct store *store;
	struct peers *peers;         /* server/peer.h: callers, and the open views */
	struct drc *drc;             /* rpc/drc.h */
	struct pis *pis;             /* server/boot/pis.h: machines that boot; NULL in some tests */
	struct trace *trace;         /* server/boot/trace.h: what was seen of boots; or NULL */
	uint64_t started;            /* seconds since 1970 */
	const struct server *server; /* server/server.h: NULL when nothing is served */
};

#endif

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

struct service {
	const struct config *config; /* server/config.h */
	struct log *log;             /* server/log.h */
	struct stats *stats;         /* server/stats.h */
	struct store *store;
	struct peers *peers;         /* server/peer.h: callers, and the open views */
	struct drc *drc;             /* rpc/drc.h */
	uint64_t started;            /* seconds since 1970 */
	const struct server *server; /* server/server.h: NULL when nothing is served */
};

#endif

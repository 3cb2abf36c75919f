/*
 * Config: rubus.conf and the command line as one struct, by a table of keys.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/log.h"

struct config {
	char listen[64];                    /* numeric address; empty: all, IPv4 and IPv6 */
	uint64_t port;                      /* 0: any that is free */
	uint64_t threads;                   /* workers */
	uint64_t memory;                    /* bytes that views and images may keep in memory */
	uint64_t keep_days, keep_snapshots; /* automatic ones: so old, so many of a client */
	bool tftp;                          /* serve boot files */
	uint64_t tftp_port;
	bool insecure_ports; /* callers' source ports from 1024 up are fine from everywhere */
	uint64_t max_connections, address_connections; /* in all, from one address */
	enum log_level log_level;
	uint32_t debug; /* bits of enum log_subsystem */
};

void config_default(struct config *);
/* Reads FILE over what is in *config. Errors keep a sentence that names file, line and key:
 * -ENOENT: no such file; -EINVAL: unknown key, bad value, a line that is none of key = value. */
int config_read(struct config *, const char *file);
/* Sets one key as a line of the file would. -EINVAL. */
int config_set(struct config *, const char *key, const char *value);

#endif

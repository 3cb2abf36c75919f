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
	char listen[64]; /* numeric address; empty: all, IPv4 and IPv6 */
	uint32_t port;   /* 0: any that is free */
	uint32_t threads;
	uint64_t memory;     /* bytes that views and images may keep in memory */
	bool insecure_ports; /* callers' source ports from 1024 up are fine from everywhere */
	uint32_t max_connections;
	enum log_level log_level;
	uint32_t debug; /* bits of enum log_subsystem */
};

void config_default(struct config *);
/* Reads FILE over what is in *config. -ENOENT if there is none; -EINVAL for an unknown key or a bad
 * value. text: a sentence naming file, line and key. */
int config_read(struct config *, const char *file, char *text, size_t room);
/* Sets one key, as a line of the file would. -ENOENT: no such key; -EINVAL. */
int config_set(struct config *, const char *key, const char *value, char *text, size_t room);

#endif

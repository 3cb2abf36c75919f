/*
 * Backup: all of a store in a tar, of one moment, while it is served; and a store made of one.
 */
#ifndef COW_BACKUP_H
#define COW_BACKUP_H

#include "cow/store.h"

struct backup_options {
	/* A folder for a copy of store.db while the tar is written. */
	const char *scratch;
	int (*progress)(void *arg, uint64_t bytes); /* may be NULL; negative ends it */
	void *arg;
};

struct backup_result {
	uint64_t files, bytes;
};

/* Writes the tar to fd; the store was opened with STORE_LOOK, and nothing is collected until it is
 * closed. What was acknowledged before is in. compress: "", "gz", "xz" or "zst". */
int backup_write(struct store *, const struct backup_options *, int fd, const char *compress,
    struct backup_result *out);

/* Makes the folder `path`, which is absent or empty, a store of the tar from fd. A tar that isn't a
 * whole backup: -EINVAL, and the folder is as it was. */
int backup_restore(const char *path, int fd, struct backup_result *out);

#endif

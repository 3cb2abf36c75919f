/*
 * Walk: all that a client of a real rubusd can see, by NFS calls, each of which must be answered:
 * with what was asked for, or with an error.
 */
#ifndef TESTS_CRASH_DAMAGE_WALK_H
#define TESTS_CRASH_DAMAGE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#define WALK_FILES  64
#define WALK_BLOCKS 64 /* of a file */

struct walk_file {
	char path[256];
	uint32_t n;
	uint32_t status[WALK_BLOCKS]; /* of the READ of each block */
	uint8_t *bytes;
};

struct walk {
	int patience; /* ms: for one call */
	struct walk_file files[WALK_FILES];
	int n;
	char unanswered[200]; /* the call that was not answered */
	int errors;           /* calls that were answered by an error of the server's */
};

/* change: some calls that change are done, too. -1: there was no answer. */
int walk(struct walk *, uint16_t port, const char *client, bool change);
const struct walk_file *walk_find(const struct walk *, const char *path);
void walk_free(struct walk *, int n);

#endif

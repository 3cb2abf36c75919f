/*
 * Keep: folders of a client that stay through a reset, an update of its image and an undo.
 */
#ifndef COW_KEEP_H
#define COW_KEEP_H

#include "cow/client.h"

#define KEEP_MAX  32 /* folders of one client */
#define KEEP_PATH 1024

struct keeps {
	int n;
	char paths[KEEP_MAX][KEEP_PATH];
};

/* A path as it is kept: absolute, no "." or "..", one slash between names. -EINVAL. */
int keep_normalise(const char *path, char out[KEEP_PATH]);
/* Adds a path unless it is there, or lies in one that is. -E2BIG. */
int keep_add(struct keeps *, const char *path);
/* Those that the client and its group always keep. */
int keep_of(struct store *, const struct client *, struct keeps *out);
/* Sets those of a client, or of a group: "@NAME". */
int keep_set(struct store *, const char *owner, const struct keeps *);

#endif

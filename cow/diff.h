/*
 * Diff: what differs between two states: of one client at two times, of a client and its image, or
 * of any two. Times don't count.
 */
#ifndef COW_DIFF_H
#define COW_DIFF_H

#include "cow/store.h"

/* A state: a layer over an image; layer 0: the image alone. */
struct diff_side {
	struct id image;
	uint64_t layer;
};

enum diff_kind {
	DIFF_ADDED,
	DIFF_REMOVED,
	DIFF_CHANGED,    /* contents, target, device, or another kind of file */
	DIFF_ATTRIBUTES, /* owner, permissions or extended attributes only */
};

struct diff_entry {
	enum diff_kind kind;
	const char *path;        /* from the root; "/" is the root itself */
	uint32_t mode;           /* of the new one, or of what was removed */
	uint64_t size, old_size; /* bytes; of folders 0 */
};

typedef int diff_fn(void *arg, const struct diff_entry *);
/* Calls fn for each name that differs, in the order of paths, what is in a folder after it. The
 * time goes with what differs where both lie on one image (and one look at all of its names). */
int diff_run(
    struct store *, const struct diff_side *old, const struct diff_side *now, diff_fn *, void *arg);

#endif

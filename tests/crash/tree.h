/*
 * Tree: all that a client can see in its view, as it was at a moment; and whether another moment's
 * is the same. What was written UNSTABLE and not committed may have any of the contents that the
 * file had since it was last durable, byte by byte.
 */
#ifndef TESTS_CRASH_TREE_H
#define TESTS_CRASH_TREE_H

#include "cow/view.h"

struct tree_file {
	char path[256];
	uint32_t ino;
	bool loose; /* has uncommitted bytes */
	char fixed[128], rest[192];
	uint8_t *bytes;
	uint32_t n;
};

struct tree {
	struct tree_file *files;
	unsigned n;
};

/* loose: inode numbers whose bytes are not committed, nloose of them. */
int tree_read(struct view *, const uint32_t *loose, unsigned nloose, struct tree *out);
void tree_free(struct tree *);
/* NULL: `now` is what all[at] says; all[0..at] are the moments before. Else what differs, valid
 * till the next call. */
const char *tree_differs(const struct tree *all, unsigned at, const struct tree *now);

#endif

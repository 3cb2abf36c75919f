/*
 * Tree: the golden folder as the works need it: its directories and regular files, in sorted order,
 * and fixed samples of them.
 */
#ifndef TESTS_BENCH_TREE_H
#define TESTS_BENCH_TREE_H

#include <stdint.h>

struct tree_dir {
	uint32_t parent; /* 0 is the root, and its own parent */
	char *name;
};

struct tree_file {
	uint32_t dir;
	char *name;
	uint64_t size;
};

struct tree {
	struct tree_dir *dirs;
	struct tree_file *files;
	uint32_t ndirs, nfiles, entries; /* entries: with symlinks and devices, without the root */
};

struct tree *tree_read(const char *folder);
void tree_free(struct tree *);

/* n files whose sizes are from `least` on and come to about `bytes` (0: whatever they come to), in
 * an order that is random but always the same. Fewer when there are not so many. */
struct sample {
	const struct tree_file **files;
	uint32_t n;
	uint64_t bytes;
};
void sample_take(
    const struct tree *, uint32_t n, uint64_t least, uint64_t bytes, struct sample *out);
void sample_free(struct sample *);

#endif

/*
 * Files: the regular files of a view, in the order in which its folders list them.
 */
#ifndef TESTS_BENCH_FILES_H
#define TESTS_BENCH_FILES_H

#include "cow/view.h"

struct bench_file {
	uint32_t ino;
	uint64_t size;
};

struct bench_files {
	struct bench_file *files;
	uint32_t n, room;
	uint64_t bytes;
};

/* All of at least `least` bytes; fails the program when there is none. A file of several names is
 * there once. */
struct bench_files bench_files_find(struct view *, uint64_t least);
void bench_files_free(struct bench_files *);

#endif

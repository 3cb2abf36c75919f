/*
 * Block size: what its parts share.
 */
#ifndef TESTS_BENCH_BLOCK_SIZE_H
#define TESTS_BENCH_BLOCK_SIZE_H

#include "cow/view.h"
#include "tests/bench/bench.h"
#include "tests/bench/files.h"

#define MIB  (1u << 20)
#define PAGE 4096u

struct bench {
	const char *path; /* of the store */
	uint32_t block_size;
	struct store *store;
	struct view *view; /* of the client "pi" */
	struct bench_random random;
	uint32_t own; /* a file that a kind of change made for itself */
};

void block_size_open(struct bench *);
void block_size_close(struct bench *);
/* Opens the view again, with nothing of the store in the page cache. */
void block_size_cool(struct bench *);

/* The large files from begin to end, 1 MiB a call, while they are few; returns the bytes. */
uint64_t block_size_read_large(struct bench *, const struct bench_files *large);

/* block_size_writes.c: small changes, durable ones. */
void block_size_writes(struct bench *);

#endif

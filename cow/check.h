/*
 * Check: is a store whole? Its databases, what its rows say of each other, and the bytes of its
 * blocks. What is damaged is told with the image, client and path that need it.
 */
#ifndef COW_CHECK_H
#define COW_CHECK_H

#include "cow/store.h"

struct check_options {
	bool all_bytes; /* read every block and compare it with its id; look at every name */
	/* Told for each thing that is wrong, in a sentence. Negative ends the check. */
	int (*found)(void *arg, const char *sentence);
	/* Told now and then; negative ends the check. May be NULL. */
	int (*progress)(void *arg, const char *what, uint64_t done, uint64_t of);
	void *arg;
};

struct check_result {
	uint64_t problems;
	uint64_t images, layers, blocks, bytes; /* that were looked at */
	uint64_t damaged; /* blocks that are missing, or other than they were */
};

/* 0 also when something is wrong: see problems. */
int check_run(struct store *, const struct check_options *, struct check_result *out);

struct check_repair_result {
	uint64_t segments, found, added, dropped; /* blocks found in segments; rows of the index */
};
/* By the owner, while no server runs: makes the index of blocks anew from the segments. Rows that
 * point at what isn't a block go, blocks without a row get one. May be killed and done again. */
int check_repair(struct store *, const struct check_options *, struct check_repair_result *out);

#endif

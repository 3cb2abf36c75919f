/*
 * Work: what is measured, one row each. `ready` runs on one slot of each client before, `run` on
 * all slots while it is measured.
 */
#ifndef TESTS_BENCH_WORK_H
#define TESTS_BENCH_WORK_H

#include "tests/bench/nfs.h"

struct work {
	const char *name;
	unsigned clients, depth; /* if not told otherwise */
	enum { WORK_TIMED = 1, WORK_WARMED = 2, WORK_SETTLES = 4, WORK_NO_MOUNT = 8 } flags;
	uint32_t nfiles; /* the sample that it works on */
	uint64_t least, bytes;
	slot_fn *ready, *run;
};

const struct work *work_find(const char *name);
void work_list(void);

/* 1 MiB of random bytes. */
const uint8_t *work_noise(void);
/* Makes 4 KiB of it bytes that no other page has, in this run or another: by its head. */
void work_stamp(const struct slot *, uint8_t *page, uint32_t client, uint64_t where);
uint32_t work_random(struct slot *);

extern slot_fn run_null, ready_sample, run_getattr, run_lookup, run_access, run_walk,
    run_read_large, run_read_small, run_boot, run_first_write, ready_rewrite, run_rewrite,
    ready_create, run_create, ready_write_large, run_write_large, run_replace;

#endif

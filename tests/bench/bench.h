/*
 * Bench: what the benchmarks share: clocks, numbers that are the same in each run, lines of
 * results.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>

/* Says what failed, with the kept sentence, and ends the program unless r >= 0; gives r back. */
int bench_must(int r, const char *what);

/* What the process has taken: seconds by the clock, seconds of processor (all threads), bytes read
 * from and written to disks. */
struct bench_clock {
	double wall, cpu;
	uint64_t disk_read, disk_written;
};
struct bench_clock bench_start(void);
/* What was taken since. */
struct bench_clock bench_since(const struct bench_clock *);

/* Prints a result: NAME <tab> UNIT <tab> VALUE. */
void bench_result(const char *name, const char *unit, double value);

/* A number below n (> 0); the same row of numbers in each run. */
struct bench_random {
	uint64_t state; /* not 0 */
};
uint64_t bench_pick(struct bench_random *, uint64_t n);
/* Bytes that no other block has. */
void bench_fill(struct bench_random *, void *p, uint32_t n);

/* The bytes of the files in a folder of this machine, or of one file. */
uint64_t bench_size(const char *path);
/* Puts what the folder's files hold on disk and out of the page cache. */
void bench_cool(const char *folder);

#endif

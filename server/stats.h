/*
 * Stats: counts and latencies of each procedure. Every worker adds to a shard of its own without
 * locks; reading sums them.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stdint.h>

#include "rpc/program.h"

#define STATS_BUCKETS 32 /* bucket b counts latencies of [2^(b-1), 2^b) microseconds */

struct stats;

/* A procedure's sums. */
struct stats_proc {
	const char *program, *name;
	uint64_t calls, errors;       /* errors: answered with another status than 0 */
	uint64_t bytes_in, bytes_out; /* with headers */
	uint64_t max_us;
	uint64_t buckets[STATS_BUCKETS];
};

/* shards: workers and one more (number 0) for all other threads. The programs must outlive it. */
int stats_open(
    const struct rpc_program *const *programs, int n, unsigned shards, struct stats **out);
void stats_close(struct stats *);

struct stats_sample {
	uint32_t bytes_in, bytes_out, status;
	uint64_t us; /* from the record's arrival to its reply */
};
/* A program or procedure that isn't in the table is counted as rejected. */
void stats_add(struct stats *, unsigned shard, const struct rpc_program *, uint32_t proc,
    const struct stats_sample *);
/* Counts a record that was no call, or one of no program or procedure that is served. */
void stats_reject(struct stats *, unsigned shard);
uint64_t stats_rejected(const struct stats *);

/* Calls fn for each procedure, called or not. */
void stats_each(const struct stats *, void (*fn)(void *arg, const struct stats_proc *), void *arg);
/* The latency in microseconds below which so many percent of the calls lie: a bucket's upper end.
 */
uint64_t stats_percentile(const struct stats_proc *, unsigned percent);

#endif

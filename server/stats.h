/*
 * Stats: counts and latencies of each procedure. Every worker adds to a shard of its own without
 * locks; reading sums them.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stdint.h>

#include "rpc/program.h"

#define STATS_BUCKETS 40 /* bucket b counts latencies of [2^(b-1), 2^b) microseconds */

struct stats;

/* A procedure's sums. */
struct stats_proc {
	const char *program, *name;
	uint64_t calls, errors;       /* errors: answered with another status than 0 */
	uint64_t bytes_in, bytes_out; /* with headers */
	uint64_t max_us;
	uint64_t buckets[STATS_BUCKETS];
};

/* shards: how many threads add at the same time; more of them only share. The programs must
 * outlive it. -ENOMEM. */
int stats_open(
    const struct rpc_program *const *programs, int n, unsigned shards, struct stats **out);
void stats_close(struct stats *);

struct stats_sample {
	uint32_t bytes_in, bytes_out, status;
	uint64_t us; /* from the record's arrival to its reply */
};
/* Counts a call; one of a program that stats_open wasn't told is left out. */
void stats_add(struct stats *, unsigned shard, const struct rpc_program *, uint32_t proc,
    const struct stats_sample *);

/* What belongs to no procedure. */
enum stats_event {
	STATS_REJECTED,  /* records that were no call, or of no program or procedure served */
	STATS_DUPLICATE, /* calls answered from the duplicate-request cache */
	STATS_REFUSED,   /* connections beyond a limit */
};
#define STATS_EVENTS 3
void stats_count(struct stats *, unsigned shard, enum stats_event);
uint64_t stats_counted(const struct stats *, enum stats_event);

/* Calls fn for each procedure, called or not. */
void stats_each(const struct stats *, void (*fn)(void *arg, const struct stats_proc *), void *arg);
/* The latency in microseconds that so many percent of the calls don't exceed, to the precision of a
 * bucket: its upper end, or the largest latency seen when that is less. 0 without calls. */
uint64_t stats_percentile(const struct stats_proc *, unsigned percent);

#endif

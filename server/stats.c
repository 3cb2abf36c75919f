/* Counters in shards: each of one thread mostly, so that an atomic addition finds its cache line at
 * home. */
#include "server/stats.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX 8

struct row {
	atomic_uint_fast64_t calls, errors, bytes_in, bytes_out, max_us;
	atomic_uint_fast64_t buckets[STATS_BUCKETS];
};

struct shard {
	_Alignas(64) atomic_uint_fast64_t events[STATS_EVENTS];
	struct row *rows;
};

struct stats {
	const struct rpc_program *programs[PROGRAMS_MAX];
	uint32_t first[PROGRAMS_MAX]; /* a program's first row */
	int nprograms;
	unsigned nshards;
	struct shard shards[];
};

static void
add(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t
value(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

int
stats_open(const struct rpc_program *const *programs, int n, unsigned shards, struct stats **out)
{
	struct stats *st;
	uint32_t rows = 0;

	if (n > PROGRAMS_MAX || shards == 0)
		return -EINVAL;
	if (posix_memalign((void **)&st, 64, sizeof(*st) + shards * sizeof(struct shard)) != 0)
		return -ENOMEM;
	memset(st, 0, sizeof(*st) + shards * sizeof(struct shard));
	for (int i = 0; i < n; i++) {
		st->programs[i] = programs[i];
		st->first[i] = rows;
		rows += programs[i]->nprocs;
	}
	st->nprograms = n;
	st->nshards = shards;
	for (unsigned i = 0; i < shards; i++) {
		st->shards[i].rows = calloc(rows + 1, sizeof(struct row));
		if (!st->shards[i].rows) {
			stats_close(st);
			return -ENOMEM;
		}
	}
	*out = st;
	return 0;
}

void
stats_close(struct stats *st)
{
	if (!st)
		return;
	for (unsigned i = 0; i < st->nshards; i++)
		free(st->shards[i].rows);
	free(st);
}

static unsigned
bucket_of(uint64_t us)
{
	unsigned b = us ? 64 - (unsigned)__builtin_clzll(us) : 0;

	return b < STATS_BUCKETS ? b : STATS_BUCKETS - 1;
}

static void
raise_max(atomic_uint_fast64_t *max, uint64_t us)
{
	uint_fast64_t seen = value(max);

	while (us > seen && !atomic_compare_exchange_weak_explicit(
				max, &seen, us, memory_order_relaxed, memory_order_relaxed))
		;
}

void
stats_add(struct stats *st, unsigned shard, const struct rpc_program *program, uint32_t proc,
    const struct stats_sample *s)
{
	struct row *row = NULL;

	for (int i = 0; i < st->nprograms; i++) {
		if (st->programs[i]->prog == program->prog && proc < st->programs[i]->nprocs)
			row = &st->shards[shard % st->nshards].rows[st->first[i] + proc];
	}
	if (!row)
		return;
	add(&row->calls, 1);
	if (s->status)
		add(&row->errors, 1);
	add(&row->bytes_in, s->bytes_in);
	add(&row->bytes_out, s->bytes_out);
	add(&row->buckets[bucket_of(s->us)], 1);
	raise_max(&row->max_us, s->us);
}

void
stats_count(struct stats *st, unsigned shard, enum stats_event event)
{
	add(&st->shards[shard % st->nshards].events[event], 1);
}

uint64_t
stats_counted(const struct stats *st, enum stats_event event)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < st->nshards; i++)
		sum += value(&st->shards[i].events[event]);
	return sum;
}

static void
sum_row(const struct row *row, struct stats_proc *out)
{
	out->calls += value(&row->calls);
	out->errors += value(&row->errors);
	out->bytes_in += value(&row->bytes_in);
	out->bytes_out += value(&row->bytes_out);
	if (value(&row->max_us) > out->max_us)
		out->max_us = value(&row->max_us);
	for (int b = 0; b < STATS_BUCKETS; b++)
		out->buckets[b] += value(&row->buckets[b]);
}

void
stats_each(const struct stats *st, void (*fn)(void *arg, const struct stats_proc *), void *arg)
{
	for (int i = 0; i < st->nprograms; i++) {
		for (uint32_t p = 0; p < st->programs[i]->nprocs; p++) {
			struct stats_proc sum = { st->programs[i]->name,
				st->programs[i]->procs[p].name };

			for (unsigned s = 0; s < st->nshards; s++)
				sum_row(&st->shards[s].rows[st->first[i] + p], &sum);
			fn(arg, &sum);
		}
	}
}

uint64_t
stats_percentile(const struct stats_proc *p, unsigned percent)
{
	uint64_t all = 0, below = 0;

	for (int b = 0; b < STATS_BUCKETS; b++)
		all += p->buckets[b];
	for (int b = 0; b < STATS_BUCKETS && all; b++) {
		below += p->buckets[b];
		if (below * 100 >= all * percent) {
			uint64_t end = ((uint64_t)1 << b) - 1;

			return end < p->max_us ? end : p->max_us;
		}
	}
	return 0;
}

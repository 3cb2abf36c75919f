/* The block store: what is put reads back as it was, and is stored once. */
#include <pthread.h>

#include "tests/unit/block_fixture.h"

static void
equal_blocks_are_stored_once(void **state)
{
	struct fixture *f = *state;
	struct id a = put(f, 1), again = put(f, 1), b = put(f, 2);

	assert_true(id_eq(&a, &again));
	assert_false(id_eq(&a, &b));
	assert_int_equal(commit(f), 2);
	again = put(f, 1);
	assert_true(id_eq(&a, &again));
	assert_int_equal(commit(f), 0);
	assert_int_equal(stats(f).stored, 2);
	assert_int_equal(stats(f).found, 2);
	assert_int_equal(stats(f).puts, 4);
	assert_int_equal(count_on_disk(f), 2);
	assert_reads(f, &a, 1);
	assert_reads(f, &b, 2);
}

static void
zeros_are_not_stored(void **state)
{
	static const uint8_t zeros[SIZE];
	struct fixture *f = *state;
	struct block_loc loc;
	struct id id;
	uint8_t got[SIZE];

	for (uint32_t n = 0; n <= SIZE; n += SIZE / 2) {
		memset(&id, 1, sizeof(id));
		assert_int_equal(block_put(f->blocks, zeros, n, &id, &loc), 0);
		assert_true(id_is_zero(&id));
		assert_int_equal(loc.stored, 0);
	}
	memset(&loc, 1, sizeof(loc));
	assert_int_equal(block_find(f->blocks, &id, 1, &loc), 0);
	assert_int_equal(loc.stored, 0);
	memset(got, 1, sizeof(got));
	assert_int_equal(block_read(f->blocks, &loc, 0, got, SIZE), 0);
	assert_memory_equal(got, zeros, SIZE);
	assert_int_equal(stats(f).zeros, 3);
	assert_int_equal(f->next_seq, 0);
}

static void
zeros_at_the_end_are_cut_off(void **state)
{
	struct fixture *f = *state;
	uint8_t p[SIZE] = { 0 }, got[SIZE];
	struct block_loc loc, first;
	struct id id, same;

	for (uint32_t last = 0; last < SIZE; last += last < 20 ? 1 : 397) {
		memset(p, 0, SIZE);
		p[last] = (uint8_t)(1 + last % 255);
		assert_int_equal(block_put(f->blocks, p, SIZE, &id, &first), 0);
		assert_int_equal(first.stored, last + 1);
		/* the short end of a file is the same block */
		assert_int_equal(block_put(f->blocks, p, last + 1, &same, &loc), 0);
		assert_true(id_eq(&id, &same));
		assert_memory_equal(&loc, &first, sizeof(loc));
		memset(got, 0xee, SIZE);
		assert_int_equal(block_read(f->blocks, &loc, 0, got, SIZE), 0);
		assert_memory_equal(got, p, SIZE);
	}
}

static void
parts_of_a_block_are_read(void **state)
{
	struct fixture *f = *state;
	static const uint32_t edges[] = { 0, 1, 7, 2730, 2731, 2732, 4000, 4095, 4096 };
	uint8_t want[SIZE], got[SIZE + 2];
	struct block_loc loc;
	struct id id;

	assert_int_equal(put_in(f->blocks, 3, &id, &loc), 0);
	assert_int_equal(loc.stored, 2731); /* the rest is zeros */
	block_fill(3, want);
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
		for (unsigned k = i; k < ARRAY_SIZE(edges); k++) {
			uint32_t n = edges[k] - edges[i];

			memset(got, 0xee, sizeof(got));
			assert_int_equal(block_read(f->blocks, &loc, edges[i], got + 1, n), 0);
			assert_memory_equal(got + 1, want + edges[i], n);
			assert_int_equal(got[0], 0xee);
			assert_int_equal(got[n + 1], 0xee);
		}
	}
}

static void
runs_read_as_their_blocks(void **state)
{
	struct fixture *f = *state;
	enum { N = 700 };
	static uint8_t want[N * SIZE], got[sizeof(want)];
	static struct block_loc locs[N], some[N];
	struct id id;

	f->segment_max = 300 * 1024;
	reopen(f);
	for (uint32_t i = 0; i < N; i++) {
		if (i % 11 == 5)
			locs[i] = (struct block_loc){ 0 };
		else
			assert_int_equal(put_in(f->blocks, i, &id, &locs[i]), 0);
		if (i % 11 != 5)
			block_fill(i, want + i * SIZE);
	}
	assert_true(f->next_seq >= 6);
	for (uint32_t from = 0; from < N; from += 77) {
		for (uint32_t n = 0; n <= N - from; n += n < 40 ? 1 : 60) {
			memset(got, 0xee, sizeof(got));
			assert_int_equal(block_read_run(f->blocks, locs + from, n, got), 0);
			assert_memory_equal(got, want + from * SIZE, n * SIZE);
			assert_true(n == N || got[n * SIZE] == 0xee);
		}
	}
	for (uint32_t i = 0; i < N; i++) /* no two are neighbours, some are twice there */
		some[i] = locs[i * 13 % 650];
	assert_int_equal(block_read_run(f->blocks, some, N, got), 0);
	for (uint32_t i = 0; i < N; i++)
		assert_memory_equal(got + i * SIZE, want + i * 13 % 650 * SIZE, SIZE);
}

static void
a_run_that_cant_be_read_fails(void **state)
{
	struct fixture *f = *state;
	uint8_t got[3 * SIZE];
	struct block_loc locs[3];
	struct id id;

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(put_in(f->blocks, i + 1, &id, &locs[i]), 0);
	locs[1].segment = 99;
	assert_int_equal(block_read_run(f->blocks, locs, 3, got), -EIO);
	locs[1].segment = 1;
	locs[2].off += 1 << 20;
	assert_int_equal(block_read_run(f->blocks, locs, 3, got), -EIO);
	assert_int_equal(block_read(f->blocks, &locs[2], 0, got, 1), -EIO);
	assert_int_equal(block_read_run(f->blocks, locs, 2, got), 0);
}

/* With 15 ids for an attempt nearly every put meets others' bytes under its id. */
static void
no_byte_is_swapped_by_collisions(void **state)
{
	struct fixture *f = *state;
	enum { N = 3000 };
	static struct id ids[N];

	hash_weaken(f->hash, 4);
	for (uint64_t i = 0; i < N; i++) {
		ids[i] = put(f, i + 1);
		if (i % 500 == 499)
			assert_int_equal(commit(f), 500);
	}
	assert_true(stats(f).collisions > 50 * N);
	reopen(f);
	for (uint64_t i = 0; i < N; i++) {
		struct id again;

		assert_reads(f, &ids[i], i + 1);
		if (i % 7)
			continue;
		again = put(f, i + 1);
		assert_true(id_eq(&again, &ids[i]));
	}
	assert_int_equal(stats(f).stored, 0);
	assert_int_equal(count_on_disk(f), N);
}

static void
committed_blocks_are_found_after_reopening(void **state)
{
	struct fixture *f = *state;
	struct id a = put(f, 1), b, again;

	assert_int_equal(commit(f), 1);
	b = put(f, 2); /* never committed */
	reopen(f);
	assert_reads(f, &a, 1);
	assert_lost(f->blocks, &b);
	again = put(f, 1);
	assert_true(id_eq(&a, &again));
	assert_int_equal(f->next_seq, 1);
	again = put(f, 2); /* into a segment of its own: nobody appends to an old one */
	assert_true(id_eq(&b, &again));
	assert_int_equal(f->next_seq, 2);
	assert_int_equal(commit(f), 1);
	assert_reads(f, &b, 2);
}

static void
segments_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct id ids[100];

	f->segment_max = 10000;
	reopen(f);
	for (uint64_t i = 0; i < 100; i++)
		ids[i] = put(f, i);
	assert_in_range(f->next_seq, 34, 50);
	assert_int_equal(commit(f), 100);
	reopen(f);
	for (uint64_t i = 0; i < 100; i++)
		assert_reads(f, &ids[i], i);
	f->segment_max = 1; /* less than one block: each gets a segment */
	reopen(f);
	ids[0] = put(f, 1000);
	ids[1] = put(f, 1001);
	assert_reads(f, &ids[0], 1000);
	assert_reads(f, &ids[1], 1001);
}

/* --- threads --- */

#define THREADS 6
#define EACH    400u

struct worker {
	struct fixture *f;
	unsigned number;
	pthread_t thread;
	struct id ids[2 * EACH];
	int err;
};

/* Puts blocks that all threads put, and its own, in an order of its own. */
static void *
work(void *arg)
{
	struct worker *w = arg;
	struct block_loc loc;

	for (unsigned i = 0; i < 2 * EACH && w->err == 0; i++) {
		unsigned k = (i * 7 + w->number * 31) % (2 * EACH);
		uint64_t n = k < EACH ? k : 10000 * (w->number + 1) + k;

		w->err = put_in(w->f->blocks, n, &w->ids[k], &loc);
	}
	return NULL;
}

static void *
commit_again_and_again(void *arg)
{
	struct worker *w = arg;

	while (w->err == 0 && !__atomic_load_n(&w->number, __ATOMIC_ACQUIRE)) {
		int n = commit(w->f);

		w->err = n < 0 ? n : 0;
	}
	return NULL;
}

static void
many_threads(struct fixture *f)
{
	static struct worker workers[THREADS], committer;

	memset(workers, 0, sizeof(workers));
	committer = (struct worker){ .f = f };
	pthread_create(&committer.thread, NULL, commit_again_and_again, &committer);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].f = f;
		workers[i].number = i;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	__atomic_store_n(&committer.number, 1, __ATOMIC_RELEASE);
	pthread_join(committer.thread, NULL);
	assert_int_equal(committer.err, 0);
	assert_true(commit(f) >= 0);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].err, 0);
		for (unsigned k = 0; k < EACH; k++)
			assert_true(id_eq(&workers[i].ids[k], &workers[0].ids[k]));
		for (unsigned k = 0; k < 2 * EACH; k++)
			assert_reads(f, &workers[i].ids[k], k < EACH ? k : 10000 * (i + 1) + k);
	}
	assert_int_equal(stats(f).stored, EACH + THREADS * EACH);
	assert_int_equal(stats(f).found, (THREADS - 1) * EACH);
	assert_int_equal(count_on_disk(f), EACH + THREADS * EACH);
}

static void
many_threads_store_each_block_once(void **state)
{
	struct fixture *f = *state;

	f->segment_max = 300000;
	reopen(f);
	many_threads(f);
}

static void
many_threads_swap_nothing_when_ids_collide(void **state)
{
	hash_weaken(((struct fixture *)*state)->hash, 8);
	many_threads(*state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_blocks_are_stored_once),
		TEST(zeros_are_not_stored),
		TEST(zeros_at_the_end_are_cut_off),
		TEST(parts_of_a_block_are_read),
		TEST(runs_read_as_their_blocks),
		TEST(a_run_that_cant_be_read_fails),
		TEST(no_byte_is_swapped_by_collisions),
		TEST(committed_blocks_are_found_after_reopening),
		TEST(segments_are_bounded),
		TEST(many_threads_store_each_block_once),
		TEST(many_threads_swap_nothing_when_ids_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Drc: what is answered twice, what waits, and what is let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/drc.h"

static const uint8_t address[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 };

/* A waiter keeps what it was told. */
struct told {
	char reply[32];
	int calls;
};

static void
tell(void *waiter, const void *reply, uint32_t n)
{
	struct told *told = waiter;

	told->calls++;
	snprintf(told->reply, sizeof(told->reply), "%.*s", reply ? (int)n : 4,
	    reply ? (const char *)reply : "lost");
}

static struct drc_key
key_of(uint32_t xid, const char *record)
{
	struct drc_key key;

	drc_key(address, xid, record, (uint32_t)strlen(record), &key);
	return key;
}

static struct drc *
open_drc(uint32_t entries, uint32_t bytes)
{
	struct drc *drc;

	assert_int_equal(drc_open(entries, bytes, tell, &drc), 0);
	return drc;
}

static struct drc_entry *
begin_new(struct drc *drc, struct drc_key key)
{
	struct drc_entry *entry = NULL;
	void *reply;
	uint32_t n;

	assert_int_equal(drc_begin(drc, &key, NULL, &entry, &reply, &n), DRC_NEW);
	assert_non_null(entry);
	return entry;
}

static void
answer(struct drc *drc, uint32_t xid, const char *reply)
{
	drc_done(drc, begin_new(drc, key_of(xid, "call")), reply, (uint32_t)strlen(reply));
}

static void
expect_reply(struct drc *drc, struct drc_key key, const char *want)
{
	struct drc_entry *entry;
	void *reply;
	uint32_t n;

	assert_int_equal(drc_begin(drc, &key, NULL, &entry, &reply, &n), DRC_DONE);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(reply, want, n);
	free(reply);
}

static void
a_call_sent_again_gets_the_same_answer(void **state)
{
	struct drc *drc = open_drc(16, 1 << 20);

	(void)state;
	answer(drc, 1, "removed");
	expect_reply(drc, key_of(1, "call"), "removed");
	expect_reply(drc, key_of(1, "call"), "removed");
	drc_close(drc);
}

static void
another_call_is_not_the_same_call(void **state)
{
	struct drc *drc = open_drc(16, 1 << 20);
	struct drc_key key = key_of(1, "call");

	(void)state;
	answer(drc, 1, "removed");
	drc_forget(drc, begin_new(drc, key_of(2, "call")));
	drc_forget(drc, begin_new(drc, key_of(1, "cell")));
	drc_forget(drc, begin_new(drc, key_of(1, "call and more")));
	key.address[15] = 2;
	drc_forget(drc, begin_new(drc, key));
	expect_reply(drc, key_of(1, "call"), "removed");
	drc_close(drc);
}

static void
a_call_sent_while_it_runs_waits_for_its_answer(void **state)
{
	struct drc *drc = open_drc(16, 1 << 20);
	struct drc_key key = key_of(1, "call");
	struct drc_entry *entry = begin_new(drc, key), *none;
	struct told told[3] = { 0 };
	void *reply;
	uint32_t n;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(drc_begin(drc, &key, &told[i], &none, &reply, &n), DRC_BUSY);
	assert_int_equal(told[0].calls, 0);
	drc_done(drc, entry, "done", 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(told[i].calls, 1);
		assert_string_equal(told[i].reply, "done");
	}
	drc_close(drc);
}

static void
who_waits_for_what_is_forgotten_is_told(void **state)
{
	struct drc *drc = open_drc(16, 1 << 20);
	struct drc_key key = key_of(1, "call");
	struct drc_entry *entry = begin_new(drc, key), *none;
	struct told told = { 0 };
	void *reply;
	uint32_t n;

	(void)state;
	assert_int_equal(drc_begin(drc, &key, &told, &none, &reply, &n), DRC_BUSY);
	drc_forget(drc, entry);
	assert_int_equal(told.calls, 1);
	assert_string_equal(told.reply, "lost");
	drc_forget(drc, begin_new(drc, key));
	drc_close(drc);
}

static void
too_many_who_wait_are_told_at_once(void **state)
{
	struct drc *drc = open_drc(16, 1 << 20);
	struct drc_key key = key_of(1, "call");
	struct drc_entry *entry = begin_new(drc, key), *none;
	struct told first = { 0 }, last = { 0 };
	void *reply;
	uint32_t n;

	(void)state;
	assert_int_equal(drc_begin(drc, &key, &first, &none, &reply, &n), DRC_BUSY);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(drc_begin(drc, &key, &last, &none, &reply, &n), DRC_BUSY);
	assert_true(last.calls > 900);
	assert_string_equal(last.reply, "lost");
	assert_int_equal(first.calls, 0);
	drc_done(drc, entry, "done", 4);
	assert_string_equal(first.reply, "done");
	assert_int_equal(last.calls, 1000);
	drc_close(drc);
}

static void
the_answer_that_was_not_used_for_longest_goes_first(void **state)
{
	struct drc *drc = open_drc(3, 1 << 20);

	(void)state;
	answer(drc, 1, "one");
	answer(drc, 2, "two");
	answer(drc, 3, "three");
	expect_reply(drc, key_of(1, "call"), "one");
	answer(drc, 4, "four");
	expect_reply(drc, key_of(1, "call"), "one");
	expect_reply(drc, key_of(3, "call"), "three");
	expect_reply(drc, key_of(4, "call"), "four");
	drc_forget(drc, begin_new(drc, key_of(2, "call")));
	drc_close(drc);
}

static void
the_bytes_of_all_answers_are_bounded(void **state)
{
	struct drc *drc = open_drc(1000, 10000);
	char *large = calloc(1, 4001);

	(void)state;
	memset(large, 'x', 4000);
	for (uint32_t xid = 1; xid <= 3; xid++)
		answer(drc, xid, large);
	drc_forget(drc, begin_new(drc, key_of(1, "call")));
	expect_reply(drc, key_of(2, "call"), large);
	expect_reply(drc, key_of(3, "call"), large);
	free(large);
	large = malloc(20000);
	drc_done(drc, begin_new(drc, key_of(4, "call")), memset(large, 'y', 20000), 20000);
	drc_forget(drc, begin_new(drc, key_of(4, "call")));
	free(large);
	drc_close(drc);
}

static void
what_runs_is_never_let_go(void **state)
{
	struct drc *drc = open_drc(2, 1 << 20);
	struct drc_entry *running = begin_new(drc, key_of(1, "slow"));

	(void)state;
	for (uint32_t xid = 10; xid < 50; xid++)
		answer(drc, xid, "fast");
	drc_done(drc, running, "slow", 4);
	expect_reply(drc, key_of(1, "slow"), "slow");
	drc_close(drc);
}

static void
an_answer_lives_on_in_packed_form(void **state)
{
	struct drc *drc = open_drc(16, 1 << 20);
	struct drc_key key = key_of(7, "rename a b");
	uint8_t packed[64];

	(void)state;
	assert_int_equal(drc_pack(&key, "renamed", 7, packed, DRC_PACKED_HEAD + 6), -ENOSPC);
	assert_int_equal(drc_pack(&key, "renamed", 7, packed, sizeof(packed)), 39);
	assert_int_equal(drc_load(drc, packed, 31), -EINVAL);
	assert_int_equal(drc_load(drc, packed, 39), 0);
	assert_int_equal(drc_load(drc, packed, 39), 0);
	expect_reply(drc, key, "renamed");
	assert_int_equal(drc_pack(&key, NULL, 0, packed, sizeof(packed)), 32);
	drc_close(drc);
}

static void
equal_bytes_have_equal_sums_wherever_they_lie(void **state)
{
	char bytes[64] = "0123456789abcdefghijklmnopqrstuvwxyz", moved[65];
	struct drc_key a, b;

	(void)state;
	memcpy(moved + 1, bytes, 64);
	for (uint32_t n = 0; n < 36; n++) {
		drc_key(address, 1, bytes, n, &a);
		drc_key(address, 1, moved + 1, n, &b);
		assert_true(a.sum == b.sum);
		for (uint32_t bit = 0; bit < 8 * n; bit++) {
			moved[1 + bit / 8] ^= (char)(1 << bit % 8);
			drc_key(address, 1, moved + 1, n, &b);
			moved[1 + bit / 8] ^= (char)(1 << bit % 8);
			assert_true(a.sum != b.sum);
		}
	}
}

struct race {
	struct drc *drc;
	int waits, told;
	pthread_mutex_t lock;
};

static void
tell_race(void *waiter, const void *reply, uint32_t n)
{
	struct race *race = waiter;

	(void)reply, (void)n;
	pthread_mutex_lock(&race->lock);
	race->told++;
	pthread_mutex_unlock(&race->lock);
}

static void *
race(void *arg)
{
	struct race *race = arg;

	for (uint32_t i = 0; i < 20000; i++) {
		struct drc_key key = key_of(i % 97, "call");
		struct drc_entry *entry;
		void *reply = NULL;
		uint32_t n;

		switch (drc_begin(race->drc, &key, race, &entry, &reply, &n)) {
		case DRC_NEW:
			if (i % 5)
				drc_done(race->drc, entry, &key.xid, 4);
			else
				drc_forget(race->drc, entry);
			break;
		case DRC_BUSY:
			pthread_mutex_lock(&race->lock);
			race->waits++;
			pthread_mutex_unlock(&race->lock);
			break;
		case DRC_DONE:
			assert_memory_equal(reply, &key.xid, 4);
			free(reply);
			break;
		}
	}
	return NULL;
}

static void
threads_never_mix_up_answers(void **state)
{
	struct race r = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[4];

	(void)state;
	assert_int_equal(drc_open(50, 1 << 20, tell_race, &r.drc), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, race, &r);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(r.waits, r.told);
	drc_close(r.drc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_sent_again_gets_the_same_answer),
		cmocka_unit_test(another_call_is_not_the_same_call),
		cmocka_unit_test(a_call_sent_while_it_runs_waits_for_its_answer),
		cmocka_unit_test(who_waits_for_what_is_forgotten_is_told),
		cmocka_unit_test(too_many_who_wait_are_told_at_once),
		cmocka_unit_test(the_answer_that_was_not_used_for_longest_goes_first),
		cmocka_unit_test(the_bytes_of_all_answers_are_bounded),
		cmocka_unit_test(what_runs_is_never_let_go),
		cmocka_unit_test(an_answer_lives_on_in_packed_form),
		cmocka_unit_test(equal_bytes_have_equal_sums_wherever_they_lie),
		cmocka_unit_test(threads_never_mix_up_answers),
	};

	return cmocka_run_group_tests_name("drc", tests, NULL, NULL);
}

/* The batch: rows and replies that become durable together. */
#include <pthread.h>

#include "tests/unit/batch_fixture.h"

static void
what_was_waited_for_is_on_disk(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	struct id id = put(f, 1);
	uint64_t first = add(b, 5, false), second;

	assert_int_equal(batch_wait(b, first), 0);
	assert_int_equal(number(f, INODES), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM block"), 1);
	assert_true(batch_durable(b) >= first);
	second = add(b, 6, false);
	assert_true(second > first);
	assert_int_equal(batch_wait(b, first), 0);
	assert_int_equal(batch_flush(b), 0);
	assert_true(batch_durable(b) >= second);
	assert_int_equal(number(f, INODES), 2);
	assert_int_equal(failures.calls, 0);
	batch_close(b);
	reopen(f);
	assert_reads(f, &id, 1);
}

static void
a_flush_makes_blocks_durable_that_no_row_names(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);

	put(f, 1);
	assert_int_equal(batch_flush(b), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM block"), 1);
	assert_int_equal(batch_flush(b), 0);
	batch_close(b);
}

static void
the_last_row_of_a_key_is_the_one_that_stays(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	uint64_t ticket;

	ticket = add(b, 9, true); /* holds the others back, too */
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(try_add(b, i % 3, i, false, &(uint64_t){ 0 }), 0);
	batch_reply(b, ticket, NULL, 0);
	assert_int_equal(batch_flush(b), 0);
	assert_int_equal(number(f, INODES), 4);
	assert_int_equal(
	    number(f, "SELECT sum(size) FROM inode WHERE ino < 3"), 2997 + 2998 + 2999);
	batch_close(b);
}

static void
what_is_owed_holds_the_commit_until_it_is_paid(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	struct called called = { 0 };
	uint64_t ticket = add(b, 1, true), again;

	batch_after(b, ticket, note_call, &called);
	again = add(b, 2, false);
	usleep(20000);
	assert_true(batch_durable(b) < ticket);
	assert_int_equal(number(f, INODES), 0);
	batch_reply(b, ticket, "paid", 4);
	assert_int_equal(batch_wait(b, ticket), 0);
	assert_int_equal(batch_wait(b, again), 0);
	batch_close(b);
	assert_int_equal(called.calls, 1);
	assert_int_equal(called.err, 0);
	assert_int_equal(number(f, INODES), 2);
	assert_int_equal(number(f, "SELECT count(*) FROM replay"), 1);
}

static void
who_waits_is_called_once(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	struct called called[300] = { { 0 } };
	uint64_t ticket = add(b, 1, true);

	for (int i = 0; i < 200; i++)
		batch_after(b, ticket, note_call, &called[i]);
	batch_reply(b, ticket, NULL, 0);
	assert_int_equal(batch_wait(b, ticket), 0);
	for (int i = 200; i < 300; i++) { /* decided: at once */
		batch_after(b, ticket, note_call, &called[i]);
		assert_int_equal(called[i].calls, 1);
	}
	batch_close(b);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(called[i].calls, 1);
		assert_int_equal(called[i].err, 0);
	}
}

static int
insert_setting(struct db *db, void *arg)
{
	int err = db_exec(db, "INSERT INTO meta VALUES('key', 1)");

	return err ? err : *(int *)arg;
}

static void
the_catalogue_changes_whole_or_not_at_all_between_two_batches(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	int result = -EBUSY;

	add(b, 1, false);
	assert_int_equal(batch_exclusive(b, insert_setting, &result), -EBUSY);
	assert_int_equal(number(f, "SELECT count(*) FROM meta"), 0);
	result = 0;
	assert_int_equal(batch_exclusive(b, insert_setting, &result), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM meta"), 1);
	assert_int_equal(batch_flush(b), 0);
	batch_close(b);
}

/* --- records --- */

static void
gather_record(void *arg, struct str record)
{
	char *all = arg;

	strncat(all, record.p, record.n);
	strcat(all, ";");
}

static void
count_record(void *arg, struct str record)
{
	uint32_t *n = arg; /* how many; the first and the last number */
	uint32_t value = get_le32(record.p);

	assert_int_equal(record.n, 4);
	if (n[0]++ == 0)
		n[1] = value;
	else
		assert_true(value == n[2] + 1);
	n[2] = value;
}

static void
records_are_read_again_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	char all[64] = "";
	uint64_t t1, t2;

	t1 = add(b, 1, true);
	t2 = add(b, 2, true);
	batch_reply(b, t1, "one", 3);
	batch_reply(b, t2, "two", 3);
	assert_int_equal(batch_flush(b), 0);
	batch_close(b);
	b = open_batch(f, &failures);
	t1 = add(b, 3, true);
	batch_reply(b, t1, "three", 5);
	t2 = add(b, 4, true);
	batch_reply(b, t2, NULL, 0);
	assert_int_equal(batch_flush(b), 0);
	batch_close(b);
	assert_int_equal(batch_records(f->db, gather_record, all), 0);
	assert_string_equal(all, "one;two;three;");
}

static void
old_records_make_room_for_new_ones_also_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	uint32_t n[3] = { 0 };

	for (uint32_t i = 0; i < 2500; i++) {
		static struct batch *b;
		uint8_t record[4];
		uint64_t ticket;

		if (i % 500 == 0)
			b = open_batch(f, &failures);
		put_le32(record, i);
		ticket = add(b, 1, true);
		batch_reply(b, ticket, record, 4);
		assert_int_equal(batch_wait(b, ticket), 0);
		if (i % 500 == 499)
			batch_close(b);
	}
	assert_int_equal(batch_records(f->db, count_record, n), 0);
	assert_int_equal(n[0], 1024);
	assert_int_equal(n[2], 2499);
}

/* --- many --- */

static void *
add_many(void *arg)
{
	struct batch *b = arg;
	static uint32_t next = 100;

	for (int i = 0; i < 200; i++) {
		uint32_t ino = __atomic_fetch_add(&next, 1, __ATOMIC_SEQ_CST);
		uint64_t ticket = add(b, ino, ino % 2);

		if (ino % 2)
			batch_reply(b, ticket, &ino, sizeof(ino));
		if (i % 3 == 0)
			assert_int_equal(batch_wait(b, ticket), 0);
		if (i % 50 == 0)
			assert_int_equal(batch_flush(b), 0);
	}
	return NULL;
}

static void
many_threads_share_few_commits(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	struct batch_stats s;
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, b), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(batch_flush(b), 0);
	batch_stats(b, &s);
	assert_int_equal(s.rows, 1600);
	assert_true(s.commits < 1600);
	assert_int_equal(s.failures, 0);
	batch_close(b);
	assert_int_equal(number(f, INODES), 1600);
}

#define ON_BLOCKS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BLOCKS(what_was_waited_for_is_on_disk),
		ON_BLOCKS(a_flush_makes_blocks_durable_that_no_row_names),
		ON_BLOCKS(the_last_row_of_a_key_is_the_one_that_stays),
		ON_BLOCKS(what_is_owed_holds_the_commit_until_it_is_paid),
		ON_BLOCKS(who_waits_is_called_once),
		ON_BLOCKS(the_catalogue_changes_whole_or_not_at_all_between_two_batches),
		ON_BLOCKS(records_are_read_again_in_their_order),
		ON_BLOCKS(old_records_make_room_for_new_ones_also_after_a_restart),
		ON_BLOCKS(many_threads_share_few_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

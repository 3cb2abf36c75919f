/* Batches that fail, or have to wait: nothing that was refused becomes durable later. */
#include <pthread.h>
#include <semaphore.h>

#include "tests/unit/batch_fixture.h"

/* Stops the committer in a sync of segments, with a generation in its hands, till it is let go. */
static sem_t arrived, go;

static void
stop_here(struct fixture *f)
{
	(void)f;
	sem_post(&arrived);
	sem_wait(&go);
}

static void
stop_next_commit(struct fixture *f, uint64_t block, int err)
{
	sem_init(&arrived, 0, 0);
	sem_init(&go, 0, 0);
	f->on_event = stop_here;
	arm(f, FILE_FSYNC, 0, err);
	put(f, block); /* so that there is something to sync */
}

static int
limit_pages(struct db *db, void *arg)
{
	return db_exec(db, arg ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1000000");
}

/* A row that needs pages of its own. */
static uint64_t
add_large(struct batch *b, uint32_t ino)
{
	static char target[60000];
	struct change *c = change_new();
	struct inode i = { .ino = ino };
	uint64_t ticket;

	memset(target, 'x', sizeof(target));
	assert_int_equal(change_inode(c, LAYER, &i, (struct str){ target, sizeof(target) }), 0);
	assert_int_equal(batch_add(b, c, false, &ticket), 0);
	change_free(c);
	return ticket;
}

static void
a_commit_without_space_fails_what_gathers_behind_it_too(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	struct called first = { 0 }, second = { 0 };
	uint64_t t1, t2, t3;

	assert_int_equal(batch_exclusive(b, limit_pages, b), 0);
	stop_next_commit(f, 1, 0);
	t1 = add_large(b, 1);
	batch_after(b, t1, note_call, &first);
	sem_wait(&arrived);
	t2 = add(b, 2, false);
	assert_true(t2 > t1);
	batch_after(b, t2, note_call, &second);
	sem_post(&go);
	assert_int_equal(batch_wait(b, t1), -ENOSPC);
	assert_int_equal(batch_wait(b, t2), -ENOSPC);
	assert_int_equal(failures.calls, 1);
	assert_int_equal(failures.err, -ENOSPC);
	assert_false(failures.final);
	assert_true(batch_durable(b) < t1);
	assert_int_equal(batch_exclusive(b, limit_pages, NULL), 0);
	t3 = add(b, 3, false);
	assert_int_equal(batch_wait(b, t3), 0);
	assert_int_equal(batch_wait(b, t2), -ENOSPC); /* later successes don't wash it clean */
	batch_close(b);
	assert_int_equal(first.calls + second.calls, 2);
	assert_int_equal(first.err, -ENOSPC);
	assert_int_equal(second.err, -ENOSPC);
	assert_int_equal(number(f, "SELECT ino FROM inode"), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM block"), 1); /* its row wasn't forgotten */
}

static void
a_failure_of_long_ago_is_never_taken_for_a_success(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	uint64_t failed[40], ticket;

	for (uint32_t i = 0; i < ARRAY_SIZE(failed); i++) {
		failed[i] = add(b, 2 * i + 2, true);
		batch_fail(b, -ENOMEM);
		batch_reply(b, failed[i], NULL, 0);
		assert_int_equal(batch_wait(b, failed[i]), -ENOMEM);
		ticket = add(b, 2 * i + 3, false);
		assert_int_equal(batch_wait(b, ticket), 0);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(failed); i++)
		assert_true(batch_wait(b, failed[i]) < 0);
	assert_int_equal(batch_wait(b, ticket), 0);
	batch_close(b);
}

static void
a_failed_sync_is_for_ever(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	struct called called = { 0 };
	uint64_t ticket, other;

	arm(f, FILE_FSYNC, 0, -EIO);
	put(f, 1);
	ticket = add(b, 1, false);
	batch_after(b, ticket, note_call, &called);
	assert_int_equal(batch_wait(b, ticket), -EIO);
	assert_true(failures.final);
	assert_int_equal(try_add(b, 2, 2, false, &other), -EIO);
	assert_int_equal(batch_flush(b), -EIO);
	batch_close(b);
	assert_int_equal(called.calls, 1);
	assert_int_equal(called.err, -EIO);
	assert_int_equal(number(f, INODES), 0);
}

static void
a_view_that_lost_its_way_fails_the_gathering_batch(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct batch *b = open_batch(f, &failures);
	uint64_t ticket = add(b, 1, true), later;
	int err;

	batch_fail(b, -ENOMEM);
	batch_reply(b, ticket, "x", 1);
	assert_int_equal(batch_wait(b, ticket), -ENOMEM);
	assert_false(failures.final);
	while ((err = try_add(b, 2, 2, false, &later)) == -ENOMEM)
		usleep(1000);
	assert_int_equal(err, 0);
	assert_int_equal(batch_wait(b, later), 0);
	batch_close(b);
	assert_int_equal(number(f, "SELECT ino FROM inode"), 2);
	assert_int_equal(number(f, "SELECT count(*) FROM replay"), 0);
}

struct newcomer {
	struct batch *batch;
	int done;
};

static void *
add_one(void *arg)
{
	struct newcomer *n = arg;

	add(n->batch, 1, false);
	__atomic_store_n(&n->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void
a_batch_that_is_full_holds_newcomers_up(void **state)
{
	struct fixture *f = *state;
	struct failures failures;
	struct newcomer newcomer = { open_batch(f, &failures), 0 };
	pthread_t thread;

	stop_next_commit(f, 1, 0);
	add(newcomer.batch, 1, false);
	sem_wait(&arrived);
	for (uint32_t i = 0; i <= 50000; i++)
		add(newcomer.batch, i + 10, false);
	assert_int_equal(pthread_create(&thread, NULL, add_one, &newcomer), 0);
	usleep(20000);
	assert_false(__atomic_load_n(&newcomer.done, __ATOMIC_SEQ_CST));
	sem_post(&go);
	pthread_join(thread, NULL);
	assert_int_equal(batch_flush(newcomer.batch), 0);
	batch_close(newcomer.batch);
	assert_int_equal(number(f, INODES), 50002);
}

#define ON_BLOCKS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BLOCKS(a_commit_without_space_fails_what_gathers_behind_it_too),
		ON_BLOCKS(a_failure_of_long_ago_is_never_taken_for_a_success),
		ON_BLOCKS(a_failed_sync_is_for_ever),
		ON_BLOCKS(a_view_that_lost_its_way_fails_the_gathering_batch),
		ON_BLOCKS(a_batch_that_is_full_holds_newcomers_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

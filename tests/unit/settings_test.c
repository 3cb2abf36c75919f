/* What a client's settings do to its view: quota, and not waiting for the disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/snapshot.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

#define MIB ((uint64_t)1 << 20)

static void
set(struct viewstore *vs, const struct client_set *to)
{
	struct client c;

	view_close(vs->a);
	op_must(client_set(vs->store, "a", to));
	op_must(client_find(vs->store, "a", &c));
	op_must(view_open(vs->store, &c, &vs->a));
}

static void
set_quota(struct viewstore *vs, uint64_t bytes)
{
	set(vs, &(struct client_set){ .set_quota = true, .quota = bytes });
}

/* MiBs of bytes that are nowhere else, until it doesn't go on. */
static int
fill(struct view *v, uint32_t ino, int most)
{
	static uint8_t bytes[1 << 20];

	for (int i = 0; i < most; i++) {
		op_pattern(bytes, sizeof(bytes), 100 + (uint32_t)i);
		if (op_try_write(v, ino, (uint64_t)i * MIB, bytes, sizeof(bytes), VIEW_UNSTABLE) ==
		    -EDQUOT)
			return i;
	}
	return most;
}

static void
a_quota_ends_writes_and_what_is_removed_makes_room(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino;

	set_quota(vs, 5 * MIB);
	ino = op_create(vs->a, INO_ROOT, "large");
	assert_int_equal(fill(vs->a, ino, 10), 4);
	op_commit(vs->a, ino);
	assert_int_equal(op_try_write(vs->a, ino, 4 * MIB, "x", 1, VIEW_FILE_SYNC), 0);
	assert_int_equal(fill(vs->b, op_create(vs->b, INO_ROOT, "large"), 10), 10);
	viewstore_reopen(vs);
	assert_int_equal(fill(vs->a, op_create(vs->a, INO_ROOT, "more"), 10), 0);
	op_remove(vs->a, INO_ROOT, "large");
	assert_int_equal(fill(vs->a, op_find(vs->a, "more"), 10), 4);
	set_quota(vs, 0);
	assert_int_equal(fill(vs->a, op_find(vs->a, "more"), 10), 10);
}

static void
a_file_that_is_there_can_be_rewritten_when_nothing_is_left(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino;

	set_quota(vs, 2 * MIB + 10 * VIEW_FILE_COST);
	ino = op_create(vs->a, INO_ROOT, "log");
	assert_int_equal(fill(vs->a, ino, 2), 2);
	op_commit(vs->a, ino);
	op_write_pattern(vs->a, ino, 0, 100000, 7);
	op_assert_pattern(vs->a, ino, 0, 0, 100000, 7);
}

static void
empty_files_count_too(void **state)
{
	struct viewstore *vs = *state;
	struct view_set none = { 0 };
	struct view_op op = op_as(0, 0);
	struct view_attr attr;
	struct view_wcc wcc;
	char name[16];
	int n, err = 0;

	set_quota(vs, 100 * VIEW_FILE_COST);
	for (n = 0; n < 200 && !err; n++) {
		snprintf(name, sizeof(name), "f%d", n);
		err = view_create(
		    vs->a, &op, INO_ROOT, str_of(name), VIEW_GUARDED, &none, 0, &attr, &wcc);
	}
	assert_int_equal(err, -EDQUOT);
	assert_in_range(n, 90, 101);
	assert_int_equal(view_mkdir(vs->a, &op, INO_ROOT, STR("d"), &none, &attr, &wcc), -EDQUOT);
	op_remove(vs->a, INO_ROOT, "f5");
	op_create(vs->a, INO_ROOT, "again");
}

static void
the_client_sees_its_room(void **state)
{
	struct viewstore *vs = *state;
	struct view_statfs fs;
	struct view_attr attr;

	set_quota(vs, 8 * MIB);
	fill(vs->a, op_create(vs->a, INO_ROOT, "large"), 3);
	op_must(view_statfs(vs->a, INO_ROOT, &fs, &attr));
	assert_int_equal(fs.bytes, 8 * MIB);
	assert_in_range(fs.bytes_avail, 4 * MIB, 5 * MIB);
	assert_int_equal(fs.bytes_avail, fs.bytes_free);
	op_must(view_statfs(vs->b, INO_ROOT, &fs, &attr));
	assert_true(fs.bytes > 8 * MIB);
}

static void
snapshots_count(void **state)
{
	struct viewstore *vs = *state;
	struct snapshot_of of = { "a", NULL };

	set_quota(vs, 5 * MIB);
	of.view = vs->a;
	assert_int_equal(fill(vs->a, op_create(vs->a, INO_ROOT, "large"), 4), 4);
	op_must(snapshot_create(vs->store, &of, 1, "one", NULL));
	assert_int_equal(fill(vs->a, op_create(vs->a, INO_ROOT, "more"), 4), 0);
}

/* Of a volatile client: no reply waits. */
static void
create_now(struct view *v, const char *name)
{
	struct view_op op = op_as(0, 0);
	struct view_set none = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	op_must(view_create(v, &op, INO_ROOT, str_of(name), VIEW_GUARDED, &none, 0, &attr, &wcc));
	assert_int_equal(op.ticket, 0);
}

static void
create_many(struct view *v, const char *as)
{
	char name[16];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%s%d", as, i);
		create_now(v, name);
	}
}

static void
set_volatile(struct viewstore *vs)
{
	set(vs, &(struct client_set){ .set_volatile = true, .is_volatile = true });
}

static void
a_volatile_client_waits_for_nothing(void **state)
{
	struct viewstore *vs = *state;
	struct batch_stats before, after;

	set_volatile(vs);
	batch_stats(store_batch(vs->store), &before);
	create_many(vs->a, "f");
	batch_stats(store_batch(vs->store), &after);
	assert_in_range(after.commits - before.commits, 0, 50); /* not one for each */
	viewstore_crash(vs);
	create_now(vs->a, "goes-on");
	create_many(vs->a, "g");
	viewstore_flush(vs);
	viewstore_crash(vs);
	op_find(vs->a, "g199");
}

static void
what_others_wait_for_takes_it_along(void **state)
{
	struct viewstore *vs = *state;

	set_volatile(vs);
	create_now(vs->a, "earlier");
	op_create(vs->b, INO_ROOT, "waited-for");
	op_must(batch_flush(store_batch(vs->store)));
	viewstore_crash(vs);
	op_find(vs->a, "earlier");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_quota_ends_writes_and_what_is_removed_makes_room),
		TEST(a_file_that_is_there_can_be_rewritten_when_nothing_is_left),
		TEST(empty_files_count_too),
		TEST(the_client_sees_its_room),
		TEST(snapshots_count),
		TEST(a_volatile_client_waits_for_nothing),
		TEST(what_others_wait_for_takes_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rows that no server wrote: they are refused with a sentence, and what is whole beside them is
 * served on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/inode.h"
#include "cow/store.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static void
an_inode_with_a_negative_number_is_passed_over(void **state)
{
	struct viewstore *vs = *state;

	op_create(vs->a, INO_ROOT, "new");
	viewstore_exec(vs,
	    "INSERT INTO inode SELECT layer, -9000000000, gen, mode, nlink, uid, gid, "
	    "major, minor, size, used, atime, mtime, ctime, parent, cookie, below, "
	    "verf, own, target FROM inode LIMIT 1");
	op_create(vs->a, INO_ROOT, "newer");
	op_assert_pattern(vs->a, op_find(vs->a, "data"), 0, 0, VIEWSTORE_DATA, 1);
}

static void
a_damaged_name_makes_its_folder_unreadable_and_no_other(void **state)
{
	static const char *const damages[] = {
		"UPDATE dirent SET cookie = 0 WHERE name = CAST('new' AS BLOB)",
		"UPDATE dirent SET cookie = 4294967296 WHERE name = CAST('new' AS BLOB)",
		"UPDATE dirent SET ino = -1 WHERE name = CAST('new' AS BLOB)",
		"UPDATE dirent SET name = zeroblob(256) WHERE name = CAST('new' AS BLOB)",
		"UPDATE dirent SET name = zeroblob(0) WHERE name = CAST('new' AS BLOB)",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct viewstore vs;

		viewstore_make(&vs, NULL);
		op_create(vs.a, op_find(vs.a, "empty"), "new");
		viewstore_exec(&vs, damages[i]);
		assert_int_equal(op_lookup(vs.a, op_find(vs.a, "empty"), "new", NULL), -EIO);
		assert_int_equal(op_try_rmdir(vs.a, INO_ROOT, "empty"), -EIO);
		op_create(vs.a, op_find(vs.a, "dir"), "new");
		viewstore_remove(&vs);
	}
}

static void
folders_that_lie_in_one_another_can_be_left_alone(void **state)
{
	struct viewstore *vs = *state;
	uint32_t x = op_mkdir(vs->a, INO_ROOT, "x"), y = op_mkdir(vs->a, x, "y");
	char sql[80];

	snprintf(sql, sizeof(sql), "UPDATE inode SET parent = %u WHERE ino = %u", y, x);
	viewstore_exec(vs, sql);
	op_mkdir(vs->a, INO_ROOT, "z");
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "z", y, "z"), -EIO);
	op_rename(vs->a, INO_ROOT, "z", INO_ROOT, "zz");
}

static void
a_block_that_is_larger_than_blocks_is_refused_however_often_it_is_asked_for(void **state)
{
	struct viewstore *vs = *state;
	uint32_t f = op_create(vs->a, INO_ROOT, "f"), g;
	struct view_op op = { 0 };
	struct view_data data;
	struct view_attr attr;

	op_write_pattern(vs->a, f, 0, 8192, 7);
	viewstore_exec(vs, "UPDATE block SET stored = 65536");
	g = op_create(vs->a, INO_ROOT, "g");
	for (int i = 0; i < 2; i++) {
		uint8_t p[8192];

		op_pattern(p, sizeof(p), 7); /* the same blocks: their rows are looked at */
		assert_int_equal(op_try_write(vs->a, g, 0, p, 8192, VIEW_FILE_SYNC), -EIO);
		assert_int_equal(view_read(vs->a, &op, f, 0, 8192, &data, &attr), -EIO);
	}
}

static void
a_time_at_the_end_of_time_stays_there(void **state)
{
	struct viewstore *vs = *state;
	uint32_t f = op_create(vs->a, INO_ROOT, "f");

	viewstore_exec(vs, "UPDATE inode SET ctime = 9223372036854775807");
	op_chmod(vs->a, f, 0600);
	op_write(vs->a, f, 0, "x", 1);
	assert_true(op_attr(vs->a, f).ctime.tv_sec == INT64_MAX / 1000000000);
}

static void
a_lost_block_takes_no_other_with_it(void **state)
{
	struct viewstore *vs = *state;
	uint32_t f = op_create(vs->a, INO_ROOT, "f");
	struct view_op op = { 0 };
	struct view_data data;
	struct view_attr attr;
	uint8_t p[4096];

	op_write_pattern(vs->a, f, 0, 40960, 7);
	viewstore_exec(vs, "DELETE FROM block WHERE off = (SELECT max(off) FROM block WHERE "
			   "segment = (SELECT max(segment) FROM block))");
	assert_int_equal(view_read(vs->a, &op, f, 36864, 4096, &data, &attr), -EIO);
	op_assert_pattern(vs->a, f, 0, 0, 36864, 7);
	op_pattern(p, sizeof(p), 8);
	op_write(vs->a, f, 36864, p, sizeof(p));
	op_assert_bytes(vs->a, f, 36864, p, sizeof(p));
}

static void
a_size_that_no_file_has_makes_its_inode_unreadable(void **state)
{
	struct viewstore *vs = *state;
	uint32_t f = op_create(vs->a, INO_ROOT, "f");
	struct view_attr attr;

	viewstore_exec(vs, "UPDATE inode SET size = 1 << 60 WHERE ino > 2 AND nlink > 0");
	assert_int_equal(view_getattr(vs->a, f, &attr), -EIO);
	op_create(vs->a, INO_ROOT, "g");
}

static void
a_segment_whose_row_is_damaged_stays_as_long_as_blocks_lie_in_it(void **state)
{
	struct viewstore *vs = *state;

	viewstore_exec(vs, "UPDATE segment SET seq = seq + 4096");
	viewstore_reopen(vs);
	op_assert_pattern(vs->a, op_find(vs->a, "data"), 0, 0, VIEWSTORE_DATA, 1);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(an_inode_with_a_negative_number_is_passed_over),
		cmocka_unit_test(a_damaged_name_makes_its_folder_unreadable_and_no_other),
		ON_STORE(folders_that_lie_in_one_another_can_be_left_alone),
		ON_STORE(
		    a_block_that_is_larger_than_blocks_is_refused_however_often_it_is_asked_for),
		ON_STORE(a_lost_block_takes_no_other_with_it),
		ON_STORE(a_size_that_no_file_has_makes_its_inode_unreadable),
		ON_STORE(a_segment_whose_row_is_damaged_stays_as_long_as_blocks_lie_in_it),
		ON_STORE(a_time_at_the_end_of_time_stays_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

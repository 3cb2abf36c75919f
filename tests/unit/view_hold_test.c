/* Files that are held while their last name goes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/inode.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static uint32_t
hold(struct view *v, const char *path)
{
	uint32_t ino = op_find(v, path);

	op_must(view_hold(v, ino));
	return ino;
}

static void
assert_gone(struct view *v, uint32_t ino)
{
	struct view_attr attr;

	assert_int_equal(view_getattr(v, ino, &attr), -ESTALE);
}

static void
a_held_file_outlives_its_name(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = hold(vs->a, "data");

	op_must(view_hold(vs->a, ino));
	op_remove(vs->a, INO_ROOT, "data");
	viewstore_flush(vs);
	view_trim(vs->a, 0);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	assert_int_equal(op_attr(vs->a, ino).nlink, 0);
	assert_int_equal(op_attr(vs->a, ino).size, VIEWSTORE_DATA);
	op_assert_pattern(vs->a, ino, 0, 0, VIEWSTORE_DATA, 1);
	view_release(vs->a, ino);
	op_assert_pattern(vs->a, ino, 0, 0, VIEWSTORE_DATA, 1);
	view_release(vs->a, ino);
	assert_gone(vs->a, ino);
	op_assert_pattern(vs->b, op_find(vs->b, "data"), 0, 0, VIEWSTORE_DATA, 1);
}

static void
what_is_not_held_goes_with_its_name(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = hold(vs->a, "data");

	view_release(vs->a, ino);
	op_remove(vs->a, INO_ROOT, "data");
	assert_gone(vs->a, ino);
}

static void
a_nameless_file_can_be_changed_and_leaves_no_rows(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "new");
	int64_t bytes;

	op_write_pattern(vs->a, ino, 0, 100000, 5);
	op_must(view_hold(vs->a, ino));
	viewstore_flush(vs);
	op_remove(vs->a, INO_ROOT, "new");
	viewstore_flush(vs);
	bytes = viewstore_count(vs, "SELECT sum(bytes) FROM layer");
	op_assert_pattern(vs->a, ino, 0, 0, 100000, 5);
	op_write_pattern(vs->a, ino, 150000, 50000, 6); /* whole blocks and pieces */
	op_write_later(vs->a, ino, 3, "later", 5);
	op_assert_bytes(vs->a, ino, 3, "later", 5);
	op_commit(vs->a, ino);
	op_chmod(vs->a, ino, 0600);
	op_assert_zeros(vs->a, ino, 100000, 50000);
	op_truncate(vs->a, ino, 160000);
	op_truncate(vs->a, ino, 190000);
	viewstore_flush(vs);
	view_trim(vs->a, 0);
	op_assert_pattern(vs->a, ino, 150000, 0, 10000, 6);
	op_assert_zeros(vs->a, ino, 160000, 30000);
	op_assert_bytes(vs->a, ino, 3, "later", 5);
	assert_int_equal(op_mode(vs->a, ino), 0600);
	view_release(vs->a, ino);
	assert_gone(vs->a, ino);
	op_must(view_flush(vs->a));
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT sum(bytes) FROM layer"), bytes);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM extent"), 0);
	viewstore_reopen(vs);
	assert_gone(vs->a, ino);
}

static void
writes_that_wait_are_read_after_the_name_is_gone(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = hold(vs->a, "dir/a");

	op_write_later(vs->a, ino, 1, "bc", 2);
	op_remove(vs->a, op_find(vs->a, "dir"), "a");
	op_assert_bytes(vs->a, ino, 0, "abc", 3);
	view_release(vs->a, ino);
	assert_gone(vs->a, ino);
	op_must(view_flush(vs->a));
}

static void
a_file_that_is_renamed_over_stays_too(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), ino = hold(vs->a, "dir/a");

	op_rename(vs->a, dir, "b", dir, "a");
	op_assert_bytes(vs->a, ino, 0, "a\n", 2);
	op_assert_bytes(vs->a, op_find(vs->a, "dir/a"), 0, "b\n", 2);
	view_release(vs->a, ino);
	assert_gone(vs->a, ino);
}

static void
a_nameless_file_gets_no_new_name(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = hold(vs->a, "dir/a");
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	op_remove(vs->a, op_find(vs->a, "dir"), "a");
	assert_int_equal(view_link(vs->a, &op, ino, INO_ROOT, STR("again"), &attr, &wcc), -ENOENT);
	view_release(vs->a, ino);
}

/* Sealed layers cut the golden file short and lengthen it again; their rows say so, which the file
 * must remember when they are gone. */
static void
a_cut_in_a_sealed_layer_still_hides_the_image(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");

	op_truncate(vs->a, ino, 10000);
	op_truncate(vs->a, ino, VIEWSTORE_DATA);
	op_write_pattern(vs->a, ino, 250000, 5000, 9);
	viewstore_push(vs, "a");
	op_write_pattern(vs->a, ino, 5000, 10, 8);
	op_must(view_hold(vs->a, ino));
	op_remove(vs->a, INO_ROOT, "data");
	viewstore_flush(vs);
	op_assert_pattern(vs->a, ino, 0, 0, 5000, 1);
	op_assert_pattern(vs->a, ino, 5000, 0, 10, 8);
	op_assert_pattern(vs->a, ino, 5010, 5010, 4990, 1);
	op_assert_zeros(vs->a, ino, 10000, 240000);
	op_assert_pattern(vs->a, ino, 250000, 0, 5000, 9);
	op_assert_zeros(vs->a, ino, 255000, VIEWSTORE_DATA - 255000);
	view_release(vs->a, ino);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_held_file_outlives_its_name),
		TEST(what_is_not_held_goes_with_its_name),
		TEST(a_nameless_file_can_be_changed_and_leaves_no_rows),
		TEST(writes_that_wait_are_read_after_the_name_is_gone),
		TEST(a_file_that_is_renamed_over_stays_too),
		TEST(a_nameless_file_gets_no_new_name),
		TEST(a_cut_in_a_sealed_layer_still_hides_the_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

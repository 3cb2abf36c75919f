/* A view over several sealed layers: names, extents, truncations and removals at each level. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/inode.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static void
a_sealed_layer_is_seen_and_not_written(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_mkdir(vs->a, INO_ROOT, "d"), ino = op_create(vs->a, dir, "f");
	struct view_attr before, after;
	int64_t rows;

	op_write_pattern(vs->a, ino, 0, 10000, 5);
	before = op_attr(vs->a, ino);
	viewstore_push(vs, "a");
	rows = viewstore_count(vs, "SELECT sum(ino + size + mtime) FROM inode");
	after = op_attr(vs->a, op_find(vs->a, "d/f"));
	op_assert_same(&before, &after, true);
	op_write_pattern(vs->a, ino, 4000, 10, 6);
	op_create(vs->a, dir, "g");
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT sum(ino + size + mtime) FROM inode, layer"
					     " WHERE layer = layer.id AND sealed"),
	    rows);
	after = op_attr(vs->a, ino);
	op_assert_same(&before, &after, false);
	viewstore_reopen(vs);
	op_assert_pattern(vs->a, ino, 0, 0, 4000, 5);
	op_assert_pattern(vs->a, ino, 4000, 0, 10, 6);
	op_assert_pattern(vs->a, ino, 4010, 4010, 10000 - 4010, 5);
}

static void
new_files_are_numbered_above_all_that_is_beneath(void **state)
{
	struct viewstore *vs = *state;
	uint32_t last = op_create(vs->a, INO_ROOT, "f0");

	for (int i = 1; i < 4; i++) {
		char name[8];
		uint32_t ino;

		viewstore_push(vs, "a");
		snprintf(name, sizeof(name), "f%d", i);
		ino = op_create(vs->a, INO_ROOT, name);
		assert_true(ino > last);
		last = ino;
	}
	op_remove(vs->a, INO_ROOT, "f3");
	viewstore_push(vs, "a");
	assert_true(op_create(vs->a, INO_ROOT, "f4") > last);
}

/* Golden name, gone in one layer, made and removed again in the next ones. */
static void
a_name_that_a_layer_took_away_stays_away(void **state)
{
	struct viewstore *vs = *state;

	op_remove(vs->a, INO_ROOT, "data");
	viewstore_push(vs, "a");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	op_create(vs->a, INO_ROOT, "data");
	op_remove(vs->a, INO_ROOT, "data");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	viewstore_reopen(vs);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	op_create(vs->a, INO_ROOT, "data");
	viewstore_push(vs, "a");
	op_remove(vs->a, INO_ROOT, "data");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	viewstore_push(vs, "a");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	op_rename(vs->a, INO_ROOT, "hard1", INO_ROOT, "data");
	op_rename(vs->a, INO_ROOT, "data", INO_ROOT, "other");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	viewstore_reopen(vs);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "hard1", NULL), -ENOENT);
	assert_int_equal(op_find(vs->a, "other"), op_find(vs->a, "hard2"));
}

static void
a_file_that_lived_only_in_the_head_leaves_no_whiteout(void **state)
{
	struct viewstore *vs = *state;

	op_remove(vs->a, INO_ROOT, "data");
	viewstore_push(vs, "a");
	op_create(vs->a, INO_ROOT, "data");
	op_remove(vs->a, INO_ROOT, "data");
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM dirent, client"
					     " WHERE layer = head"),
	    0);
}

static void
a_removed_file_of_a_lower_layer_is_a_tombstone_for_ever(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "f"), golden = op_find(vs->a, "data");
	struct view_attr attr;

	op_write_pattern(vs->a, ino, 0, 5000, 1);
	viewstore_push(vs, "a");
	op_remove(vs->a, INO_ROOT, "f");
	op_remove(vs->a, INO_ROOT, "data");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(view_getattr(vs->a, ino, &attr), -ESTALE);
		assert_int_equal(view_getattr(vs->a, golden, &attr), -ESTALE);
		viewstore_push(vs, "a");
	}
	viewstore_reopen(vs);
	assert_int_equal(view_getattr(vs->a, ino, &attr), -ESTALE);
	assert_int_equal(view_getattr(vs->a, golden, &attr), -ESTALE);
	op_assert_pattern(vs->b, golden, 0, 0, VIEWSTORE_DATA, 1);
}

static void
blocks_of_every_level_make_one_file(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");

	for (uint32_t i = 0; i < 4; i++) {
		op_write_pattern(vs->a, ino, i * 50000, 30000, 50 + i);
		viewstore_push(vs, "a");
	}
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t rest = i * 50000 + 30000;

			op_assert_pattern(vs->a, ino, i * 50000, 0, 30000, 50 + i);
			op_assert_pattern(vs->a, ino, rest, rest, 20000, 1);
		}
		op_assert_pattern(vs->a, ino, 200000, 200000, VIEWSTORE_DATA - 200000, 1);
		view_trim(vs->a, 0);
	}
}

/* Golden 300000; cut to 100000 in one layer, grown in the next, cut and grown in the next. */
static void
what_a_layer_cut_off_reads_as_zeros_above_it(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");

	op_truncate(vs->a, ino, 100000);
	viewstore_push(vs, "a");
	op_truncate(vs->a, ino, 250000);
	op_assert_zeros(vs->a, ino, 100000, 150000);
	op_write_pattern(vs->a, ino, 200000, 1000, 8);
	viewstore_push(vs, "a");
	op_assert_pattern(vs->a, ino, 0, 0, 100000, 1);
	op_assert_zeros(vs->a, ino, 100000, 100000);
	op_assert_pattern(vs->a, ino, 200000, 0, 1000, 8);
	op_assert_zeros(vs->a, ino, 201000, 49000);
	op_truncate(vs->a, ino, 200500);
	op_truncate(vs->a, ino, 2 * VIEWSTORE_DATA);
	viewstore_push(vs, "a");
	op_chmod(vs->a, ino, 0600);
	for (int round = 0; round < 2; round++) {
		op_assert_pattern(vs->a, ino, 0, 0, 100000, 1);
		op_assert_zeros(vs->a, ino, 100000, 100000);
		op_assert_pattern(vs->a, ino, 200000, 0, 500, 8);
		op_assert_zeros(vs->a, ino, 200500, 2 * VIEWSTORE_DATA - 200500);
		viewstore_reopen(vs);
	}
}

/* A layer's row of a run beyond a cut made above it must not come back by way of a later layer. */
static void
a_cut_hides_the_runs_of_several_layers_beneath(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");

	op_write_pattern(vs->a, ino, 270000, 100, 11);
	viewstore_push(vs, "a");
	op_write_pattern(vs->a, ino, 140000, 100, 12);
	viewstore_push(vs, "a");
	op_truncate(vs->a, ino, 0);
	viewstore_push(vs, "a");
	op_write_pattern(vs->a, ino, 400000, 10, 13);
	viewstore_push(vs, "a");
	op_assert_zeros(vs->a, ino, 0, 400000);
	op_write_pattern(vs->a, ino, 150000, 10, 14);
	viewstore_reopen(vs);
	op_assert_zeros(vs->a, ino, 0, 150000);
	op_assert_pattern(vs->a, ino, 150000, 0, 10, 14);
	op_assert_zeros(vs->a, ino, 150010, 400000 - 150010);
	op_assert_pattern(vs->a, ino, 400000, 0, 10, 13);
}

static void
a_folder_lists_the_names_of_all_levels_once_and_in_their_places(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir");
	struct op_list old = op_list(vs->a, dir, 2), new;

	op_create(vs->a, dir, "one");
	op_remove(vs->a, dir, "b");
	viewstore_push(vs, "a");
	op_create(vs->a, dir, "two");
	op_create(vs->a, dir, "b");
	op_rename(vs->a, dir, "a", dir, "c");
	viewstore_push(vs, "a");
	op_remove(vs->a, dir, "one");
	op_create(vs->a, dir, "three");
	op_create(vs->a, dir, "one");
	for (int round = 0; round < 2; round++) {
		static const char *const names[] = { ".", "..", "c", "sub", "two", "b", "three",
			"one" };

		new = op_list(vs->a, dir, 3);
		assert_int_equal(new.n, ARRAY_SIZE(names));
		for (uint32_t i = 0; i < new.n; i++)
			assert_string_equal(new.entries[i].name, names[i]);
		assert_int_equal(op_list_find(&new, "c")->cookie, op_list_find(&old, "c")->cookie);
		assert_int_equal(op_list_find(&new, "c")->ino, op_list_find(&old, "a")->ino);
		free(new.entries);
		viewstore_reopen(vs);
	}
	free(old.entries);
}

static void
an_emptied_folder_of_several_levels_can_be_removed(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir");
	struct view_attr attr;

	op_remove(vs->a, op_find(vs->a, "dir/sub"), "deep");
	op_remove(vs->a, dir, "a");
	op_create(vs->a, dir, "x");
	viewstore_push(vs, "a");
	assert_int_equal(op_try_rmdir(vs->a, INO_ROOT, "dir"), -ENOTEMPTY);
	op_rmdir(vs->a, dir, "sub");
	op_remove(vs->a, dir, "b");
	op_create(vs->a, dir, "a");
	viewstore_push(vs, "a");
	op_remove(vs->a, dir, "c");
	op_remove(vs->a, dir, "x");
	assert_int_equal(op_try_rmdir(vs->a, INO_ROOT, "dir"), -ENOTEMPTY);
	op_remove(vs->a, dir, "a");
	op_rmdir(vs->a, INO_ROOT, "dir");
	viewstore_push(vs, "a");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "dir", NULL), -ENOENT);
	assert_int_equal(view_getattr(vs->a, dir, &attr), -ESTALE);
	assert_true(op_mkdir(vs->a, INO_ROOT, "dir") != dir);
}

static void
symlinks_and_moved_folders_show_through_layers(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), link, n;
	struct view_op op = { 0 };
	struct view_attr attr;
	char target[TARGET_BYTES_MAX + 1];

	link = op_symlink(vs->a, dir, "s", "somewhere");
	op_rename(vs->a, INO_ROOT, "dir", op_find(vs->a, "empty"), "moved");
	viewstore_push(vs, "a");
	op_chmod(vs->a, dir, 0700);
	viewstore_push(vs, "a");
	op_create(vs->a, op_find(vs->a, "empty/moved/sub"), "new");
	viewstore_push(vs, "a");
	assert_int_equal(op_find(vs->a, "empty/moved"), dir);
	assert_int_equal(op_find(vs->a, "empty/moved/.."), op_find(vs->a, "empty"));
	assert_int_equal(op_attr(vs->a, dir).mode & 07777, 0700);
	op_find(vs->a, "empty/moved/sub/new");
	op_find(vs->a, "empty/moved/sub/deep");
	op_must(view_readlink(vs->a, &op, link, target, &n, &attr));
	assert_string_equal(target, "somewhere");
}

static void
the_delta_of_a_head_counts_what_it_wrote_itself(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "f");
	struct view_usage usage;

	op_write_pattern(vs->a, ino, 0, 10 * 4096, 61);
	viewstore_push(vs, "a");
	op_write_pattern(vs->a, ino, 0, 4096, 62);
	viewstore_reopen(vs);
	for (uint32_t i = 0; i < 10; i++) {
		op_write_pattern(vs->a, ino, i * 4096, 4096, 70 + i);
		view_usage(vs->a, &usage);
		assert_int_equal(usage.delta_bytes, (i + 1) * 4096);
		viewstore_reopen(vs);
	}
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(a_sealed_layer_is_seen_and_not_written),
		ON_STORE(new_files_are_numbered_above_all_that_is_beneath),
		ON_STORE(a_name_that_a_layer_took_away_stays_away),
		ON_STORE(a_file_that_lived_only_in_the_head_leaves_no_whiteout),
		ON_STORE(a_removed_file_of_a_lower_layer_is_a_tombstone_for_ever),
		ON_STORE(blocks_of_every_level_make_one_file),
		ON_STORE(what_a_layer_cut_off_reads_as_zeros_above_it),
		ON_STORE(a_cut_hides_the_runs_of_several_layers_beneath),
		ON_STORE(a_folder_lists_the_names_of_all_levels_once_and_in_their_places),
		ON_STORE(an_emptied_folder_of_several_levels_can_be_removed),
		ON_STORE(symlinks_and_moved_folders_show_through_layers),
		ON_STORE(the_delta_of_a_head_counts_what_it_wrote_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Copy-on-write as a client sees it (not at all) and as the disk sees it (little). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/block.h"
#include "cow/inode.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static struct block_stats
stats(struct viewstore *vs)
{
	struct block_stats s;

	blocks_stats(store_blocks(vs->store), &s);
	return s;
}

static void
copy_up_by_a_link_changes_nothing_but_link_count_and_ctime(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_attr before = op_attr(vs->a, ino), after;

	op_link(vs->a, ino, INO_ROOT, "another");
	after = op_attr(vs->a, ino);
	assert_int_equal(after.nlink, before.nlink + 1);
	assert_memory_equal(&after.mtime, &before.mtime, sizeof(before.mtime));
	assert_memory_equal(&after.atime, &before.atime, sizeof(before.atime));
	after.nlink--;
	op_assert_same(&before, &after, false);
	op_assert_pattern(vs->a, ino, 0, 0, VIEWSTORE_DATA, 1);
	viewstore_reopen(vs);
	assert_int_equal(op_find(vs->a, "another"), ino);
	assert_int_equal(op_find(vs->a, "data"), ino);
	op_assert_pattern(vs->a, ino, 0, 0, VIEWSTORE_DATA, 1);
}

static void
a_write_into_a_golden_file_keeps_file_id_generation_and_cookie(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_attr before = op_attr(vs->a, ino), after;
	struct op_list old = op_list(vs->a, INO_ROOT, 100), new;

	op_write_pattern(vs->a, ino, 5000, 10, 7);
	viewstore_reopen(vs);
	after = op_attr(vs->a, op_find(vs->a, "data"));
	op_assert_same(&before, &after, false);
	new = op_list(vs->a, INO_ROOT, 100);
	assert_int_equal(old.n, new.n);
	for (uint32_t i = 0; i < old.n; i++) {
		assert_string_equal(old.entries[i].name, new.entries[i].name);
		assert_int_equal(old.entries[i].cookie, new.entries[i].cookie);
		assert_int_equal(old.entries[i].ino, new.entries[i].ino);
	}
	op_assert_pattern(vs->a, ino, 0, 0, 5000, 1);
	op_assert_pattern(vs->a, ino, 5000, 0, 10, 7);
	op_assert_pattern(vs->a, ino, 5010, 5010, VIEWSTORE_DATA - 5010, 1);
	free(old.entries);
	free(new.entries);
}

static void
a_golden_hard_link_survives_copy_up(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "hard1");

	assert_int_equal(op_find(vs->a, "hard2"), ino);
	op_write(vs->a, ino, 0, "ONE", 3);
	viewstore_reopen(vs);
	assert_int_equal(op_find(vs->a, "hard2"), ino);
	assert_int_equal(op_attr(vs->a, ino).nlink, 2);
	op_assert_bytes(vs->a, op_find(vs->a, "hard2"), 0, "ONE file\n", 9);
	op_remove(vs->a, INO_ROOT, "hard1");
	assert_int_equal(op_attr(vs->a, ino).nlink, 1);
	op_assert_bytes(vs->a, op_find(vs->a, "hard2"), 0, "ONE file\n", 9);
}

static void
what_one_client_changes_the_other_does_not_see(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->b, "data"), dir = op_find(vs->b, "dir");
	struct view_attr data = op_attr(vs->b, ino), root = op_attr(vs->b, INO_ROOT), now;

	op_write_pattern(vs->a, ino, 0, 9000, 3);
	op_truncate(vs->a, ino, 100);
	op_rename(vs->a, INO_ROOT, "dir", op_find(vs->a, "empty"), "moved");
	op_remove(vs->a, INO_ROOT, "hard1");
	op_create(vs->a, INO_ROOT, "new");
	viewstore_reopen(vs);
	now = op_attr(vs->b, ino);
	op_assert_same(&data, &now, true);
	now = op_attr(vs->b, INO_ROOT);
	op_assert_same(&root, &now, true);
	op_assert_pattern(vs->b, ino, 0, 0, VIEWSTORE_DATA, 1);
	assert_int_equal(op_find(vs->b, "dir"), dir);
	assert_int_equal(op_attr(vs->b, op_find(vs->b, "hard1")).nlink, 2);
	assert_int_equal(op_lookup(vs->b, INO_ROOT, "new", NULL), -ENOENT);
}

static void
a_golden_folder_of_10000_files_is_renamed_by_a_handful_of_rows(void **state)
{
	struct viewstore vs;
	struct op_list old, new;
	uint32_t dir;

	(void)state;
	viewstore_make(&vs, &(struct viewstore_options){ .many = 10000 });
	dir = op_find(vs.a, "many");
	old = op_list(vs.a, dir, 1000);
	assert_int_equal(old.n, 10002);
	op_rename(vs.a, INO_ROOT, "many", op_find(vs.a, "empty"), "moved");
	viewstore_reopen(&vs);
	/* root, empty, many; the whiteout and the new name */
	assert_int_equal(viewstore_count(&vs, "SELECT count(*) FROM inode"), 3);
	assert_int_equal(viewstore_count(&vs, "SELECT count(*) FROM dirent"), 2);
	assert_int_equal(viewstore_count(&vs, "SELECT count(*) FROM extent"), 0);
	assert_int_equal(op_find(vs.a, "empty/moved"), dir);
	assert_int_equal(op_find(vs.a, "empty/moved/.."), op_find(vs.a, "empty"));
	assert_int_equal(op_lookup(vs.a, INO_ROOT, "many", NULL), -ENOENT);
	new = op_list(vs.a, dir, 777);
	assert_int_equal(new.n, old.n);
	for (uint32_t i = 2; i < old.n; i++)
		assert_memory_equal(&old.entries[i], &new.entries[i], sizeof(old.entries[i]));
	free(old.entries);
	free(new.entries);
	viewstore_remove(&vs);
}

static void
a_small_write_into_a_huge_golden_file_stores_one_block(void **state)
{
	struct viewstore vs;
	struct view_usage usage;
	struct block_stats before, after;
	uint32_t ino;

	(void)state;
	viewstore_make(&vs, &(struct viewstore_options){ .block_size = 16384, .huge = true });
	ino = op_find(vs.a, "huge");
	before = stats(&vs);
	op_write_pattern(vs.a, ino, VIEWSTORE_HUGE / 2 + 4096, 4096, 9);
	op_write_pattern(vs.b, ino, VIEWSTORE_HUGE / 4 + 4096, 4096, 10); /* into a hole */
	after = stats(&vs);
	assert_int_equal(after.stored - before.stored, 2);
	assert_true(after.bytes_stored - before.bytes_stored <= 2 * 16384);
	view_usage(vs.a, &usage);
	assert_int_equal(usage.delta_files, 1);
	assert_int_equal(usage.delta_bytes, 16384);
	view_usage(vs.b, &usage);
	assert_int_equal(usage.delta_bytes, 8192); /* zeros at the end of a block aren't stored */
	viewstore_reopen(&vs);
	view_usage(vs.a, &usage);
	assert_int_equal(usage.delta_bytes, 16384);
	assert_int_equal(viewstore_count(&vs, "SELECT count(*) FROM extent"), 2);
	op_assert_pattern(vs.a, ino, 0, 0, 65536, 2);
	op_assert_pattern(vs.a, ino, VIEWSTORE_HUGE / 2, 0, 4096, 2);
	op_assert_pattern(vs.a, ino, VIEWSTORE_HUGE / 2 + 4096, 0, 4096, 9);
	op_assert_pattern(vs.a, ino, VIEWSTORE_HUGE / 2 + 8192, 8192, 65536 - 8192, 2);
	op_assert_zeros(vs.a, ino, VIEWSTORE_HUGE / 4, 65536);
	op_assert_pattern(vs.b, ino, VIEWSTORE_HUGE / 2, 0, 65536, 2);
	op_assert_zeros(vs.b, ino, VIEWSTORE_HUGE / 4, 4096);
	op_assert_pattern(vs.b, ino, VIEWSTORE_HUGE / 4 + 4096, 0, 4096, 10);
	op_assert_zeros(vs.b, ino, VIEWSTORE_HUGE / 4 + 8192, 65536);
	op_assert_pattern(vs.b, ino, VIEWSTORE_HUGE - 65536, 0, 65536, 2);
	viewstore_remove(&vs);
}

static void
blocks_of_zeros_are_not_stored(void **state)
{
	static const uint8_t zeros[200000];
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "zeros");
	struct view_usage usage;

	op_write(vs->a, ino, 0, zeros, sizeof(zeros));
	op_write_later(vs->a, ino, 300000, zeros, 77);
	viewstore_reopen(vs);
	assert_int_equal(stats(vs).stored, 0);
	assert_int_equal(op_attr(vs->a, ino).size, 300077);
	assert_int_equal(op_attr(vs->a, ino).used, 0);
	op_assert_zeros(vs->a, ino, 0, 300077);
	view_usage(vs->a, &usage);
	assert_int_equal(usage.delta_bytes, 0);
}

static void
equal_bytes_of_two_clients_are_stored_once(void **state)
{
	struct viewstore *vs = *state;
	struct block_stats before, after;

	before = stats(vs);
	op_write_pattern(vs->a, op_create(vs->a, INO_ROOT, "x"), 0, 8 * 4096, 21);
	after = stats(vs);
	assert_int_equal(after.stored - before.stored, 8);
	op_write_pattern(vs->b, op_create(vs->b, INO_ROOT, "y"), 0, 8 * 4096, 21);
	op_write_pattern(vs->b, op_create(vs->b, INO_ROOT, "golden"), 0, VIEWSTORE_DATA, 1);
	viewstore_flush(vs);
	assert_int_equal(stats(vs).stored, after.stored);
	viewstore_reopen(vs);
	op_write_pattern(vs->b, op_create(vs->b, INO_ROOT, "z"), 0, 8 * 4096, 21);
	viewstore_flush(vs);
	assert_int_equal(stats(vs).stored, 0);
	op_assert_pattern(vs->a, op_find(vs->a, "x"), 0, 0, 8 * 4096, 21);
	op_assert_pattern(vs->b, op_find(vs->b, "y"), 0, 0, 8 * 4096, 21);
	op_assert_pattern(vs->b, op_find(vs->b, "golden"), 0, 0, VIEWSTORE_DATA, 1);
}

static void
colliding_hashes_never_swap_bytes(void **state)
{
	struct viewstore vs;
	char name[16];

	(void)state;
	viewstore_make(&vs, &(struct viewstore_options){ .hash_bits = 3 });
	for (uint32_t i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		op_write_pattern(vs.a, op_create(vs.a, INO_ROOT, name), 0, 9000, 100 + i);
		op_write_pattern(vs.b, op_create(vs.b, INO_ROOT, name), 0, 9000, 200 + i);
		op_write_pattern(vs.b, op_find(vs.b, "data"), i * 10000, 5000, 300 + i);
	}
	viewstore_flush(&vs);
	assert_true(stats(&vs).collisions > 100);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 30; i++) {
			uint32_t from = i * 10000 + 5000;

			snprintf(name, sizeof(name), "f%u", i);
			op_assert_pattern(vs.a, op_find(vs.a, name), 0, 0, 9000, 100 + i);
			op_assert_pattern(vs.b, op_find(vs.b, name), 0, 0, 9000, 200 + i);
			op_assert_pattern(vs.b, op_find(vs.b, "data"), i * 10000, 0, 5000, 300 + i);
			op_assert_pattern(vs.b, op_find(vs.b, "data"), from, from, 5000, 1);
		}
		op_assert_pattern(vs.a, op_find(vs.a, "data"), 0, 0, VIEWSTORE_DATA, 1);
		viewstore_reopen(&vs);
	}
	viewstore_remove(&vs);
}

static void
the_delta_shrinks_by_what_is_truncated_overwritten_or_removed(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "x"), data = op_find(vs->a, "data");
	struct view_usage usage;

	for (int round = 0; round < 2; round++) {
		op_write_pattern(vs->a, ino, 0, 40 * 4096, 31 + (uint32_t)round);
		op_write_pattern(vs->a, data, 0, 4096, 41 + (uint32_t)round);
		view_usage(vs->a, &usage);
		assert_int_equal(usage.delta_bytes, 41 * 4096);
		viewstore_reopen(vs);
	}
	op_truncate(vs->a, ino, 34 * 4096);
	view_usage(vs->a, &usage);
	assert_int_equal(usage.delta_bytes, 35 * 4096);
	viewstore_reopen(vs);
	op_truncate(vs->a, ino, 0);
	view_usage(vs->a, &usage);
	assert_int_equal(usage.delta_bytes, 4096);
	op_write_pattern(vs->a, ino, 0, 4096, 51);
	op_remove(vs->a, INO_ROOT, "x");
	op_remove(vs->a, INO_ROOT, "data");
	view_usage(vs->a, &usage);
	assert_int_equal(usage.delta_bytes, 0);
	assert_int_equal(usage.delta_files, 2); /* the root and data's tombstone */
	viewstore_reopen(vs);
	view_usage(vs->a, &usage);
	assert_int_equal(usage.delta_bytes, 0);
	assert_int_equal(usage.delta_files, 2);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(copy_up_by_a_link_changes_nothing_but_link_count_and_ctime),
		ON_STORE(a_write_into_a_golden_file_keeps_file_id_generation_and_cookie),
		ON_STORE(a_golden_hard_link_survives_copy_up),
		ON_STORE(what_one_client_changes_the_other_does_not_see),
		cmocka_unit_test(a_golden_folder_of_10000_files_is_renamed_by_a_handful_of_rows),
		cmocka_unit_test(a_small_write_into_a_huge_golden_file_stores_one_block),
		ON_STORE(blocks_of_zeros_are_not_stored),
		ON_STORE(equal_bytes_of_two_clients_are_stored_once),
		cmocka_unit_test(colliding_hashes_never_swap_bytes),
		ON_STORE(the_delta_shrinks_by_what_is_truncated_overwritten_or_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

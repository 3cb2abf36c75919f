/* Making, linking, removing and renaming names, as a local file system does it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/inode.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static const struct view_set nothing;

static int
create(struct view *v, struct view_op *op, uint32_t dir, struct str name, enum view_create how,
    uint64_t verf, struct view_attr *out)
{
	struct view_set set = { .set_mode = true, .mode = 0640 };
	struct view_wcc wcc;

	return view_create(v, op, dir, name, how, &set, verf, out, &wcc);
}

static void
everything_that_is_made_has_the_attributes_of_its_kind(void **state)
{
	static const struct {
		uint32_t type, rdev[2];
	} kinds[] = { { S_IFCHR, { 4, 64 } }, { S_IFBLK, { 259, 70000 } }, { S_IFIFO, { 0, 0 } },
		{ S_IFSOCK, { 0, 0 } } };
	struct viewstore *vs = *state;
	struct view_set set = { .set_mode = true, .mode = 0620 };
	struct view_attr attr, again;
	struct view_wcc wcc;
	char name[8];

	for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct view_op op = { 0 };

		snprintf(name, sizeof(name), "n%u", i);
		op_must(view_mknod(vs->a, &op, INO_ROOT, str_of(name), kinds[i].type, kinds[i].rdev,
		    &set, &attr, &wcc));
		assert_true(op.ticket > 0);
		assert_int_equal(attr.mode, kinds[i].type | 0620);
		assert_memory_equal(attr.rdev, kinds[i].rdev, sizeof(attr.rdev));
		assert_int_equal(attr.nlink, 1);
	}
	op_mkdir(vs->a, INO_ROOT, "d");
	op_symlink(vs->a, INO_ROOT, "l", "../x y");
	viewstore_reopen(vs);
	again = op_attr(vs->a, op_find(vs->a, "n3"));
	op_assert_same(&attr, &again, true);
	assert_memory_equal(
	    op_attr(vs->a, op_find(vs->a, "n1")).rdev, kinds[1].rdev, sizeof(attr.rdev));
	assert_int_equal(op_attr(vs->a, op_find(vs->a, "d")).mode, S_IFDIR | 0755);
	attr = op_attr(vs->a, op_find(vs->a, "l"));
	assert_int_equal(attr.mode, S_IFLNK | 0777);
	assert_int_equal(attr.size, 6);
}

static void
a_folder_counts_its_subfolders_in_its_links(void **state)
{
	struct viewstore *vs = *state;
	uint32_t root = op_attr(vs->a, INO_ROOT).nlink, x = op_mkdir(vs->a, INO_ROOT, "x"), y;

	assert_int_equal(op_attr(vs->a, x).nlink, 2);
	assert_int_equal(op_attr(vs->a, INO_ROOT).nlink, root + 1);
	y = op_mkdir(vs->a, x, "y");
	assert_int_equal(op_attr(vs->a, x).nlink, 3);
	op_rename(vs->a, x, "y", INO_ROOT, "z");
	assert_int_equal(op_attr(vs->a, x).nlink, 2);
	assert_int_equal(op_attr(vs->a, INO_ROOT).nlink, root + 2);
	assert_int_equal(op_find(vs->a, "z/.."), INO_ROOT);
	op_rename(vs->a, INO_ROOT, "z", INO_ROOT, "x"); /* over an empty folder */
	assert_int_equal(op_attr(vs->a, INO_ROOT).nlink, root + 1);
	assert_int_equal(op_find(vs->a, "x"), y);
	op_rename(vs->a, INO_ROOT, "x", op_find(vs->a, "dir"), "w");
	assert_int_equal(op_attr(vs->a, op_find(vs->a, "dir")).nlink, 4);
	op_rmdir(vs->a, op_find(vs->a, "dir"), "w");
	assert_int_equal(op_attr(vs->a, op_find(vs->a, "dir")).nlink, 3);
	assert_int_equal(op_attr(vs->a, INO_ROOT).nlink, root);
	viewstore_reopen(vs);
	assert_int_equal(op_attr(vs->a, INO_ROOT).nlink, root);
}

static void
names_are_any_bytes_up_to_255(void **state)
{
	static const char odd[] = "\xff\xfe \n\x80*\x01";
	struct viewstore *vs = *state;
	struct view_op op = { 0 };
	struct view_attr attr, dir;
	char longest[257];
	struct str ok = { longest, 255 }, over = { longest, 256 };
	struct view_wcc wcc, wto;

	memset(longest, 'n', sizeof(longest));
	op_must(create(vs->a, &op, INO_ROOT, ok, VIEW_GUARDED, 0, &attr));
	op_must(create(vs->a, &op, INO_ROOT, str_of(odd), VIEW_GUARDED, 0, &attr));
	viewstore_reopen(vs);
	op_must(view_lookup(vs->a, &op, INO_ROOT, ok, &attr, &dir));
	op_must(view_lookup(vs->a, &op, INO_ROOT, str_of(odd), &attr, &dir));
	assert_int_equal(view_lookup(vs->a, &op, INO_ROOT, over, &attr, &dir), -ENAMETOOLONG);
	assert_int_equal(
	    create(vs->a, &op, INO_ROOT, over, VIEW_UNCHECKED, 0, &attr), -ENAMETOOLONG);
	assert_int_equal(
	    view_mkdir(vs->a, &op, INO_ROOT, over, &nothing, &attr, &wcc), -ENAMETOOLONG);
	assert_int_equal(view_remove(vs->a, &op, INO_ROOT, over, &wcc), -ENAMETOOLONG);
	assert_int_equal(
	    view_rename(vs->a, &op, INO_ROOT, ok, INO_ROOT, over, &wcc, &wto), -ENAMETOOLONG);
	assert_int_equal(create(vs->a, &op, INO_ROOT, STR("a/b"), VIEW_GUARDED, 0, &attr), -EINVAL);
	assert_int_equal(
	    create(vs->a, &op, INO_ROOT, STR("a\0b"), VIEW_GUARDED, 0, &attr), -EINVAL);
	assert_int_equal(create(vs->a, &op, INO_ROOT, STR(""), VIEW_GUARDED, 0, &attr), -EINVAL);
}

static void
dots_are_not_made_removed_or_renamed(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir");
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	assert_int_equal(view_mkdir(vs->a, &op, dir, STR("."), &nothing, &attr, &wcc), -EEXIST);
	assert_int_equal(create(vs->a, &op, dir, STR(".."), VIEW_GUARDED, 0, &attr), -EEXIST);
	assert_int_equal(op_try_rmdir(vs->a, dir, "."), -EINVAL);
	assert_int_equal(op_try_rmdir(vs->a, dir, ".."), -ENOTEMPTY);
	assert_int_equal(op_try_rename(vs->a, dir, ".", dir, "x"), -EINVAL);
	assert_int_equal(op_try_rename(vs->a, dir, "a", dir, ".."), -EINVAL);
	assert_int_equal(op_try_remove(vs->a, dir, "."), -EINVAL);
	assert_int_equal(op_find(vs->a, "dir/sub/.."), dir);
	assert_int_equal(op_find(vs->a, "dir/."), dir);
	assert_int_equal(op_find(vs->a, ".."), INO_ROOT);
}

static void
what_is_not_a_folder_has_no_names(void **state)
{
	struct viewstore *vs = *state;
	uint32_t file = op_find(vs->a, "data"), link = op_find(vs->a, "link");
	struct view_op op = { 0 };
	struct view_attr attr;

	assert_int_equal(op_lookup(vs->a, file, "x", NULL), -ENOTDIR);
	assert_int_equal(op_lookup(vs->a, file, ".", NULL), -ENOTDIR);
	assert_int_equal(op_lookup(vs->a, link, "x", NULL), -ENOTDIR);
	assert_int_equal(create(vs->a, &op, file, STR("x"), VIEW_GUARDED, 0, &attr), -ENOTDIR);
	assert_int_equal(op_try_remove(vs->a, file, "x"), -ENOTDIR);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "dir", file, "x"), -ENOTDIR);
	assert_int_equal(op_try_rmdir(vs->a, INO_ROOT, "data"), -ENOTDIR);
	assert_int_equal(op_try_rmdir(vs->a, INO_ROOT, "link"), -ENOTDIR);
	assert_int_equal(op_try_remove(vs->a, INO_ROOT, "dir"), -EISDIR);
	assert_int_equal(op_try_rmdir(vs->a, INO_ROOT, "dir"), -ENOTEMPTY);
	assert_int_equal(op_try_remove(vs->a, INO_ROOT, "none"), -ENOENT);
}

static void
create_is_unchecked_guarded_or_exclusive(void **state)
{
	struct viewstore *vs = *state;
	struct view_attr first, out;
	struct view_op op = { 0 };

	op_must(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_UNCHECKED, 0, &first));
	assert_int_equal(first.mode, S_IFREG | 0640);
	op_must(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_UNCHECKED, 0, &out));
	assert_int_equal(out.ino, first.ino);
	assert_int_equal(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_GUARDED, 0, &out), -EEXIST);
	assert_int_equal(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_EXCLUSIVE, 9, &out), -EEXIST);
	assert_int_equal(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_EXCLUSIVE, 0, &out), -EEXIST);
	assert_int_equal(
	    create(vs->a, &op, INO_ROOT, STR("dir"), VIEW_UNCHECKED, 0, &out), -EISDIR);
	assert_int_equal(
	    create(vs->a, &op, INO_ROOT, STR("link"), VIEW_UNCHECKED, 0, &out), -EEXIST);
}

static void
an_exclusive_create_sent_again_succeeds_also_after_a_crash(void **state)
{
	struct viewstore *vs = *state;
	struct view_attr first, out;
	struct view_op op = { 0 };

	op_must(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_EXCLUSIVE, 0x1234567890abcdef, &first));
	op_must(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_EXCLUSIVE, 0x1234567890abcdef, &out));
	op_assert_same(&first, &out, true);
	if (op.ticket)
		op_must(batch_wait(store_batch(vs->store), op.ticket));
	viewstore_crash(vs);
	op = (struct view_op){ 0 };
	op_must(create(vs->a, &op, INO_ROOT, STR("f"), VIEW_EXCLUSIVE, 0x1234567890abcdef, &out));
	assert_int_equal(out.ino, first.ino);
	assert_int_equal(op.ticket, 0);
	assert_int_equal(
	    create(vs->a, &op, INO_ROOT, STR("f"), VIEW_EXCLUSIVE, 0x1234567890abcdee, &out),
	    -EEXIST);
}

static void
a_rename_over_a_file_takes_its_place(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), a = op_find(vs->a, "dir/a"),
		 b = op_find(vs->a, "dir/b");
	uint32_t hard = op_find(vs->a, "hard1");
	struct view_attr attr;

	op_rename(vs->a, dir, "a", dir, "b");
	assert_int_equal(op_find(vs->a, "dir/b"), a);
	assert_int_equal(op_lookup(vs->a, dir, "a", NULL), -ENOENT);
	assert_int_equal(view_getattr(vs->a, b, &attr), -ESTALE);
	op_rename(vs->a, dir, "b", INO_ROOT, "hard1");
	assert_int_equal(op_attr(vs->a, hard).nlink, 1);
	assert_int_equal(op_find(vs->a, "hard2"), hard);
	viewstore_reopen(vs);
	assert_int_equal(op_find(vs->a, "hard1"), a);
	assert_int_equal(view_getattr(vs->a, b, &attr), -ESTALE);
	assert_int_equal(op_attr(vs->a, hard).nlink, 1);
}

static void
a_rename_between_two_links_of_one_file_does_nothing(void **state)
{
	struct viewstore *vs = *state;
	struct view_attr before = op_attr(vs->a, op_find(vs->a, "hard1")), after;

	op_rename(vs->a, INO_ROOT, "hard1", INO_ROOT, "hard2");
	op_rename(vs->a, INO_ROOT, "hard1", INO_ROOT, "hard1");
	op_rename(vs->a, INO_ROOT, "dir", INO_ROOT, "dir");
	after = op_attr(vs->a, op_find(vs->a, "hard1"));
	op_assert_same(&before, &after, true);
	assert_int_equal(op_find(vs->a, "hard2"), before.ino);
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM dirent"), 0);
}

static void
folders_and_files_do_not_replace_each_other(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), sub = op_find(vs->a, "dir/sub");

	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "empty", INO_ROOT, "data"), -ENOTDIR);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "data", INO_ROOT, "empty"), -EISDIR);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "empty", INO_ROOT, "dir"), -ENOTEMPTY);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "dir", dir, "x"), -EINVAL);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "dir", sub, "x"), -EINVAL);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "dir", dir, "sub"), -EINVAL);
	assert_int_equal(op_try_rename(vs->a, dir, "sub", INO_ROOT, "dir"), -ENOTEMPTY);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "none", INO_ROOT, "x"), -ENOENT);
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM inode"), 0);
	op_rename(vs->a, INO_ROOT, "dir", INO_ROOT, "empty");
	viewstore_reopen(vs);
	assert_int_equal(op_find(vs->a, "empty"), dir);
	assert_int_equal(op_find(vs->a, "empty/sub"), sub);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "dir", NULL), -ENOENT);
}

static void
a_removed_folder_takes_no_new_names(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_mkdir(vs->a, INO_ROOT, "d"), golden = op_find(vs->a, "empty");
	struct view_attr attr;
	struct view_op op = { 0 };

	op_rmdir(vs->a, INO_ROOT, "d");
	op_rmdir(vs->a, INO_ROOT, "empty");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    create(vs->a, &op, dir, STR("x"), VIEW_GUARDED, 0, &attr), -ESTALE);
		assert_int_equal(
		    create(vs->a, &op, golden, STR("x"), VIEW_GUARDED, 0, &attr), -ESTALE);
		assert_int_equal(op_try_rename(vs->a, INO_ROOT, "data", dir, "x"), -ESTALE);
		assert_int_equal(op_lookup(vs->a, golden, "..", NULL), -ESTALE);
		viewstore_reopen(vs);
	}
}

static void
a_handle_is_stale_after_removal_before_and_after_it_is_durable(void **state)
{
	struct viewstore *vs = *state;
	uint32_t inos[3] = { op_create(vs->a, INO_ROOT, "f"), op_find(vs->a, "data"), 0 };
	struct view_attr attr;
	struct view_op op = { 0 };
	struct view_data data;
	uint32_t again;

	op_write_later(vs->a, inos[0], 0, "abc", 3);
	op_write_later(vs->a, inos[1], 0, "abc", 3);
	op_remove(vs->a, INO_ROOT, "f");
	op_remove(vs->a, INO_ROOT, "data");
	again = op_create(vs->a, INO_ROOT, "f");
	assert_true(again != inos[0]);
	for (int when = 0; when < 3; when++) {
		for (int i = 0; i < 3; i++) {
			assert_int_equal(view_getattr(vs->a, inos[i], &attr), -ESTALE);
			assert_int_equal(
			    view_read(vs->a, &op, inos[i], 0, 3, &data, &attr), -ESTALE);
			assert_int_equal(
			    op_try_write(vs->a, inos[i], 0, "x", 1, VIEW_UNSTABLE), -ESTALE);
			assert_int_equal(op_try_truncate(vs->a, inos[i], 0), -ESTALE);
		}
		assert_int_equal(view_getattr(vs->a, 0x7fffffff, &attr), -ESTALE);
		assert_int_equal(view_getattr(vs->a, UINT32_MAX, &attr), -ESTALE);
		assert_int_equal(view_getattr(vs->a, 1, &attr), -ESTALE);
		if (when == 0)
			viewstore_flush(vs);
		view_trim(vs->a, 0);
		if (when == 1)
			viewstore_reopen(vs);
		assert_int_equal(op_find(vs->a, "f"), again);
	}
}

static int64_t
all_rows(struct viewstore *vs)
{
	return viewstore_count(vs, "SELECT (SELECT count(*) FROM inode) + (SELECT count(*) FROM"
				   " dirent) + (SELECT count(*) FROM extent)");
}

static void
what_lived_only_in_the_head_leaves_no_row_behind(void **state)
{
	struct viewstore *vs = *state;
	struct view_usage usage;
	char name[16];

	for (int round = 0; round < 2; round++) {
		uint32_t dir = op_mkdir(vs->a, INO_ROOT, "d");

		for (uint32_t i = 0; i < 50; i++) {
			uint32_t ino;

			snprintf(name, sizeof(name), "f%u", i);
			ino = op_create(vs->a, dir, name);
			op_write_pattern(vs->a, ino, 0, 5000, i);
			op_write_later(vs->a, ino, 9000, "x", 1);
			if (i % 3 == 0)
				op_link(vs->a, ino, INO_ROOT, name);
		}
		if (round)
			viewstore_reopen(vs);
		for (uint32_t i = 0; i < 50; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			op_remove(vs->a, dir, name);
			if (i % 3 == 0)
				op_remove(vs->a, INO_ROOT, name);
		}
		op_rmdir(vs->a, INO_ROOT, "d");
		viewstore_flush(vs);
		assert_int_equal(all_rows(vs), 1); /* the root's times */
		view_usage(vs->a, &usage);
		assert_int_equal(usage.delta_files, 1);
		assert_int_equal(usage.delta_bytes, 0);
	}
}

static void
a_removed_golden_name_is_a_whiteout_and_a_tombstone(void **state)
{
	struct viewstore *vs = *state;
	uint32_t old = op_find(vs->a, "data");

	op_write_pattern(vs->a, old, 0, 9000, 3);
	op_remove(vs->a, INO_ROOT, "data");
	viewstore_reopen(vs);
	assert_int_equal(all_rows(vs), 3); /* root, tombstone, whiteout */
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	assert_true(op_create(vs->a, INO_ROOT, "data") > old);
	viewstore_reopen(vs);
	assert_int_equal(op_attr(vs->a, op_find(vs->a, "data")).size, 0);
	assert_int_equal(all_rows(vs), 4);
	op_remove(vs->a, INO_ROOT, "data");
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	viewstore_reopen(vs);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "data", NULL), -ENOENT);
	assert_int_equal(all_rows(vs), 3);
}

static void
links_are_counted_and_limited(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data"), dir = op_find(vs->a, "dir");
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	op_link(vs->a, ino, dir, "l1");
	op_link(vs->a, ino, INO_ROOT, "l2");
	assert_int_equal(op_attr(vs->a, ino).nlink, 3);
	assert_int_equal(view_link(vs->a, &op, dir, INO_ROOT, STR("x"), &attr, &wcc), -EPERM);
	assert_int_equal(view_link(vs->a, &op, ino, INO_ROOT, STR("dir"), &attr, &wcc), -EEXIST);
	op_write_later(vs->a, ino, 0, "x", 1);
	op_remove(vs->a, INO_ROOT, "data");
	op_remove(vs->a, dir, "l1");
	viewstore_reopen(vs);
	assert_int_equal(op_attr(vs->a, ino).nlink, 1);
	op_assert_bytes(vs->a, op_find(vs->a, "l2"), 0, "x", 1);
	op_assert_pattern(vs->a, ino, 1, 1, VIEWSTORE_DATA - 1, 1);
	op_link(vs->a, op_find(vs->a, "link"), INO_ROOT, "link2"); /* of a symlink */
	assert_int_equal(op_attr(vs->a, op_find(vs->a, "link2")).mode & S_IFMT, S_IFLNK);
}

static void
a_symlink_keeps_its_target_of_any_length(void **state)
{
	struct viewstore *vs = *state;
	char target[TARGET_BYTES_MAX + 2], got[TARGET_BYTES_MAX + 1];
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	uint32_t ino, n;

	memset(target, 't', sizeof(target));
	op_must(view_symlink(vs->a, &op, INO_ROOT, STR("s"), &nothing,
	    (struct str){ target, TARGET_BYTES_MAX }, &attr, &wcc));
	ino = attr.ino;
	assert_int_equal(view_symlink(vs->a, &op, INO_ROOT, STR("s2"), &nothing,
			     (struct str){ target, TARGET_BYTES_MAX + 1 }, &attr, &wcc),
	    -ENAMETOOLONG);
	assert_int_equal(
	    view_symlink(vs->a, &op, INO_ROOT, STR("s2"), &nothing, STR(""), &attr, &wcc), -EINVAL);
	for (int i = 0; i < 2; i++) {
		op_must(view_readlink(vs->a, &op, ino, got, &n, &attr));
		assert_int_equal(n, TARGET_BYTES_MAX);
		assert_memory_equal(got, target, n);
		viewstore_reopen(vs);
	}
	op_chmod(vs->a, op_find(vs->a, "link"), 0777);
	op_must(view_readlink(vs->a, &op, op_find(vs->a, "link"), got, &n, &attr));
	assert_string_equal(got, "dir/a");
	op_must(view_readlink(vs->b, &op, op_find(vs->b, "link"), got, &n, &attr));
	assert_string_equal(got, "dir/a");
	assert_int_equal(view_readlink(vs->a, &op, INO_ROOT, got, &n, &attr), -EINVAL);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(everything_that_is_made_has_the_attributes_of_its_kind),
		ON_STORE(a_folder_counts_its_subfolders_in_its_links),
		ON_STORE(names_are_any_bytes_up_to_255),
		ON_STORE(dots_are_not_made_removed_or_renamed),
		ON_STORE(what_is_not_a_folder_has_no_names),
		ON_STORE(create_is_unchecked_guarded_or_exclusive),
		ON_STORE(an_exclusive_create_sent_again_succeeds_also_after_a_crash),
		ON_STORE(a_rename_over_a_file_takes_its_place),
		ON_STORE(a_rename_between_two_links_of_one_file_does_nothing),
		ON_STORE(folders_and_files_do_not_replace_each_other),
		ON_STORE(a_removed_folder_takes_no_new_names),
		ON_STORE(a_handle_is_stale_after_removal_before_and_after_it_is_durable),
		ON_STORE(what_lived_only_in_the_head_leaves_no_row_behind),
		ON_STORE(a_removed_golden_name_is_a_whiteout_and_a_tombstone),
		ON_STORE(links_are_counted_and_limited),
		ON_STORE(a_symlink_keeps_its_target_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

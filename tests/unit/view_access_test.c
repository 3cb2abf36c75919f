/* Who may do what through a view. */
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
#include "tests/lib/as.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static const struct view_set nothing;

static int
remove_as(struct view *v, struct view_op op, uint32_t dir, const char *name)
{
	struct view_wcc wcc;

	return view_remove(v, &op, dir, str_of(name), &wcc);
}

static int
rename_as(
    struct view *v, struct view_op op, uint32_t from, const char *old, uint32_t to, const char *new)
{
	struct view_wcc wfrom, wto;

	return view_rename(v, &op, from, str_of(old), to, str_of(new), &wfrom, &wto);
}

static int
write_as(struct view *v, struct view_op op, uint32_t ino)
{
	enum view_stable got;
	struct view_wcc wcc;

	return view_write(v, &op, ino, 0, "w", 1, VIEW_UNSTABLE, &got, &wcc);
}

static int
read_as(struct view *v, struct view_op op, uint32_t ino)
{
	struct view_data data;
	struct view_attr attr;
	int r = view_read(v, &op, ino, 0, 1, &data, &attr);

	if (!r)
		view_data_release(&data);
	return r;
}

static void
only_the_owner_changes_the_mode(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own");

	assert_int_equal(as_chmod(vs->a, op_as(1001, 1000), own, 0777), -EPERM);
	assert_int_equal(as_chmod(vs->a, op_as(1000, 1000), own, 0640), 0);
	assert_int_equal(op_mode(vs->a, own), 0640);
	assert_int_equal(as_chmod(vs->a, op_as(0, 0), own, 0600), 0);
}

static void
only_root_gives_files_away(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own"), groups[] = { 7, 50 };
	struct view_op pi = op_as(1000, 1000), member = pi;

	member.ngroups = 2;
	member.groups = groups;
	assert_int_equal(as_chown(vs->a, pi, own, 1001), -EPERM);
	assert_int_equal(as_chown(vs->a, pi, own, 1000), 0);
	assert_int_equal(as_chgrp(vs->a, pi, own, 50), -EPERM);
	assert_int_equal(as_chgrp(vs->a, pi, own, 1000), 0);
	assert_int_equal(as_chgrp(vs->a, member, own, 50), 0);
	assert_int_equal(op_attr(vs->a, own).gid, 50);
	assert_int_equal(as_chgrp(vs->a, op_as(1001, 50), own, 50), -EPERM);
	assert_int_equal(as_chown(vs->a, op_as(1001, 1001), own, 1001), -EPERM);
	assert_int_equal(as_chown(vs->a, op_as(0, 0), own, 1001), 0);
	assert_int_equal(op_attr(vs->a, own).uid, 1001);
}

static void
a_writer_may_set_times_to_now_and_only_the_owner_to_others(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own");
	struct view_set now = { .set_atime = VIEW_TIME_NOW, .set_mtime = VIEW_TIME_NOW };
	struct view_set given = { .set_mtime = VIEW_TIME_GIVEN, .mtime = { 12345, 678 } };
	struct view_attr attr;

	assert_int_equal(as_setattr(vs->a, op_as(1001, 1001), own, now), -EACCES);
	op_chmod(vs->a, own, 0606);
	assert_int_equal(as_setattr(vs->a, op_as(1001, 1001), own, now), 0);
	assert_int_equal(as_setattr(vs->a, op_as(1001, 1001), own, given), -EPERM);
	assert_int_equal(as_setattr(vs->a, op_as(1000, 1000), own, given), 0);
	attr = op_attr(vs->a, own);
	assert_int_equal(attr.mtime.tv_sec, 12345);
	assert_int_equal(attr.mtime.tv_nsec, 678);
	assert_true(attr.ctime.tv_sec > VIEWSTORE_TIME);
	given.mtime = (struct timespec){ -5, 999999999 };
	assert_int_equal(as_setattr(vs->a, op_as(0, 0), own, given), 0);
	viewstore_reopen(vs);
	attr = op_attr(vs->a, own);
	assert_int_equal(attr.mtime.tv_sec, -5);
	assert_int_equal(attr.mtime.tv_nsec, 999999999);
}

static void
an_owner_writes_and_reads_what_he_has_open(void **state)
{
	struct viewstore *vs = *state;
	uint32_t look = op_find(vs->a, "home/readonly"), own = op_find(vs->a, "home/own");

	assert_int_equal(write_as(vs->a, op_as(1000, 1000), look), 0);
	assert_int_equal(write_as(vs->a, op_as(1001, 1000), look), -EACCES);
	assert_int_equal(read_as(vs->a, op_as(1001, 1001), look), 0);
	assert_int_equal(read_as(vs->a, op_as(1001, 1001), own), -EACCES);
	op_chmod(vs->a, own, 0001); /* who may execute may read: the kernel reads to execute */
	assert_int_equal(read_as(vs->a, op_as(1001, 1001), own), 0);
	assert_int_equal(
	    as_setattr(vs->a, op_as(1001, 1001), own, (struct view_set){ .set_size = true }),
	    -EACCES);
	assert_int_equal(
	    as_setattr(vs->a, op_as(1000, 1000), look, (struct view_set){ .set_size = true }), 0);
}

static void
folders_let_in_whom_their_mode_lets_in(void **state)
{
	struct viewstore *vs = *state;
	uint32_t home = op_find(vs->a, "home"), groups[] = { 1000 };
	struct view_op other = op_as(1001, 1001), member = other;
	struct view_attr attr, dir;
	struct view_wcc wcc;

	member.ngroups = 1;
	member.groups = groups;
	op_chmod(vs->a, home, 0710);
	assert_int_equal(view_lookup(vs->a, &member, home, STR("own"), &attr, &dir), 0);
	assert_int_equal(view_lookup(vs->a, &other, home, STR("own"), &attr, &dir), -EACCES);
	assert_int_equal(view_lookup(vs->a, &other, home, STR("none"), &attr, &dir), -EACCES);
	assert_int_equal(dir.ino, home);
	assert_int_equal(
	    view_mkdir(vs->a, &member, home, STR("x"), &nothing, &attr, &wcc), -EACCES);
	assert_true(wcc.have);
	assert_int_equal(
	    view_mkdir(vs->a, &member, home, STR("own"), &nothing, &attr, &wcc), -EEXIST);
	assert_int_equal(remove_as(vs->a, member, home, "own"), -EACCES);
	assert_int_equal(rename_as(vs->a, member, home, "own", home, "x"), -EACCES);
	assert_int_equal(
	    view_link(vs->a, &member, op_find(vs->a, "data"), home, STR("x"), &attr, &wcc),
	    -EACCES);
	op_chmod(vs->a, home, 0760); /* no search: nothing can be made */
	assert_int_equal(
	    view_mkdir(vs->a, &member, home, STR("x"), &nothing, &attr, &wcc), -EACCES);
	op_chmod(vs->a, home, 0770);
	assert_int_equal(view_mkdir(vs->a, &member, home, STR("x"), &nothing, &attr, &wcc), 0);
}

static void
only_root_makes_devices(void **state)
{
	static const uint32_t rdev[2] = { 1, 3 };
	struct viewstore *vs = *state;
	uint32_t tmp = op_find(vs->a, "tmp");
	struct view_op pi = op_as(1000, 1000);
	struct view_attr attr;
	struct view_wcc wcc;

	assert_int_equal(
	    view_mknod(vs->a, &pi, tmp, STR("dev"), S_IFCHR, rdev, &nothing, &attr, &wcc), -EPERM);
	assert_int_equal(
	    view_mknod(vs->a, &pi, tmp, STR("pipe"), S_IFIFO, rdev, &nothing, &attr, &wcc), 0);
	assert_int_equal(attr.uid, 1000);
}

static void
access_tells_what_the_other_calls_would_do(void **state)
{
	static const struct {
		const char *path;
		uint32_t uid, gid, want;
	} rows[] = {
		{ "home/own", 1000, 1000,
		    VIEW_ACCESS_READ | VIEW_ACCESS_MODIFY | VIEW_ACCESS_EXTEND },
		{ "home/own", 1001, 1000, 0 },
		{ "home/own", 0, 0, VIEW_ACCESS_READ | VIEW_ACCESS_MODIFY | VIEW_ACCESS_EXTEND },
		{ "home/readonly", 1000, 1000, VIEW_ACCESS_READ },
		{ "setid", 1000, 1000, VIEW_ACCESS_READ | VIEW_ACCESS_EXECUTE },
		{ "dir", 1000, 1000, VIEW_ACCESS_READ | VIEW_ACCESS_LOOKUP },
		{ "home", 1000, 1,
		    VIEW_ACCESS_READ | VIEW_ACCESS_LOOKUP | VIEW_ACCESS_MODIFY |
			VIEW_ACCESS_EXTEND | VIEW_ACCESS_DELETE },
	};
	struct viewstore *vs = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct view_op op = op_as(rows[i].uid, rows[i].gid);
		uint32_t allowed, ino = op_find(vs->a, rows[i].path);
		struct view_attr attr;

		op_must(view_access(vs->a, &op, ino, 0x3f, &allowed, &attr));
		assert_int_equal(allowed, rows[i].want);
		assert_int_equal(attr.ino, ino);
		op_must(view_access(vs->a, &op, ino, VIEW_ACCESS_READ, &allowed, &attr));
		assert_int_equal(allowed, rows[i].want & VIEW_ACCESS_READ);
		assert_int_equal(op.ticket, 0);
	}
}

static void
in_a_sticky_folder_only_owners_take_names_away(void **state)
{
	struct viewstore *vs = *state;
	uint32_t tmp = op_find(vs->a, "tmp");
	struct view_op pi = op_as(1000, 1000), other = op_as(1001, 1001);

	as_create(vs->a, pi, tmp, "pi", 0666);
	as_create(vs->a, other, tmp, "other", 0666);
	assert_int_equal(remove_as(vs->a, other, tmp, "pi"), -EPERM);
	assert_int_equal(rename_as(vs->a, other, tmp, "pi", tmp, "x"), -EPERM);
	assert_int_equal(rename_as(vs->a, other, tmp, "other", tmp, "pi"), -EPERM);
	assert_int_equal(rename_as(vs->a, pi, tmp, "pi", tmp, "mine"), 0);
	assert_int_equal(remove_as(vs->a, pi, tmp, "mine"), 0);
	assert_int_equal(as_chown(vs->a, op_as(0, 0), tmp, 1000), 0);
	assert_int_equal(remove_as(vs->a, pi, tmp, "other"), 0); /* the folder's owner may */
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(only_the_owner_changes_the_mode),
		ON_STORE(only_root_gives_files_away),
		ON_STORE(a_writer_may_set_times_to_now_and_only_the_owner_to_others),
		ON_STORE(an_owner_writes_and_reads_what_he_has_open),
		ON_STORE(folders_let_in_whom_their_mode_lets_in),
		ON_STORE(only_root_makes_devices),
		ON_STORE(access_tells_what_the_other_calls_would_do),
		ON_STORE(in_a_sticky_folder_only_owners_take_names_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

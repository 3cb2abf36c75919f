/* Attributes: what changes along with what, and what doesn't. */
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
a_setgid_folder_gives_its_group_to_what_is_made_in_it(void **state)
{
	struct viewstore *vs = *state;
	uint32_t shared = op_find(vs->a, "shared"), file, groups[] = { 50 };
	struct view_op pi = op_as(1000, 1000);
	struct view_attr dir;
	struct view_wcc wcc;

	pi.ngroups = 1;
	pi.groups = groups;
	file = as_create(vs->a, pi, shared, "f", 0664);
	assert_int_equal(op_attr(vs->a, file).gid, 50);
	assert_int_equal(op_attr(vs->a, file).uid, 1000);
	assert_int_equal(op_mode(vs->a, file), 0664);
	op_must(view_mkdir(vs->a, &pi, shared, STR("d"),
	    &(struct view_set){ .set_mode = true, .mode = 0755 }, &dir, &wcc));
	assert_int_equal(dir.gid, 50);
	assert_int_equal(dir.mode & 07777, 02755);
	op_chmod(vs->a, shared, 02777);
	file = as_create(vs->a, op_as(1001, 1001), shared, "g", 02775); /* not of group 50 */
	assert_int_equal(op_mode(vs->a, file), 0775);
	file = as_create(vs->a, op_as(1001, 1001), op_find(vs->a, "tmp"), "g", 0664);
	assert_int_equal(op_attr(vs->a, file).gid, 1001);
}

static void
set_id_bits_go_with_a_write_a_cut_and_a_new_owner(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = as_create(vs->a, op_as(1000, 1000), op_find(vs->a, "tmp"), "f", 06777);
	struct view_set cut = { .set_size = true, .size = 0 };
	struct view_op pi = op_as(1000, 1000);
	struct view_attr out;
	struct view_wcc wcc;

	assert_int_equal(op_mode(vs->a, ino), 06777);
	assert_int_equal(write_as(vs->a, op_as(0, 0), ino), 0);
	assert_int_equal(op_mode(vs->a, ino), 06777);
	assert_int_equal(write_as(vs->a, pi, ino), 0);
	assert_int_equal(op_mode(vs->a, ino), 0777);
	op_chmod(vs->a, ino, 06767); /* not executable by the group: a lock, not a group */
	assert_int_equal(write_as(vs->a, pi, ino), 0);
	assert_int_equal(op_mode(vs->a, ino), 02767);
	op_chmod(vs->a, ino, 06777);
	assert_int_equal(as_setattr(vs->a, pi, ino, cut), 0);
	assert_int_equal(op_mode(vs->a, ino), 0777);
	op_chmod(vs->a, ino, 06777);
	op_must(view_create(
	    vs->a, &pi, op_find(vs->a, "tmp"), STR("f"), VIEW_UNCHECKED, &cut, 0, &out, &wcc));
	assert_int_equal(out.mode & 07777, 0777);
	op_chmod(vs->a, ino, 06777);
	assert_int_equal(as_chown(vs->a, op_as(0, 0), ino, 1001), 0); /* by root, too */
	assert_int_equal(op_mode(vs->a, ino), 0777);
	op_chmod(vs->a, ino, 06777);
	assert_int_equal(as_chgrp(vs->a, op_as(0, 0), ino, 5), 0);
	assert_int_equal(op_mode(vs->a, ino), 0777);
	ino = op_find(vs->a, "shared");
	assert_int_equal(as_chown(vs->a, op_as(0, 0), ino, 1000), 0); /* a folder keeps its own */
	assert_int_equal(op_mode(vs->a, ino), 02775);
}

static void
who_is_outside_the_group_sets_no_setgid(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own");

	assert_int_equal(as_chgrp(vs->a, op_as(0, 0), own, 50), 0);
	assert_int_equal(as_chmod(vs->a, op_as(1000, 1000), own, 06755), 0);
	assert_int_equal(op_mode(vs->a, own), 04755);
	assert_int_equal(as_chmod(vs->a, op_as(1000, 50), own, 06755), 0);
	assert_int_equal(op_mode(vs->a, own), 06755);
}

static void
a_guarded_change_needs_the_present_ctime(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_set set = { .set_mode = true, .mode = 0600, .guard = true };

	set.guard_ctime = op_attr(vs->a, ino).ctime;
	set.guard_ctime.tv_nsec ^= 1;
	assert_int_equal(as_setattr(vs->a, op_as(0, 0), ino, set), -EAGAIN);
	assert_int_equal(op_mode(vs->a, ino), 0644);
	set.guard_ctime.tv_nsec ^= 1;
	assert_int_equal(as_setattr(vs->a, op_as(0, 0), ino, set), 0);
	assert_int_equal(as_setattr(vs->a, op_as(0, 0), ino, set), -EAGAIN); /* it has moved on */
	set.guard_ctime = op_attr(vs->a, ino).ctime;
	viewstore_reopen(vs);
	assert_int_equal(as_setattr(vs->a, op_as(0, 0), ino, set), 0);
}

static void
setting_nothing_changes_nothing(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_attr before = op_attr(vs->a, ino), after;
	struct view_op op = { 0 };
	struct view_wcc wcc;

	op_must(view_setattr(vs->a, &op, ino, &nothing, &wcc));
	assert_int_equal(op.ticket, 0);
	assert_true(wcc.have);
	after = op_attr(vs->a, ino);
	op_assert_same(&before, &after, true);
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM inode"), 0);
}

/* --- times --- */

enum { A = 1, M = 2, C = 4 };

/* Which times differ; *then becomes what it is now. */
static int
moved(struct view *v, uint32_t ino, struct view_attr *then)
{
	struct view_attr now = op_attr(v, ino);
	int which = 0;

	which |= memcmp(&now.atime, &then->atime, sizeof(now.atime)) ? A : 0;
	which |= memcmp(&now.mtime, &then->mtime, sizeof(now.mtime)) ? M : 0;
	which |= memcmp(&now.ctime, &then->ctime, sizeof(now.ctime)) ? C : 0;
	*then = now;
	return which;
}

static void
times_change_when_they_must_and_only_then(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), ino = op_find(vs->a, "dir/a");
	struct view_attr d = op_attr(vs->a, dir), f = op_attr(vs->a, ino);
	struct op_list l;

	read_as(vs->a, op_as(0, 0), ino);
	l = op_list(vs->a, dir, 10);
	free(l.entries);
	assert_int_equal(moved(vs->a, ino, &f) | moved(vs->a, dir, &d), 0);
	op_write_later(vs->a, ino, 0, "x", 1);
	assert_int_equal(moved(vs->a, ino, &f), M | C);
	op_commit(vs->a, ino);
	assert_int_equal(moved(vs->a, ino, &f), 0);
	op_chmod(vs->a, ino, 0600);
	assert_int_equal(moved(vs->a, ino, &f), C);
	op_truncate(vs->a, ino, 1);
	assert_int_equal(moved(vs->a, ino, &f), M | C);
	assert_int_equal(moved(vs->a, dir, &d), 0);
	op_link(vs->a, ino, dir, "l");
	assert_int_equal(moved(vs->a, ino, &f), C);
	assert_int_equal(moved(vs->a, dir, &d), M | C);
	op_rename(vs->a, dir, "l", dir, "k");
	assert_int_equal(moved(vs->a, ino, &f), C);
	assert_int_equal(moved(vs->a, dir, &d), M | C);
	op_remove(vs->a, dir, "k");
	assert_int_equal(moved(vs->a, ino, &f), C);
	assert_int_equal(moved(vs->a, dir, &d), M | C);
	assert_int_equal(op_try_remove(vs->a, dir, "k"), -ENOENT);
	assert_int_equal(op_try_rename(vs->a, dir, "a", dir, "sub"), -EISDIR);
	assert_int_equal(op_try_write(vs->a, ino, 0, "", 0, VIEW_FILE_SYNC), 0);
	assert_int_equal(moved(vs->a, ino, &f) | moved(vs->a, dir, &d), 0);
	op_create(vs->a, op_find(vs->a, "dir/sub"), "n");
	assert_int_equal(moved(vs->a, dir, &d), 0);
	viewstore_reopen(vs);
	assert_int_equal(moved(vs->a, ino, &f) | moved(vs->a, dir, &d), 0);
}

static void
a_ctime_grows_with_each_change(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_attr before = op_attr(vs->a, ino), after;

	for (int i = 0; i < 1000; i++) {
		op_write_later(vs->a, ino, 0, "x", 1);
		after = op_attr(vs->a, ino);
		assert_true(after.ctime.tv_sec > before.ctime.tv_sec ||
			    (after.ctime.tv_sec == before.ctime.tv_sec &&
				after.ctime.tv_nsec > before.ctime.tv_nsec));
		before = after;
	}
}

static void
attributes_around_a_change_are_those_before_and_after(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), sub = op_find(vs->a, "dir/sub");
	struct view_attr d = op_attr(vs->a, dir), s = op_attr(vs->a, sub), now, out;
	struct view_op op = { 0 };
	struct view_wcc wcc, wto;

	op_must(view_rename(vs->a, &op, dir, STR("a"), sub, STR("a"), &wcc, &wto));
	assert_true(wcc.have && wto.have);
	op_assert_same(&wcc.before, &d, true);
	op_assert_same(&wto.before, &s, true);
	now = op_attr(vs->a, dir);
	op_assert_same(&wcc.after, &now, true);
	now = op_attr(vs->a, sub);
	op_assert_same(&wto.after, &now, true);
	op_must(view_rename(vs->a, &op, sub, STR("a"), sub, STR("b"), &wcc, &wto));
	now = op_attr(vs->a, sub);
	op_assert_same(&wcc.after, &now, true);
	op_assert_same(&wto.after, &now, true);
	op_must(view_create(vs->a, &op, dir, STR("n"), VIEW_GUARDED, &nothing, 0, &out, &wcc));
	now = op_attr(vs->a, dir);
	op_assert_same(&wcc.after, &now, true);
	now = op_attr(vs->a, out.ino);
	op_assert_same(&out, &now, true);
	assert_int_equal(view_remove(vs->a, &op, dir, STR("none"), &wcc), -ENOENT);
	assert_true(wcc.have);
	op_assert_same(&wcc.before, &wcc.after, true);
}

static void
statfs_tells_of_the_disk_below(void **state)
{
	struct viewstore *vs = *state;
	struct view_statfs s;
	struct view_attr attr;

	op_must(view_statfs(vs->a, INO_ROOT, &s, &attr));
	assert_true(s.bytes >= s.bytes_free && s.bytes_free >= s.bytes_avail);
	assert_true(s.files > s.files_free && s.files <= INO_MAX);
	assert_int_equal(attr.ino, INO_ROOT);
	assert_int_equal(view_statfs(vs->a, 99999, &s, &attr), -ESTALE);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(a_setgid_folder_gives_its_group_to_what_is_made_in_it),
		ON_STORE(set_id_bits_go_with_a_write_a_cut_and_a_new_owner),
		ON_STORE(who_is_outside_the_group_sets_no_setgid),
		ON_STORE(a_guarded_change_needs_the_present_ctime),
		ON_STORE(setting_nothing_changes_nothing),
		ON_STORE(times_change_when_they_must_and_only_then),
		ON_STORE(a_ctime_grows_with_each_change),
		ON_STORE(attributes_around_a_change_are_those_before_and_after),
		ON_STORE(statfs_tells_of_the_disk_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

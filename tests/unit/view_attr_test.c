/* Attributes: who may change which, what changes along with them, and what doesn't. */
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
setattr(struct view *v, struct view_op op, uint32_t ino, struct view_set set)
{
	struct view_wcc wcc;

	return view_setattr(v, &op, ino, &set, &wcc);
}

static int
chmod_as(struct view *v, struct view_op op, uint32_t ino, uint32_t mode)
{
	return setattr(v, op, ino, (struct view_set){ .set_mode = true, .mode = mode });
}

static int
chown_as(struct view *v, struct view_op op, uint32_t ino, uint32_t uid)
{
	return setattr(v, op, ino, (struct view_set){ .set_uid = true, .uid = uid });
}

static int
chgrp_as(struct view *v, struct view_op op, uint32_t ino, uint32_t gid)
{
	return setattr(v, op, ino, (struct view_set){ .set_gid = true, .gid = gid });
}

static uint32_t
mode_of(struct view *v, uint32_t ino)
{
	return op_attr(v, ino).mode & 07777;
}

static uint32_t
make_as(struct view *v, struct view_op op, uint32_t dir, const char *name, uint32_t mode)
{
	struct view_set set = { .set_mode = true, .mode = mode };
	struct view_attr out;
	struct view_wcc wcc;

	op_must(view_create(v, &op, dir, str_of(name), VIEW_GUARDED, &set, 0, &out, &wcc));
	return out.ino;
}

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

/* --- who may --- */

static void
only_the_owner_changes_the_mode(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own");

	assert_int_equal(chmod_as(vs->a, op_as(1001, 1000), own, 0777), -EPERM);
	assert_int_equal(chmod_as(vs->a, op_as(1000, 1000), own, 0640), 0);
	assert_int_equal(mode_of(vs->a, own), 0640);
	assert_int_equal(chmod_as(vs->a, op_as(0, 0), own, 0600), 0);
}

static void
only_root_gives_files_away(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own"), groups[] = { 7, 50 };
	struct view_op pi = op_as(1000, 1000), member = pi;

	member.ngroups = 2;
	member.groups = groups;
	assert_int_equal(chown_as(vs->a, pi, own, 1001), -EPERM);
	assert_int_equal(chown_as(vs->a, pi, own, 1000), 0);
	assert_int_equal(chgrp_as(vs->a, pi, own, 50), -EPERM);
	assert_int_equal(chgrp_as(vs->a, pi, own, 1000), 0);
	assert_int_equal(chgrp_as(vs->a, member, own, 50), 0);
	assert_int_equal(op_attr(vs->a, own).gid, 50);
	assert_int_equal(chgrp_as(vs->a, op_as(1001, 50), own, 50), -EPERM);
	assert_int_equal(chown_as(vs->a, op_as(1001, 1001), own, 1001), -EPERM);
	assert_int_equal(chown_as(vs->a, op_as(0, 0), own, 1001), 0);
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

	assert_int_equal(setattr(vs->a, op_as(1001, 1001), own, now), -EACCES);
	op_chmod(vs->a, own, 0606);
	assert_int_equal(setattr(vs->a, op_as(1001, 1001), own, now), 0);
	assert_int_equal(setattr(vs->a, op_as(1001, 1001), own, given), -EPERM);
	assert_int_equal(setattr(vs->a, op_as(1000, 1000), own, given), 0);
	attr = op_attr(vs->a, own);
	assert_int_equal(attr.mtime.tv_sec, 12345);
	assert_int_equal(attr.mtime.tv_nsec, 678);
	assert_true(attr.ctime.tv_sec > VIEWSTORE_TIME);
	given.mtime = (struct timespec){ -5, 999999999 };
	assert_int_equal(setattr(vs->a, op_as(0, 0), own, given), 0);
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
	    setattr(vs->a, op_as(1001, 1001), own, (struct view_set){ .set_size = true }), -EACCES);
	assert_int_equal(
	    setattr(vs->a, op_as(1000, 1000), look, (struct view_set){ .set_size = true }), 0);
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

	make_as(vs->a, pi, tmp, "pi", 0666);
	make_as(vs->a, other, tmp, "other", 0666);
	assert_int_equal(remove_as(vs->a, other, tmp, "pi"), -EPERM);
	assert_int_equal(rename_as(vs->a, other, tmp, "pi", tmp, "x"), -EPERM);
	assert_int_equal(rename_as(vs->a, other, tmp, "other", tmp, "pi"), -EPERM);
	assert_int_equal(rename_as(vs->a, pi, tmp, "pi", tmp, "mine"), 0);
	assert_int_equal(remove_as(vs->a, pi, tmp, "mine"), 0);
	assert_int_equal(chown_as(vs->a, op_as(0, 0), tmp, 1000), 0);
	assert_int_equal(remove_as(vs->a, pi, tmp, "other"), 0); /* the folder's owner may */
}

/* --- what goes along --- */

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
	file = make_as(vs->a, pi, shared, "f", 0664);
	assert_int_equal(op_attr(vs->a, file).gid, 50);
	assert_int_equal(op_attr(vs->a, file).uid, 1000);
	assert_int_equal(mode_of(vs->a, file), 0664);
	op_must(view_mkdir(vs->a, &pi, shared, STR("d"),
	    &(struct view_set){ .set_mode = true, .mode = 0755 }, &dir, &wcc));
	assert_int_equal(dir.gid, 50);
	assert_int_equal(dir.mode & 07777, 02755);
	op_chmod(vs->a, shared, 02777);
	file = make_as(vs->a, op_as(1001, 1001), shared, "g", 02775); /* not of group 50 */
	assert_int_equal(mode_of(vs->a, file), 0775);
	file = make_as(vs->a, op_as(1001, 1001), op_find(vs->a, "tmp"), "g", 0664);
	assert_int_equal(op_attr(vs->a, file).gid, 1001);
}

static void
set_id_bits_go_with_a_write_a_cut_and_a_new_owner(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = make_as(vs->a, op_as(1000, 1000), op_find(vs->a, "tmp"), "f", 06777);
	struct view_set cut = { .set_size = true, .size = 0 };
	struct view_op pi = op_as(1000, 1000);
	struct view_attr out;
	struct view_wcc wcc;

	assert_int_equal(mode_of(vs->a, ino), 06777);
	assert_int_equal(write_as(vs->a, op_as(0, 0), ino), 0);
	assert_int_equal(mode_of(vs->a, ino), 06777);
	assert_int_equal(write_as(vs->a, pi, ino), 0);
	assert_int_equal(mode_of(vs->a, ino), 0777);
	op_chmod(vs->a, ino, 06767); /* not executable by the group: a lock, not a group */
	assert_int_equal(write_as(vs->a, pi, ino), 0);
	assert_int_equal(mode_of(vs->a, ino), 02767);
	op_chmod(vs->a, ino, 06777);
	assert_int_equal(setattr(vs->a, pi, ino, cut), 0);
	assert_int_equal(mode_of(vs->a, ino), 0777);
	op_chmod(vs->a, ino, 06777);
	op_must(view_create(
	    vs->a, &pi, op_find(vs->a, "tmp"), STR("f"), VIEW_UNCHECKED, &cut, 0, &out, &wcc));
	assert_int_equal(out.mode & 07777, 0777);
	op_chmod(vs->a, ino, 06777);
	assert_int_equal(chown_as(vs->a, op_as(0, 0), ino, 1001), 0); /* by root, too */
	assert_int_equal(mode_of(vs->a, ino), 0777);
	op_chmod(vs->a, ino, 06777);
	assert_int_equal(chgrp_as(vs->a, op_as(0, 0), ino, 5), 0);
	assert_int_equal(mode_of(vs->a, ino), 0777);
	ino = op_find(vs->a, "shared");
	assert_int_equal(chown_as(vs->a, op_as(0, 0), ino, 1000), 0); /* a folder keeps its own */
	assert_int_equal(mode_of(vs->a, ino), 02775);
}

static void
who_is_outside_the_group_sets_no_setgid(void **state)
{
	struct viewstore *vs = *state;
	uint32_t own = op_find(vs->a, "home/own");

	assert_int_equal(chgrp_as(vs->a, op_as(0, 0), own, 50), 0);
	assert_int_equal(chmod_as(vs->a, op_as(1000, 1000), own, 06755), 0);
	assert_int_equal(mode_of(vs->a, own), 04755);
	assert_int_equal(chmod_as(vs->a, op_as(1000, 50), own, 06755), 0);
	assert_int_equal(mode_of(vs->a, own), 06755);
}

static void
a_guarded_change_needs_the_present_ctime(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_set set = { .set_mode = true, .mode = 0600, .guard = true };

	set.guard_ctime = op_attr(vs->a, ino).ctime;
	set.guard_ctime.tv_nsec ^= 1;
	assert_int_equal(setattr(vs->a, op_as(0, 0), ino, set), -EAGAIN);
	assert_int_equal(mode_of(vs->a, ino), 0644);
	set.guard_ctime.tv_nsec ^= 1;
	assert_int_equal(setattr(vs->a, op_as(0, 0), ino, set), 0);
	assert_int_equal(setattr(vs->a, op_as(0, 0), ino, set), -EAGAIN); /* it has moved on */
	set.guard_ctime = op_attr(vs->a, ino).ctime;
	viewstore_reopen(vs);
	assert_int_equal(setattr(vs->a, op_as(0, 0), ino, set), 0);
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
		ON_STORE(only_the_owner_changes_the_mode),
		ON_STORE(only_root_gives_files_away),
		ON_STORE(a_writer_may_set_times_to_now_and_only_the_owner_to_others),
		ON_STORE(an_owner_writes_and_reads_what_he_has_open),
		ON_STORE(folders_let_in_whom_their_mode_lets_in),
		ON_STORE(only_root_makes_devices),
		ON_STORE(access_tells_what_the_other_calls_would_do),
		ON_STORE(in_a_sticky_folder_only_owners_take_names_away),
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

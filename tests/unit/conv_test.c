/* Attributes and errors between the view's words and RFC 1813's. */
#include "server/nfs3/conv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct id view = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

static void
an_error_gets_the_status_of_its_name(void **state)
{
	static const struct {
		int err;
		nfsstat3 status;
	} some[] = {
		{ 0, NFS3_OK },
		{ -EACCES, NFS3ERR_ACCES },
		{ -EAGAIN, NFS3ERR_NOT_SYNC },
		{ -EBADMSG, NFS3ERR_BADHANDLE },
		{ -EBADRQC, NFS3ERR_BADTYPE },
		{ -ENAMETOOLONG, NFS3ERR_NAMETOOLONG },
		{ -ENOMEM, NFS3ERR_JUKEBOX },
		{ -ENOTEMPTY, NFS3ERR_NOTEMPTY },
		{ -EPERM, NFS3ERR_PERM },
		{ -ERANGE, NFS3ERR_TOOSMALL },
		{ -ESTALE, NFS3ERR_STALE },
		{ -EXDEV, NFS3ERR_XDEV },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		assert_int_equal(conv_status(some[i].err), some[i].status);
}

static void
an_error_that_nfs_has_no_word_for_is_io(void **state)
{
	(void)state;
	assert_int_equal(conv_status(-ECHILD), NFS3ERR_IO);
	assert_int_equal(conv_status(-100000), NFS3ERR_IO);
	for (int err = 1; err < 200; err++)
		assert_int_not_equal(conv_status(-err), NFS3_OK);
}

static void
the_type_comes_from_the_mode_and_leaves_it(void **state)
{
	static const struct {
		uint32_t mode;
		ftype3 type;
	} types[] = { { S_IFREG, NF3REG }, { S_IFDIR, NF3DIR }, { S_IFBLK, NF3BLK },
		{ S_IFCHR, NF3CHR }, { S_IFLNK, NF3LNK }, { S_IFSOCK, NF3SOCK },
		{ S_IFIFO, NF3FIFO } };
	fattr3 out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct view_attr a = { .ino = 2, .mode = types[i].mode | 06751 };

		conv_attr(&view, &a, &out);
		assert_int_equal(out.type, types[i].type);
		assert_int_equal(out.mode, 06751);
	}
}

static void
each_attribute_goes_to_its_place(void **state)
{
	const struct view_attr a = { .ino = 77,
		.gen = 9,
		.mode = S_IFBLK | 0600,
		.nlink = 3,
		.uid = 4,
		.gid = 5,
		.rdev = { 8, 1048575 },
		.size = 1ull << 40,
		.used = 512,
		.atime = { 1, 10 },
		.mtime = { 2, 20 },
		.ctime = { 3, 999999999 } };
	fattr3 out;

	(void)state;
	conv_attr(&view, &a, &out);
	assert_int_equal(out.fileid, 77);
	assert_int_equal(out.nlink, 3);
	assert_int_equal(out.uid, 4);
	assert_int_equal(out.gid, 5);
	assert_int_equal(out.rdev.specdata1, 8);
	assert_int_equal(out.rdev.specdata2, 1048575);
	assert_true(out.size == 1ull << 40);
	assert_int_equal(out.used, 512);
	assert_int_equal(out.atime.seconds, 1);
	assert_int_equal(out.mtime.nseconds, 20);
	assert_int_equal(out.ctime.seconds, 3);
	assert_int_equal(out.ctime.nseconds, 999999999);
}

static void
the_fsid_belongs_to_the_view(void **state)
{
	struct id other = view;
	fattr3 one, same, another;

	(void)state;
	other.b[0] ^= 1;
	conv_attr(&view, &(struct view_attr){ .ino = 2 }, &one);
	conv_attr(&view, &(struct view_attr){ .ino = 3 }, &same);
	conv_attr(&other, &(struct view_attr){ .ino = 2 }, &another);
	assert_true(one.fsid == same.fsid);
	assert_true(one.fsid != another.fsid);
}

static void
a_time_beyond_the_wire_is_clamped(void **state)
{
	struct view_attr a = { .ino = 2,
		.atime = { -1, 999999999 },
		.mtime = { (time_t)UINT32_MAX + 1, 5 },
		.ctime = { UINT32_MAX, 7 } };
	fattr3 out;

	(void)state;
	conv_attr(&view, &a, &out);
	assert_int_equal(out.atime.seconds, 0);
	assert_int_equal(out.atime.nseconds, 0);
	assert_int_equal(out.mtime.seconds, UINT32_MAX);
	assert_int_equal(out.mtime.nseconds, 999999999);
	assert_int_equal(out.ctime.seconds, UINT32_MAX);
	assert_int_equal(out.ctime.nseconds, 7);
}

static void
what_the_view_did_not_give_is_absent(void **state)
{
	struct view_wcc wcc = { .have = false };
	struct view_attr none = { 0 };
	post_op_attr post = { .attributes_follow = TRUE };
	wcc_data out = { { .attributes_follow = TRUE }, { .attributes_follow = TRUE } };

	(void)state;
	conv_post(&view, &none, &post);
	assert_int_equal(post.attributes_follow, FALSE);
	conv_wcc(&view, &wcc, &out);
	assert_int_equal(out.before.attributes_follow, FALSE);
	assert_int_equal(out.after.attributes_follow, FALSE);
}

static void
around_a_change_both_sides_are_told(void **state)
{
	struct view_wcc wcc = { .have = true,
		.before = { .ino = 5, .size = 1, .mtime = { 1, 2 }, .ctime = { 3, 4 } },
		.after = { .ino = 5, .size = 6, .mtime = { 7, 8 }, .ctime = { 9, 10 } } };
	wcc_data out = { 0 };

	(void)state;
	conv_wcc(&view, &wcc, &out);
	assert_int_equal(out.before.attributes_follow, TRUE);
	assert_int_equal(out.before.pre_op_attr_u.attributes.size, 1);
	assert_int_equal(out.before.pre_op_attr_u.attributes.mtime.nseconds, 2);
	assert_int_equal(out.before.pre_op_attr_u.attributes.ctime.seconds, 3);
	assert_int_equal(out.after.attributes_follow, TRUE);
	assert_int_equal(out.after.post_op_attr_u.attributes.size, 6);
	assert_int_equal(out.after.post_op_attr_u.attributes.ctime.nseconds, 10);
}

static void
nothing_is_set_that_was_not_asked_for(void **state)
{
	struct view_set set;
	sattr3 none = { 0 };

	(void)state;
	memset(&set, 0xff, sizeof(set));
	assert_int_equal(conv_set(&none, &set), 0);
	assert_false(set.set_mode || set.set_uid || set.set_gid || set.set_size || set.guard);
	assert_int_equal(set.set_atime, VIEW_TIME_KEEP);
	assert_int_equal(set.set_mtime, VIEW_TIME_KEEP);
}

static void
all_that_was_asked_for_is_set(void **state)
{
	sattr3 s = { .mode = { TRUE, { 0177777 } },
		.uid = { TRUE, { 0 } },
		.gid = { TRUE, { 7 } },
		.size = { TRUE, { 1ull << 33 } },
		.atime = { SET_TO_SERVER_TIME, { { 0 } } },
		.mtime = { SET_TO_CLIENT_TIME, { { UINT32_MAX, 999999999 } } } };
	struct view_set set;

	(void)state;
	assert_int_equal(conv_set(&s, &set), 0);
	assert_true(set.set_mode && set.set_uid && set.set_gid && set.set_size);
	assert_int_equal(set.mode, 07777);
	assert_int_equal(set.uid, 0);
	assert_int_equal(set.gid, 7);
	assert_true(set.size == 1ull << 33);
	assert_int_equal(set.set_atime, VIEW_TIME_NOW);
	assert_int_equal(set.set_mtime, VIEW_TIME_GIVEN);
	assert_int_equal(set.mtime.tv_sec, UINT32_MAX);
	assert_int_equal(set.mtime.tv_nsec, 999999999);
}

static void
a_whole_second_of_nanoseconds_is_refused(void **state)
{
	sattr3 a = { .atime = { SET_TO_CLIENT_TIME, { { 1, 1000000000 } } } };
	sattr3 m = { .mtime = { SET_TO_CLIENT_TIME, { { 1, UINT32_MAX } } } };
	sattrguard3 g = { TRUE, { { 1, 1000000000 } } };
	struct view_set set;

	(void)state;
	assert_int_equal(conv_set(&a, &set), -EINVAL);
	assert_int_equal(conv_set(&m, &set), -EINVAL);
	assert_int_equal(conv_guard(&g, &set), -EINVAL);
}

static void
the_owner_that_means_none_is_left_alone(void **state)
{
	sattr3 s = { .uid = { TRUE, { UINT32_MAX } }, .gid = { TRUE, { UINT32_MAX } } };
	struct view_set set;

	(void)state;
	assert_int_equal(conv_set(&s, &set), 0);
	assert_false(set.set_uid || set.set_gid);
}

static void
a_guard_holds_the_ctime_that_the_client_saw(void **state)
{
	sattrguard3 yes = { TRUE, { { 11, 12 } } }, no = { FALSE, { { 11, 12 } } };
	struct view_set set = { 0 };

	(void)state;
	assert_int_equal(conv_guard(&yes, &set), 0);
	assert_true(set.guard);
	assert_int_equal(set.guard_ctime.tv_sec, 11);
	assert_int_equal(set.guard_ctime.tv_nsec, 12);
	assert_int_equal(conv_guard(&no, &set), 0);
	assert_false(set.guard);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_gets_the_status_of_its_name),
		cmocka_unit_test(an_error_that_nfs_has_no_word_for_is_io),
		cmocka_unit_test(the_type_comes_from_the_mode_and_leaves_it),
		cmocka_unit_test(each_attribute_goes_to_its_place),
		cmocka_unit_test(the_fsid_belongs_to_the_view),
		cmocka_unit_test(a_time_beyond_the_wire_is_clamped),
		cmocka_unit_test(what_the_view_did_not_give_is_absent),
		cmocka_unit_test(around_a_change_both_sides_are_told),
		cmocka_unit_test(nothing_is_set_that_was_not_asked_for),
		cmocka_unit_test(all_that_was_asked_for_is_set),
		cmocka_unit_test(a_whole_second_of_nanoseconds_is_refused),
		cmocka_unit_test(the_owner_that_means_none_is_left_alone),
		cmocka_unit_test(a_guard_holds_the_ctime_that_the_client_saw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

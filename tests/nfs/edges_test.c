/* What NFS says at the edges, procedure by procedure: limits, attributes around changes, arguments
 * that no client library sends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/cleanup.h"
#include "cow/view.h"
#include "server/nfs3/nfs3.h"
#include "tests/lib/direct.h"

static int
setup(void **state)
{
	struct direct *d = malloc(sizeof(*d));

	assert_non_null(d);
	direct_open(d);
	golden_client(&d->golden, "one", NULL, false);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	direct_close(*state);
	free(*state);
	return 0;
}

static nfs_fh3
at(struct direct *d, const char *path)
{
	nfs_fh3 root = direct_mount(d, "/one");

	return direct_walk(d, &root, path);
}

static fattr3
attr_of(struct direct *d, const nfs_fh3 *fh)
{
	GETATTR3args args = { *fh };
	GETATTR3res res = { 0 };

	assert_int_equal(direct_nfs(d, GETATTR, &args, &res), NFS3_OK);
	return res.GETATTR3res_u.resok.obj_attributes;
}

static bool
same_time(nfstime3 a, nfstime3 b)
{
	return a.seconds == b.seconds && a.nseconds == b.nseconds;
}

/* A change told what was before, and what GETATTR says afterwards. */
static void
expect_wcc(struct direct *d, const wcc_data *wcc, const fattr3 *before, const nfs_fh3 *fh)
{
	const wcc_attr *pre = &wcc->before.pre_op_attr_u.attributes;
	const fattr3 *post = &wcc->after.post_op_attr_u.attributes;
	fattr3 now = attr_of(d, fh);

	assert_true(wcc->before.attributes_follow);
	assert_true(pre->size == before->size);
	assert_true(same_time(pre->mtime, before->mtime) && same_time(pre->ctime, before->ctime));
	assert_true(wcc->after.attributes_follow);
	assert_true(post->size == now.size && post->nlink == now.nlink);
	assert_true(same_time(post->mtime, now.mtime) && same_time(post->ctime, now.ctime));
}

static nfsstat3
setattr(struct direct *d, const nfs_fh3 *fh, const sattr3 *set, const nfstime3 *guard)
{
	SETATTR3args args = { *fh, *set, { 0 } };
	SETATTR3res res = { 0 };

	args.guard.check = guard != NULL;
	if (guard)
		args.guard.sattrguard3_u.obj_ctime = *guard;
	return direct_nfs(d, SETATTR, &args, &res);
}

static WRITE3res
write_at(
    struct direct *d, const nfs_fh3 *fh, uint64_t off, const void *p, uint32_t n, stable_how stable)
{
	WRITE3args args = { *fh, off, n, stable, { p, n } };
	WRITE3res res = { 0 };

	direct_nfs(d, WRITE, &args, &res);
	return res;
}

static READ3res
read_at(struct direct *d, const nfs_fh3 *fh, uint64_t off, uint32_t n, struct str *data)
{
	READ3args args = { *fh, off, n };
	READ3res res = { 0 };

	assert_int_equal(
	    direct_call(d, &nfs3_program, NFSPROC3_READ, &args, &res, data), RPC_ACCEPT_SUCCESS);
	return res;
}

/* --- attributes --- */

static void
a_guard_lets_pass_who_saw_the_last_change(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	nfstime3 seen = attr_of(d, &fh).ctime;
	sattr3 set = { .mode = { TRUE, { 0600 } } };

	assert_int_equal(setattr(d, &fh, &set, &seen), NFS3_OK);
	set.mode.set_mode3_u.mode = 0644;
	assert_int_equal(setattr(d, &fh, &set, &seen), NFS3ERR_NOT_SYNC);
	assert_int_equal(attr_of(d, &fh).mode, 0600);
	seen = attr_of(d, &fh).ctime;
	assert_int_equal(setattr(d, &fh, &set, &seen), NFS3_OK);
	seen.nseconds = 1000000000;
	assert_int_equal(setattr(d, &fh, &set, &seen), NFS3ERR_INVAL);
}

static void
a_size_can_be_set_up_to_the_limit(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1"), dir = at(d, "etc");
	sattr3 set = { .size = { TRUE, { VIEW_FILE_MAX } } };

	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3_OK);
	assert_true(attr_of(d, &fh).size == VIEW_FILE_MAX);
	set.size.set_size3_u.size++;
	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3ERR_FBIG);
	set.size.set_size3_u.size = UINT64_MAX;
	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3ERR_FBIG);
	set.size.set_size3_u.size = 3;
	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3_OK);
	assert_true(attr_of(d, &fh).size == 3);
	assert_int_not_equal(setattr(d, &dir, &set, NULL), NFS3_OK);
}

static void
times_are_the_clients_or_the_servers(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	sattr3 set = { .atime = { SET_TO_CLIENT_TIME, { { UINT32_MAX, 999999999 } } },
		.mtime = { SET_TO_SERVER_TIME } };
	fattr3 a;

	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3_OK);
	a = attr_of(d, &fh);
	assert_int_equal(a.atime.seconds, UINT32_MAX);
	assert_int_equal(a.atime.nseconds, 999999999);
	assert_true(a.mtime.seconds > GOLDEN_TIME && a.mtime.seconds < UINT32_MAX);
	set.mtime.set_it = SET_TO_CLIENT_TIME;
	set.mtime.set_mtime_u.mtime = (nfstime3){ 5, 1000000000 };
	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3ERR_INVAL);
	assert_int_equal(attr_of(d, &fh).mtime.seconds, a.mtime.seconds);
}

static void
the_limits_are_told_as_they_are(void **state)
{
	struct direct *d = *state;
	nfs_fh3 root = at(d, "");
	FSINFO3args fi = { root };
	FSINFO3res f = { 0 };
	PATHCONF3args pa = { root };
	PATHCONF3res p = { 0 };
	FSSTAT3args sa = { root };
	FSSTAT3res s = { 0 };

	assert_int_equal(direct_nfs(d, FSINFO, &fi, &f), NFS3_OK);
	assert_int_equal(f.FSINFO3res_u.resok.rtmax, 1 << 20);
	assert_int_equal(f.FSINFO3res_u.resok.wtmax, 1 << 20);
	assert_true(f.FSINFO3res_u.resok.maxfilesize == VIEW_FILE_MAX);
	assert_int_equal(f.FSINFO3res_u.resok.properties, 0x1b);
	assert_true(f.FSINFO3res_u.resok.obj_attributes.attributes_follow);
	assert_int_equal(direct_nfs(d, PATHCONF, &pa, &p), NFS3_OK);
	assert_int_equal(p.PATHCONF3res_u.resok.name_max, 255);
	assert_int_equal(p.PATHCONF3res_u.resok.linkmax, 65000);
	assert_true(p.PATHCONF3res_u.resok.no_trunc && p.PATHCONF3res_u.resok.chown_restricted);
	assert_false(p.PATHCONF3res_u.resok.case_insensitive);
	assert_int_equal(direct_nfs(d, FSSTAT, &sa, &s), NFS3_OK);
	assert_true(s.FSSTAT3res_u.resok.tbytes >= s.FSSTAT3res_u.resok.fbytes);
	assert_true(s.FSSTAT3res_u.resok.fbytes >= s.FSSTAT3res_u.resok.abytes);
}

static void
access_is_told_bit_by_bit(void **state)
{
	struct direct *d = *state;
	ACCESS3args args = { at(d, "home/pi/readonly"), 0x3f };
	ACCESS3res res = { 0 };

	assert_int_equal(direct_nfs(d, ACCESS, &args, &res), NFS3_OK);
	assert_int_equal(res.ACCESS3res_u.resok.access, 0x01 | 0x04 | 0x08);
	d->cred.uid = d->cred.gid = 1000;
	assert_int_equal(direct_nfs(d, ACCESS, &args, &res), NFS3_OK);
	assert_int_equal(res.ACCESS3res_u.resok.access, 0x01);
	d->cred.ngroups = 1;
	d->cred.groups[0] = 42;
	args.object = at(d, "etc/shadow");
	args.access = 0x02 | 0x01;
	assert_int_equal(direct_nfs(d, ACCESS, &args, &res), NFS3_OK);
	assert_int_equal(res.ACCESS3res_u.resok.access, 0x01);
}

/* --- around a change --- */

static void
a_change_tells_the_folder_before_and_after(void **state)
{
	struct direct *d = *state;
	nfs_fh3 etc = at(d, "etc"), home = at(d, "home");
	fattr3 etc_was = attr_of(d, &etc), home_was = attr_of(d, &home);
	MKDIR3args mkdir = { { etc, wire_name("new") }, { { 0 } } };
	MKDIR3res made = { 0 };
	RENAME3args rename = { { etc, wire_name("new") }, { home, wire_name("moved") } };
	RENAME3res renamed = { 0 };
	RMDIR3args rmdir = { { home, wire_name("moved") } };
	RMDIR3res gone = { 0 };

	assert_int_equal(direct_nfs(d, MKDIR, &mkdir, &made), NFS3_OK);
	expect_wcc(d, &made.MKDIR3res_u.resok.dir_wcc, &etc_was, &etc);
	etc_was = attr_of(d, &etc);
	assert_int_equal(direct_nfs(d, RENAME, &rename, &renamed), NFS3_OK);
	expect_wcc(d, &renamed.RENAME3res_u.resok.fromdir_wcc, &etc_was, &etc);
	expect_wcc(d, &renamed.RENAME3res_u.resok.todir_wcc, &home_was, &home);
	home_was = attr_of(d, &home);
	assert_int_equal(direct_nfs(d, RMDIR, &rmdir, &gone), NFS3_OK);
	expect_wcc(d, &gone.RMDIR3res_u.resok.dir_wcc, &home_was, &home);
}

static void
a_failure_tells_the_folder_too(void **state)
{
	struct direct *d = *state;
	nfs_fh3 etc = at(d, "etc");
	fattr3 was = attr_of(d, &etc);
	REMOVE3args remove = { { etc, wire_name("none") } };
	REMOVE3res removed = { 0 };
	LOOKUP3args lookup = { { etc, wire_name("none") } };
	LOOKUP3res looked = { 0 };

	assert_int_equal(direct_nfs(d, REMOVE, &remove, &removed), NFS3ERR_NOENT);
	expect_wcc(d, &removed.REMOVE3res_u.resfail.dir_wcc, &was, &etc);
	assert_int_equal(direct_nfs(d, LOOKUP, &lookup, &looked), NFS3ERR_NOENT);
	assert_true(looked.LOOKUP3res_u.resfail.dir_attributes.attributes_follow);
}

static void
a_new_file_comes_with_handle_and_attributes(void **state)
{
	struct direct *d = *state;
	CREATE3args args = { { at(d, ""), wire_name("new") }, { .mode = GUARDED } };
	CREATE3res res = { 0 };
	CREATE3resok *ok = &res.CREATE3res_u.resok;
	fattr3 now;

	args.how.createhow3_u.obj_attributes.mode = (set_mode3){ TRUE, { 0640 } };
	assert_int_equal(direct_nfs(d, CREATE, &args, &res), NFS3_OK);
	assert_true(ok->obj.handle_follows && ok->obj_attributes.attributes_follow);
	now = attr_of(d, &ok->obj.post_op_fh3_u.handle);
	assert_int_equal(now.mode, 0640);
	assert_true(now.fileid == ok->obj_attributes.post_op_attr_u.attributes.fileid);
	assert_int_equal(direct_nfs(d, CREATE, &args, &res), NFS3ERR_EXIST);
}

/* --- READ and WRITE --- */

static void
reads_end_where_the_file_does(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "etc/hostname"), dir = at(d, "etc");
	struct str data;
	READ3res r = read_at(d, &fh, 3, 100, &data);

	assert_int_equal(r.status, NFS3_OK);
	assert_int_equal(r.READ3res_u.resok.count, 4);
	assert_true(r.READ3res_u.resok.eof);
	assert_memory_equal(data.p, "den\n", 4);
	r = read_at(d, &fh, 0, 0, &data);
	assert_true(r.status == NFS3_OK && r.READ3res_u.resok.count == 0 && data.n == 0);
	r = read_at(d, &fh, 7, 1, &data);
	assert_true(r.status == NFS3_OK && r.READ3res_u.resok.eof && data.n == 0);
	r = read_at(d, &fh, UINT64_MAX, UINT32_MAX, &data);
	assert_true(r.status == NFS3_OK && r.READ3res_u.resok.eof && data.n == 0);
	assert_int_equal(read_at(d, &dir, 0, 1, &data).status, NFS3ERR_ISDIR);
}

static void
a_read_gives_no_more_than_was_promised(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	sattr3 set = { .size = { TRUE, { 8 << 20 } } };
	struct str data;
	READ3res r;

	assert_int_equal(setattr(d, &fh, &set, NULL), NFS3_OK);
	r = read_at(d, &fh, 0, UINT32_MAX, &data);
	assert_int_equal(r.READ3res_u.resok.count, 1 << 20);
	assert_int_equal(data.n, 1 << 20);
	assert_false(r.READ3res_u.resok.eof);
}

static void
a_write_is_as_stable_as_it_says(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	WRITE3res r = write_at(d, &fh, 0, "a", 1, UNSTABLE);
	COMMIT3args args = { fh, 0, 0 };
	COMMIT3res c = { 0 };

	assert_int_equal(r.WRITE3res_u.resok.committed, UNSTABLE);
	assert_true(d->ticket == 0);
	assert_int_equal(direct_nfs(d, COMMIT, &args, &c), NFS3_OK);
	assert_true(d->ticket > 0);
	assert_memory_equal(c.COMMIT3res_u.resok.verf, r.WRITE3res_u.resok.verf, 8);
	r = write_at(d, &fh, 0, "b", 1, DATA_SYNC);
	assert_true(r.WRITE3res_u.resok.committed >= DATA_SYNC && d->ticket > 0);
	r = write_at(d, &fh, 0, "c", 1, FILE_SYNC);
	assert_int_equal(r.WRITE3res_u.resok.committed, FILE_SYNC);
	assert_true(d->ticket > 0);
}

static void
the_write_verifier_changes_with_a_restart_only(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	WRITE3res first = write_at(d, &fh, 0, "a", 1, UNSTABLE), second;

	second = write_at(d, &fh, 1, "b", 1, FILE_SYNC);
	assert_memory_equal(
	    first.WRITE3res_u.resok.verf, second.WRITE3res_u.resok.verf, NFS3_WRITEVERFSIZE);
	direct_reopen(d);
	second = write_at(d, &fh, 1, "b", 1, UNSTABLE);
	assert_int_equal(second.status, NFS3_OK);
	assert_memory_not_equal(
	    first.WRITE3res_u.resok.verf, second.WRITE3res_u.resok.verf, NFS3_WRITEVERFSIZE);
}

static void
a_write_that_contradicts_itself_is_refused(void **state)
{
	struct direct *d = *state;
	WRITE3args args = { at(d, "hard1"), 0, 2, FILE_SYNC, { (const uint8_t *)"abc", 3 } };
	WRITE3res res = { 0 };

	assert_int_equal(direct_nfs(d, WRITE, &args, &res), NFS3ERR_INVAL);
	args.count = 3;
	args.stable = (stable_how)3;
	assert_int_equal(direct_nfs(d, WRITE, &args, &res), NFS3ERR_INVAL);
	args.stable = FILE_SYNC;
	assert_int_equal(direct_nfs(d, WRITE, &args, &res), NFS3_OK);
}

static void
a_write_beyond_the_largest_file_is_too_big(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	COMMIT3args args = { fh, UINT64_MAX, 1 };
	COMMIT3res c = { 0 };

	assert_int_equal(write_at(d, &fh, VIEW_FILE_MAX, "a", 1, FILE_SYNC).status, NFS3ERR_FBIG);
	assert_int_equal(write_at(d, &fh, INT64_MAX, "a", 1, FILE_SYNC).status, NFS3ERR_FBIG);
	assert_int_equal(write_at(d, &fh, UINT64_MAX, "a", 1, FILE_SYNC).status, NFS3ERR_FBIG);
	assert_int_equal(write_at(d, &fh, VIEW_FILE_MAX - 1, "a", 1, FILE_SYNC).status, NFS3_OK);
	assert_true(attr_of(d, &fh).size == VIEW_FILE_MAX);
	assert_int_equal(direct_nfs(d, COMMIT, &args, &c), NFS3ERR_INVAL);
}

static void
of_a_write_larger_than_promised_the_beginning_is_taken(void **state)
{
	enum { SIZE = (1 << 20) + 4096 };
	struct direct *d = *state;
	nfs_fh3 fh = at(d, "hard1");
	CLEANUP_FREE uint8_t *bytes = calloc(1, SIZE);
	WRITE3res r;

	assert_non_null(bytes);
	r = write_at(d, &fh, 0, bytes, SIZE, UNSTABLE);
	assert_int_equal(r.status, NFS3_OK);
	assert_int_equal(r.WRITE3res_u.resok.count, 1 << 20);
}

static void
nothing_is_written_to_what_is_no_file(void **state)
{
	struct direct *d = *state;
	nfs_fh3 dir = at(d, "etc"), node = at(d, "dev/null"), link = at(d, "link");

	assert_int_equal(write_at(d, &dir, 0, "a", 1, FILE_SYNC).status, NFS3ERR_ISDIR);
	assert_int_equal(write_at(d, &node, 0, "a", 1, FILE_SYNC).status, NFS3ERR_INVAL);
	assert_int_equal(write_at(d, &link, 0, "a", 1, FILE_SYNC).status, NFS3ERR_INVAL);
}

/* --- names --- */

static void
an_exclusive_create_sent_again_succeeds_again_even_after_a_restart(void **state)
{
	struct direct *d = *state;
	CREATE3args args = { { at(d, ""), wire_name("new") },
		{ EXCLUSIVE, { .verf = "12345678" } } };
	CREATE3res first = { 0 }, again = { 0 };

	assert_int_equal(direct_nfs(d, CREATE, &args, &first), NFS3_OK);
	assert_int_equal(direct_nfs(d, CREATE, &args, &again), NFS3_OK);
	assert_memory_equal(
	    &first.CREATE3res_u.resok.obj, &again.CREATE3res_u.resok.obj, sizeof(post_op_fh3));
	direct_reopen(d);
	assert_int_equal(direct_nfs(d, CREATE, &args, &again), NFS3_OK);
	assert_memory_equal(
	    &first.CREATE3res_u.resok.obj, &again.CREATE3res_u.resok.obj, sizeof(post_op_fh3));
	memset(args.how.createhow3_u.verf, 0, 8);
	assert_int_equal(direct_nfs(d, CREATE, &args, &again), NFS3ERR_EXIST);
	args.where.name = wire_name("hard1"); /* was never made exclusively */
	assert_int_equal(direct_nfs(d, CREATE, &args, &again), NFS3ERR_EXIST);
}

static void
an_unchecked_create_takes_the_file_that_is_there(void **state)
{
	struct direct *d = *state;
	CREATE3args args = { { at(d, ""), wire_name("hard1") }, { .mode = UNCHECKED } };
	CREATE3res res = { 0 };
	fattr3 a;

	args.how.createhow3_u.obj_attributes.size = (set_size3){ TRUE, { 0 } };
	assert_int_equal(direct_nfs(d, CREATE, &args, &res), NFS3_OK);
	a = attr_of(d, &res.CREATE3res_u.resok.obj.post_op_fh3_u.handle);
	assert_true(a.size == 0 && a.nlink == 2);
	args.where.name = wire_name("etc");
	assert_int_not_equal(direct_nfs(d, CREATE, &args, &res), NFS3_OK);
}

static void
names_that_a_file_system_cannot_have_are_refused(void **state)
{
	static const filename3 names[] = { { "", 0 }, { "a/b", 3 }, { "a\0b", 3 }, { ".", 1 },
		{ "..", 2 } };
	struct direct *d = *state;
	MKDIR3args args = { { at(d, ""), { 0 } }, { { 0 } } };
	MKDIR3res res = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		args.where.name = names[i];
		assert_int_not_equal(direct_nfs(d, MKDIR, &args, &res), NFS3_OK);
	}
	args.where.name = (filename3){ "\xff\x01\n", 3 };
	assert_int_equal(direct_nfs(d, MKDIR, &args, &res), NFS3_OK);
}

static void
a_node_is_a_device_a_fifo_or_a_socket(void **state)
{
	static const struct {
		ftype3 type;
		nfsstat3 status;
	} kinds[] = { { NF3BLK, NFS3_OK }, { NF3CHR, NFS3_OK }, { NF3SOCK, NFS3_OK },
		{ NF3FIFO, NFS3_OK }, { NF3REG, NFS3ERR_BADTYPE }, { NF3DIR, NFS3ERR_BADTYPE },
		{ NF3LNK, NFS3ERR_BADTYPE }, { (ftype3)99, NFS3ERR_BADTYPE } };
	struct direct *d = *state;
	MKNOD3args args = { { at(d, "dev"), { 0 } }, { 0 } };
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		MKNOD3res res = { 0 };
		fattr3 *a = &res.MKNOD3res_u.resok.obj_attributes.post_op_attr_u.attributes;

		snprintf(name, sizeof(name), "node%zu", i);
		args.where.name = wire_name(name);
		args.what.type = kinds[i].type;
		if (kinds[i].type == NF3BLK || kinds[i].type == NF3CHR)
			args.what.mknoddata3_u.device.spec = (specdata3){ 259, 1048575 };
		assert_int_equal(direct_nfs(d, MKNOD, &args, &res), kinds[i].status);
		if (kinds[i].status != NFS3_OK)
			continue;
		assert_int_equal(a->type, kinds[i].type);
		if (kinds[i].type == NF3BLK || kinds[i].type == NF3CHR)
			assert_true(a->rdev.specdata1 == 259 && a->rdev.specdata2 == 1048575);
	}
}

static void
a_symlink_may_be_as_long_as_a_path(void **state)
{
	struct direct *d = *state;
	char target[TARGET_BYTES_MAX + 1];
	SYMLINK3args args = { { at(d, ""), wire_name("long") },
		{ { { 0 } }, { target, TARGET_BYTES_MAX } } };
	SYMLINK3res res = { 0 };
	READLINK3args link;
	READLINK3res read = { 0 };

	memset(target, 'a', sizeof(target));
	assert_int_equal(direct_nfs(d, SYMLINK, &args, &res), NFS3_OK);
	link.symlink = res.SYMLINK3res_u.resok.obj.post_op_fh3_u.handle;
	assert_int_equal(direct_nfs(d, READLINK, &link, &read), NFS3_OK);
	assert_int_equal(read.READLINK3res_u.resok.data.n, TARGET_BYTES_MAX);
	assert_memory_equal(read.READLINK3res_u.resok.data.p, target, TARGET_BYTES_MAX);
	args.where.name = wire_name("longer");
	args.symlink.symlink_data.n++;
	assert_int_equal(direct_nfs(d, SYMLINK, &args, &res), NFS3ERR_NAMETOOLONG);
	link.symlink = at(d, "hard1");
	assert_int_equal(direct_nfs(d, READLINK, &link, &read), NFS3ERR_INVAL);
	assert_true(read.READLINK3res_u.resfail.symlink_attributes.attributes_follow);
}

static void
parents_are_found_up_to_the_root(void **state)
{
	struct direct *d = *state;
	nfs_fh3 root = at(d, ""), up = at(d, "home/pi/../.."), over = at(d, "../../..");

	assert_memory_equal(up.bytes, root.bytes, root.n);
	assert_memory_equal(over.bytes, root.bytes, root.n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guard_lets_pass_who_saw_the_last_change),
		TEST(a_size_can_be_set_up_to_the_limit),
		TEST(times_are_the_clients_or_the_servers),
		TEST(the_limits_are_told_as_they_are),
		TEST(access_is_told_bit_by_bit),
		TEST(a_change_tells_the_folder_before_and_after),
		TEST(a_failure_tells_the_folder_too),
		TEST(a_new_file_comes_with_handle_and_attributes),
		TEST(reads_end_where_the_file_does),
		TEST(a_read_gives_no_more_than_was_promised),
		TEST(a_write_is_as_stable_as_it_says),
		TEST(the_write_verifier_changes_with_a_restart_only),
		TEST(a_write_that_contradicts_itself_is_refused),
		TEST(a_write_beyond_the_largest_file_is_too_big),
		TEST(of_a_write_larger_than_promised_the_beginning_is_taken),
		TEST(nothing_is_written_to_what_is_no_file),
		TEST(an_exclusive_create_sent_again_succeeds_again_even_after_a_restart),
		TEST(an_unchecked_create_takes_the_file_that_is_there),
		TEST(names_that_a_file_system_cannot_have_are_refused),
		TEST(a_node_is_a_device_a_fifo_or_a_socket),
		TEST(a_symlink_may_be_as_long_as_a_path),
		TEST(parents_are_found_up_to_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

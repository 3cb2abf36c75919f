/*
 * Table: every field of a canned result has another value, so that none can take another's place.
 */
#include "tests/wire/table.h"

#include <string.h>

#include "rpc/dirlist.h"
#include "rpc/mount3.h"
#include "rpc/mountlist.h"
#include "rpc/nfs3.h"

#define NAME(literal) ((struct leaf_name){ (literal), sizeof(literal) - 1 })

static const char contents[] = "hello, world\n";
static const struct iovec contents_iov = { (void *)(uintptr_t)contents, 5 };

static fattr3
attr(uint64_t size)
{
	return (fattr3){ .type = NF3REG,
		.mode = 0644,
		.nlink = 2,
		.uid = 1000,
		.gid = 100,
		.size = size,
		.used = 4096,
		.rdev = { 8, 1 },
		.fsid = 0x1122334455667788,
		.fileid = 42,
		.atime = { 1, 2 },
		.mtime = { 3, 4 },
		.ctime = { 5, 6 } };
}

static post_op_attr
after(uint64_t size)
{
	return (post_op_attr){ .attributes_follow = TRUE, .post_op_attr_u.attributes = attr(size) };
}

static wcc_data
wcc(uint64_t size)
{
	return (wcc_data){ .before = { .attributes_follow = TRUE,
			       .pre_op_attr_u.attributes = { size, { 3, 4 }, { 5, 6 } } },
		.after = after(size) };
}

static post_op_fh3
handle(const nfs_fh3 *fh)
{
	return (post_op_fh3){ .handle_follows = TRUE, .post_op_fh3_u.handle = *fh };
}

static bool
missing(const filename3 *name)
{
	return name->n == 7 && memcmp(name->p, "missing", 7) == 0;
}

static void
do_null(struct rpc_call *call, void *args, void *res)
{
	(void)call, (void)args, (void)res;
}

#define HANDLER(name, PROC)                                                            \
	static void do_##name##_typed(struct rpc_call *, PROC##3args *, PROC##3res *); \
	static void do_##name(struct rpc_call *call, void *args, void *res)            \
	{                                                                              \
		do_##name##_typed(call, args, res);                                    \
	}                                                                              \
	static void do_##name##_typed(struct rpc_call *call, PROC##3args * args, PROC##3res * res)

#define RESOK(PROC) PROC##3resok *ok = &(res->PROC##3res_u).resok

HANDLER(getattr, GETATTR)
{
	(void)call;
	if (args->object.n == 0)
		res->status = NFS3ERR_BADHANDLE;
	else
		res->GETATTR3res_u.resok.obj_attributes = attr(args->object.bytes[0]);
}

HANDLER(setattr, SETATTR)
{
	(void)call;
	if (args->guard.check) {
		res->status = NFS3ERR_NOT_SYNC;
		res->SETATTR3res_u.resfail.obj_wcc =
		    wcc(args->guard.sattrguard3_u.obj_ctime.nseconds);
		return;
	}
	res->SETATTR3res_u.resok.obj_wcc = wcc(args->new_attributes.size.set_size3_u.size);
}

HANDLER(lookup, LOOKUP)
{
	RESOK(LOOKUP);

	(void)call;
	if (missing(&args->what.name)) {
		res->status = NFS3ERR_NOENT;
		res->LOOKUP3res_u.resfail.dir_attributes = after(args->what.dir.n);
		return;
	}
	ok->object = args->what.dir;
	ok->obj_attributes = after(args->what.name.n);
}

HANDLER(access, ACCESS)
{
	RESOK(ACCESS);

	(void)call;
	ok->obj_attributes = after(0);
	ok->access = args->access & (ACCESS3_READ | ACCESS3_EXECUTE);
}

HANDLER(readlink, READLINK)
{
	RESOK(READLINK);

	(void)call, (void)args;
	ok->data = NAME("../usr");
}

HANDLER(read, READ)
{
	RESOK(READ);

	if (args->offset != 0) {
		res->status = NFS3ERR_IO;
		return;
	}
	ok->file_attributes = after(5);
	ok->count = 5;
	ok->eof = TRUE;
	ok->data.n = 5;
	rpc_reply_attach(call->reply, &contents_iov, 1, 5, NULL, NULL);
}

HANDLER(write, WRITE)
{
	RESOK(WRITE);

	(void)call;
	ok->file_wcc = wcc(args->offset + args->data.n);
	ok->count = args->count;
	ok->committed = args->stable;
	memcpy(ok->verf, "verifier", NFS3_WRITEVERFSIZE);
}

HANDLER(create, CREATE)
{
	RESOK(CREATE);

	(void)call;
	ok->obj = handle(&args->where.dir);
	ok->obj_attributes = after(args->where.name.n);
	ok->dir_wcc = wcc(args->how.mode);
	if (args->how.mode == EXCLUSIVE)
		memcpy(ok->obj.post_op_fh3_u.handle.bytes, args->how.createhow3_u.verf, 4);
}

HANDLER(mkdir, MKDIR)
{
	RESOK(MKDIR);

	(void)call;
	ok->obj = handle(&args->where.dir);
	ok->obj_attributes = after(args->attributes.mode.set_mode3_u.mode);
}

HANDLER(symlink, SYMLINK)
{
	RESOK(SYMLINK);

	(void)call;
	ok->obj = handle(&args->where.dir);
	ok->obj_attributes = after(args->symlink.symlink_data.n);
}

HANDLER(mknod, MKNOD)
{
	RESOK(MKNOD);

	(void)call;
	ok->obj = handle(&args->where.dir);
	ok->obj_attributes = after(args->where.name.n);
	if (args->what.type == NF3CHR || args->what.type == NF3BLK)
		ok->obj_attributes.post_op_attr_u.attributes.rdev =
		    args->what.mknoddata3_u.device.spec;
	ok->obj_attributes.post_op_attr_u.attributes.type = args->what.type;
}

HANDLER(remove, REMOVE)
{
	(void)call;
	if (missing(&args->object.name))
		res->status = NFS3ERR_NOENT;
	res->REMOVE3res_u.resok.dir_wcc = wcc(args->object.name.n);
}

HANDLER(rmdir, RMDIR)
{
	(void)call;
	if (missing(&args->object.name))
		res->status = NFS3ERR_NOENT;
	res->RMDIR3res_u.resok.dir_wcc = wcc(args->object.name.n);
}

HANDLER(rename, RENAME)
{
	RESOK(RENAME);

	(void)call;
	ok->fromdir_wcc = wcc(args->from.name.n);
	ok->todir_wcc = wcc(args->to.name.n);
}

HANDLER(link, LINK)
{
	RESOK(LINK);

	(void)call;
	ok->file_attributes = after(args->file.n);
	ok->linkdir_wcc = wcc(args->link.name.n);
}

static void
fill(struct dirlist *list, const nfs_fh3 *fh, struct rpc_reply *reply)
{
	static const char *const names[] = { ".", "..", "boot", "firmware" };
	fattr3 attributes = attr(9);
	int full = 0;

	for (uint64_t i = 0; i < 4 && !full; i++) {
		struct dirlist_entry e = { .fileid = 10 + i,
			.cookie = 1 + i,
			.name = names[i],
			.n = (uint32_t)strlen(names[i]) };

		if (i >= 2) {
			e.attributes = &attributes;
			e.handle = fh;
		}
		full = dirlist_add(list, &e);
	}
	dirlist_attach(list, !full, reply);
}

HANDLER(readdir, READDIR)
{
	RESOK(READDIR);
	struct dirlist *list;

	memcpy(ok->cookieverf, args->cookieverf, NFS3_COOKIEVERFSIZE);
	ok->dir_attributes = after(args->cookie);
	if (dirlist_open(args->count, &list) < 0)
		res->status = NFS3ERR_SERVERFAULT;
	else
		fill(list, &args->dir, call->reply);
}

HANDLER(readdirplus, READDIRPLUS)
{
	RESOK(READDIRPLUS);
	struct dirlist *list;

	memcpy(ok->cookieverf, args->cookieverf, NFS3_COOKIEVERFSIZE);
	ok->dir_attributes = after(args->cookie);
	if (dirlist_open_plus(args->dircount, args->maxcount, &list) < 0)
		res->status = NFS3ERR_SERVERFAULT;
	else
		fill(list, &args->dir, call->reply);
}

HANDLER(fsstat, FSSTAT)
{
	(void)call, (void)args;
	res->FSSTAT3res_u.resok = (FSSTAT3resok){ .tbytes = 1,
		.fbytes = 2,
		.abytes = 3,
		.tfiles = 4,
		.ffiles = 5,
		.afiles = 6,
		.invarsec = 7 };
}

HANDLER(fsinfo, FSINFO)
{
	(void)call, (void)args;
	res->FSINFO3res_u.resok = (FSINFO3resok){ .rtmax = 1,
		.rtpref = 2,
		.rtmult = 3,
		.wtmax = 4,
		.wtpref = 5,
		.wtmult = 6,
		.dtpref = 7,
		.maxfilesize = 8,
		.time_delta = { 9, 10 },
		.properties = FSF3_LINK | FSF3_SYMLINK };
}

HANDLER(pathconf, PATHCONF)
{
	(void)call, (void)args;
	res->PATHCONF3res_u.resok = (PATHCONF3resok){ .linkmax = 1,
		.name_max = 2,
		.no_trunc = TRUE,
		.chown_restricted = TRUE,
		.case_preserving = TRUE };
}

HANDLER(commit, COMMIT)
{
	RESOK(COMMIT);

	(void)call;
	ok->file_wcc = wcc(args->offset + args->count);
	memcpy(ok->verf, "verifier", NFS3_WRITEVERFSIZE);
}

static void
do_mnt(struct rpc_call *call, void *args, void *res)
{
	const dirpath *path = args;
	mountres3 *r = res;
	mountres3_ok *ok = &r->mountres3_u.mountinfo;

	(void)call;
	if (path->n == 0 || path->p[0] != '/') {
		r->fhs_status = MNT3ERR_NOENT;
		return;
	}
	ok->fhandle.n = path->n < LEAF_FH_MAX ? path->n : LEAF_FH_MAX;
	memcpy(ok->fhandle.bytes, path->p, ok->fhandle.n);
	ok->auth_flavors = (auth_flavors3){ 2, { RPC_FLAVOR_NONE, RPC_FLAVOR_SYS } };
}

static void
do_dump(struct rpc_call *call, void *args, void *res)
{
	struct mountlist *list;

	(void)args, (void)res;
	if (mountlist_open(1024, &list) < 0)
		return;
	mountlist_add_mount(list, NAME("10.0.0.1"), NAME("/pi"));
	mountlist_add_mount(list, NAME("10.0.0.22"), NAME("/"));
	mountlist_attach(list, call->reply);
}

static void
do_exports(struct rpc_call *call, void *args, void *res)
{
	const struct leaf_name groups[] = { NAME("10.0.0.1"), NAME("pi") };
	struct mountlist *list;

	(void)args, (void)res;
	if (mountlist_open(1024, &list) < 0)
		return;
	mountlist_add_export(list, NAME("/pi"), groups, 2);
	mountlist_add_export(list, NAME("/all"), NULL, 0);
	mountlist_attach(list, call->reply);
}

#define ROW(name, PROC, flags, fail) \
	RPC_PROC(#name, do_##name, PROC##3args, PROC##3res, flags, fail)

static const struct rpc_proc nfs[] = {
	[NFSPROC3_NULL] = { .name = "null", .handler = do_null, .flags = RPC_ANY_AUTH },
	[NFSPROC3_GETATTR] = ROW(getattr, GETATTR, 0, 0),
	[NFSPROC3_SETATTR] = ROW(setattr, SETATTR, RPC_ONCE, 2),
	[NFSPROC3_LOOKUP] = ROW(lookup, LOOKUP, 0, 1),
	[NFSPROC3_ACCESS] = ROW(access, ACCESS, 0, 1),
	[NFSPROC3_READLINK] = ROW(readlink, READLINK, 0, 1),
	[NFSPROC3_READ] = ROW(read, READ, 0, 1),
	[NFSPROC3_WRITE] = ROW(write, WRITE, 0, 2),
	[NFSPROC3_CREATE] = ROW(create, CREATE, RPC_ONCE, 2),
	[NFSPROC3_MKDIR] = ROW(mkdir, MKDIR, RPC_ONCE, 2),
	[NFSPROC3_SYMLINK] = ROW(symlink, SYMLINK, RPC_ONCE, 2),
	[NFSPROC3_MKNOD] = ROW(mknod, MKNOD, RPC_ONCE, 2),
	[NFSPROC3_REMOVE] = ROW(remove, REMOVE, RPC_ONCE, 2),
	[NFSPROC3_RMDIR] = ROW(rmdir, RMDIR, RPC_ONCE, 2),
	[NFSPROC3_RENAME] = ROW(rename, RENAME, RPC_ONCE, 4),
	[NFSPROC3_LINK] = ROW(link, LINK, RPC_ONCE, 3),
	[NFSPROC3_READDIR] = ROW(readdir, READDIR, 0, 1),
	[NFSPROC3_READDIRPLUS] = ROW(readdirplus, READDIRPLUS, 0, 1),
	[NFSPROC3_FSSTAT] = ROW(fsstat, FSSTAT, 0, 1),
	[NFSPROC3_FSINFO] = ROW(fsinfo, FSINFO, 0, 1),
	[NFSPROC3_PATHCONF] = ROW(pathconf, PATHCONF, 0, 1),
	[NFSPROC3_COMMIT] = ROW(commit, COMMIT, 0, 2),
};

static const struct rpc_proc mount[] = {
	[MOUNTPROC3_NULL] = { .name = "null", .handler = do_null, .flags = RPC_ANY_AUTH },
	[MOUNTPROC3_MNT] = RPC_PROC("mnt", do_mnt, dirpath, mountres3, RPC_ANY_AUTH, 0),
	[MOUNTPROC3_DUMP] = { .name = "dump", .handler = do_dump, .flags = RPC_ANY_AUTH },
	[MOUNTPROC3_UMNT] = { .name = "umnt",
	    .handler = do_null,
	    .decode = RPC_XDR(dirpath),
	    .args_size = sizeof(dirpath),
	    .flags = RPC_ANY_AUTH },
	[MOUNTPROC3_UMNTALL] = { .name = "umntall" }, /* no handler: unavailable */
	[MOUNTPROC3_EXPORT] = { .name = "export", .handler = do_exports, .flags = RPC_ANY_AUTH },
};

static const struct rpc_program nfs_program = { "nfs", NFS_PROGRAM, NFS_V3, nfs, 22 };
static const struct rpc_program mount_program = { "mount", MOUNT_PROGRAM, MOUNT_V3, mount, 6 };

const struct rpc_program *const table_programs[TABLE_PROGRAMS] = { &nfs_program, &mount_program };

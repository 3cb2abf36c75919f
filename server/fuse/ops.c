/* The table, what all answers are made of, and the operations on one inode's attributes. */
#include "server/fuse/ops.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define BLOCK 4096 /* as st_blksize and in statfs */

void
ops_reply(fuse_req_t req, int err)
{
	fuse_reply_err(req, err < 0 ? -err : 0);
}

void
ops_stat(const struct view_attr *a, struct stat *out)
{
	*out = (struct stat){
		.st_ino = a->ino,
		.st_mode = a->mode,
		.st_nlink = a->nlink,
		.st_uid = a->uid,
		.st_gid = a->gid,
		.st_rdev = makedev(a->rdev[0], a->rdev[1]),
		.st_size = (off_t)a->size,
		.st_blksize = BLOCK,
		.st_blocks = (blkcnt_t)(a->used / 512),
		.st_atim = a->atime,
		.st_mtim = a->mtime,
		.st_ctim = a->ctime,
	};
}

void
ops_entry(const struct mounted *m, const struct view_attr *a, struct fuse_entry_param *out)
{
	*out = (struct fuse_entry_param){
		.ino = a->ino == INO_ROOT ? FUSE_ROOT_ID : a->ino,
		.generation = a->gen,
		.attr_timeout = m->timeout,
		.entry_timeout = m->timeout,
	};
	ops_stat(a, &out->attr);
}

void
ops_reply_entry(fuse_req_t req, int err, const struct view_attr *a)
{
	struct fuse_entry_param e;

	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	ops_entry(ops_mounted(req), a, &e);
	fuse_reply_entry(req, &e);
}

int
ops_wait(const struct mounted *m, const struct view_op *op)
{
	return op->ticket ? batch_wait(store_batch(m->store), op->ticket) : 0;
}

/* The page cache is right without us: nobody else changes what is mounted. */
static void
ops_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* An open that truncates comes as two requests, and who clears set-user-id is the kernel.
	 */
	conn->want &= ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_HANDLE_KILLPRIV);
	conn->want |= conn->capable & (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS);
}

/* Inodes aren't counted: a view finds them by their numbers, which it never gives out twice. */
static void
ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)ino;
	(void)n;
	fuse_reply_none(req);
}

static void
ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void
reply_attr(fuse_req_t req, int err, const struct view_attr *a)
{
	struct stat st;

	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	ops_stat(a, &st);
	fuse_reply_attr(req, &st, ops_mounted(req)->timeout);
}

static void
ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct view_attr attr;
	int err = view_getattr(ops_mounted(req)->view, ops_ino(ino), &attr);

	(void)fi;
	reply_attr(req, err, &attr);
}

static enum view_set_time
time_of(int what, int given, int now)
{
	return what & now ? VIEW_TIME_NOW : what & given ? VIEW_TIME_GIVEN : VIEW_TIME_KEEP;
}

static void
ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int what, struct fuse_file_info *fi)
{
	struct view_set set = {
		.set_mode = what & FUSE_SET_ATTR_MODE,
		.mode = st->st_mode & 07777,
		.set_uid = what & FUSE_SET_ATTR_UID,
		.uid = st->st_uid,
		.set_gid = what & FUSE_SET_ATTR_GID,
		.gid = st->st_gid,
		.set_size = what & FUSE_SET_ATTR_SIZE,
		.size = (uint64_t)st->st_size,
		.set_atime = time_of(what, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW),
		.atime = st->st_atim,
		.set_mtime = time_of(what, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW),
		.mtime = st->st_mtim,
	};
	struct view_op op = { 0 };
	struct view_wcc wcc;
	int err = view_setattr(ops_mounted(req)->view, &op, ops_ino(ino), &set, &wcc);

	(void)fi;
	reply_attr(req, err, &wcc.after);
}

static void
ops_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[TARGET_BYTES_MAX + 1];
	struct view_op op = { 0 };
	struct view_attr attr;
	uint32_t n;
	int err = view_readlink(ops_mounted(req)->view, &op, ops_ino(ino), target, &n, &attr);

	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

static void
ops_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct view_statfs fs;
	struct view_attr attr;
	int err = view_statfs(ops_mounted(req)->view, ops_ino(ino), &fs, &attr);
	struct statvfs out = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_namemax = NAME_BYTES_MAX,
	};

	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	out.f_blocks = fs.bytes / BLOCK;
	out.f_bfree = fs.bytes_free / BLOCK;
	out.f_bavail = fs.bytes_avail / BLOCK;
	out.f_files = fs.files;
	out.f_ffree = out.f_favail = fs.files_free;
	fuse_reply_statfs(req, &out);
}

const struct fuse_lowlevel_ops ops_table = {
	.init = ops_init,
	.lookup = ops_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.mknod = ops_mknod,
	.mkdir = ops_mkdir,
	.unlink = ops_unlink,
	.rmdir = ops_rmdir,
	.symlink = ops_symlink,
	.rename = ops_rename,
	.link = ops_link,
	.create = ops_create,
	.open = ops_open,
	.read = ops_read,
	.write = ops_write,
	.release = ops_release,
	.fsync = ops_fsync,
	.readdir = ops_readdir,
	.readdirplus = ops_readdirplus,
	.fsyncdir = ops_fsyncdir,
	.statfs = ops_statfs,
	.setxattr = ops_setxattr,
	.getxattr = ops_getxattr,
	.listxattr = ops_listxattr,
	.removexattr = ops_removexattr,
};

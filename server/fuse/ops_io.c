/* Open files: they are held, so that they stay when their last name goes. */
#include <errno.h>
#include <fcntl.h>

#include "server/fuse/ops.h"

void
ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct view *view = ops_mounted(req)->view;
	int err = view_hold(view, ops_ino(ino));

	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	fi->keep_cache = 1;
	if (fuse_reply_open(req, fi) == -ENOENT)
		view_release(view, ops_ino(ino)); /* the caller was interrupted: no release comes */
}

void
ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	view_release(ops_mounted(req)->view, ops_ino(ino));
	ops_reply(req, 0);
}

void
ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_data data;
	int err = view_read(
	    ops_mounted(req)->view, &op, ops_ino(ino), (uint64_t)off, (uint32_t)size, &data, &attr);

	(void)fi;
	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	fuse_reply_iov(req, data.iov, data.n);
	view_data_release(&data);
}

void
ops_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct mounted *m = ops_mounted(req);
	bool sync = fi->flags & (O_SYNC | O_DSYNC);
	struct view_op op = { 0 };
	enum view_stable got;
	struct view_wcc wcc;
	int err = view_write(m->view, &op, ops_ino(ino), (uint64_t)off, buf, (uint32_t)size,
	    sync ? VIEW_FILE_SYNC : VIEW_UNSTABLE, &got, &wcc);

	if (err == 0 && sync)
		err = ops_wait(m, &op);
	if (err < 0)
		ops_reply(req, err);
	else
		fuse_reply_write(req, size);
}

static int
commit(const struct mounted *m, fuse_ino_t ino)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;
	int err = m->write ? view_commit(m->view, &op, ops_ino(ino), &wcc) : 0;

	return err < 0 ? err : ops_wait(m, &op);
}

void
ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	ops_reply(req, commit(ops_mounted(req), ino));
}

/* That of the root means all there is: rubus umount asks so before it unmounts. */
void
ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct mounted *m = ops_mounted(req);
	int err = commit(m, ino);

	(void)datasync;
	(void)fi;
	if (err == 0 && m->write && ino == FUSE_ROOT_ID) {
		err = view_flush(m->view);
		if (err == 0)
			err = batch_flush(store_batch(m->store));
	}
	ops_reply(req, err);
}

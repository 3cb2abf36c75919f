/* Names: found, made, linked, moved, removed. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "server/fuse/ops.h"

#define GROUPS_MAX 1024

void
ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mounted *m = ops_mounted(req);
	struct fuse_entry_param none = { .entry_timeout = m->timeout };
	struct view_op op = { 0 };
	struct view_attr attr, dir;
	int err = view_lookup(m->view, &op, ops_ino(parent), str_of(name), &attr, &dir);

	if (err == -ENOENT)
		fuse_reply_entry(req, &none); /* that it isn't there may be remembered, too */
	else
		ops_reply_entry(req, err, &attr);
}

static bool
is_in_group(fuse_req_t req, uint32_t gid)
{
	gid_t groups[GROUPS_MAX];
	int n = fuse_req_getgroups(req, GROUPS_MAX, groups);

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	for (int i = 0; i < n && i < GROUPS_MAX; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* A new file in a set-group-id folder gets its group; it may be set-group-id itself only for who is
 * in that group. (Newer kernels see to it, older ones leave it to the file system.) */
static mode_t
allowed_mode(fuse_req_t req, uint32_t dir, mode_t mode)
{
	const mode_t both = S_ISGID | S_IXGRP;
	struct view_attr attr;

	if ((mode & both) != both || fuse_req_ctx(req)->uid == 0 ||
	    view_getattr(ops_mounted(req)->view, dir, &attr) < 0)
		return mode;
	return !(attr.mode & S_ISGID) || is_in_group(req, attr.gid) ? mode
								    : mode & ~(mode_t)S_ISGID;
}

/* Who makes a file: the superuser in the caller's name. */
static struct view_op
maker(fuse_req_t req, mode_t mode, struct view_set *set)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	*set = (struct view_set){
		.set_uid = true, .uid = ctx->uid, .set_mode = true, .mode = mode & 07777
	};
	return (struct view_op){ .gid = ctx->gid };
}

void
ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct view *view = ops_mounted(req)->view;
	uint32_t dir = ops_ino(parent), numbers[2] = { major(rdev), minor(rdev) };
	struct view_set set;
	struct view_op op = maker(req, allowed_mode(req, dir, mode), &set);
	struct view_attr attr;
	struct view_wcc wcc;
	int err;

	if (S_ISREG(mode))
		err = view_create(view, &op, dir, str_of(name), VIEW_GUARDED, &set, 0, &attr, &wcc);
	else
		err = view_mknod(
		    view, &op, dir, str_of(name), mode & S_IFMT, numbers, &set, &attr, &wcc);
	ops_reply_entry(req, err, &attr);
}

void
ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct view_set set;
	struct view_op op = maker(req, mode, &set);
	struct view_attr attr;
	struct view_wcc wcc;
	int err = view_mkdir(
	    ops_mounted(req)->view, &op, ops_ino(parent), str_of(name), &set, &attr, &wcc);

	ops_reply_entry(req, err, &attr);
}

void
ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct view_set set;
	struct view_op op = maker(req, 0777, &set);
	struct view_attr attr;
	struct view_wcc wcc;
	int err = view_symlink(ops_mounted(req)->view, &op, ops_ino(parent), str_of(name), &set,
	    str_of(target), &attr, &wcc);

	ops_reply_entry(req, err, &attr);
}

void
ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	int err = view_link(
	    ops_mounted(req)->view, &op, ops_ino(ino), ops_ino(parent), str_of(name), &attr, &wcc);

	ops_reply_entry(req, err, &attr);
}

void
ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	ops_reply(
	    req, view_remove(ops_mounted(req)->view, &op, ops_ino(parent), str_of(name), &wcc));
}

void
ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	ops_reply(
	    req, view_rmdir(ops_mounted(req)->view, &op, ops_ino(parent), str_of(name), &wcc));
}

/* The kernel holds both folders meanwhile, so that nobody makes the name after the look. */
static int
must_be_free(struct view *view, uint32_t dir, struct str name)
{
	struct view_op op = { 0 };
	struct view_attr attr, dir_attr;
	int err = view_lookup(view, &op, dir, name, &attr, &dir_attr);

	return err == 0 ? -EEXIST : err == -ENOENT ? 0 : err;
}

void
ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
    const char *new_name, unsigned flags)
{
	struct view *view = ops_mounted(req)->view;
	uint32_t from = ops_ino(parent), to = ops_ino(new_parent);
	struct view_op op = { 0 };
	struct view_wcc wfrom, wto;
	int err = flags & ~(unsigned)RENAME_NOREPLACE ? -EINVAL : 0;

	if (err == 0 && flags)
		err = must_be_free(view, to, str_of(new_name));
	if (err == 0)
		err =
		    view_rename(view, &op, from, str_of(name), to, str_of(new_name), &wfrom, &wto);
	ops_reply(req, err);
}

void
ops_create(
    fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct mounted *m = ops_mounted(req);
	uint32_t dir = ops_ino(parent);
	struct fuse_entry_param e;
	struct view_set set;
	struct view_op op = maker(req, allowed_mode(req, dir, mode), &set);
	struct view_attr attr;
	struct view_wcc wcc;
	int err = view_create(m->view, &op, dir, str_of(name),
	    fi->flags & O_EXCL ? VIEW_GUARDED : VIEW_UNCHECKED, &set, 0, &attr, &wcc);

	if (err == 0)
		err = view_hold(m->view, attr.ino);
	if (err < 0) {
		ops_reply(req, err);
		return;
	}
	ops_entry(m, &attr, &e);
	fi->keep_cache = 1;
	if (fuse_reply_create(req, &e, fi) == -ENOENT)
		view_release(m->view, attr.ino); /* the caller was interrupted: no release comes */
}

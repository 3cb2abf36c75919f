/*
 * Ops: requests of the kernel, one to one, to calls of a view. The kernel checks permissions
 * (default_permissions), so the view is asked as the superuser; owners of new files are the
 * caller's.
 */
#ifndef SERVER_FUSE_OPS_H
#define SERVER_FUSE_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "cow/view.h"

/* The userdata of a session. */
struct mounted {
	struct store *store;
	struct view *view;
	bool write;
	double timeout; /* seconds that the kernel may keep names and attributes */
};

extern const struct fuse_lowlevel_ops ops_table;

/* --- shared by the ops_*.c files --- */

/* The kernel's root is 1, a view's is INO_ROOT; 1 is no inode of a view's. */
static inline uint32_t
ops_ino(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? INO_ROOT : ino > INO_MAX ? 0 : (uint32_t)ino;
}

static inline struct mounted *
ops_mounted(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* Answers with the errno of err (negative), or with nothing but success for 0. */
void ops_reply(fuse_req_t, int err);
void ops_reply_entry(fuse_req_t, int err, const struct view_attr *);
void ops_stat(const struct view_attr *, struct stat *out);
void ops_entry(const struct mounted *, const struct view_attr *, struct fuse_entry_param *out);
/* Waits till the op's change is on disk. */
int ops_wait(const struct mounted *, const struct view_op *);

/* ops_name.c */
void ops_lookup(fuse_req_t, fuse_ino_t, const char *);
void ops_mknod(fuse_req_t, fuse_ino_t, const char *, mode_t, dev_t);
void ops_mkdir(fuse_req_t, fuse_ino_t, const char *, mode_t);
void ops_symlink(fuse_req_t, const char *, fuse_ino_t, const char *);
void ops_link(fuse_req_t, fuse_ino_t, fuse_ino_t, const char *);
void ops_unlink(fuse_req_t, fuse_ino_t, const char *);
void ops_rmdir(fuse_req_t, fuse_ino_t, const char *);
void ops_rename(fuse_req_t, fuse_ino_t, const char *, fuse_ino_t, const char *, unsigned);
void ops_create(fuse_req_t, fuse_ino_t, const char *, mode_t, struct fuse_file_info *);
/* ops_io.c */
void ops_open(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void ops_release(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void ops_read(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void ops_write(fuse_req_t, fuse_ino_t, const char *, size_t, off_t, struct fuse_file_info *);
void ops_fsync(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
void ops_fsyncdir(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
/* ops_dir.c */
void ops_readdir(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void ops_readdirplus(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
/* ops_xattr.c */
void ops_setxattr(fuse_req_t, fuse_ino_t, const char *, const char *, size_t, int);
void ops_getxattr(fuse_req_t, fuse_ino_t, const char *, size_t);
void ops_listxattr(fuse_req_t, fuse_ino_t, size_t);
void ops_removexattr(fuse_req_t, fuse_ino_t, const char *);

#endif

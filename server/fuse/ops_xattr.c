/* Extended attributes. */
#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "cow/cleanup.h"
#include "server/fuse/ops.h"

void
ops_setxattr(
    fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct view_op op = { 0 };
	enum view_xattr how = flags & XATTR_CREATE    ? VIEW_XATTR_CREATE
			      : flags & XATTR_REPLACE ? VIEW_XATTR_REPLACE
						      : VIEW_XATTR_ANY;

	ops_reply(req, view_setxattr(ops_mounted(req)->view, &op, ops_ino(ino), str_of(name),
			   (struct str){ value, (uint32_t)size }, how));
}

/* size 0: only the length is asked for. */
static void
reply(fuse_req_t req, int n, const char *buf, size_t size)
{
	if (n < 0)
		ops_reply(req, n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

void
ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	CLEANUP_FREE char *buf = malloc(size + 1);
	struct view_op op = { 0 };
	int n = buf ? view_getxattr(ops_mounted(req)->view, &op, ops_ino(ino), str_of(name), buf,
			  (uint32_t)size)
		    : -ENOMEM;

	reply(req, n, buf, size);
}

void
ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	CLEANUP_FREE char *buf = malloc(size + 1);
	int n = buf ? view_listxattr(ops_mounted(req)->view, ops_ino(ino), buf, (uint32_t)size)
		    : -ENOMEM;

	reply(req, n, buf, size);
}

void
ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct view_op op = { 0 };

	ops_reply(req, view_removexattr(ops_mounted(req)->view, &op, ops_ino(ino), str_of(name)));
}

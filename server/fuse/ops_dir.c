/* Listing. The cookies of a view are the offsets of the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "server/fuse/ops.h"

struct listing {
	fuse_req_t req;
	bool plus; /* with attributes that the kernel may keep */
	char *buf;
	size_t size, used;
};

static size_t
add_plus(struct listing *l, char *at, size_t room, const char *name, uint32_t cookie,
    const struct view_attr *attr)
{
	struct fuse_entry_param e;

	ops_entry(ops_mounted(l->req), attr, &e);
	if (cookie < COOKIE_FIRST)
		e.ino = 0; /* . and .. aren't looked up by it */
	return fuse_add_direntry_plus(l->req, at, room, name, &e, cookie);
}

/* 1: there is no room for it. */
static int
add(void *arg, struct str bytes, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct listing *l = arg;
	char *at = l->buf + l->used, name[NAME_BYTES_MAX + 1];
	size_t room = l->size - l->used, n;
	struct view_attr none = { .ino = ino };
	struct stat st;

	memcpy(name, bytes.p, bytes.n);
	name[bytes.n] = '\0';
	if (l->plus && attr) {
		n = add_plus(l, at, room, name, cookie, attr);
	} else if (l->plus) {
		return 0; /* its inode is damaged: only a lookup can say so */
	} else {
		ops_stat(attr ? attr : &none, &st);
		n = fuse_add_direntry(l->req, at, room, name, &st, cookie);
	}
	if (n > room)
		return 1;
	l->used += n;
	return 0;
}

static void
list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	CLEANUP_FREE char *buf = malloc(size);
	struct listing l = { .req = req, .plus = plus, .buf = buf, .size = size };
	struct view_op op = { 0 };
	struct view_attr dir;
	bool eof;
	int err = buf ? view_readdir(ops_mounted(req)->view, &op, ops_ino(ino), (uint64_t)off, true,
			    add, &l, &eof, &dir)
		      : -ENOMEM;

	if (err < 0)
		ops_reply(req, err);
	else
		fuse_reply_buf(req, buf, l.used);
}

void
ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

void
ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

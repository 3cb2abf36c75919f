/* Attributes: looked at, set, and what a caller may do by them. */
#include "cow/view_priv.h"

#include <errno.h>

#include "cow/err.h"

int64_t
view_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
view_touch(struct node *n, bool mtime)
{
	int64_t now = view_now();

	n->i.ctime = now > n->i.ctime ? now : n->i.ctime + (n->i.ctime < INT64_MAX);
	if (mtime)
		n->i.mtime = n->i.ctime;
}

static struct timespec
timespec_of(int64_t ns)
{
	int64_t sec = ns / 1000000000, rest = ns % 1000000000;

	return rest < 0 ? (struct timespec){ sec - 1, rest + 1000000000 }
			: (struct timespec){ sec, rest };
}

static int64_t
ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void
view_attr_of(const struct inode *i, struct view_attr *out)
{
	out->ino = i->ino;
	out->gen = i->gen;
	out->mode = i->mode;
	out->nlink = i->nlink;
	out->uid = i->uid;
	out->gid = i->gid;
	out->rdev[0] = i->rdev[0];
	out->rdev[1] = i->rdev[1];
	out->size = i->size;
	out->used = i->used;
	out->atime = timespec_of(i->atime);
	out->mtime = timespec_of(i->mtime);
	out->ctime = timespec_of(i->ctime);
}

int
view_getattr(struct view *v, uint32_t ino, struct view_attr *out)
{
	struct inode i;
	int err = view_begin(v);

	if (err)
		return err;
	err = node_attr(v, ino, &i);
	if (!err)
		view_attr_of(&i, out);
	view_end(v);
	return err;
}

int
view_access(struct view *v, struct view_op *op, uint32_t ino, uint32_t want, uint32_t *allowed,
    struct view_attr *out)
{
	struct inode i;
	uint32_t have = 0;
	int err = view_begin(v);

	if (err)
		return err;
	err = node_attr(v, ino, &i);
	view_end(v);
	if (err)
		return err;
	view_attr_of(&i, out);
	if (perm_may(&i, op, PERM_READ))
		have |= VIEW_ACCESS_READ;
	if (S_ISDIR(i.mode)) {
		if (perm_may(&i, op, PERM_EXEC))
			have |= VIEW_ACCESS_LOOKUP;
		if (perm_may(&i, op, PERM_WRITE | PERM_EXEC))
			have |= VIEW_ACCESS_MODIFY | VIEW_ACCESS_EXTEND | VIEW_ACCESS_DELETE;
	} else {
		if (perm_may(&i, op, PERM_EXEC))
			have |= VIEW_ACCESS_EXECUTE;
		if (perm_may(&i, op, PERM_WRITE))
			have |= VIEW_ACCESS_MODIFY | VIEW_ACCESS_EXTEND;
	}
	*allowed = want & have;
	return 0;
}

int
view_readlink(struct view *v, struct view_op *op, uint32_t ino, char buf[TARGET_BYTES_MAX + 1],
    uint32_t *n, struct view_attr *out)
{
	struct inode i;
	int len, err = view_begin(v);

	(void)op;
	if (err)
		return err;
	err = node_attr(v, ino, &i);
	if (!err)
		view_attr_of(&i, out);
	if (!err && !S_ISLNK(i.mode))
		err = -EINVAL;
	if (!err && node_golden(v, ino)) {
		len = image_target(v->image, ino, buf);
		err = len < 0 ? len : 0;
		*n = (uint32_t)len;
	} else if (!err) {
		struct node *node;

		err = node_get(v, ino, &node);
		if (!err && node->ntarget > TARGET_BYTES_MAX)
			err = err_set(EIO, "inode %u: target too long", ino);
		if (!err) {
			memcpy(buf, node->target, node->ntarget);
			buf[node->ntarget] = '\0';
			*n = node->ntarget;
		}
	}
	view_end(v);
	return err;
}

/* --- setattr --- */

static int
check_owner_change(const struct inode *i, const struct view_op *op, const struct view_set *set)
{
	if (op->uid == 0)
		return 0;
	if (set->set_uid && (set->uid != i->uid || op->uid != i->uid))
		return -EPERM;
	if (set->set_gid &&
	    (op->uid != i->uid || (set->gid != i->gid && !perm_member(op, set->gid))))
		return -EPERM;
	return 0;
}

static int
check_time_change(const struct inode *i, const struct view_op *op, const struct view_set *set)
{
	bool given = set->set_atime == VIEW_TIME_GIVEN || set->set_mtime == VIEW_TIME_GIVEN;
	bool now = set->set_atime == VIEW_TIME_NOW || set->set_mtime == VIEW_TIME_NOW;

	if (perm_owner(i, op))
		return 0;
	if (given)
		return -EPERM;
	return now && !perm_may(i, op, PERM_WRITE) ? -EACCES : 0;
}

static int
check_size_change(const struct inode *i, const struct view_op *op, const struct view_set *set)
{
	if (!set->set_size)
		return 0;
	if (!S_ISREG(i->mode))
		return S_ISDIR(i->mode) ? -EISDIR : -EINVAL;
	if (set->size > VIEW_FILE_MAX)
		return -EFBIG;
	return perm_owner(i, op) || perm_may(i, op, PERM_WRITE) ? 0 : -EACCES;
}

static int
check(const struct inode *i, const struct view_op *op, const struct view_set *set)
{
	int err = 0;

	if (set->guard && ns_of(&set->guard_ctime) != i->ctime)
		return -EAGAIN;
	if (set->set_mode && !perm_owner(i, op))
		return -EPERM;
	err = check_owner_change(i, op, set);
	if (!err)
		err = check_time_change(i, op, set);
	return err ? err : check_size_change(i, op, set);
}

static void
set_mode_and_owner(struct inode *i, const struct view_op *op, const struct view_set *set)
{
	if (set->set_mode)
		i->mode = (i->mode & S_IFMT) | (set->mode & 07777);
	/* A new owner takes set-user-id away, from everybody, as the kernel does. */
	if (((set->set_uid || set->set_gid) && !S_ISDIR(i->mode)) ||
	    (set->set_size && op->uid != 0))
		perm_clear_set_id(i, op);
	if (set->set_uid)
		i->uid = set->uid;
	if (set->set_gid)
		i->gid = set->gid;
	if (set->set_mode && op->uid != 0 && !perm_member(op, i->gid))
		i->mode &= ~(uint32_t)S_ISGID;
}

static int
apply(struct view *v, const struct view_op *op, struct node *n, const struct view_set *set)
{
	/* first what a full disk can stop */
	int err = set->set_size ? data_truncate(v, n, set->size) : piece_flush(v, n);

	if (err)
		return err;
	set_mode_and_owner(&n->i, op, set);
	view_touch(n, set->set_size);
	if (set->set_atime)
		n->i.atime = set->set_atime == VIEW_TIME_GIVEN ? ns_of(&set->atime) : n->i.ctime;
	if (set->set_mtime)
		n->i.mtime = set->set_mtime == VIEW_TIME_GIVEN ? ns_of(&set->mtime) : n->i.ctime;
	err = data_flush(v, n);
	return err ? view_broken(v, err) : 0;
}

static bool
sets_nothing(const struct view_set *s)
{
	return !s->set_mode && !s->set_uid && !s->set_gid && !s->set_size && !s->set_atime &&
	       !s->set_mtime;
}

int
view_setattr(struct view *v, struct view_op *op, uint32_t ino, const struct view_set *set,
    struct view_wcc *wcc)
{
	struct node *n;
	int err = view_begin_change(v);

	wcc->have = false;
	if (err)
		return err;
	err = node_get(v, ino, &n);
	if (!err) {
		wcc->have = true;
		view_attr_of(&n->i, &wcc->before);
		err = check(&n->i, op, set);
		if (!err && !sets_nothing(set)) {
			/* A size may be what gives room back. */
			if (!n->in_head && !set->set_size)
				err = view_rows_room(v, 0);
			if (!err)
				err = apply(v, op, n, set);
			if (!err)
				err = view_finish(v, op);
		}
		view_attr_of(&n->i, &wcc->after);
	}
	view_end(v);
	return err;
}

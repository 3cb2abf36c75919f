/* Making, linking, removing and renaming names. Each looks at all that can be refused before it
 * changes anything. */
#include "cow/view_priv.h"

#include <errno.h>

#include "cow/err.h"

int
name_usable(struct str name)
{
	if (name.n == 0 || memchr(name.p, '/', name.n) || memchr(name.p, '\0', name.n))
		return err_set(EINVAL, "a name is empty or has a '/' or a NUL in it");
	return name.n > NAME_BYTES_MAX ? err_set(ENAMETOOLONG, "a name of %u bytes", name.n) : 0;
}

bool
name_is_dots(struct str name)
{
	return str_eq(name, STR(".")) || str_eq(name, STR(".."));
}

static void
wcc_begin(struct view_wcc *wcc, const struct dir *d)
{
	wcc->have = true;
	view_attr_of(&d->i, &wcc->before);
	wcc->after = wcc->before;
}

/* A changed folder: its times, its row, the attributes after. */
int
dir_changed(struct view *v, struct dir *d, struct view_wcc *wcc)
{
	view_touch(d->node, true);
	view_attr_of(&d->node->i, &wcc->after);
	return node_changed(v, d->node);
}

/* What `what` came to: rows into the batch, or memory that can't be trusted. */
int
name_finish(struct view *v, struct view_op *op, int err)
{
	return err ? view_broken(v, err) : view_finish(v, op);
}

/* A folder in which a name is to be made or removed: writable, with names loaded. */
int
dir_open_for_change(
    struct view *v, struct view_op *op, uint32_t ino, struct dir *d, struct view_wcc *wcc)
{
	int err = dir_open(v, ino, d);

	if (err)
		return err;
	wcc_begin(wcc, d);
	if (!perm_may(&d->i, op, PERM_WRITE | PERM_EXEC))
		return -EACCES;
	return dir_own(v, d);
}

int
dir_room(const struct dir *d)
{
	return d->node->i.cookie > INO_MAX
		   ? err_set(ENOSPC, "folder %u has used up its cookies", d->ino)
		   : 0;
}

/* Owner, group and set-group-id of something new, from its folder and its maker. */
static void
inherit(const struct dir *d, const struct view_op *op, const struct view_set *set, struct inode *i)
{
	i->uid = set->set_uid && op->uid == 0 ? set->uid : op->uid;
	i->gid = op->gid;
	if (d->i.mode & S_ISGID) {
		i->gid = d->i.gid;
		if (S_ISDIR(i->mode))
			i->mode |= S_ISGID;
	}
	if (set->set_gid && (op->uid == 0 || perm_member(op, set->gid)))
		i->gid = set->gid;
	if (!S_ISDIR(i->mode) && (i->mode & S_ISGID) && (i->mode & S_IXGRP) && op->uid != 0 &&
	    !perm_member(op, i->gid))
		i->mode &= ~(uint32_t)S_ISGID;
}

static int64_t
time_of(enum view_set_time how, const struct timespec *given, int64_t now)
{
	return how == VIEW_TIME_GIVEN ? (int64_t)given->tv_sec * 1000000000 + given->tv_nsec : now;
}

static void
fill_new(const struct dir *d, const struct view_op *op, uint32_t type, uint32_t default_mode,
    const struct view_set *set, struct inode *i)
{
	int64_t now = view_now();

	i->mode = type | ((set->set_mode ? set->mode : default_mode) & 07777);
	i->nlink = S_ISDIR(type) ? 2 : 1;
	i->parent = S_ISDIR(type) ? d->ino : 0;
	i->ctime = now;
	i->atime = time_of(set->set_atime, &set->atime, now);
	i->mtime = time_of(set->set_mtime, &set->mtime, now);
	inherit(d, op, set, i);
}

/* A new inode under a new name, in a folder that is open for change. */
static int
make(struct view *v, struct view_op *op, struct dir *d, struct str name, const struct inode *like,
    struct str target, struct view_attr *out, struct view_wcc *wcc)
{
	struct node *n;
	int err = dir_room(d);

	if (!err)
		err = view_room(v, VIEW_FILE_COST);
	if (!err)
		err = view_rows_room(v, name.n + target.n);
	if (!err)
		err = node_create(v, like, target, &n);
	if (err)
		return err;
	view_attr_of(&n->i, out);
	err = node_changed(v, n);
	if (!err)
		err = dir_set(v, d, name, n->i.ino);
	if (S_ISDIR(like->mode))
		d->node->i.nlink++;
	if (!err)
		err = dir_changed(v, d, wcc);
	return name_finish(v, op, err);
}

/* The common way of mkdir, symlink, mknod and a create that must make. */
static int
make_new(struct view *v, struct view_op *op, uint32_t dir, struct str name, struct inode *like,
    uint32_t default_mode, const struct view_set *set, struct str target, struct view_attr *out,
    struct view_wcc *wcc)
{
	struct dir d = { 0 };
	uint32_t there;
	int err = name_usable(name);

	wcc->have = false;
	if (!err)
		err = view_begin_change(v);
	if (err)
		return err;
	err = dir_open_for_change(v, op, dir, &d, wcc);
	if (!err || (err == -EACCES && perm_may(&d.i, op, PERM_EXEC)))
		if (name_is_dots(name) || dir_find(v, &d, name, &there) == 0)
			err = -EEXIST;
	if (!err) {
		fill_new(&d, op, like->mode & S_IFMT, default_mode, set, like);
		err = make(v, op, &d, name, like, target, out, wcc);
	}
	dir_close(v, &d);
	view_end(v);
	return err;
}

int
view_mkdir(struct view *v, struct view_op *op, uint32_t dir, struct str name,
    const struct view_set *set, struct view_attr *out, struct view_wcc *wcc)
{
	struct inode like = { .mode = S_IFDIR, .size = 4096, .used = 4096 };

	return make_new(v, op, dir, name, &like, 0777, set, (struct str){ 0 }, out, wcc);
}

int
view_symlink(struct view *v, struct view_op *op, uint32_t dir, struct str name,
    const struct view_set *set, struct str target, struct view_attr *out, struct view_wcc *wcc)
{
	struct inode like = { .mode = S_IFLNK, .size = target.n };
	struct view_set links = *set;

	if (target.n == 0 || memchr(target.p, '\0', target.n))
		return err_set(EINVAL, "a symlink's target is empty or has a NUL in it");
	if (target.n > TARGET_BYTES_MAX)
		return err_set(ENAMETOOLONG, "a symlink's target of %u bytes", target.n);
	links.set_mode = false; /* a link has no permissions of its own */
	return make_new(v, op, dir, name, &like, 0777, &links, target, out, wcc);
}

int
view_mknod(struct view *v, struct view_op *op, uint32_t dir, struct str name, uint32_t type,
    const uint32_t rdev[2], const struct view_set *set, struct view_attr *out, struct view_wcc *wcc)
{
	struct inode like = { .mode = type };

	if ((S_ISCHR(type) || S_ISBLK(type)) && op->uid != 0)
		return err_set(EPERM, "only root makes device nodes");
	if (S_ISCHR(type) || S_ISBLK(type)) {
		like.rdev[0] = rdev[0];
		like.rdev[1] = rdev[1];
	}
	return make_new(v, op, dir, name, &like, 0666, set, (struct str){ 0 }, out, wcc);
}

/* A CREATE that found the name taken. */
static int
create_existing(struct view *v, struct view_op *op, uint32_t ino, enum view_create how,
    const struct view_set *set, uint64_t verf, struct view_attr *out)
{
	struct node *n;
	int err = node_get(v, ino, &n);

	if (err)
		return err;
	if (how == VIEW_EXCLUSIVE && S_ISREG(n->i.mode) && n->i.verf == verf && verf) {
		/* Sent again: the answer waits for the first one's batch, in one behind it. */
		view_attr_of(&n->i, out);
		if (n->ticket <= batch_durable(v->batch))
			return 0;
		return name_finish(v, op, node_changed(v, n));
	}
	if (how != VIEW_UNCHECKED)
		return -EEXIST;
	if (!S_ISREG(n->i.mode))
		return S_ISDIR(n->i.mode) ? -EISDIR : -EEXIST;
	if (set->set_size) {
		if (!perm_owner(&n->i, op) && !perm_may(&n->i, op, PERM_WRITE))
			return -EACCES;
		if (set->size > VIEW_FILE_MAX)
			return -EFBIG;
		err = data_truncate(v, n, set->size);
		if (err)
			return err;
		if (op->uid != 0)
			perm_clear_set_id(&n->i, op);
		view_touch(n, true);
		err = name_finish(v, op, data_flush(v, n));
	}
	view_attr_of(&n->i, out);
	return err;
}

int
view_create(struct view *v, struct view_op *op, uint32_t dir, struct str name, enum view_create how,
    const struct view_set *set, uint64_t verf, struct view_attr *out, struct view_wcc *wcc)
{
	static const struct view_set none;
	struct inode like = { .mode = S_IFREG };
	struct dir d = { 0 };
	uint32_t ino;
	int err = name_usable(name);

	wcc->have = false;
	if (!err && how != VIEW_EXCLUSIVE && set->set_size && set->size > VIEW_FILE_MAX)
		err = -EFBIG;
	if (!err)
		err = view_begin_change(v);
	if (err)
		return err;
	err = dir_open(v, dir, &d);
	if (!err) {
		wcc_begin(wcc, &d);
		err = !perm_may(&d.i, op, PERM_EXEC) ? -EACCES
		      : name_is_dots(name)           ? -EEXIST
						     : dir_find(v, &d, name, &ino);
		if (!err) {
			err = create_existing(v, op, ino, how, set, verf, out);
		} else if (err == -ENOENT) {
			err = perm_may(&d.i, op, PERM_WRITE) ? dir_own(v, &d) : -EACCES;
			if (!err) {
				bool exclusive = how == VIEW_EXCLUSIVE;

				fill_new(&d, op, S_IFREG, exclusive ? 0 : 0666,
				    exclusive ? &none : set, &like);
				like.verf = exclusive ? verf : 0;
				like.size = !exclusive && set->set_size ? set->size : 0;
				err = make(v, op, &d, name, &like, (struct str){ 0 }, out, wcc);
			}
		}
	}
	dir_close(v, &d);
	view_end(v);
	return err;
}

int
view_link(struct view *v, struct view_op *op, uint32_t ino, uint32_t dir, struct str name,
    struct view_attr *out, struct view_wcc *wcc)
{
	struct dir d = { 0 };
	struct node *n;
	uint32_t there;
	int err = name_usable(name);

	wcc->have = false;
	out->ino = 0;
	if (!err)
		err = view_begin_change(v);
	if (err)
		return err;
	err = node_get(v, ino, &n);
	if (!err && n->orphan)
		err = err_set(ENOENT, "inode %u has lost its last name", ino);
	if (!err) {
		view_attr_of(&n->i, out);
		err = dir_open_for_change(v, op, dir, &d, wcc);
	}
	if (!err)
		err = S_ISDIR(n->i.mode)                                         ? -EPERM
		      : name_is_dots(name) || dir_find(v, &d, name, &there) == 0 ? -EEXIST
		      : n->i.nlink >= NLINK_MAX                                  ? -EMLINK
										 : dir_room(&d);
	if (!err)
		err = view_rows_room(v, name.n);
	if (!err)
		err = piece_flush(v, n); /* first what a full disk can stop */
	if (!err) {
		n->i.nlink++;
		view_touch(n, false);
		view_attr_of(&n->i, out);
		err = dir_set(v, &d, name, ino);
		if (!err)
			err = n->dirty ? data_flush(v, n) : node_changed(v, n);
		if (!err)
			err = dir_changed(v, &d, wcc);
		err = name_finish(v, op, err);
	}
	dir_close(v, &d);
	view_end(v);
	return err;
}

int
node_unlink_room(struct view *v, struct node *n)
{
	if (n->i.nlink > 1)
		return piece_flush(v, n);
	return node_held(v, n) ? run_load_all(v, n) : 0;
}

/* One link less; the last one takes the inode along. */
int
node_unlink(struct view *v, struct node *n)
{
	if (S_ISDIR(n->i.mode) || n->i.nlink <= 1)
		return node_drop(v, n);
	n->i.nlink--;
	view_touch(n, false);
	return n->dirty ? data_flush(v, n) : node_changed(v, n);
}

/* May the name be taken out of the folder, and is it what the caller believes it to be? */
static int
check_removal(struct view *v, struct view_op *op, struct dir *d, struct str name, bool folder,
    struct node **out)
{
	struct dir victim;
	uint32_t ino;
	int err = dir_find(v, d, name, &ino);

	if (!err)
		err = node_get(v, ino, out);
	if (!err)
		err = perm_unname(&d->i, &(*out)->i, op);
	if (err)
		return err;
	if (!folder)
		return S_ISDIR((*out)->i.mode) ? -EISDIR : node_unlink_room(v, *out);
	err = dir_open(v, ino, &victim);
	if (!err)
		err = dir_own(v, &victim);
	if (!err && !dir_empty(v, &victim))
		err = -ENOTEMPTY;
	dir_close(v, &victim);
	return err;
}

static int
take_name(struct view *v, struct view_op *op, uint32_t dir, struct str name, bool folder,
    struct view_wcc *wcc)
{
	struct dir d = { 0 };
	struct node *n;
	int err = name_usable(name);

	wcc->have = false;
	if (!err)
		err = view_begin_change(v);
	if (err)
		return err;
	err = dir_open_for_change(v, op, dir, &d, wcc);
	if (!err)
		err = check_removal(v, op, &d, name, folder, &n);
	if (!err) {
		err = dir_unset(v, &d, name);
		if (!err)
			err = node_unlink(v, n);
		d.node->i.nlink -= folder;
		if (!err)
			err = dir_changed(v, &d, wcc);
		err = name_finish(v, op, err);
	}
	dir_close(v, &d);
	view_end(v);
	return err;
}

int
view_remove(struct view *v, struct view_op *op, uint32_t dir, struct str name, struct view_wcc *wcc)
{
	if (name_is_dots(name))
		return err_set(EINVAL, "'.' and '..' can't be removed");
	return take_name(v, op, dir, name, false, wcc);
}

int
view_rmdir(struct view *v, struct view_op *op, uint32_t dir, struct str name, struct view_wcc *wcc)
{
	if (str_eq(name, STR(".")))
		return err_set(EINVAL, "'.' can't be removed");
	if (str_eq(name, STR("..")))
		return err_set(ENOTEMPTY, "'..' is not empty");
	return take_name(v, op, dir, name, true, wcc);
}

/* Rename: one name less and one more, in one batch; a golden folder moves as one row. */
#include "cow/view_priv.h"

#include <errno.h>

#include "cow/err.h"

/* All that a rename is about. */
struct move {
	struct dir from, to;
	struct str old, new;
	struct node *moved, *victim; /* victim NULL: the new name is free */
	bool folder, other;          /* a folder moves; to another folder */
};

/* Is `ino` the folder `dir` or above it? */
static int
is_above(struct view *v, uint32_t ino, uint32_t dir)
{
	for (uint32_t up = 0; dir != ino; up++) {
		struct inode i;
		int err;

		if (dir == INO_ROOT)
			return 0;
		if (up == v->next_ino)
			return err_set(EIO, "the folders above inode %u go round", dir);
		err = node_attr(v, dir, &i);
		if (err)
			return err;
		dir = i.parent;
	}
	return 1;
}

static int
check_victim(struct view *v, struct view_op *op, struct move *m)
{
	struct dir d;
	int err = 0;

	if (S_ISDIR(m->victim->i.mode) && m->other)
		err = is_above(v, m->victim->i.ino, m->from.ino);
	if (err)
		return err < 0 ? err : -ENOTEMPTY;
	err = perm_unname(&m->to.i, &m->victim->i, op);
	if (err)
		return err;
	if (m->folder != S_ISDIR(m->victim->i.mode))
		return m->folder ? -ENOTDIR : -EISDIR;
	if (!m->folder)
		return node_unlink_room(v, m->victim);
	err = dir_open(v, m->victim->i.ino, &d);
	if (!err)
		err = dir_own(v, &d);
	if (!err && !dir_empty(v, &d))
		err = -ENOTEMPTY;
	dir_close(v, &d);
	return err;
}

/* 1: both names are the same file already and nothing is to be done. */
static int
check(struct view *v, struct view_op *op, struct move *m)
{
	uint32_t ino;
	int err = dir_find(v, &m->from, m->old, &ino);

	if (!err)
		err = node_get(v, ino, &m->moved);
	if (!err)
		err = perm_unname(&m->from.i, &m->moved->i, op);
	if (err)
		return err;
	m->folder = S_ISDIR(m->moved->i.mode);
	m->other = m->from.ino != m->to.ino;
	if (m->folder && m->other) {
		err = is_above(v, ino, m->to.ino);
		if (err)
			return err < 0 ? err : -EINVAL;
	}
	err = dir_find(v, &m->to, m->new, &ino);
	if (!err && ino == m->moved->i.ino)
		return 1;
	if (!err && !(err = node_get(v, ino, &m->victim)))
		err = check_victim(v, op, m);
	else if (err == -ENOENT)
		err = dir_room(&m->to);
	if (!err && m->folder && m->other && !perm_may(&m->moved->i, op, PERM_WRITE))
		err = -EACCES;
	return err ? err : piece_flush(v, m->moved);
}

static int
apply(struct view *v, struct move *m, struct view_wcc *wfrom, struct view_wcc *wto)
{
	struct dir *to = m->other ? &m->to : &m->from;
	int err = dir_unset(v, &m->from, m->old);

	if (!err)
		err = dir_set(v, to, m->new, m->moved->i.ino);
	if (!err && m->victim)
		err = node_unlink(v, m->victim);
	if (err)
		return err;
	if (m->folder) {
		m->from.node->i.nlink--;
		to->node->i.nlink += !m->victim;
		m->moved->i.parent = to->ino;
	}
	view_touch(m->moved, false);
	err = m->moved->dirty ? data_flush(v, m->moved) : node_changed(v, m->moved);
	if (!err)
		err = dir_changed(v, &m->from, wfrom);
	if (!err && m->other)
		err = dir_changed(v, &m->to, wto);
	else if (!err)
		wto->after = wfrom->after;
	return err;
}

int
view_rename(struct view *v, struct view_op *op, uint32_t from, struct str old, uint32_t to,
    struct str new, struct view_wcc *wfrom, struct view_wcc *wto)
{
	struct move m = { .old = old, .new = new };
	int err = name_usable(old);

	wfrom->have = wto->have = false;
	if (!err)
		err = name_usable(new);
	if (!err && (name_is_dots(old) || name_is_dots(new)))
		err = err_set(EINVAL, "'.' and '..' can't be renamed");
	if (!err)
		err = view_begin_change(v);
	if (err)
		return err;
	err = dir_open_for_change(v, op, from, &m.from, wfrom);
	if (!err)
		err = dir_open_for_change(v, op, to, &m.to, wto);
	if (!err)
		err = check(v, op, &m);
	if (!err)
		err = name_finish(v, op, apply(v, &m, wfrom, wto));
	dir_close(v, &m.from);
	dir_close(v, &m.to);
	view_end(v);
	return err > 0 ? 0 : err;
}

/* Finding and listing names. */
#include "cow/view_priv.h"

#include <errno.h>

#include "cow/err.h"

static int
find(struct view *v, const struct dir *d, struct str name, uint32_t *ino)
{
	if (name.n > NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	if (str_eq(name, STR("."))) {
		*ino = d->ino;
		return 0;
	}
	if (str_eq(name, STR(".."))) {
		*ino = d->ino == INO_ROOT ? INO_ROOT : d->i.parent;
		return 0;
	}
	return dir_find(v, d, name, ino);
}

int
view_lookup(struct view *v, struct view_op *op, uint32_t dir, struct str name,
    struct view_attr *out, struct view_attr *dir_out)
{
	struct inode i;
	struct dir d;
	uint32_t ino;
	int err = view_begin(v);

	if (err)
		return err;
	dir_out->ino = 0;
	err = dir_open(v, dir, &d);
	if (!err) {
		view_attr_of(&d.i, dir_out);
		err = perm_may(&d.i, op, PERM_EXEC) ? find(v, &d, name, &ino) : -EACCES;
		if (!err)
			err = node_attr(v, ino, &i);
		if (!err)
			view_attr_of(&i, out);
	}
	dir_close(v, &d);
	view_end(v);
	return err;
}

struct listing {
	struct view *view;
	bool attr;
	view_dirent_fn *fn;
	void *arg;
};

/* 1: enough; 0: go on; -errno. */
static int
emit(const struct listing *l, struct str name, uint32_t cookie, uint32_t ino)
{
	struct view_attr attr;
	struct inode i;
	int err;

	if (!l->attr)
		return l->fn(l->arg, name, cookie, ino, NULL);
	err = node_attr(l->view, ino, &i);
	if (err)
		return err == -ESTALE ? l->fn(l->arg, name, cookie, ino, NULL) : err;
	view_attr_of(&i, &attr);
	return l->fn(l->arg, name, cookie, ino, &attr);
}

/* The golden names that the chain leaves or replaces in their places. */
static int
list_golden(const struct listing *l, const struct dir *d, uint64_t after)
{
	const struct image_dir *g = d->golden;
	uint64_t at = after < COOKIE_FIRST ? 0 : after - COOKIE_FIRST + 1;
	int stop = 0;

	for (; g && at < g->count && !stop; at++) {
		uint32_t cookie = (uint32_t)at + COOKIE_FIRST, ino = g->names[at].ino;
		const struct name *n =
		    d->node ? names_find(&d->node->names, g->names[at].name) : NULL;

		if (n && (!n->ino || n->cookie != cookie))
			continue;
		stop = emit(l, g->names[at].name, cookie, n ? n->ino : ino);
	}
	return stop;
}

static int
list_added(const struct listing *l, const struct dir *d, uint64_t after)
{
	uint32_t golden = COOKIE_FIRST + (d->golden ? d->golden->count : 0);
	const struct names *t;
	int stop = 0;

	if (!d->node)
		return 0;
	t = &d->node->names;
	for (uint32_t i = names_after(t, after < golden ? golden - 1 : after);
	     i < t->norder && !stop; i++)
		if (t->order[i].name)
			stop = emit(l, name_str(t->order[i].name), t->order[i].cookie,
			    t->order[i].name->ino);
	return stop;
}

static int
list(const struct listing *l, const struct dir *d, uint64_t after)
{
	int stop = 0;

	if (after < 1)
		stop = emit(l, STR("."), 1, d->ino);
	if (!stop && after < 2)
		stop = emit(l, STR(".."), 2, d->ino == INO_ROOT ? INO_ROOT : d->i.parent);
	if (!stop)
		stop = list_golden(l, d, after);
	return stop ? stop : list_added(l, d, after);
}

int
view_readdir(struct view *v, struct view_op *op, uint32_t dir, uint64_t after, bool attr,
    view_dirent_fn *fn, void *arg, bool *eof, struct view_attr *dir_out)
{
	struct listing l = { v, attr, fn, arg };
	struct dir d;
	int err = view_begin(v);

	if (err)
		return err;
	*eof = false;
	dir_out->ino = 0;
	err = dir_open(v, dir, &d);
	if (!err) {
		view_attr_of(&d.i, dir_out);
		err = perm_may(&d.i, op, PERM_READ) ? 0 : -EACCES;
	}
	if (!err && d.node)
		err = dir_own(v, &d); /* its names are needed whole */
	if (!err) {
		int stop = list(&l, &d, after);

		*eof = stop == 0;
		err = stop < 0 ? stop : 0;
	}
	dir_close(v, &d);
	view_end(v);
	return err;
}

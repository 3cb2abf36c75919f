/* A folder's names: the golden ones, and over them what the chain says. */
#include "cow/view_priv.h"

#include <errno.h>

#include "cow/cleanup.h"
#include "cow/dirent.h"
#include "cow/err.h"

int
dir_open(struct view *v, uint32_t ino, struct dir *out)
{
	int err = 0;

	memset(out, 0, sizeof(*out));
	out->ino = ino;
	if (node_golden(v, ino) && ino >= INO_ROOT)
		err = image_inode(v->image, ino, &out->i);
	else if (!(err = node_get(v, ino, &out->node)))
		out->i = out->node->i;
	if (err)
		return err;
	if (!S_ISDIR(out->i.mode))
		return err_set(ENOTDIR, "inode %u is not a folder", ino);
	if (ino <= v->last_golden)
		err = image_dir(v->image, ino, &out->golden);
	return err;
}

void
dir_close(struct view *v, struct dir *d)
{
	if (d->golden)
		image_dir_release(v->image, d->golden);
	d->golden = NULL;
}

static bool
golden_has(const struct dir *d, struct str name)
{
	return d->golden && image_dir_find(d->golden, name) >= 0;
}

/* The names of a layer on their way into a folder. */
struct overlay {
	struct dir *dir;
	int layer;
};

/* A layer's name takes the place of what is known of it from beneath. */
static int
load_row(void *arg, struct str bytes, uint32_t ino, uint32_t cookie)
{
	struct overlay *o = arg;
	struct names *t = &o->dir->node->names;
	struct name *n = names_find(t, bytes);

	if (!n) {
		if (!(n = names_add(t, bytes)))
			return -ENOMEM;
		n->beneath = golden_has(o->dir, bytes);
	}
	if (names_place(t, n, ino, cookie) < 0)
		return -ENOMEM;
	if (o->layer == 0)
		n->in_head = true;
	else
		n->beneath = n->ino != 0;
	return 0;
}

static int
load_names(struct view *v, struct dir *d)
{
	struct node *n = d->node;
	uint64_t before = n->names.memory;
	struct db *db;
	int err = 0;

	if (n->has_names)
		return 0;
	if (!n->in_head && v->nlayers == 1) {
		n->has_names = true;
		return 0;
	}
	if (!(db = db_lend(store_readers(v->store))))
		return -EIO;
	for (int k = v->nlayers - 1; k >= 0 && !err; k--) {
		struct overlay o = { d, k };

		if (!filter_may_have(v, k, d->ino))
			continue;
		err = dirent_each(db, v->layers[k].id, d->ino, load_row, &o);
	}
	db_return(store_readers(v->store), db);
	if (err)
		names_free(&n->names);
	v->memory += n->names.memory - before;
	n->has_names = !err;
	return err;
}

int
dir_own(struct view *v, struct dir *d)
{
	int err = d->node ? 0 : node_get(v, d->ino, &d->node);

	return err ? err : load_names(v, d);
}

int
dir_find(struct view *v, const struct dir *d, struct str name, uint32_t *ino)
{
	struct dir own = *d;
	struct name *n;
	int at, err;

	if (d->node) {
		if ((err = load_names(v, &own)) < 0)
			return err;
		n = names_find(&d->node->names, name);
		if (n) {
			*ino = n->ino;
			return n->ino ? 0 : -ENOENT;
		}
	}
	at = d->golden ? image_dir_find(d->golden, name) : -1;
	if (at < 0)
		return -ENOENT;
	*ino = d->golden->names[at].ino;
	return 0;
}

bool
dir_empty(struct view *v, const struct dir *d)
{
	uint32_t golden = d->golden ? d->golden->count : 0, hidden = 0;
	const struct names *t;

	(void)v;
	if (!d->node)
		return golden == 0;
	t = &d->node->names;
	if (t->norder > t->holes)
		return false;
	if (t->count < golden)
		return false;
	for (uint32_t b = 0; b < t->nbuckets; b++)
		for (const struct name *n = t->buckets[b]; n; n = n->chain)
			hidden += golden_has(d, name_str(n));
	return hidden == golden;
}

static struct name *
find_or_add(struct dir *d, struct str name)
{
	struct names *t = &d->node->names;
	struct name *n = names_find(t, name);

	if (!n && (n = names_add(t, name)))
		n->beneath = golden_has(d, name);
	return n;
}

/* The cookie under which the name is listed already, or 0. */
static uint32_t
present_cookie(const struct dir *d, const struct name *n)
{
	int at;

	if (n->ino)
		return n->cookie;
	if (n->in_head || n->cookie)
		return 0; /* a whiteout: the name was gone, it comes back at the end */
	at = d->golden ? image_dir_find(d->golden, name_str(n)) : -1;
	return at < 0 ? 0 : (uint32_t)at + COOKIE_FIRST;
}

int
dir_set(struct view *v, struct dir *d, struct str name, uint32_t ino)
{
	struct node *dir = d->node;
	uint64_t before = dir->names.memory;
	struct name *n = find_or_add(d, name);
	uint32_t cookie;
	int err;

	if (!n)
		return -ENOMEM;
	cookie = present_cookie(d, n);
	if (!cookie)
		cookie = dir->i.cookie++;
	err = names_place(&dir->names, n, ino, cookie);
	n->in_head = true;
	v->memory += dir->names.memory - before;
	return err ? err : change_name(v->change, v->head_id, d->ino, name, ino, cookie);
}

int
dir_unset(struct view *v, struct dir *d, struct str name)
{
	struct names *t = &d->node->names;
	uint64_t before = t->memory;
	struct name *n = find_or_add(d, name);
	int err = 0;

	if (!n)
		return -ENOMEM;
	if (n->beneath) {
		uint32_t cookie = present_cookie(d, n);

		err = names_place(t, n, 0, cookie ? cookie : n->cookie);
		n->in_head = true;
		if (!err)
			err = change_name(v->change, v->head_id, d->ino, name, 0, n->cookie);
	} else {
		err = change_drop_name(v->change, v->head_id, d->ino, name);
		if (golden_has(d, name)) { /* and a sealed layer's whiteout hides that */
			names_place(t, n, 0, n->cookie);
			n->in_head = false;
		} else {
			names_drop(t, n);
		}
	}
	v->memory += t->memory - before;
	return err;
}

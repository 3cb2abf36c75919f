/* All that a view's layers say, merged into one: for a layer that takes their place, or an image.
 */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/view_flat.h"

struct inos {
	uint32_t *all;
	size_t n, size;
	bool failed;
};

static void
add_ino(void *arg, uint32_t ino)
{
	struct inos *s = arg;
	size_t size = s->size ? s->size * 2 : 256;
	uint32_t *more;

	if (s->n == s->size) {
		if (!(more = realloc(s->all, size * sizeof(*more)))) {
			s->failed = true;
			return;
		}
		s->all = more;
		s->size = size;
	}
	s->all[s->n++] = ino;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Every inode of which a layer has a row, once, in order. */
static int
gather(struct view *v, struct inos *out)
{
	struct db *db = db_lend(store_readers(v->store));
	size_t left = 0;
	int err = db ? 0 : -EIO;

	for (int k = 0; k < v->nlayers && !err; k++)
		err = inode_each(db, v->layers[k].id, INO_MAX, add_ino, out);
	db_return(store_readers(v->store), db);
	if (err || out->failed)
		return err ? err : -ENOMEM;
	if (out->n)
		qsort(out->all, out->n, sizeof(*out->all), compare);
	for (size_t i = 0; i < out->n; i++)
		if (i == 0 || out->all[i] != out->all[i - 1])
			out->all[left++] = out->all[i];
	out->n = left;
	return 0;
}

static int
flat_names(struct view *v, struct node *n, const struct view_sink *sink)
{
	struct dir d;
	int err = dir_open(v, n->i.ino, &d);

	if (!err)
		err = dir_own(v, &d);
	for (uint32_t b = 0; b < n->names.nbuckets && !err; b++) {
		for (struct name *e = n->names.buckets[b]; e && !err; e = e->chain) {
			bool golden = d.golden && image_dir_find(d.golden, name_str(e)) >= 0;

			if (e->ino || golden)
				err =
				    sink->name(sink->arg, n->i.ino, name_str(e), e->ino, e->cookie);
		}
	}
	dir_close(v, &d);
	return err;
}

/* What of a run isn't the image's. */
static int
own_bytes(struct view *v, struct node *n, uint32_t run, const struct extent *e, uint64_t *own)
{
	struct extent golden = { 0 };
	int err = n->i.ino <= v->last_golden ? image_extent(v->image, n->i.ino, run, &golden) : 0;

	for (uint32_t i = 0; i < EXTENT_RUN && !err; i++)
		if (!id_eq(&e->ids[i], &golden.ids[i]))
			*own += e->locs[i].stored;
	return err;
}

static int
flat_runs(struct view *v, struct node *n, const struct view_sink *sink)
{
	uint64_t blocks = (n->i.size + v->block_size - 1) / v->block_size;
	uint64_t runs = (blocks + EXTENT_RUN - 1) / EXTENT_RUN;
	struct extent e;
	bool golden = false;
	int err = 0;

	n->i.own = 0;
	for (uint32_t run = 0; run < runs && !err; run++) {
		err = run_differs(v, n, run, &e, &golden);
		if (!err && !golden)
			err = own_bytes(v, n, run, &e, &n->i.own);
		if (!err && !golden && (extent_length(&e) || n->i.ino <= v->last_golden))
			err = sink->run(sink->arg, n->i.ino, run, &e);
		if (run % 64 == 63)
			run_forget(v, n);
	}
	n->i.below = (uint32_t)blocks;
	return err;
}

static int
flat_one(struct view *v, uint32_t ino, const struct view_sink *sink)
{
	struct inode gone = { .ino = ino };
	struct node *n;
	int err = node_get(v, ino, &n);

	if (err == -ESTALE)
		return ino <= v->last_golden ? sink->inode(sink->arg, &gone, (struct str){ 0 }) : 0;
	if (!err && S_ISDIR(n->i.mode))
		err = flat_names(v, n, sink);
	else if (!err && S_ISREG(n->i.mode))
		err = flat_runs(v, n, sink);
	if (!err)
		err = xattr_flat(v, n, sink->xattr, sink->arg);
	if (!err)
		err = sink->inode(sink->arg, &n->i, (struct str){ n->target, n->ntarget });
	if (!err)
		node_forget(v, n);
	return err;
}

int
view_changed_inos(struct view *v, uint32_t **out, size_t *n)
{
	struct inos inos = { 0 };
	int err = gather(v, &inos);

	*out = inos.all;
	*n = inos.n;
	return err;
}

int
view_flatten(struct view *v, const struct view_sink *sink)
{
	struct inos inos = { 0 };
	int err;

	if (v->batch)
		return err_set(EINVAL, "only a view that doesn't change can be laid flat");
	err = view_begin(v);
	if (err)
		return err;
	err = gather(v, &inos);
	for (size_t i = 0; i < inos.n && !err; i++)
		err = flat_one(v, inos.all[i], sink);
	view_end(v);
	free(inos.all);
	return err;
}

int
view_rebase(struct view *v, uint64_t base, const struct layer *flat)
{
	int k = 0;

	while (k < v->nlayers && v->layers[k].id != base)
		k++;
	if (k == 0 || k == v->nlayers)
		return -ESTALE;
	filters_drop(v, k);
	v->layers[k] = *flat;
	v->nlayers = k + 1;
	return 0;
}

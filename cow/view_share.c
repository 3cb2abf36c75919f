/* Contents that go from one view to another by reference: rows that name the same blocks. */
#include "cow/view_priv.h"

#include <errno.h>

#include "cow/err.h"

bool
view_same(const struct view *a, uint32_t ino, const struct view *b, uint32_t other)
{
	return ino == other && ino >= INO_ROOT && a->image == b->image && node_golden(a, ino) &&
	       node_golden(b, ino);
}

static int
share_run(struct view *from, uint32_t ino, struct node *source, struct view *to, struct node *n,
    uint32_t run)
{
	struct extent e;
	int err = run_extent(from, ino, source, run, &e);

	for (uint32_t i = 0; i < EXTENT_RUN && !err; i++)
		if (!id_is_zero(&e.ids[i]))
			err = run_set(to, n, run * EXTENT_RUN + i, &e.ids[i], &e.locs[i]);
	return err;
}

/* With both views begun. */
static int
share(struct view *from, uint32_t ino, struct view *to, uint32_t to_ino)
{
	struct node *source = NULL, *n;
	struct inode i;
	uint64_t runs;
	int err = node_golden(from, ino) ? image_inode(from->image, ino, &i)
					 : node_get(from, ino, &source);

	if (!err && source)
		i = source->i;
	if (!err)
		err = node_get(to, to_ino, &n);
	if (err)
		return err;
	if (!S_ISREG(i.mode) || !S_ISREG(n->i.mode) || n->i.size)
		return err_set(EINVAL, "contents are shared with a new file only");
	runs = (i.size + (uint64_t)to->block_size * EXTENT_RUN - 1) /
	       ((uint64_t)to->block_size * EXTENT_RUN);
	for (uint32_t run = 0; run < runs && !err; run++)
		err = share_run(from, ino, source, to, n, run);
	if (err)
		return view_broken(to, err);
	n->i.size = i.size;
	view_touch(n, true);
	node_set_dirty(to, n, true);
	err = data_flush(to, n);
	return err ? err : view_finish(to, NULL);
}

int
view_share(struct view *from, uint32_t ino, struct view *to, uint32_t to_ino)
{
	int err = view_begin(from);

	if (err)
		return err;
	err = view_begin_change(to);
	if (!err) {
		err = share(from, ino, to, to_ino);
		view_end(to);
	}
	view_end(from);
	return err;
}

/* With both views begun. */
static int
differs(struct view *a, uint32_t ino, struct view *b, uint32_t other)
{
	struct node *n = NULL, *m = NULL;
	struct inode i = { 0 };
	struct extent x, y;
	uint64_t runs;
	int err = node_golden(a, ino) ? image_inode(a->image, ino, &i) : node_get(a, ino, &n);

	if (!err && n)
		i = n->i;
	if (!err && !node_golden(b, other))
		err = node_get(b, other, &m);
	runs = (i.size + (uint64_t)a->block_size * EXTENT_RUN - 1) /
	       ((uint64_t)a->block_size * EXTENT_RUN);
	for (uint32_t run = 0; run < runs && !err; run++) {
		err = run_extent(a, ino, n, run, &x);
		if (!err)
			err = run_extent(b, other, m, run, &y);
		if (!err && memcmp(x.ids, y.ids, sizeof(x.ids)) != 0)
			return 1;
	}
	return err;
}

int
view_differs(struct view *a, uint32_t ino, struct view *b, uint32_t other)
{
	int r = view_begin(a);

	if (r)
		return r;
	r = view_begin(b);
	if (!r) {
		r = differs(a, ino, b, other);
		view_end(b);
	}
	view_end(a);
	return r;
}

/* Where the runs of a file end that may have blocks; within its size, which may be a sparse one's.
 */
static int
runs_end(struct view *v, uint32_t ino, const struct inode *i, struct node *n, uint32_t *end)
{
	uint64_t run_bytes = (uint64_t)v->block_size * EXTENT_RUN;
	uint32_t sized = (uint32_t)((i->size + run_bytes - 1) / run_bytes);
	int err = ino <= v->last_golden ? image_runs(v->image, ino, end) : 0;

	if (!err && n)
		err = run_load_all(v, n);
	if (!err && n && n->nruns && n->runs[n->nruns - 1].run >= *end)
		*end = n->runs[n->nruns - 1].run + 1;
	if (*end > sized)
		*end = sized;
	return err;
}

static int
find_block(struct view *v, uint32_t ino, bool (*fn)(void *arg, const struct id *), void *arg,
    uint64_t *off)
{
	struct node *n = NULL;
	struct inode i = { 0 };
	struct extent e;
	uint32_t end = 0;
	int err = node_golden(v, ino) ? image_inode(v->image, ino, &i) : node_get(v, ino, &n);

	if (!err)
		err = runs_end(v, ino, n ? &n->i : &i, n, &end);
	for (uint32_t run = 0; run < end && !err; run++) {
		*off = (uint64_t)run * v->block_size * EXTENT_RUN;
		err = run_extent(v, ino, n, run, &e);
		for (uint32_t k = 0; k < EXTENT_RUN && !err; k++, *off += v->block_size)
			if (!id_is_zero(&e.ids[k]) && fn(arg, &e.ids[k]))
				return 1;
	}
	return err;
}

int
view_find_block(struct view *v, uint32_t ino, bool own, bool (*fn)(void *arg, const struct id *),
    void *arg, uint64_t *off)
{
	int r = view_begin(v);

	if (r)
		return r;
	if (!own || !node_golden(v, ino))
		r = find_block(v, ino, fn, arg, off);
	view_end(v);
	return r;
}

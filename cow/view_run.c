/* A file's blocks, run by run: the head's, else a lower layer's, else the image's, as far as no
 * truncation in between has cut them off. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/err.h"

/* A truncation to nothing beyond so many runs doesn't look at each block that it frees. */
#define CUT_EXACT 64u

static uint32_t
find(const struct node *n, uint32_t run)
{
	uint32_t low = 0, high = n->nruns;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (n->runs[mid].run < run)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int
insert(struct view *v, struct node *n, uint32_t at, const struct run *r)
{
	uint32_t size = n->runs_size ? n->runs_size * 2 : 2;
	struct run *p;

	if (n->nruns == n->runs_size) {
		if (!(p = realloc(n->runs, size * sizeof(*p))))
			return -ENOMEM;
		v->memory += (size - n->runs_size) * sizeof(*p);
		n->runs = p;
		n->runs_size = size;
	}
	memmove(n->runs + at + 1, n->runs + at, (n->nruns - at) * sizeof(*n->runs));
	n->runs[at] = *r;
	n->nruns++;
	if (r->e)
		v->memory += sizeof(*r->e);
	return 0;
}

/* Blocks from index `limit` of the file on are hidden. */
static void
clip(struct extent *e, uint32_t run, uint32_t limit)
{
	uint64_t first = (uint64_t)run * EXTENT_RUN;
	uint32_t from = limit > first ? (uint32_t)(limit - first) : 0;

	for (uint32_t i = from; i < EXTENT_RUN; i++) {
		memset(&e->ids[i], 0, sizeof(e->ids[i]));
		memset(&e->locs[i], 0, sizeof(e->locs[i]));
	}
}

/* The limit that a sealed layer's own row sets for what lies beneath it. */
static int
layer_limit(struct db *db, uint64_t layer, uint32_t ino, uint32_t *limit)
{
	uint32_t below;
	int row = inode_below(db, layer, ino, &below);

	if (row == 1 && below < *limit)
		*limit = below;
	return row < 0 ? row : 0;
}

/* Looks through the chain from a layer down. found: the layer's index or -1; *limit: for what lies
 * beneath, on entry as the layers above set it. */
static int
search_layers(struct view *v, struct node *n, int first, uint32_t run, struct extent *e,
    uint32_t *limit, int *found)
{
	struct db *db;
	int row = 0;

	*found = -1;
	if (first >= v->nlayers || (v->nlayers == 1 && !n->in_head))
		return 0;
	if (!(db = db_lend(store_readers(v->store))))
		return -EIO;
	for (int k = first; k < v->nlayers && row == 0; k++) {
		if ((k == 0 && (!n->in_head || run >= n->cut)) || !filter_may_have(v, k, n->i.ino))
			continue;
		row = extent_get(db, v->blocks, v->layers[k].id, n->i.ino, run, e);
		if (row == 1)
			*found = k;
		else if (row == 0 && k > 0)
			row = layer_limit(db, v->layers[k].id, n->i.ino, limit);
	}
	db_return(store_readers(v->store), db);
	return row < 0 ? row : 0;
}

/* Which blocks of a row of the head are its own, not copied up from beneath. */
static int
own_mask(struct view *v, struct node *n, uint32_t run, const struct extent *e, uint32_t *out)
{
	struct extent beneath = { 0 };
	uint32_t limit = BELOW_ALL;
	int found = -1, err = search_layers(v, n, 1, run, &beneath, &limit, &found);

	if (!err && found < 0 && n->i.ino <= v->last_golden)
		err = image_extent(v->image, n->i.ino, run, &beneath);
	for (uint32_t i = 0; i < EXTENT_RUN && !err; i++)
		if (!id_is_zero(&e->ids[i]) && !id_eq(&e->ids[i], &beneath.ids[i]))
			*out |= 1u << i;
	return err;
}

static int
load(struct view *v, struct node *n, uint32_t run, struct run *out)
{
	struct extent e;
	uint32_t limit = n->i.below;
	int found = -1, err;

	memset(&e, 0, sizeof(e));
	*out = (struct run){ .run = run };
	if (!n->complete) {
		err = search_layers(v, n, 0, run, &e, &limit, &found);
		if (err)
			return err;
	} else if (n->orphan && n->shows < limit) {
		limit = n->shows;
	}
	if (found < 0 && n->i.ino <= v->last_golden && (uint64_t)run * EXTENT_RUN < limit) {
		if (((uint64_t)run + 1) * EXTENT_RUN <= limit)
			return 0; /* the image's, as it is */
		err = image_extent(v->image, n->i.ino, run, &e);
		if (err)
			return err;
	}
	if (found != 0)
		clip(&e, run, limit);
	else if ((err = own_mask(v, n, run, &e, &out->own)) < 0)
		return err;
	if (!(out->e = malloc(sizeof(e))))
		return -ENOMEM;
	*out->e = e;
	return 0;
}

static int
get(struct view *v, struct node *n, uint32_t run, struct run **out)
{
	uint32_t at = find(n, run);
	struct run r;
	int err;

	if (at == n->nruns || n->runs[at].run != run) {
		err = load(v, n, run, &r);
		if (!err)
			err = insert(v, n, at, &r);
		if (err)
			return err;
	}
	*out = &n->runs[at];
	return 0;
}

int
run_locs(struct view *v, uint32_t ino, struct node *n, uint32_t block, uint32_t count,
    struct block_loc *out)
{
	while (count) {
		uint32_t at = block % EXTENT_RUN, k = EXTENT_RUN - at;
		struct extent golden;
		const struct extent *e = &golden;
		struct run *r = NULL;
		int err = n ? get(v, n, block / EXTENT_RUN, &r) : 0;

		if (!err && (!r || !r->e))
			err = image_extent(v->image, ino, block / EXTENT_RUN, &golden);
		else if (!err)
			e = r->e;
		if (err)
			return err;
		if (k > count)
			k = count;
		memcpy(out, e->locs + at, k * sizeof(*out));
		out += k;
		block += k;
		count -= k;
	}
	return 0;
}

int
run_extent(struct view *v, uint32_t ino, struct node *n, uint32_t run, struct extent *out)
{
	struct run *r = NULL;
	int err = n ? get(v, n, run, &r) : 0;

	if (err)
		return err;
	if (!r || !r->e)
		return image_extent(v->image, ino, run, out);
	*out = *r->e;
	return 0;
}

int
run_differs(struct view *v, struct node *n, uint32_t run, struct extent *out, bool *golden)
{
	struct run *r;
	int err = get(v, n, run, &r);

	if (err)
		return err;
	*golden = !r->e;
	if (r->e)
		*out = *r->e;
	return 0;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Puts a block (or none) into a run that is in memory, and keeps the accounts. */
static void
replace(struct view *v, struct node *n, struct run *r, uint32_t i, const struct id *id,
    const struct block_loc *loc)
{
	uint64_t was = extent_used(&r->e->locs[i]), is = extent_used(loc);

	if (r->own >> i & 1) {
		n->i.own = less(n->i.own, r->e->locs[i].stored);
		v->bytes = less(v->bytes, n->orphan ? 0 : r->e->locs[i].stored);
	}
	n->i.used = less(n->i.used, was) + is;
	n->i.own += loc->stored;
	v->bytes += n->orphan ? 0 : loc->stored;
	r->own = (r->own & ~(1u << i)) | (uint32_t)(loc->stored != 0) << i;
	r->e->ids[i] = *id;
	r->e->locs[i] = *loc;
	r->dirty = true;
}

/* The run with an extent of its own, copied up from the image if need be. */
static int
run_own(struct view *v, struct node *n, uint32_t run, struct run **out)
{
	int err = get(v, n, run, out);
	struct extent *e;

	if (err || (*out)->e)
		return err;
	if (!(e = malloc(sizeof(*e))))
		return -ENOMEM;
	err = image_extent(v->image, n->i.ino, run, e);
	if (err) {
		free(e);
		return err;
	}
	(*out)->e = e;
	v->memory += sizeof(*e);
	return 0;
}

int
run_set(struct view *v, struct node *n, uint32_t block, const struct id *id,
    const struct block_loc *loc)
{
	struct run *r;
	int err = run_own(v, n, block / EXTENT_RUN, &r);

	if (!err)
		replace(v, n, r, block % EXTENT_RUN, id, loc);
	return err;
}

/* The accounts of the blocks that a cut at `block` frees, while they are few. */
static int
account_cut(struct view *v, struct node *n, uint32_t block, uint32_t end)
{
	uint32_t last = end ? (end - 1) / EXTENT_RUN : 0;
	static const struct block_loc none;
	static const struct id zero;

	for (uint32_t run = block / EXTENT_RUN; block < end && run <= last; run++) {
		uint32_t i = run == block / EXTENT_RUN ? block % EXTENT_RUN : 0;
		struct run *r;
		int err = run_own(v, n, run, &r);

		if (err)
			return err;
		for (; i < EXTENT_RUN; i++)
			replace(v, n, r, i, &zero, &none);
	}
	return 0;
}

static void
drop_runs(struct view *v, struct node *n, uint32_t from)
{
	uint32_t at = find(n, from);

	for (uint32_t i = at; i < n->nruns; i++) {
		if (n->runs[i].e)
			v->memory -= sizeof(struct extent);
		free(n->runs[i].e);
	}
	n->nruns = at;
}

/* Where the freed blocks were too many to look at each: no more than what is left can count. */
static void
clamp(struct view *v, struct node *n, uint64_t room)
{
	if (n->i.own > room) {
		v->bytes = less(v->bytes, n->orphan ? 0 : n->i.own - room);
		n->i.own = room;
	}
	if (n->i.used > room)
		n->i.used = room;
}

int
run_cut(struct view *v, struct node *n, uint32_t block)
{
	uint32_t bs = v->block_size, first = (block + EXTENT_RUN - 1) / EXTENT_RUN;
	uint32_t end = (uint32_t)((n->i.size + bs - 1) / bs);
	bool exact = block && end / EXTENT_RUN <= block / EXTENT_RUN + CUT_EXACT;
	int err =
	    account_cut(v, n, block, exact || end < first * EXTENT_RUN ? end : first * EXTENT_RUN);

	if (err)
		return err;
	if (!exact)
		clamp(v, n, (uint64_t)block * bs);
	drop_runs(v, n, first);
	if (first < n->cut)
		n->cut = first;
	if (block < n->i.below)
		n->i.below = block;
	return n->orphan ? 0 : change_drop_extents(v->change, v->head_id, n->i.ino, first);
}

struct numbers {
	uint32_t *all, n, size;
};

static int
add_number(void *arg, uint32_t run)
{
	struct numbers *to = arg;
	uint32_t size = to->size ? to->size * 2 : 64, *more;

	if (to->n == to->size) {
		if (!(more = realloc(to->all, size * sizeof(*more))))
			return -ENOMEM;
		to->all = more;
		to->size = size;
	}
	to->all[to->n++] = run;
	return 0;
}

/* Which runs the chain has rows of, and from where on it doesn't show the image. */
static int
list_runs(struct view *v, struct node *n, struct numbers *out)
{
	struct db *db = db_lend(store_readers(v->store));
	int err = db ? 0 : -EIO;

	n->shows = n->i.below;
	for (int k = 0; k < v->nlayers && !err; k++) {
		if (!filter_may_have(v, k, n->i.ino))
			continue;
		err = extent_runs(db, v->layers[k].id, n->i.ino, add_number, out);
		if (!err && k > 0)
			err = layer_limit(db, v->layers[k].id, n->i.ino, &n->shows);
	}
	db_return(store_readers(v->store), db);
	return err;
}

int
run_load_all(struct view *v, struct node *n)
{
	struct numbers runs = { 0 };
	struct run *r;
	int err = n->complete ? 0 : list_runs(v, n, &runs);

	for (uint32_t i = 0; i < runs.n && !err; i++)
		err = get(v, n, runs.all[i], &r);
	free(runs.all);
	return err;
}

int
run_rows(struct view *v, struct node *n)
{
	for (uint32_t i = 0; i < n->nruns; i++) {
		struct run *r = &n->runs[i];
		int err =
		    r->dirty ? change_extent(v->change, v->head_id, n->i.ino, r->run, r->e) : 0;

		if (err)
			return err;
		r->dirty = false;
	}
	return 0;
}

void
run_forget(struct view *v, struct node *n)
{
	drop_runs(v, n, 0);
	v->memory -= n->runs_size * sizeof(*n->runs);
	free(n->runs);
	n->runs = NULL;
	n->runs_size = 0;
	n->complete = false;
}

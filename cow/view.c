/* A view as a whole: open and close, attributes, and what keeps its memory and the disk in step. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"

/* --- loading and forgetting --- */

/* A bit for a golden inode of which a layer has a row. */
static void
mark_touched(void *arg, uint32_t ino)
{
	struct view *v = arg;

	v->touched[ino / 8] |= (uint8_t)(1 << ino % 8);
}

static int
load(struct view *v)
{
	struct db *db = db_lend(store_readers(v->store));
	int err = 0;

	if (!db)
		return -EIO;
	memset(v->touched, 0, v->last_golden / 8 + 1);
	free(v->layers);
	v->layers = NULL;
	v->nlayers = 0;
	if (v->batch && !id_is_zero(&v->client))
		err = client_head(db, &v->client, &v->head_id); /* a lost commit may have cut it */
	if (!err && v->head_id)
		err = layer_chain(db, v->head_id, &v->layers, &v->nlayers);
	filters_drop(v, 0);
	if (!err)
		err = filters_room(v);
	for (int k = 0; k < v->nlayers && !err; k++)
		err = inode_each(db, v->layers[k].id, v->last_golden, mark_touched, v);
	db_return(store_readers(v->store), db);
	if (err)
		return err;
	v->stale = false;
	if (v->nlayers == 0)
		return 0;
	/* Numbers that were given out and not committed aren't given out again. */
	if (v->layers[0].next_ino > v->next_ino)
		v->next_ino = v->layers[0].next_ino;
	v->files = v->layers[0].files;
	v->bytes = v->layers[0].bytes;
	return 0;
}

int
view_begin(struct view *v)
{
	int err = 0;

	pthread_mutex_lock(&v->lock);
	if (v->stale) {
		store_count_loss(v->store); /* before a COMMIT finds nothing to do */
		node_forget_all(v);
		err = load(v);
	}
	v->nchanged = 0;
	if (err)
		pthread_mutex_unlock(&v->lock);
	return err;
}

int
view_begin_change(struct view *v)
{
	return v->batch ? view_begin(v) : err_set(EROFS, "the view is for looking only");
}

#define TRIM_FILES 2 /* rounds that leave folders whose names are known */
#define TRIM_ALL   3
#define LIMIT_STEP ((uint64_t)1 << 20)

static void trim(struct view *v, uint64_t bytes, int rounds);

void
view_end(struct view *v)
{
	if (v->limit && v->memory > v->limit) {
		trim(v, v->limit / 4 * 3, TRIM_FILES);
		/* What can't go now isn't looked for again with each call. */
		if (v->memory + LIMIT_STEP > v->limit)
			v->limit = v->memory + LIMIT_STEP;
	}
	pthread_mutex_unlock(&v->lock);
}

int
view_broken(struct view *v, int err)
{
	v->stale = true;
	change_clear(v->change);
	batch_fail(v->batch, err);
	return err;
}

int
view_finish(struct view *v, struct view_op *op)
{
	uint64_t ticket;
	int err = change_layer(v->change, v->head_id, v->next_ino, v->files, v->bytes);

	if (err)
		return view_broken(v, err);
	if (v->later)
		err = batch_add_later(v->batch, v->change, &ticket);
	else
		err = batch_add(v->batch, v->change, op && op->owes, &ticket);
	if (err) {
		change_clear(v->change);
		v->stale = true;
		return err;
	}
	for (int i = 0; i < v->nchanged; i++)
		v->changed[i]->ticket = ticket;
	v->nchanged = 0;
	if (op && !v->later)
		op->ticket = ticket;
	return 0;
}

/* From the committer, when a commit has failed: all that isn't durable is forgotten. */
static void
forget(struct view *v)
{
	SCOPED_LOCK(&v->lock);

	v->stale = true;
}

/* --- open and close --- */

static void
destroy(struct view *v)
{
	if (v->buckets)
		node_forget_all(v);
	hold_forget_all(v);
	free(v->buckets);
	filters_drop(v, 0);
	free(v->filters);
	free(v->layers);
	free(v->touched);
	change_free(v->change);
	image_release(v->image);
	lease_release(v->lease);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static int
open_parts(struct view *v, const struct id *image)
{
	int err = store_image(v->store, image, &v->image);

	if (err)
		return err;
	v->last_golden = image_last_ino(v->image);
	v->next_ino = v->last_golden + 1;
	v->touched = malloc(v->last_golden / 8 + 1);
	v->change = change_new();
	if (!v->touched || !v->change)
		return -ENOMEM;
	err = load(v);
	return err || !v->batch ? err : store_add_view(v->store, v, forget);
}

static int
open_view(struct view *as, const struct id *image, struct view **out)
{
	struct view *v = malloc(sizeof(*v));
	int err;

	if (!v) {
		lease_release(as->lease);
		return -ENOMEM;
	}
	*v = *as;
	pthread_mutex_init(&v->lock, NULL);
	v->blocks = store_blocks(v->store);
	v->block_size = blocks_size(v->blocks);
	err = open_parts(v, image);
	if (err)
		destroy(v);
	else
		*out = v;
	return err;
}

int
view_open(struct store *store, const struct client *c, struct view **out)
{
	struct view as = { .store = store,
		.batch = store_batch(store),
		.incarnation = c->incarnation,
		.client = c->id,
		.quota = c->quota,
		.later = c->is_volatile,
		.head_id = c->head };
	/* first the lease: from then on its head is nobody else's to change */
	int err = as.batch ? lease_get(store, c, &as.lease) : 0;

	if (err)
		return err;
	err = open_view(&as, &c->image_id, out);
	return err ? err_prefix(err, "client %s", c->name) : 0;
}

int
view_open_layer(
    struct store *store, const struct id *image, uint64_t layer, bool change, struct view **out)
{
	struct view as = { .store = store, .head_id = layer };

	if (change)
		as.batch = store_batch(store);
	return open_view(&as, image, out);
}

void
view_close(struct view *v)
{
	if (!v)
		return;
	if (v->batch) {
		if (view_flush(v) < 0)
			store_count_loss(v->store); /* the client's next view knows nothing of it */
		batch_flush(v->batch); /* no row of it may come later than what follows */
		store_remove_view(v->store, v);
	}
	destroy(v);
}

uint32_t
view_incarnation(const struct view *v)
{
	return v->incarnation;
}

/* --- keeping within bounds --- */

uint64_t
view_used(const struct view *v)
{
	uint64_t used = v->bytes + v->files * VIEW_FILE_COST + v->piece_bytes;

	for (int i = 1; i < v->nlayers; i++)
		used += v->layers[i].bytes + v->layers[i].files * VIEW_FILE_COST;
	return used;
}

int
view_room(const struct view *v, uint64_t bytes)
{
	uint64_t used = v->quota ? view_used(v) : 0;

	if (!v->quota || (used <= v->quota && bytes <= v->quota - used))
		return 0;
	return err_set(EDQUOT, "the client's quota is used up");
}

int
view_rows_room(const struct view *v, uint64_t bytes)
{
	return block_room(v->blocks, VIEW_FILE_COST + bytes);
}

/* The rows of every node that is dirty; a few nodes to a batch entry. */
int
view_flush_rows(struct view *v)
{
	for (uint32_t b = 0; b < v->nbuckets && v->ndirty; b++) {
		for (struct node *n = v->buckets[b]; n; n = n->chain) {
			int err = n->dirty ? data_flush(v, n) : 0;

			if (!err && v->nchanged)
				err = view_finish(v, NULL);
			if (err)
				return err;
		}
	}
	return 0;
}

int
view_flush(struct view *v)
{
	bool any;
	int err = view_begin(v);

	if (err)
		return err;
	any = v->ndirty > 0;
	err = view_flush_rows(v);
	view_end(v);
	return err || !any ? err : batch_flush(v->batch);
}

/* First what wasn't used since the last time goes; then files; folders last, for all names of one
 * are read again when one is asked for. */
static bool
stays(const struct node *n, int round)
{
	return n->i.nlink && (round == 0 ? n->used : round == 1 && n->has_names);
}

static void
trim(struct view *v, uint64_t bytes, int rounds)
{
	uint64_t durable = v->batch ? batch_durable(v->batch) : UINT64_MAX;

	for (int round = 0; round < rounds && v->memory > bytes; round++) {
		for (uint32_t b = 0; b < v->nbuckets; b++) {
			for (struct node *n = v->buckets[b], *next; n; n = next) {
				next = n->chain;
				if (n->dirty || n->orphan || n->ticket > durable)
					continue;
				if (stays(n, round))
					n->used = false;
				else
					node_forget(v, n);
			}
		}
	}
}

uint64_t
view_trim(struct view *v, uint64_t bytes)
{
	SCOPED_LOCK(&v->lock);

	if (v->memory > bytes)
		trim(v, bytes, TRIM_ALL);
	return v->memory;
}

void
view_limit(struct view *v, uint64_t bytes)
{
	SCOPED_LOCK(&v->lock);

	v->limit = bytes;
}

void
view_usage(struct view *v, struct view_usage *out)
{
	SCOPED_LOCK(&v->lock);

	out->memory = v->memory + v->last_golden / 8;
	out->inodes = v->nnodes;
	out->delta_files = v->files;
	out->delta_bytes = v->bytes;
	out->quota = v->quota;
	out->quota_used = view_used(v);
}

int
view_statfs(struct view *v, uint32_t ino, struct view_statfs *out, struct view_attr *attr)
{
	uint64_t keep = store_keep_free(v->store);
	struct file_space space;
	int err = view_getattr(v, ino, attr);

	if (!err)
		err = files_space(store_files(v->store), &space);
	if (err)
		return err;
	out->bytes = space.total;
	out->bytes_free = space.free;
	out->bytes_avail = space.avail > keep ? space.avail - keep : 0;
	pthread_mutex_lock(&v->lock);
	if (v->quota) {
		uint64_t used = view_used(v), left = used < v->quota ? v->quota - used : 0;

		out->bytes = v->quota < out->bytes ? v->quota : out->bytes;
		out->bytes_free = left < out->bytes_free ? left : out->bytes_free;
		out->bytes_avail = left < out->bytes_avail ? left : out->bytes_avail;
	}
	out->files = INO_MAX;
	out->files_free = v->next_ino <= INO_MAX ? INO_MAX - v->next_ino : 0;
	pthread_mutex_unlock(&v->lock);
	return 0;
}

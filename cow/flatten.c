/* The flat layer is written beside the chain, in as many batches as it takes, and then takes the
 * chain's place in one. */
#include "cow/flatten.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/layer.h"
#include "cow/view_flat.h"

#define ROWS_AT_ONCE 2000u

struct flatten {
	struct store *store;
	struct client client;
	struct layer base; /* the topmost sealed layer */
	uint64_t child;    /* what lies on it */
	struct layer flat;
	struct change *change;
	uint64_t ticket;
};

static int
hand_over(struct flatten *f, uint32_t least)
{
	uint64_t ticket;
	int rc;

	if (change_count(f->change) < least)
		return 0;
	rc = batch_add(store_batch(f->store), f->change, false, &ticket);
	if (rc == 0)
		f->ticket = ticket;
	return rc;
}

static int
put_inode(void *arg, const struct inode *i, struct str target)
{
	struct flatten *f = arg;
	int rc = change_inode(f->change, f->flat.id, i, target);

	f->flat.files++;
	f->flat.bytes += i->own;
	return rc < 0 ? rc : hand_over(f, ROWS_AT_ONCE);
}

static int
put_name(void *arg, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie)
{
	struct flatten *f = arg;

	return change_name(f->change, f->flat.id, dir, name, ino, cookie);
}

static int
put_run(void *arg, uint32_t ino, uint32_t run, const struct extent *e)
{
	struct flatten *f = arg;

	return change_extent(f->change, f->flat.id, ino, run, e);
}

static int
put_xattr(void *arg, uint32_t ino, struct str name, const struct str *value)
{
	struct flatten *f = arg;

	return change_xattr(f->change, f->flat.id, ino, name, value);
}

static int
make_layer(struct db *db, void *arg)
{
	const struct flatten *f = arg;

	return layer_create(db, f->flat.id, 0, &f->base.image, f->base.next_ino);
}

/* Where in the client's chain it can be cut. 1, or 0: it is short. */
static int
look(struct flatten *f, const char *client, int layers)
{
	CLEANUP_FREE struct layer *chain = NULL;
	struct db *db;
	int n = 0, rc = client_find(f->store, client, &f->client);

	if (rc < 0 || !(db = db_lend(store_readers(f->store))))
		return rc < 0 ? rc : -EIO;
	rc = layer_chain(db, f->client.head, &chain, &n);
	db_return(store_readers(f->store), db);
	if (rc < 0 || n - 1 < layers || n < 3)
		return rc < 0 ? rc : 0;
	f->base = chain[1];
	f->child = chain[0].id;
	return 1;
}

static int
fill(struct flatten *f)
{
	const struct view_sink sink = { f, put_inode, put_name, put_run, put_xattr };
	struct view *view;
	int rc = view_open_layer(f->store, &f->base.image, f->base.id, false, &view);

	if (rc < 0)
		return rc;
	rc = view_flatten(view, &sink);
	view_close(view);
	if (rc == 0)
		rc = change_layer(
		    f->change, f->flat.id, f->flat.next_ino, f->flat.files, f->flat.bytes);
	if (rc == 0)
		rc = hand_over(f, 0);
	return rc < 0 ? rc : batch_wait(store_batch(f->store), f->ticket);
}

int
flatten_begin(struct store *s, const char *client, int layers, struct flatten **out)
{
	struct flatten *f = calloc(1, sizeof(*f));
	int rc;

	if (!f || !(f->change = change_new())) {
		free(f);
		return -ENOMEM;
	}
	f->store = s;
	rc = look(f, client, layers);
	if (rc == 1) {
		f->flat = (struct layer){ .id = store_new_layer(s),
			.image = f->base.image,
			.next_ino = f->base.next_ino,
			.sealed = true };
		rc = store_write(s, make_layer, f);
		if (rc == 0)
			rc = fill(f);
		rc = rc < 0 ? rc : 1;
	}
	if (rc <= 0) {
		flatten_end(f);
		return rc;
	}
	*out = f;
	return 1;
}

/* In the batch, between the last row that was written over the chain and the first over the flat
 * layer; to what reads it makes no difference. */
static int
put_swap(struct db *db, void *arg)
{
	const struct flatten *f = arg;
	sqlite3_stmt *stmt;
	int rc = layer_seal(db, f->flat.id);

	if (rc < 0)
		return rc;
	stmt = db_stmt(db, "UPDATE layer SET parent = ?2 WHERE id = ?1 AND parent = ?3");
	sqlite3_bind_int64(stmt, 1, (int64_t)f->child);
	sqlite3_bind_int64(stmt, 2, (int64_t)f->flat.id);
	sqlite3_bind_int64(stmt, 3, (int64_t)f->base.id);
	return db_run(db, stmt);
}

/* Is the base still beneath the client's head? It may have been reset meanwhile. */
static int
check_chain(struct flatten *f)
{
	CLEANUP_FREE struct layer *chain = NULL;
	struct client now;
	struct db *db;
	int n = 0, k = 0, rc = client_find(f->store, f->client.name, &now);

	if (rc < 0 || !(db = db_lend(store_readers(f->store))))
		return rc < 0 ? rc : -EIO;
	rc = layer_chain(db, now.head, &chain, &n);
	db_return(store_readers(f->store), db);
	while (k < n && chain[k].id != f->base.id)
		k++;
	if (rc < 0 || k == 0 || k == n)
		return rc < 0 ? rc : 0;
	f->child = chain[k - 1].id;
	return 1;
}

int
flatten_swap(struct flatten *f, struct view *view)
{
	int rc;

	SCOPED_LOCK(store_catalogue(f->store));
	rc = check_chain(f);
	if (rc <= 0 || (view && (rc = view_cut_begin(view)) < 0))
		return rc;
	rc = change_call(f->change, put_swap, f);
	if (rc == 0)
		rc = batch_add(store_batch(f->store), f->change, false, &f->ticket);
	if (view && rc == 0)
		rc = view_rebase(view, f->base.id, &f->flat);
	if (view)
		view_cut_end(view, 0, 0);
	if (f->ticket && rc == 0)
		rc = batch_wait(store_batch(f->store), f->ticket);
	return rc < 0 ? rc : 1;
}

static int
seal(struct db *db, void *arg)
{
	const struct flatten *f = arg;
	sqlite3_stmt *stmt = db_stmt(db, "UPDATE layer SET sealed = 1 WHERE id = ?1");

	sqlite3_bind_int64(stmt, 1, (int64_t)f->flat.id);
	return db_run(db, stmt);
}

void
flatten_end(struct flatten *f)
{
	if (!f)
		return;
	if (f->flat.id)
		store_write(f->store, seal, f); /* unless something lies on it, it is collected */
	change_free(f->change);
	free(f);
}

struct walk {
	struct store *store;
	int layers;
	int (*fn)(void *arg, const char *client);
	void *arg;
};

static int
walk_client(void *arg, const struct client *c)
{
	const struct walk *w = arg;
	CLEANUP_FREE struct layer *chain = NULL;
	struct db *db = db_lend(store_readers(w->store));
	int n = 0, rc = db ? layer_chain(db, c->head, &chain, &n) : -EIO;

	db_return(store_readers(w->store), db);
	return rc < 0 || n - 1 < w->layers ? rc : w->fn(w->arg, c->name);
}

int
flatten_each(struct store *s, int layers, int (*fn)(void *arg, const char *client), void *arg)
{
	struct walk w = { s, layers, fn, arg };

	return client_each(s, walk_client, &w);
}

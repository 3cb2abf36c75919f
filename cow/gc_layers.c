/* Layers that nothing lies on any more, and images that nothing names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/gc_priv.h"
#include "cow/layer.h"

/* Open ones without a client are about to be one's head (see revert.c). */
static const char dead_layers[] =
    "WITH RECURSIVE live(id) AS (SELECT head FROM client UNION SELECT identity FROM client"
    " UNION SELECT layer FROM snapshot UNION SELECT identity FROM snapshot"
    " UNION SELECT parent FROM layer JOIN live ON layer.id = live.id)"
    " SELECT id FROM layer WHERE sealed AND id NOT IN (SELECT id FROM live) ORDER BY id DESC";

static int
id_column(sqlite3_stmt *stmt, void *out)
{
	*(uint64_t *)out = (uint64_t)sqlite3_column_int64(stmt, 0);
	return 0;
}

static int
find_dead(struct gc *g, uint64_t **out)
{
	struct db *db = db_lend(store_readers(g->store));
	void *all = NULL;
	int n = db ? db_gather(db, db_stmt(db, dead_layers), sizeof(**out), id_column, &all) : -EIO;

	db_return(store_readers(g->store), db);
	*out = all;
	return n;
}

int
gc_any(struct store *s)
{
	struct gc g = { .store = s };
	CLEANUP_FREE uint64_t *dead = NULL;
	int n = find_dead(&g, &dead);

	return n > 0 ? 1 : n;
}

struct drop {
	uint64_t layer;
	uint64_t rows; /* deleted by the last step */
};

static int
run_on(struct db *db, const char *sql, struct drop *d)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_int64(stmt, 1, (int64_t)d->layer);
	sqlite3_bind_int64(stmt, 2, GC_ROWS);
	rc = db_run(db, stmt);
	d->rows += rc == 0 ? (uint64_t)sqlite3_changes(sqlite3_db_handle(stmt)) : 0;
	return rc;
}

/* Some rows; inodes last, for by them it is seen what a layer has. When none was left, the layer.
 */
static int
drop_some(struct db *db, void *arg)
{
	static const char *const sql[] = {
		"DELETE FROM dirent WHERE layer = ?1 AND (dir, name) IN"
		" (SELECT dir, name FROM dirent WHERE layer = ?1 LIMIT ?2)",
		"DELETE FROM extent WHERE layer = ?1 AND (ino, run) IN"
		" (SELECT ino, run FROM extent WHERE layer = ?1 LIMIT ?2)",
		"DELETE FROM xattr WHERE layer = ?1 AND (ino, name) IN"
		" (SELECT ino, name FROM xattr WHERE layer = ?1 LIMIT ?2)",
		"DELETE FROM inode WHERE layer = ?1 AND ino IN"
		" (SELECT ino FROM inode WHERE layer = ?1 LIMIT ?2)",
	};
	struct drop *d = arg;
	int rc = 0;

	d->rows = 0;
	for (size_t i = 0; i < ARRAY_SIZE(sql) && rc == 0 && d->rows == 0; i++)
		rc = run_on(db, sql[i], d);
	return rc == 0 && d->rows == 0 ? layer_drop(db, d->layer) : rc;
}

static int
drop_layer(struct gc *g, uint64_t layer)
{
	struct drop d = { .layer = layer };
	int rc;

	do {
		uint64_t began = gc_now();

		rc = store_write(g->store, drop_some, &d);
		gc_pause(g, began);
		g->result->rows += d.rows;
		if (rc == 0)
			rc = gc_progress(g, "rows", g->result->rows, 0);
	} while (rc == 0 && d.rows);
	g->result->layers += rc == 0;
	return rc;
}

int
gc_layers(struct gc *g)
{
	CLEANUP_FREE uint64_t *dead = NULL;
	int rc = 0, n;

	/* Whoever has found a layer and is about to lie on it holds this lock; of what is seen
	 * without, nobody knows any more. */
	pthread_mutex_lock(store_catalogue(g->store));
	n = find_dead(g, &dead);
	pthread_mutex_unlock(store_catalogue(g->store));
	if (g->options->dry_run && n > 0)
		g->result->layers = (uint64_t)n;
	for (int i = 0; i < n && rc == 0 && !g->options->dry_run; i++)
		rc = drop_layer(g, dead[i]);
	return n < 0 ? n : rc;
}

int
gc_images(struct gc *g)
{
	return store_collect_images(g->store, g->options->dry_run, &g->result->images);
}

/*
 * Blocks that no row names: marked and swept by parts of the range of ids, so that the marks fit in
 * memory. Rows are read in small steps, each a transaction of its own: a row that comes or changes
 * meanwhile names blocks that were put meanwhile, or that another row, which stays, names too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/gc_priv.h"
#include "cow/segment.h"

#define MARKS       700000u /* 16 MB of them, at most three quarters full */
#define EXTENT_ROWS 2000

/* Ids in use, of one part: [low, high) by their first 8 bytes. */
struct marks {
	uint64_t low, high; /* high 0: to the end */
	struct id *slots;   /* zero: free */
	uint64_t size, used;
};

static uint64_t
lead(const struct id *id)
{
	return __builtin_bswap64(get_le64(id->b));
}

static bool
in_part(const struct marks *m, const struct id *id)
{
	uint64_t at = lead(id);

	return at >= m->low && (m->high == 0 || at < m->high);
}

static struct id *
slot(const struct marks *m, const struct id *id)
{
	uint64_t i = get_le64(id->b + 8) & (m->size - 1);

	while (!id_is_zero(&m->slots[i]) && !id_eq(&m->slots[i], id))
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

static int
grow(struct marks *m)
{
	struct marks more = { m->low, m->high, NULL, m->size ? m->size * 2 : 4096, m->used };

	more.slots = calloc(more.size, sizeof(*more.slots));
	if (!more.slots)
		return err_set(ENOMEM, "out of memory for a collection");
	for (uint64_t i = 0; i < m->size; i++)
		if (!id_is_zero(&m->slots[i]))
			*slot(&more, &m->slots[i]) = m->slots[i];
	free(m->slots);
	*m = more;
	return 0;
}

static int
mark_ids(struct gc *g, struct marks *m, struct str ids)
{
	for (uint32_t at = 0; at + ID_SIZE <= ids.n; at += ID_SIZE) {
		struct id id, *s;
		int rc;

		memcpy(id.b, ids.p + at, ID_SIZE);
		if (id_is_zero(&id) || !in_part(m, &id))
			continue;
		if (m->used * 4 >= m->size * 3 && (rc = grow(m)) < 0)
			return rc;
		s = slot(m, &id);
		m->used += id_is_zero(s);
		*s = id;
		g->result->blocks_seen++;
	}
	return 0;
}

/* --- marking what layers name --- */

struct place {
	int64_t layer, ino, run;
};

static int
mark_some(struct gc *g, struct marks *m, struct db *db, struct place *at)
{
	static const char sql[] = "SELECT ino, run, ids FROM extent WHERE layer = ?1 AND"
				  " (ino, run) > (?2, ?3) ORDER BY ino, run LIMIT ?4";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int n = 0, rc;

	sqlite3_bind_int64(stmt, 1, at->layer);
	sqlite3_bind_int64(stmt, 2, at->ino);
	sqlite3_bind_int64(stmt, 3, at->run);
	sqlite3_bind_int(stmt, 4, EXTENT_ROWS);
	while ((rc = db_step(db, stmt)) == 1) {
		at->ino = sqlite3_column_int64(stmt, 0);
		at->run = sqlite3_column_int64(stmt, 1);
		rc = mark_ids(g, m, db_column_str(stmt, 2));
		n++;
		if (rc < 0)
			break;
	}
	db_reset(stmt);
	return rc < 0 ? rc : n;
}

/* The next layer; of a dry run those aside that would be dropped. 1, or 0: there is none. */
static int
next_layer(struct gc *g, struct db *db, struct place *at)
{
	static const char any[] = "SELECT min(id) FROM layer WHERE id > ?1";
	static const char live[] =
	    "WITH RECURSIVE live(id) AS (SELECT head FROM client UNION SELECT identity FROM client"
	    " UNION SELECT layer FROM snapshot UNION SELECT identity FROM snapshot UNION SELECT id"
	    " FROM layer WHERE NOT sealed UNION SELECT parent FROM layer JOIN live ON layer.id ="
	    " live.id) SELECT min(id) FROM live WHERE id > ?1";
	sqlite3_stmt *stmt = db_stmt(db, g->options->dry_run ? live : any);
	int rc;

	sqlite3_bind_int64(stmt, 1, at->layer);
	rc = db_step(db, stmt);
	if (rc == 1)
		*at = (struct place){ sqlite3_column_int64(stmt, 0), -1, -1 };
	db_reset(stmt);
	return rc < 0 ? rc : at->layer != 0;
}

static int
mark_layers(struct gc *g, struct marks *m)
{
	struct db *db = db_lend(store_readers(g->store));
	struct place at = { 0 };
	int rc = db ? next_layer(g, db, &at) : -EIO;

	while (rc == 1) {
		while ((rc = mark_some(g, m, db, &at)) == EXTENT_ROWS)
			if (gc_progress(g, "marked", g->result->blocks_seen, 0) < 0)
				rc = -ECANCELED;
		if (rc >= 0)
			rc = next_layer(g, db, &at);
	}
	db_return(store_readers(g->store), db);
	return rc;
}

/* --- marking what images name --- */

static int
mark_extents(struct gc *g, struct marks *m, struct db *db)
{
	sqlite3_stmt *stmt = db_stmt(db, "SELECT ids FROM extent");
	int rc;

	while ((rc = db_step(db, stmt)) == 1)
		if ((rc = mark_ids(g, m, db_column_str(stmt, 0))) < 0)
			break;
	db_reset(stmt);
	return rc;
}

struct image_marking {
	struct gc *gc;
	struct marks *marks;
};

static int
mark_image(void *arg, const struct id *id)
{
	struct image_marking *k = arg;
	struct id *more = realloc(k->gc->images, (k->gc->nimages + 1) * sizeof(*more));
	struct db *db;
	int rc;

	if (!more)
		return -ENOMEM;
	k->gc->images = more;
	more[k->gc->nimages++] = *id;
	rc = store_image_db(k->gc->store, id, &db);

	if (rc < 0)
		return rc;
	rc = mark_extents(k->gc, k->marks, db);
	db_close(db);
	return rc < 0 ? rc : gc_progress(k->gc, "marked", k->gc->result->blocks_seen, 0);
}

/* --- sweeping --- */

struct swept {
	struct gc *gc;
	const struct id *ids;
	uint32_t n;
	uint64_t bytes;
};

/* An import finds blocks that are published and names them; nobody else sees that before its end.
 */
static int
check_imports(struct gc *g, struct db *db)
{
	sqlite3_stmt *stmt = db_stmt(db, "SELECT 1 FROM import");
	int rc = db_step(db, stmt);

	db_reset(stmt);
	if (rc != 0)
		return rc < 0 ? rc : err_set(EBUSY, "an import began: collect when it is done");
	stmt = db_stmt(db, "SELECT id FROM image");
	while ((rc = db_step(db, stmt)) == 1) {
		struct id id;
		uint32_t i = 0;

		if ((rc = db_column_id(stmt, 0, &id)) < 0)
			break;
		while (i < g->nimages && !id_eq(&g->images[i], &id))
			i++;
		if (i == g->nimages) {
			rc = err_set(EBUSY, "an image has come: collect again");
			break;
		}
	}
	db_reset(stmt);
	return rc;
}

/* One step's blocks lose their rows; what they took is noted, to be given back even after a crash.
 */
static int
delete_rows(struct db *db, void *arg)
{
	static const char note[] = "INSERT OR REPLACE INTO freed(segment, off, stored)"
				   " SELECT segment, off, stored FROM block WHERE id = ?1";
	static const char drop[] = "DELETE FROM block WHERE id = ?1 RETURNING stored";
	struct swept *s = arg;
	sqlite3_stmt *stmt;
	int rc = check_imports(s->gc, db);

	s->bytes = 0;
	for (uint32_t i = 0; i < s->n && rc == 0; i++) {
		stmt = db_stmt(db, note);
		db_bind_id(stmt, 1, &s->ids[i]);
		rc = db_run(db, stmt);
		if (rc < 0)
			return rc;
		stmt = db_stmt(db, drop);
		db_bind_id(stmt, 1, &s->ids[i]);
		rc = db_step(db, stmt);
		if (rc == 1)
			s->bytes += segment_room((uint32_t)sqlite3_column_int64(stmt, 0));
		db_reset(stmt);
		rc = rc < 0 ? rc : 0;
	}
	return rc;
}

static int
forget(struct gc *g, struct id *ids, uint32_t n)
{
	struct blocks *blocks = store_blocks(g->store);
	struct swept s = { .gc = g, .ids = ids };
	uint64_t began;
	int rc = blocks_forget(blocks, ids, &n);

	if (rc < 0)
		return rc;
	s.n = n;
	began = gc_now();
	rc = n ? store_write(g->store, delete_rows, &s) : 0;
	blocks_forgotten(blocks, ids, n, rc == 0);
	gc_pause(g, began);
	if (rc == 0) {
		g->result->blocks += n;
		g->result->bytes += s.bytes;
	}
	return rc;
}

/* The next rows of the index, from *at on: those without a mark into ids. How many were looked at.
 */
static int
look_at_index(
    struct gc *g, const struct marks *m, struct db *db, struct id *at, struct id *ids, uint32_t *n)
{
	static const char sql[] = "SELECT id, stored FROM block WHERE id > ?1 ORDER BY id LIMIT ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int seen = 0, rc;

	*n = 0;
	db_bind_id(stmt, 1, at);
	sqlite3_bind_int(stmt, 2, GC_ROWS);
	while ((rc = db_step(db, stmt)) == 1) {
		struct id id;

		if ((rc = db_column_id(stmt, 0, &id)) < 0 || !in_part(m, &id))
			break;
		seen++;
		if (!m->size || id_is_zero(slot(m, &id))) {
			ids[(*n)++] = id;
			if (g->options->dry_run)
				g->result->bytes +=
				    segment_room((uint32_t)sqlite3_column_int64(stmt, 1));
		}
		memcpy(at, &id, sizeof(id));
	}
	db_reset(stmt);
	return rc < 0 ? rc : seen;
}

static int
sweep(struct gc *g, const struct marks *m)
{
	CLEANUP_FREE struct id *ids = malloc(GC_ROWS * sizeof(*ids));
	uint64_t before = __builtin_bswap64(m->low - 1);
	struct id at = { 0 };
	uint32_t n;
	int rc = ids ? GC_ROWS : -ENOMEM;

	if (m->low) {
		memcpy(at.b, &before, 8);
		memset(at.b + 8, 0xff, 8);
	}
	while (rc == GC_ROWS) {
		struct db *db = db_lend(store_readers(g->store));
		int err = 0;

		rc = db ? look_at_index(g, m, db, &at, ids, &n) : -EIO;
		db_return(store_readers(g->store), db);
		if (rc >= 0 && g->options->dry_run)
			g->result->blocks += n;
		else if (rc >= 0 && n)
			err = forget(g, ids, n);
		if (rc >= 0 && err == 0)
			err = gc_progress(g, "given back", g->result->blocks, 0);
		rc = err < 0 ? err : rc;
	}
	return rc < 0 ? rc : 0;
}

static int
collect_part(struct gc *g, struct marks *m)
{
	struct image_marking k = { g, m };
	int rc = mark_layers(g, m);

	g->nimages = 0;
	if (rc == 0)
		rc = store_each_image_file(g->store, mark_image, &k);
	return rc < 0 ? rc : sweep(g, m);
}

int
gc_blocks(struct gc *g)
{
	uint64_t n = 0, parts, marks = g->options->marks ? g->options->marks : MARKS;
	int rc = gc_count(g, "SELECT count(*) FROM block", &n);

	parts = n / marks + 1;
	for (uint64_t i = 0; i < parts && rc == 0; i++) {
		struct marks m = { .low = UINT64_MAX / parts * i,
			.high = i + 1 < parts ? UINT64_MAX / parts * (i + 1) : 0 };

		rc = collect_part(g, &m);
		free(m.slots);
	}
	return rc;
}

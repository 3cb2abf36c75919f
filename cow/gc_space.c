/* Space of blocks that have no row any more. What is to be given back stands in the table `freed`
 * until it is, so a collection that was killed is finished by the next one. */
#include <errno.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/format.h"
#include "cow/gc_priv.h"
#include "cow/segment.h"

struct freed {
	uint32_t segment, stored;
	uint64_t off;
};

static int
freed_column(sqlite3_stmt *stmt, void *element)
{
	*(struct freed *)element = (struct freed){ (uint32_t)sqlite3_column_int64(stmt, 0),
		(uint32_t)sqlite3_column_int64(stmt, 2), (uint64_t)sqlite3_column_int64(stmt, 1) };
	return 0;
}

static int
query(struct gc *g, const char *sql, int64_t a, int64_t b, struct freed **out)
{
	struct db *db = db_lend(store_readers(g->store));
	sqlite3_stmt *stmt;
	void *all = NULL;
	int n;

	if (!db)
		return -EIO;
	stmt = db_stmt(db, sql);
	sqlite3_bind_int64(stmt, 1, a);
	sqlite3_bind_int64(stmt, 2, b);
	n = db_gather(db, stmt, sizeof(**out), freed_column, &all);
	db_return(store_readers(g->store), db);
	*out = all;
	return n;
}

/* --- segments that have no block left --- */

/* Numbers of segments that have none; in one pass over the index, for it has no order by them. */
static int
find_empty(struct gc *g, struct freed **out)
{
	static const char sql[] =
	    "SELECT seq, 0, 0 FROM segment WHERE import IS NULL AND seq NOT IN"
	    " (SELECT DISTINCT segment FROM block) AND ?1 = ?2";

	return query(g, sql, 0, 0, out);
}

struct segment_drop {
	struct gc *gc;
	uint32_t seq;
	bool dropped;
};

/* Looked at again: under the write lock nothing can be put into the index meanwhile. */
static int
drop_row(struct db *db, void *arg)
{
	static const char used[] = "SELECT 1 FROM block WHERE segment = ?1 LIMIT 1";
	static const char *const drops[] = { "DELETE FROM freed WHERE segment = ?1",
		"DELETE FROM segment WHERE seq = ?1 AND import IS NULL" };
	struct segment_drop *d = arg;
	sqlite3_stmt *stmt = db_stmt(db, used);
	int rc;

	sqlite3_bind_int64(stmt, 1, d->seq);
	rc = db_step(db, stmt);
	db_reset(stmt);
	d->dropped = rc == 0;
	for (size_t i = 0; i < ARRAY_SIZE(drops) && rc == 0; i++) {
		stmt = db_stmt(db, drops[i]);
		sqlite3_bind_int64(stmt, 1, d->seq);
		rc = db_run(db, stmt);
	}
	return rc < 0 ? rc : 0;
}

static int
drop_segment(struct gc *g, uint32_t seq)
{
	struct segment_drop d = { g, seq, false };
	int rc;

	if (blocks_writing(store_blocks(g->store), seq))
		return 0;
	rc = store_write(g->store, drop_row, &d);
	if (rc < 0 || !d.dropped)
		return rc;
	rc = blocks_drop_segment(store_blocks(g->store), seq);
	if (rc == -ENOENT || rc == -EIO) /* its file was never made, or went before */
		rc = 0;
	g->result->segments += rc == 0;
	return rc;
}

static int
drop_segments(struct gc *g)
{
	CLEANUP_FREE struct freed *all = NULL;
	int n = find_empty(g, &all), rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		rc = drop_segment(g, all[i].segment);
		if (rc == 0)
			rc = gc_progress(g, "segments", (uint64_t)i + 1, (uint64_t)n);
	}
	return n < 0 ? n : rc;
}

/* --- holes in the others --- */

struct punched {
	const struct freed *all;
	int n;
};

static int
forget_rows(struct db *db, void *arg)
{
	const struct punched *p = arg;
	int rc = 0;

	for (int i = 0; i < p->n && rc == 0; i++) {
		sqlite3_stmt *stmt =
		    db_stmt(db, "DELETE FROM freed WHERE segment = ?1 AND off = ?2");

		sqlite3_bind_int64(stmt, 1, p->all[i].segment);
		sqlite3_bind_int64(stmt, 2, (int64_t)p->all[i].off);
		rc = db_run(db, stmt);
	}
	return rc;
}

/* Neighbours are punched as one, so that the disk's blocks between them are free, too. */
static int
punch(struct gc *g, const struct freed *all, int n)
{
	for (int i = 0, k; i < n; i = k) {
		uint64_t from = all[i].off - FORMAT_BLOCK_HEAD;
		uint64_t to = from + segment_room(all[i].stored);
		int rc;

		for (k = i + 1; k < n && all[k].segment == all[i].segment &&
				all[k].off - FORMAT_BLOCK_HEAD == to;
		     k++)
			to += segment_room(all[k].stored);
		rc = blocks_punch(store_blocks(g->store), all[i].segment, from, to - from);
		if (rc < 0 && rc != -EOPNOTSUPP)
			return rc;
	}
	return 0;
}

static int
punch_holes(struct gc *g)
{
	static const char sql[] = "SELECT segment, off, stored FROM freed WHERE"
				  " (segment, off) > (?1, ?2) ORDER BY segment, off LIMIT 4000";
	int64_t segment = -1, off = -1;
	int n, rc = 0;

	do {
		CLEANUP_FREE struct freed *all = NULL;
		struct punched p;

		n = query(g, sql, segment, off, &all);
		if (n <= 0)
			return n;
		segment = all[n - 1].segment;
		off = (int64_t)all[n - 1].off;
		rc = punch(g, all, n);
		p = (struct punched){ all, n };
		if (rc == 0)
			rc = store_write(g->store, forget_rows, &p);
	} while (rc == 0 && n == 4000);
	return rc;
}

static int
still_reading(void *arg)
{
	return gc_progress(arg, "readers", 0, 0);
}

int
gc_space(struct gc *g)
{
	/* A read may have looked up a block before its row went. */
	int rc = blocks_await_readers(store_blocks(g->store), still_reading, g);

	if (rc == 0)
		rc = drop_segments(g);
	return rc < 0 ? rc : punch_holes(g);
}

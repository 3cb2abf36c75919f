/* The index of blocks is made anew from the segments. */
#include <errno.h>
#include <stdlib.h>

#include "cow/blkindex.h"
#include "cow/check_priv.h"
#include "cow/cleanup.h"
#include "cow/err.h"

#define STEP 1000

struct repair {
	struct store *store;
	const struct check_options *options;
	struct check_repair_result *result;
	/* What the scan found and isn't in the index yet. */
	struct found {
		struct id id;
		struct block_loc loc;
	} found[STEP];
	uint32_t n;
};

/* --- rows that are wrong --- */

struct wrong {
	struct repair *repair;
	struct id at;
	int n; /* rows that were looked at */
};

static int
is_good(struct repair *r, const struct id *id, const struct block_loc *loc)
{
	int good = block_verify(store_blocks(r->store), id, loc, true);

	return good == -ENOMEM ? good : good == 1;
}

static int
drop_wrong(struct db *db, void *arg)
{
	static const char look[] =
	    "SELECT id, segment, off, stored FROM block WHERE id > ?1 ORDER BY id LIMIT 1000";
	struct wrong *w = arg;
	sqlite3_stmt *stmt = db_stmt(db, look);
	struct id bad[STEP];
	int rc, nbad = 0;

	db_bind_id(stmt, 1, &w->at);
	w->n = 0;
	while ((rc = db_step(db, stmt)) == 1) {
		struct block_loc loc = { (uint32_t)sqlite3_column_int64(stmt, 1),
			(uint32_t)sqlite3_column_int64(stmt, 3),
			(uint64_t)sqlite3_column_int64(stmt, 2) };
		struct id id;
		int good;

		if ((rc = db_column_id(stmt, 0, &id)) < 0)
			break;
		good = is_good(w->repair, &id, &loc);
		if (good == 0)
			bad[nbad++] = id;
		memcpy(&w->at, &id, sizeof(id));
		w->n++;
		if (good < 0) {
			rc = good;
			break;
		}
	}
	db_reset(stmt);
	for (int i = 0; i < nbad && rc >= 0; i++) {
		stmt = db_stmt(db, "DELETE FROM block WHERE id = ?1");
		db_bind_id(stmt, 1, &bad[i]);
		rc = db_run(db, stmt);
	}
	w->repair->result->dropped += (uint64_t)nbad;
	return rc < 0 ? rc : 0;
}

/* --- blocks that have none --- */

static int
is_freed(struct db *db, const struct block_loc *loc)
{
	sqlite3_stmt *stmt = db_stmt(db, "SELECT 1 FROM freed WHERE segment = ?1 AND off = ?2");
	int rc;

	sqlite3_bind_int64(stmt, 1, loc->segment);
	sqlite3_bind_int64(stmt, 2, (int64_t)loc->off);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc;
}

static int
add_found(struct db *db, void *arg)
{
	struct repair *r = arg;
	int rc = 0;

	for (uint32_t i = 0; i < r->n && rc >= 0; i++) {
		rc = is_freed(db, &r->found[i].loc);
		if (rc == 0)
			rc = blkindex_insert(db, &r->found[i].id, &r->found[i].loc);
		else
			rc = rc < 0 ? rc : 0;
		r->result->added += rc == 1;
	}
	r->n = 0;
	return rc < 0 ? rc : 0;
}

static int
take_block(void *arg, const struct id *id, const struct block_loc *loc, const void *bytes)
{
	struct repair *r = arg;

	(void)bytes;
	r->result->found++;
	r->found[r->n++] = (struct found){ *id, *loc };
	return r->n == STEP ? store_write(r->store, add_found, r) : 0;
}

static int
number_column(sqlite3_stmt *stmt, void *out)
{
	*(uint32_t *)out = (uint32_t)sqlite3_column_int64(stmt, 0);
	return 0;
}

static int
scan_segments(struct repair *r)
{
	struct db *db = db_lend(store_readers(r->store));
	CLEANUP_FREE uint32_t *seqs = NULL;
	void *all = NULL;
	int rc = 0, n;

	if (!db)
		return -EIO;
	n = db_gather(db, db_stmt(db, "SELECT seq FROM segment WHERE import IS NULL ORDER BY seq"),
	    sizeof(*seqs), number_column, &all);
	db_return(store_readers(r->store), db);
	seqs = all;
	for (int i = 0; i < n && rc == 0; i++) {
		rc = blocks_scan(store_blocks(r->store), seqs[i], take_block, r);
		if (rc == -EIO || rc == -ENOENT) { /* not there, or no segment any more */
			r->options->found(r->options->arg, err_text(rc));
			rc = 0;
		} else {
			r->result->segments++;
		}
		if (rc == 0 && r->options->progress)
			rc = r->options->progress(
			    r->options->arg, "segments", (uint64_t)i + 1, (uint64_t)n);
	}
	return n < 0 ? n : rc;
}

int
check_repair(struct store *s, const struct check_options *options, struct check_repair_result *out)
{
	CLEANUP_FREE struct repair *r = calloc(1, sizeof(*r));
	struct wrong w = { .repair = r };
	int rc = r ? 0 : -ENOMEM;

	*out = (struct check_repair_result){ 0 };
	if (rc < 0)
		return rc;
	*r = (struct repair){ .store = s, .options = options, .result = out };
	do
		rc = store_write(s, drop_wrong, &w);
	while (rc == 0 && w.n == STEP);
	if (rc == 0)
		rc = scan_segments(r);
	return rc == 0 && r->n ? store_write(s, add_found, r) : rc;
}

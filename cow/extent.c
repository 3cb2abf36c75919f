/* Runs of block ids as rows keep them, and what they weigh on the disk. */
#include "cow/extent.h"

#include <errno.h>

#include "cow/err.h"

uint32_t
extent_length(const struct extent *x)
{
	uint32_t n = EXTENT_RUN;

	while (n > 0 && id_is_zero(&x->ids[n - 1]))
		n--;
	return n;
}

int
extent_unpack(struct blocks *blocks, struct str blob, struct extent *out)
{
	uint32_t n = blob.n / ID_SIZE;

	if (blob.n % ID_SIZE || n > EXTENT_RUN)
		return err_set(EIO, "damaged extent row: %u bytes of block ids", blob.n);
	memset(out, 0, sizeof(*out));
	if (n == 0)
		return 0;
	memcpy(out->ids, blob.p, blob.n);
	return block_find(blocks, out->ids, n, out->locs);
}

uint64_t
extent_used(const struct block_loc *loc)
{
	return ROUND_UP((uint64_t)loc->stored, 512);
}

static sqlite3_stmt *
keyed(struct db *db, const char *sql, uint64_t layer, uint32_t ino, uint32_t run)
{
	sqlite3_stmt *s = db_stmt(db, sql);

	sqlite3_bind_int64(s, 1, (int64_t)layer);
	sqlite3_bind_int64(s, 2, ino);
	sqlite3_bind_int64(s, 3, run);
	return s;
}

int
extent_get(struct db *db, struct blocks *blocks, uint64_t layer, uint32_t ino, uint32_t run,
    struct extent *out)
{
	sqlite3_stmt *s = keyed(
	    db, "SELECT ids FROM extent WHERE layer = ? AND ino = ? AND run = ?", layer, ino, run);
	int err, row = db_step(db, s);

	if (row != 1)
		return row;
	err = extent_unpack(blocks, db_column_str(s, 0), out);
	db_reset(s);
	return err ? err : 1;
}

int
extent_put(struct db *db, uint64_t layer, uint32_t ino, uint32_t run, struct str ids)
{
	sqlite3_stmt *s =
	    keyed(db, "INSERT OR REPLACE INTO extent(layer, ino, run, ids) VALUES (?, ?, ?, ?)",
		layer, ino, run);

	db_bind_str(s, 4, ids);
	return db_run(db, s);
}

int
extent_runs(
    struct db *db, uint64_t layer, uint32_t ino, int (*fn)(void *arg, uint32_t run), void *arg)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT run FROM extent WHERE layer = ? AND ino = ?");
	int row, stop = 0;

	sqlite3_bind_int64(s, 1, (int64_t)layer);
	sqlite3_bind_int64(s, 2, ino);
	while (!stop && (row = db_step(db, s)) == 1)
		stop = fn(arg, (uint32_t)sqlite3_column_int64(s, 0));
	db_reset(s);
	return stop ? stop : row;
}

int
extent_drop(struct db *db, uint64_t layer, uint32_t ino, uint32_t run)
{
	return db_run(db, keyed(db, "DELETE FROM extent WHERE layer = ? AND ino = ? AND run >= ?",
			      layer, ino, run));
}

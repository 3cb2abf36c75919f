/* A change's rows as statements on store.db. */
#include "cow/change.h"
#include "cow/err.h"

#include <errno.h>

static int
apply_inode(struct db *db, const struct change_row *r)
{
	sqlite3_stmt *s = db_stmt(db, "INSERT OR REPLACE INTO inode(layer, target, " INODE_COLUMNS
				      ") VALUES (?, ?, ?, ?, ?, ?, "
				      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	if (s) {
		sqlite3_bind_int64(s, 1, (int64_t)r->layer);
		if (r->bytes.n)
			db_bind_str(s, 2, r->bytes);
		inode_bind(s, 3, &r->inode);
	}
	return db_run(db, s);
}

/* Runs a statement whose parameters are layer, ino and, where run says so, the row's run. */
static int
run_keyed(struct db *db, const char *sql, const struct change_row *r, bool run)
{
	sqlite3_stmt *s = db_stmt(db, sql);

	if (s) {
		sqlite3_bind_int64(s, 1, (int64_t)r->layer);
		sqlite3_bind_int64(s, 2, r->ino);
		if (run)
			sqlite3_bind_int64(s, 3, r->run);
	}
	return db_run(db, s);
}

static int
apply_drop_inode(struct db *db, const struct change_row *r)
{
	int err = run_keyed(db, "DELETE FROM inode WHERE layer = ? AND ino = ?", r, false);

	if (!err)
		err = run_keyed(db, "DELETE FROM extent WHERE layer = ? AND ino = ?", r, false);
	if (!err)
		err = run_keyed(db, "DELETE FROM xattr WHERE layer = ? AND ino = ?", r, false);
	return err;
}

static int
apply_name(struct db *db, const struct change_row *r)
{
	sqlite3_stmt *s = db_stmt(db,
	    "INSERT OR REPLACE INTO dirent(layer, dir, name, ino, cookie) VALUES (?, ?, ?, ?, ?)");

	if (s) {
		sqlite3_bind_int64(s, 1, (int64_t)r->layer);
		sqlite3_bind_int64(s, 2, r->ino);
		db_bind_str(s, 3, r->bytes);
		sqlite3_bind_int64(s, 4, r->name.ino);
		sqlite3_bind_int64(s, 5, r->name.cookie);
	}
	return db_run(db, s);
}

static int
apply_drop_name(struct db *db, const struct change_row *r)
{
	sqlite3_stmt *s =
	    db_stmt(db, "DELETE FROM dirent WHERE layer = ? AND dir = ? AND name = ?");

	if (s) {
		sqlite3_bind_int64(s, 1, (int64_t)r->layer);
		sqlite3_bind_int64(s, 2, r->ino);
		db_bind_str(s, 3, r->bytes);
	}
	return db_run(db, s);
}

static int
apply_extent(struct db *db, const struct change_row *r)
{
	sqlite3_stmt *s =
	    db_stmt(db, "INSERT OR REPLACE INTO extent(layer, ino, run, ids) VALUES (?, ?, ?, ?)");

	if (s) {
		sqlite3_bind_int64(s, 1, (int64_t)r->layer);
		sqlite3_bind_int64(s, 2, r->ino);
		sqlite3_bind_int64(s, 3, r->run);
		db_bind_str(s, 4, r->bytes);
	}
	return db_run(db, s);
}

static int
apply_drop_extents(struct db *db, const struct change_row *r)
{
	return run_keyed(
	    db, "DELETE FROM extent WHERE layer = ? AND ino = ? AND run >= ?", r, true);
}

static int
apply_layer(struct db *db, const struct change_row *r)
{
	sqlite3_stmt *s =
	    db_stmt(db, "UPDATE layer SET next_ino = ?, files = ?, bytes = ? WHERE id = ?");

	if (s) {
		sqlite3_bind_int64(s, 1, r->counters.next_ino);
		sqlite3_bind_int64(s, 2, (int64_t)r->counters.files);
		sqlite3_bind_int64(s, 3, (int64_t)r->counters.bytes);
		sqlite3_bind_int64(s, 4, (int64_t)r->layer);
	}
	return db_run(db, s);
}

int
change_apply(const struct change *c, struct db *db)
{
	static int (*const apply[])(struct db *, const struct change_row *) = {
		[CHANGE_INODE] = apply_inode,
		[CHANGE_DROP_INODE] = apply_drop_inode,
		[CHANGE_NAME] = apply_name,
		[CHANGE_DROP_NAME] = apply_drop_name,
		[CHANGE_EXTENT] = apply_extent,
		[CHANGE_DROP_EXTENTS] = apply_drop_extents,
		[CHANGE_LAYER] = apply_layer,
	};

	for (const struct change_row *r = change_rows(c); r; r = r->next) {
		int err = r->dead ? 0 : apply[r->kind](db, r);

		if (err)
			return err;
	}
	return 0;
}

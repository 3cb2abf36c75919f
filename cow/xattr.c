/* The table `xattr` of store.db. A whiteout's value is the integer 0, which no bytes are. */
#include "cow/xattr.h"

#include <errno.h>

#include "cow/err.h"

static sqlite3_stmt *
bind(struct db *db, const char *sql, uint64_t layer, uint32_t ino)
{
	sqlite3_stmt *s = db_stmt(db, sql);

	sqlite3_bind_int64(s, 1, (int64_t)layer);
	sqlite3_bind_int64(s, 2, ino);
	return s;
}

int
xattr_put(struct db *db, uint64_t layer, uint32_t ino, struct str name, const struct str *value)
{
	sqlite3_stmt *s = bind(db,
	    "INSERT OR REPLACE INTO xattr(layer, ino, name, value) VALUES(?, ?, ?, ?)", layer, ino);

	db_bind_str(s, 3, name);
	if (value)
		db_bind_str(s, 4, *value);
	else
		sqlite3_bind_int(s, 4, 0);
	return db_run(db, s);
}

int
xattr_drop(struct db *db, uint64_t layer, uint32_t ino, struct str name)
{
	sqlite3_stmt *s =
	    bind(db, "DELETE FROM xattr WHERE layer = ? AND ino = ? AND name = ?", layer, ino);

	db_bind_str(s, 3, name);
	return db_run(db, s);
}

int
xattr_each(struct db *db, uint64_t layer, uint32_t ino, xattr_fn *fn, void *arg)
{
	sqlite3_stmt *s =
	    bind(db, "SELECT name, value FROM xattr WHERE layer = ? AND ino = ?", layer, ino);
	int row, err = 0;

	while (!err && (row = db_step(db, s)) == 1) {
		bool gone = sqlite3_column_type(s, 1) == SQLITE_INTEGER;
		struct str name = db_column_str(s, 0), value = db_column_str(s, 1);

		if (name.n == 0 || name.n > XATTR_NAME_BYTES_MAX || value.n > XATTR_VALUE_BYTES_MAX)
			err = err_set(EIO, "inode %u: a damaged xattr", ino);
		else
			err = fn(arg, name, gone ? NULL : &value);
	}
	db_reset(s);
	return err ? err : row;
}

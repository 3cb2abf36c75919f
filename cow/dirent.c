/* Names of folders to and from the rows of a layer. */
#include "cow/dirent.h"

#include <errno.h>

#include "cow/err.h"

/* What a damaged row may hold must not come among the names. */
static int
check(uint32_t dir, struct str name, int64_t ino, int64_t cookie)
{
	if (name.n > 0 && name.n <= NAME_BYTES_MAX && ino >= 0 && ino <= INO_MAX &&
	    cookie >= COOKIE_FIRST && cookie <= INO_MAX)
		return 0;
	return err_set(EIO, "folder %u: a name's row is damaged", dir);
}

int
dirent_each(struct db *db, uint64_t layer, uint32_t dir, dirent_fn *fn, void *arg)
{
	sqlite3_stmt *s = db_stmt(
	    db, "SELECT name, ino, cookie FROM dirent WHERE layer = ? AND dir = ? ORDER BY cookie");
	int row;

	sqlite3_bind_int64(s, 1, (int64_t)layer);
	sqlite3_bind_int64(s, 2, dir);
	while ((row = db_step(db, s)) == 1) {
		int64_t ino = sqlite3_column_int64(s, 1), cookie = sqlite3_column_int64(s, 2);
		struct str name = db_column_str(s, 0);
		int err = check(dir, name, ino, cookie);

		if (!err)
			err = fn(arg, name, (uint32_t)ino, (uint32_t)cookie);
		if (err) {
			db_reset(s);
			return err;
		}
	}
	return row;
}

int
dirent_put(
    struct db *db, uint64_t layer, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie)
{
	sqlite3_stmt *s = db_stmt(db,
	    "INSERT OR REPLACE INTO dirent(layer, dir, name, ino, cookie) VALUES (?, ?, ?, ?, ?)");

	sqlite3_bind_int64(s, 1, (int64_t)layer);
	sqlite3_bind_int64(s, 2, dir);
	db_bind_str(s, 3, name);
	sqlite3_bind_int64(s, 4, ino);
	sqlite3_bind_int64(s, 5, cookie);
	return db_run(db, s);
}

int
dirent_drop(struct db *db, uint64_t layer, uint32_t dir, struct str name)
{
	sqlite3_stmt *s =
	    db_stmt(db, "DELETE FROM dirent WHERE layer = ? AND dir = ? AND name = ?");

	sqlite3_bind_int64(s, 1, (int64_t)layer);
	sqlite3_bind_int64(s, 2, dir);
	db_bind_str(s, 3, name);
	return db_run(db, s);
}

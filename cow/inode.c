/* The attributes of a file to and from the columns of a row. */
#include "cow/inode.h"

#include <errno.h>

#include "cow/err.h"

void
inode_bind(sqlite3_stmt *stmt, int first, const struct inode *in)
{
	const int64_t columns[INODE_COLUMNS_N] = { in->ino, in->gen, in->mode, in->nlink, in->uid,
		in->gid, in->rdev[0], in->rdev[1], (int64_t)in->size, (int64_t)in->used, in->atime,
		in->mtime, in->ctime, in->parent, in->cookie, in->below, (int64_t)in->verf,
		(int64_t)in->own };

	for (int i = 0; i < INODE_COLUMNS_N; i++)
		sqlite3_bind_int64(stmt, first + i, columns[i]);
}

static uint32_t
column_u32(sqlite3_stmt *stmt, int i)
{
	return (uint32_t)sqlite3_column_int64(stmt, i);
}

void
inode_column(sqlite3_stmt *stmt, int first, struct inode *out)
{
	int i = first;

	out->ino = column_u32(stmt, i++);
	out->gen = column_u32(stmt, i++);
	out->mode = column_u32(stmt, i++);
	out->nlink = column_u32(stmt, i++);
	out->uid = column_u32(stmt, i++);
	out->gid = column_u32(stmt, i++);
	out->rdev[0] = column_u32(stmt, i++);
	out->rdev[1] = column_u32(stmt, i++);
	out->size = (uint64_t)sqlite3_column_int64(stmt, i++);
	out->used = (uint64_t)sqlite3_column_int64(stmt, i++);
	out->atime = sqlite3_column_int64(stmt, i++);
	out->mtime = sqlite3_column_int64(stmt, i++);
	out->ctime = sqlite3_column_int64(stmt, i++);
	out->parent = column_u32(stmt, i++);
	out->cookie = column_u32(stmt, i++);
	out->below = column_u32(stmt, i++);
	out->verf = (uint64_t)sqlite3_column_int64(stmt, i++);
	out->own = (uint64_t)sqlite3_column_int64(stmt, i);
}

/* A statement whose parameters are a layer and an inode's number. */
static sqlite3_stmt *
keyed(struct db *db, const char *sql, uint64_t layer, uint32_t ino)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_int64(stmt, 1, (int64_t)layer);
	sqlite3_bind_int64(stmt, 2, ino);
	return stmt;
}

int
inode_get(struct db *db, uint64_t layer, uint32_t ino, struct inode *out,
    char target[TARGET_BYTES_MAX + 1], uint32_t *ntarget)
{
	sqlite3_stmt *stmt = keyed(db,
	    "SELECT target, " INODE_COLUMNS " FROM inode WHERE layer = ? AND ino = ?", layer, ino);
	int row = db_step(db, stmt);
	struct str bytes;

	if (row != 1)
		return row;
	inode_column(stmt, 1, out);
	bytes = db_column_str(stmt, 0);
	*ntarget = bytes.n;
	if (bytes.n <= TARGET_BYTES_MAX)
		memcpy(target, bytes.p, bytes.n);
	db_reset(stmt);
	if (out->size > INODE_SIZE_MAX)
		return err_set(EIO, "inode %u: its row is damaged: no file is so large", ino);
	return *ntarget <= TARGET_BYTES_MAX ? 1 : err_set(EIO, "inode %u: target too long", ino);
}

int
inode_put(struct db *db, uint64_t layer, const struct inode *in, struct str target)
{
	sqlite3_stmt *stmt =
	    db_stmt(db, "INSERT OR REPLACE INTO inode(layer, target, " INODE_COLUMNS
			") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	sqlite3_bind_int64(stmt, 1, (int64_t)layer);
	if (target.n)
		db_bind_str(stmt, 2, target);
	inode_bind(stmt, 3, in);
	return db_run(db, stmt);
}

int
inode_drop(struct db *db, uint64_t layer, uint32_t ino)
{
	static const char *const sql[] = { "DELETE FROM inode WHERE layer = ? AND ino = ?",
		"DELETE FROM extent WHERE layer = ? AND ino = ?",
		"DELETE FROM xattr WHERE layer = ? AND ino = ?" };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sql) && !err; i++)
		err = db_run(db, keyed(db, sql[i], layer, ino));
	return err;
}

int
inode_below(struct db *db, uint64_t layer, uint32_t ino, uint32_t *out)
{
	sqlite3_stmt *stmt =
	    keyed(db, "SELECT below FROM inode WHERE layer = ? AND ino = ?", layer, ino);
	int row = db_step(db, stmt);

	if (row == 1) {
		*out = column_u32(stmt, 0);
		db_reset(stmt);
	}
	return row;
}

int
inode_each(
    struct db *db, uint64_t layer, uint32_t last, void (*fn)(void *arg, uint32_t ino), void *arg)
{
	sqlite3_stmt *stmt =
	    keyed(db, "SELECT ino FROM inode WHERE layer = ? AND ino BETWEEN 0 AND ?", layer, last);
	int row;

	while ((row = db_step(db, stmt)) == 1)
		fn(arg, column_u32(stmt, 0));
	return row;
}

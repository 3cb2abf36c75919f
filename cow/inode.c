/* The attributes of a file to and from the columns of a row. */
#include "cow/inode.h"

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

/*
 * Db_vfs: SQLite's way to the disk, by which every change of a database and of its logs passes
 * cow/file: hooks may refuse it, a watch sees it. Only reading, locks and the shared memory beside
 * a write-ahead log go past. One of these stands for each struct files; SQLite's own registry of
 * file systems is where it is found again.
 */
#ifndef COW_DB_VFS_H
#define COW_DB_VFS_H

#include "cow/file.h"

struct db_vfs;

/* The one of these files, made if there is none. -ENOMEM. */
int db_vfs_hold(struct files *, struct db_vfs **out);
/* The last one removes it: after the connections were closed, before the files are. NULL is fine.
 */
void db_vfs_release(struct db_vfs *);
/* What sqlite3_open_v2 calls it. */
const char *db_vfs_name(const struct db_vfs *);

#endif

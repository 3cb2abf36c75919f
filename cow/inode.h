/*
 * Inode: the attributes of a file as rows of an image or a layer keep them, and those rows.
 */
#ifndef COW_INODE_H
#define COW_INODE_H

#include <stdint.h>

#include "cow/bytes.h"
#include "cow/db.h"

#define INO_ROOT 2u
#define INO_MAX  0x7fffffffu /* 32-bit programs fail on larger file ids; the same for cookies */

#define COOKIE_FIRST 3u /* of a folder's names: . and .. have 1 and 2 */

#define INODE_SIZE_MAX ((uint64_t)1 << 43) /* of a file: 8 TiB */

#define NAME_BYTES_MAX   255
#define TARGET_BYTES_MAX 4095
#define NLINK_MAX        65000

struct inode {
	uint32_t ino, gen;
	uint32_t mode; /* type and permissions, as st_mode */
	uint32_t nlink, uid, gid;
	uint32_t rdev[2];            /* major, minor */
	uint64_t size;               /* bytes */
	uint64_t used;               /* bytes of disk, a multiple of 512 */
	int64_t atime, mtime, ctime; /* nanoseconds since 1970 */
	uint32_t parent;             /* folders: the folder above; the root's is itself */
	uint32_t cookie;             /* folders: the next name's cookie */
	uint32_t below; /* files: blocks from this index on are not seen through from beneath */
	uint64_t verf;  /* what an exclusive CREATE was sent with, else 0 */
	uint64_t own;   /* bytes of blocks that the row's layer itself names for it */
};

/* Names of the columns that inode_bind and inode_column mean, in their order. */
#define INODE_COLUMNS                                                                      \
	"ino, gen, mode, nlink, uid, gid, major, minor, size, used, atime, mtime, ctime, " \
	"parent, cookie, below, verf, own"
#define INODE_COLUMNS_N 18

/* Binds all columns from parameter `first` on / reads them from column `first` on. */
void inode_bind(sqlite3_stmt *, int first, const struct inode *);
void inode_column(sqlite3_stmt *, int first, struct inode *out);

/* Rows of a layer, in store.db. get: 1 found, 0 no such row; the target (symlinks) is copied. */
int inode_get(struct db *, uint64_t layer, uint32_t ino, struct inode *out,
    char target[TARGET_BYTES_MAX + 1], uint32_t *ntarget);
int inode_put(struct db *, uint64_t layer, const struct inode *, struct str target);
/* The row, and with it the inode's extents and xattrs in that layer. */
int inode_drop(struct db *, uint64_t layer, uint32_t ino);
/* The row's `below`: 1 found, 0 no such row. */
int inode_below(struct db *, uint64_t layer, uint32_t ino, uint32_t *out);
/* Calls fn for each inode up to `last` of which the layer has a row. */
int inode_each(
    struct db *, uint64_t layer, uint32_t last, void (*fn)(void *arg, uint32_t ino), void *arg);

#endif

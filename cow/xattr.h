/*
 * Xattr: extended attributes of an inode as rows of a layer keep them.
 */
#ifndef COW_XATTR_H
#define COW_XATTR_H

#include "cow/db.h"

#define XATTR_NAME_BYTES_MAX  255
#define XATTR_VALUE_BYTES_MAX 65536

/* Rows of a layer, in store.db. value NULL: a whiteout, the one of something beneath is gone. */
int xattr_put(struct db *, uint64_t layer, uint32_t ino, struct str name, const struct str *value);
int xattr_drop(struct db *, uint64_t layer, uint32_t ino, struct str name);
/* Calls fn for each row of the inode; what it returns but 0 ends it and is returned. */
typedef int xattr_fn(void *arg, struct str name, const struct str *value);
int xattr_each(struct db *, uint64_t layer, uint32_t ino, xattr_fn *, void *arg);

#endif

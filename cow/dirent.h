/*
 * Dirent: the rows of names that a layer lays over what lies beneath, in store.db.
 */
#ifndef COW_DIRENT_H
#define COW_DIRENT_H

#include "cow/db.h"
#include "cow/inode.h"

/* Calls fn for each name that the layer has in the folder, by rising cookie; ino 0 is a whiteout.
 * fn's -errno ends it. A row that no server wrote: -EIO. */
typedef int dirent_fn(void *arg, struct str name, uint32_t ino, uint32_t cookie);
int dirent_each(struct db *, uint64_t layer, uint32_t dir, dirent_fn *, void *arg);
int dirent_put(
    struct db *, uint64_t layer, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie);
int dirent_drop(struct db *, uint64_t layer, uint32_t dir, struct str name);

#endif

/*
 * Blkindex: the rows of store.db that say where each block's bytes lie.
 */
#ifndef COW_BLKINDEX_H
#define COW_BLKINDEX_H

#include "cow/block.h"

/* 1: found; 0: no such block; -errno. */
int blkindex_find(struct db *, const struct id *, struct block_loc *out);
/* 1: inserted; 0: the id has a row already, which stays; -errno. */
int blkindex_insert(struct db *, const struct id *, const struct block_loc *);

#endif

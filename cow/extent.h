/*
 * Extent: which blocks a file's bytes are in. A row covers a run of EXTENT_RUN blocks, aligned to
 * that; a row of a layer overrides the whole row of the same run beneath it.
 */
#ifndef COW_EXTENT_H
#define COW_EXTENT_H

#include "cow/block.h"
#include "cow/hash.h"

#define EXTENT_RUN 32u

/* In memory: ids with their places. A row holds the ids up to the last that isn't zero. */
struct extent {
	struct id ids[EXTENT_RUN];
	struct block_loc locs[EXTENT_RUN];
};

/* Number of ids to write: up to the last that isn't zero. */
uint32_t extent_length(const struct extent *);
/* Fills it from a row's blob (16 bytes an id) and finds the places. -EIO: damaged row. */
int extent_unpack(struct blocks *, struct str blob, struct extent *out);
/* Disk bytes of one place, as `used` counts them: the stored bytes in units of 512. */
uint64_t extent_used(const struct block_loc *);

/* Rows of a layer, in store.db. get: 1 found, 0 no such row. */
int extent_get(
    struct db *, struct blocks *, uint64_t layer, uint32_t ino, uint32_t run, struct extent *out);
int extent_put(struct db *, uint64_t layer, uint32_t ino, uint32_t run, struct str ids);
/* Calls fn with the number of each run that has a row, till it returns something else than 0. */
int extent_runs(
    struct db *, uint64_t layer, uint32_t ino, int (*fn)(void *arg, uint32_t run), void *arg);
/* Drops the rows of runs from `run` on. */
int extent_drop(struct db *, uint64_t layer, uint32_t ino, uint32_t run);

#endif

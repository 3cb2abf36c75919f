/*
 * What the files of block share.
 *
 * Locks, in this order: cutting (one cut at a time), appending (one append at a time; next_segment
 * is called under it), lock (short: the maps). A cut takes neither appending nor, while it syncs,
 * lock: so puts go on meanwhile, and next_segment may wait for the thread that cuts.
 */
#ifndef COW_BLOCK_PRIV_H
#define COW_BLOCK_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include "cow/block.h"
#include "cow/cleanup.h"
#include "cow/idmap.h"
#include "cow/segment.h"

/* Rows that wait for a commit. */
struct rowset {
	struct idmap map;
	struct rowset *next;
};

struct block_rows {
	struct blocks *blocks;
	struct rowset *sets;
	struct block_rows *next; /* in blocks->cuts */
	uint32_t count;
};

struct blocks {
	struct blocks_env env;
	struct segments *segments;
	struct block_stats stats; /* atomic counters */

	pthread_mutex_t cutting;

	pthread_mutex_t appending;
	uint64_t unlooked; /* bytes that may be stored before the disk's space is looked at again */
	uint64_t rows_unlooked; /* the same of rows, by block_room */
	uint32_t next_seq;      /* given by next_segment, but no file was made of it; 0: none */

	pthread_mutex_t lock;
	struct segment *open;    /* appended to; changed with appending held too. NULL: none yet */
	struct segment *retired; /* full, but not synced since; let go by the next cut */
	bool dirty;              /* open was written since the last cut */
	bool new_names;          /* segments/ has names since the last cut */
	bool failed;             /* a sync has: final */
	uint64_t discards;       /* how often what had gathered was given up */
	uint64_t commits;        /* how many cuts were committed */
	struct idmap pending;    /* put since the last cut */
	struct rowset *returned; /* cut, but not committed: for the next cut */
	struct block_rows *cuts; /* cut, and being committed */
	struct idcache *cache;   /* of committed rows */

	bool collecting;
	bool overflow;         /* more were put than `touched` may hold */
	struct idmap touched;  /* put while collecting */
	struct idmap dying;    /* their rows are being deleted */
	uint64_t deletions;    /* how often rows were deleted */
	pthread_cond_t buried; /* dying is empty again */

	/* Readers are counted under the turn that they began in; who waits for them makes the other
	 * turn the one to begin in, so that the count can only fall. */
	_Atomic unsigned turn; /* 0 or 1 */
	_Atomic uint32_t readers[2];
};

#define BLOCK_COUNT(b, field, n) \
	((void)__atomic_fetch_add(&(b)->stats.field, (uint64_t)(n), __ATOMIC_RELAXED))

/* Looks in memory only: at what isn't committed, or at all; lock is held. */
const struct block_loc *blocks_recall_new(struct blocks *, const struct id *);
const struct block_loc *blocks_recall(struct blocks *, const struct id *);
/* What a look at the maps saw of their changes. */
struct block_state {
	uint64_t commits, deletions;
};
/* Notes for the collector that id is in use; lock is held. */
void blocks_touch(struct blocks *, const struct id *);
/* Gives back the segments of a list of blocks' own. */
void blocks_release(struct blocks *, struct segment *list);
/* 1: the stored bytes at loc are these; 0: they are not, or can't be read; -ENOMEM. */
int block_compare(struct blocks *, const struct block_loc *, const void *p, uint32_t stored);
/* Stores bytes under id. -EAGAIN: since `commits` was read the maps have changed, look again. */
int block_append(struct blocks *, const struct id *, const void *p, uint32_t stored,
    uint64_t commits, struct block_loc *loc);

#endif

/*
 * Gc: the collector. It gives back what nothing refers to: rows of layers that no client, snapshot
 * or other layer needs, files of images without a name, blocks, and the segments that have none
 * left. It runs beside the server, in small transactions, and may be killed at any time.
 *
 * A block is in use if a row of a layer or an image names it. What rows don't name yet was put
 * while the collector runs, and the block store keeps that in mind (blocks_collect_begin); what was
 * put before is made to be named by rows first (flush).
 */
#ifndef COW_GC_H
#define COW_GC_H

#include "cow/store.h"

struct gc_result {
	uint64_t layers, rows; /* of layers */
	uint64_t images;       /* files */
	uint64_t blocks_seen, blocks;
	uint64_t bytes; /* of blocks, with their heads */
	uint64_t segments;
};

struct gc_options {
	bool dry_run; /* only counts */
	/* Makes every open view's changes durable; NULL: none is open. */
	int (*flush)(void *arg);
	/* Told now and then what is being done, and how far it is; negative ends the collection. */
	int (*progress)(void *arg, const char *what, uint64_t done, uint64_t of);
	void *arg;
	uint32_t marks; /* how many blocks are marked at a time; 0: as many as 16 MB hold */
};

/* Are there layers to be given back? 1, 0 or -errno. */
int gc_any(struct store *);

/* By the owner. -EBUSY: an import runs, or a collection does, or somebody has lease_share_blocks.
 * -ENOSPC: too much was written meanwhile; what was found before is given back. */
int gc_run(struct store *, const struct gc_options *, struct gc_result *out);

#endif

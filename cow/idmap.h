/*
 * Idmap: block ids to places, in memory. A map grows; a cache has a fixed size
 * and forgets what was not asked for longest. Neither locks. Ids are keyed hashes, so their own
 * bits spread them well enough.
 */
#ifndef COW_IDMAP_H
#define COW_IDMAP_H

#include "cow/block.h"

struct idmap_row {
	struct id id; /* zero: a free slot */
	struct block_loc loc;
};

/* All zero: an empty map. Slots are in the order of ids, more or less: so rows go into SQLite's
 * tree from left to right. */
struct idmap {
	struct idmap_row *slots;
	uint32_t size, used; /* size: a power of two, or 0 */
};

/* Sets the place of id, which isn't zero. -ENOMEM. */
int idmap_set(struct idmap *, const struct id *, const struct block_loc *);
/* NULL: not there. The map's, until the next set. */
const struct block_loc *idmap_find(const struct idmap *, const struct id *);
/* Forgets the blocks that lie in this segment from off on. -ENOMEM: it forgot nothing. */
int idmap_cut(struct idmap *, uint32_t segment, uint64_t off);
void idmap_free(struct idmap *);

struct idcache;
/* rows: rounded up to a power of two. -ENOMEM. */
int idcache_open(uint32_t rows, struct idcache **out);
void idcache_close(struct idcache *);
void idcache_set(struct idcache *, const struct id *, const struct block_loc *);
void idcache_drop(struct idcache *, const struct id *);
const struct block_loc *idcache_find(struct idcache *, const struct id *);

#endif

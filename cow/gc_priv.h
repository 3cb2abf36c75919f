/*
 * What the files of the collector share.
 */
#ifndef COW_GC_PRIV_H
#define COW_GC_PRIV_H

#include "cow/gc.h"

#define GC_ROWS 250 /* of one transaction */

struct gc {
	struct store *store;
	const struct gc_options *options;
	struct gc_result *result;
	struct id *images; /* whose blocks are marked */
	uint32_t nimages;
};

int gc_progress(struct gc *, const char *what, uint64_t done, uint64_t of);
/* After a step that others had to wait for: as long as it took, they are left alone. */
void gc_pause(struct gc *, uint64_t began_ns);
uint64_t gc_now(void);
/* The number that an SQL text selects. */
int gc_count(struct gc *, const char *sql, uint64_t *out);
/* Layers and images' files. */
int gc_layers(struct gc *);
int gc_images(struct gc *);
int gc_blocks(struct gc *);
/* Punches holes where blocks were, and removes segments that have none left. */
int gc_space(struct gc *);

#endif

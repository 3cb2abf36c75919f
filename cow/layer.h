/*
 * Layer: a set of rows over what lies beneath; sealed, or the open head. A chain is a client's
 * layers from the head down; under the last lies the image.
 */
#ifndef COW_LAYER_H
#define COW_LAYER_H

#include "cow/store.h"

struct layer {
	uint64_t id;
	struct id uid;
	uint64_t parent; /* 0: the image is next */
	struct id image;
	bool sealed;
	uint32_t next_ino;     /* above everything in and beneath it */
	uint64_t files, bytes; /* rows of inodes, bytes of blocks named by it */
};

#define LAYER_CHAIN_MAX 1024

/* In an open write transaction. id: from store_new_layer. parent 0: straight on the image. */
int layer_create(
    struct db *, uint64_t id, uint64_t parent, const struct id *image, uint32_t next_ino);
int layer_seal(struct db *, uint64_t layer);
/* Sets its counters. */
int layer_count(struct db *, uint64_t layer, uint32_t next_ino, uint64_t files, uint64_t bytes);
int layer_drop(struct db *, uint64_t layer);                   /* with its rows */
int layer_get(struct db *, uint64_t layer, struct layer *out); /* -ENOENT */
/* The chain from head down; *n layers in a malloc'ed array. */
int layer_chain(struct db *, uint64_t head, struct layer **out, int *n);

#endif

/*
 * Image content: the bytes of an import's files on their way to the store: cut into blocks, put,
 * hashed, and the block ids noted in a nameless file until the image's rows are written. Files may
 * come in any order. One thread.
 */
#ifndef COW_IMAGE_CONTENT_H
#define COW_IMAGE_CONTENT_H

#include "cow/block.h"

/* One file's bytes. hash depends on the bytes alone: not on the store, nor on what was a hole. */
struct image_content {
	struct id hash;
	uint64_t size, used; /* used: as extent_used counts, summed */
	uint64_t at, n;      /* where its ids are noted */
};

struct image_contents;

int image_contents_open(struct files *, struct blocks *, struct image_contents **out);
void image_contents_close(struct image_contents *);

/* The next bytes of the present file, in order. */
int image_contents_data(struct image_contents *, const void *p, size_t n);
int image_contents_hole(struct image_contents *, uint64_t n);
/* Ends the present file and begins the next. */
int image_contents_end(struct image_contents *, struct image_content *out);
/* Forgets the present file's bytes; the blocks that it alone has are the collector's. */
int image_contents_drop(struct image_contents *);

/* Calls fn for each run of the content that has ids, in order; ids: ID_SIZE bytes each, up to the
 * last that isn't zero. */
typedef int image_run_fn(void *arg, uint32_t run, struct str ids);
int image_contents_runs(
    struct image_contents *, const struct image_content *, image_run_fn *, void *arg);

#endif

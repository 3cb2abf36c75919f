/*
 * Commit: what a view has become is made a golden image: the file of the image that it lies on,
 * with the delta in it. The time goes with the delta, but for the copy of that file.
 */
#ifndef COW_COMMIT_H
#define COW_COMMIT_H

#include "cow/store.h"

/* The state is that of a sealed layer over an image. out: the new image's row. -EEXIST: the name is
 * taken. The id comes of the image's and of all that differs from it. */
int image_commit(struct store *, const struct id *image, uint64_t layer, const char *name,
    struct image_info *out);

#endif

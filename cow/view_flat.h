/*
 * View flat: what the layers of a view say, merged, for those that make one layer or an image of
 * them.
 */
#ifndef COW_VIEW_FLAT_H
#define COW_VIEW_FLAT_H

#include "cow/extent.h"
#include "cow/inode.h"
#include "cow/layer.h"
#include "cow/view.h"

/* Of an inode first its names, runs and xattrs, then itself. Negative returns end it. */
struct view_sink {
	void *arg;
	/* nlink 0: a golden one is gone. below and own as over the image. */
	int (*inode)(void *arg, const struct inode *, struct str target);
	/* Differs from the image's folder; ino 0: is gone. */
	int (*name)(void *arg, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie);
	/* Differs from the image's run. */
	int (*run)(void *arg, uint32_t ino, uint32_t run, const struct extent *);
	/* Differs from the image's; value NULL: is gone. */
	int (*xattr)(void *arg, uint32_t ino, struct str name, const struct str *value);
};

/* The inodes of which a layer has a row, in order, each once; *out is the caller's. */
int view_changed_inos(struct view *, uint32_t **out, size_t *n);
/* Of a view from view_open_layer that only looks. */
int view_flatten(struct view *, const struct view_sink *);
/* With the view's lock held (view_cut_begin): `flat` takes the place of the layer `base` and of all
 * beneath it. -ESTALE: base is not beneath the head. */
int view_rebase(struct view *, uint64_t base, const struct layer *flat);

#endif

/*
 * Flatten: of a long chain of sealed layers one is made, so that what is looked up in a view passes
 * few layers however many snapshots there are. The snapshots keep their own chains.
 */
#ifndef COW_FLATTEN_H
#define COW_FLATTEN_H

#include "cow/snapshot.h"

#define FLATTEN_LAYERS 8 /* sealed ones: so many make it worth it */

/* Does a client's chain have so many sealed layers beneath its head? Calls fn for each that does.
 */
int flatten_each(struct store *, int layers, int (*fn)(void *arg, const char *client), void *arg);
/* Lays the sealed layers of one client flat; its view, where it is open, goes on meanwhile. No view
 * of it may be opened or closed while `swap` runs: with is handed what to call under that
 * condition, or calls it at once. 1: done, 0: not any more needed. */
struct flatten;
int flatten_begin(struct store *, const char *client, int layers, struct flatten **out);
/* view NULL: it isn't open. */
int flatten_swap(struct flatten *, struct view *);
void flatten_end(struct flatten *);

#endif

/*
 * Listing: all names of a folder of a view, kept while what they name is looked at or changed.
 */
#ifndef COW_LISTING_H
#define COW_LISTING_H

#include "cow/view.h"

struct listing_name {
	char *bytes;
	uint32_t n, ino;
};

/* All zero: empty. */
struct listing {
	struct listing_name *all;
	size_t n, size;
};

/* Without "." and "..", in the order of bytes. */
int listing_read(struct view *, uint32_t dir, struct listing *out);
void listing_free(struct listing *);

static inline struct str
listing_str(const struct listing_name *n)
{
	return (struct str){ n->bytes, n->n };
}

#endif

/*
 * Names: what a chain of layers says about one folder's names, over the golden folder beneath:
 * added, replaced, or taken away (whiteouts). Found by name, walked by cookie.
 */
#ifndef COW_NAMES_H
#define COW_NAMES_H

#include <stdbool.h>

#include "cow/bytes.h"

struct name {
	struct name *chain;
	uint64_t hash;
	uint32_t ino; /* 0: whiteout */
	uint32_t cookie;
	bool in_head; /* the head has a row for it */
	bool beneath; /* something under the head has this name: its removal needs a whiteout */
	uint8_t n;
	char bytes[];
};

struct names {
	struct name **buckets;
	uint32_t nbuckets, count;
	struct name_slot {
		uint32_t cookie;
		struct name *name; /* NULL: gone */
	} * order;                 /* those that are not whiteouts, by rising cookie */
	uint32_t norder, order_size, holes;
	uint64_t memory; /* bytes */
};

void names_free(struct names *);
struct name *names_find(const struct names *, struct str name);
/* A new name, in no order yet (names_place). NULL: out of memory. */
struct name *names_add(struct names *, struct str name);
/* Takes it out and frees it. */
void names_drop(struct names *, struct name *);
/* Sets inode and cookie, and its place in the order. -ENOMEM. Most cookies come at the end. */
int names_place(struct names *, struct name *, uint32_t ino, uint32_t cookie);
/* Index in order of the first cookie above `after`. */
uint32_t names_after(const struct names *, uint64_t after);

static inline struct str
name_str(const struct name *n)
{
	return (struct str){ n->bytes, n->n };
}

#endif

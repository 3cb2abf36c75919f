/*
 * Receive: an image that cow/send.h sends, as a source for the importer: so what a stranger sends
 * becomes nothing but what he could have imported, and is hashed and compared as all blocks are.
 */
#ifndef COW_IMPORT_RECEIVE_H
#define COW_IMPORT_RECEIVE_H

#include "cow/import/source.h"
#include "cow/store.h"
#include "cow/stream.h"

struct receive_head {
	char name[65];
	struct id id;
	bool ask, exact; /* the sender wants to hear what we have; the id can be compared */
	uint32_t block_size;
	uint8_t secret[HASH_SECRET_SIZE];
	uint64_t entries, bytes;
};

/* The first frame. -EPIPE: this isn't what is expected, or of another version. */
int receive_head(struct stream *, struct receive_head *out);

/* The rest, into a store. Blocks that the store has are told of to the sender if it asks and they
 * are named in the same way. The stream is borrowed. */
int receive_open(struct store *, struct stream *, const struct receive_head *, struct source **out);

#endif

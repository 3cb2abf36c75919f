/*
 * Send: an image to another store, but for the blocks that it has. The other side is
 * cow/import/receive.h; docs/store-format.md has the stream.
 */
#ifndef COW_SEND_H
#define COW_SEND_H

#include "cow/store.h"
#include "cow/stream.h"

/* Kinds of frames. */
#define SEND_HEAD  'H' /* what is sent */
#define SEND_ENTRY 'E' /* a file, but what is in it */
#define SEND_XATTR 'X' /* one of its extended attributes */
#define SEND_RUN   'R' /* ids of a file's next blocks, and which of them follow */
#define SEND_ZEROS 'O' /* how many of its next blocks are zeros */
#define SEND_BLOCK 'B' /* a block's bytes, zeros at its end cut off */
#define SEND_END   'Z' /* the image is whole */
#define SEND_HAVE  'h' /* from the receiver: beginnings of the ids of blocks that it has */

#define SEND_VERSION 1u
#define SEND_ASK     1u  /* flag: the receiver shall say what it has */
#define SEND_EXACT   2u  /* flag: the id depends on the tree alone, and can be compared */
#define SEND_PREFIX  8u  /* bytes of an id that tell it from others */
#define SEND_AGAIN   1u  /* of an entry: its file came before, under another name */
#define SEND_NAMES   'x' /* what SEND_RUN has for a block: its bytes follow .. */
#define SEND_KNOWN   '-' /* .. or the receiver has it */

struct send_options {
	bool ask; /* the other side answers on the stream's input */
	/* May be NULL; negative ends it. */
	int (*progress)(void *arg, uint64_t sent);
	void *arg;
};

struct send_result {
	uint64_t entries, bytes; /* of the image */
	uint64_t blocks, sent;   /* blocks that were sent; bytes of the stream */
	bool incremental;        /* the receiver has said what it has */
};

/* The store was opened to look. */
int image_send(struct store *, const struct image_info *, struct stream *,
    const struct send_options *, struct send_result *out);

#endif

/*
 * Stream: frames over a pipe, each checked together with all that came before it. What images are
 * sent in; docs/store-format.md has the frames' contents.
 *
 *   frame:  length (4 bytes), check (8 bytes), kind (1 byte), length - 1 bytes     little-endian
 *   check:  XXH3-64 of kind and bytes, seeded with the check of the frame before; the first one
 * with STREAM_MAGIC
 */
#ifndef COW_STREAM_H
#define COW_STREAM_H

#include <stdint.h>

#include "cow/bytes.h"

#define STREAM_FRAME_MAX (1u << 20) /* bytes of kind and contents */
#define STREAM_MAGIC     0x316d617365737562ull

struct stream;

/* in, out: descriptors, borrowed; -1: there is none. */
int stream_open(int in, int out, struct stream **out_stream);
void stream_close(struct stream *);

/* Frames gather until there are many, or stream_flush. The frame's contents are in pieces. */
int stream_put(struct stream *, char kind, const struct str *pieces, int n);
int stream_flush(struct stream *);
/* 1: the next frame, borrowed until the next call; 0: the other side has ended between two frames;
 * -EPIPE: it ended within one, or what came isn't what was sent. */
int stream_get(struct stream *, char *kind, struct str *out);

uint64_t stream_sent(const struct stream *);     /* bytes */
uint64_t stream_received(const struct stream *); /* bytes */

/* Numbers and texts of a frame, taken one after the other. What isn't there is zero and sets bad.
 */
struct stream_fields {
	struct str left;
	bool bad;
};
uint64_t stream_number(struct stream_fields *, int bytes); /* 1 to 8 */
struct str stream_bytes(struct stream_fields *, uint32_t n);
struct str stream_text(struct stream_fields *); /* its length, in 4 bytes, and its bytes */

#endif

/*
 * Record: record marking on a stream (RFC 5531 section 11): where to read next, when a record is
 * whole, how large it may get. One buffer; a record made of fragments is joined in place.
 */
#ifndef RPC_RECORD_H
#define RPC_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RPC_FRAGMENTS_MAX 1024 /* of one record */

struct rpc_stream {
	uint8_t *buf;
	uint32_t size, start, end; /* unread bytes are [start, end) */
	uint32_t skip;             /* from start to the next fragment's mark */
	uint32_t joined;           /* bytes of the present record that are joined at start + 4 */
	uint32_t fragments;        /* of the present record, so far */
	uint32_t max;              /* largest record */
};

/* max: at most 2^30. Holds no memory before something is to be read. */
int rpc_stream_init(struct rpc_stream *, uint32_t max);
void rpc_stream_free(struct rpc_stream *);
/* Where to read into and how much room there is (never 0); grows and moves the buffer as needed, to
 * no more than twice of what has come. Records that rpc_stream_next gave are invalid afterwards.
 * -ENOMEM; -ENOBUFS: whole records wait to be taken. */
int rpc_stream_room(struct rpc_stream *, uint8_t **where, uint32_t *room);
/* So many bytes were read there. */
void rpc_stream_filled(struct rpc_stream *, uint32_t n);
/* 1: *record, *n is the next whole record, aligned to words; 0: more must be read. Else the
 * connection must be closed: -EMSGSIZE: larger than max, or fragments without end; -EBADMSG: not
 * whole words, as every message in XDR is. */
int rpc_stream_next(struct rpc_stream *, const uint8_t **record, uint32_t *n);
/* Gives memory back that an idle stream doesn't need. */
void rpc_stream_idle(struct rpc_stream *);

#endif

/*
 * Outbuf: a list that is encoded word by word and then attached to a reply; bounded.
 */
#ifndef RPC_OUTBUF_H
#define RPC_OUTBUF_H

#include <stdint.h>
#include <sys/uio.h>

#include "rpc/reply.h"
#include "rpc/word.h"

#define OUTBUF_END 8 /* bytes that there is always room for, beyond max: the list's end */

struct outbuf {
	uint8_t *buf;
	uint32_t n, size, max;
	struct iovec iov;
};

int outbuf_init(struct outbuf *, uint32_t max); /* -ENOMEM */
void outbuf_free(struct outbuf *);
/* 0: *at is a place for n bytes, which are counted as written; 1: that would be more than max.
 * -ENOMEM. */
int outbuf_take(struct outbuf *, uint64_t n, uint8_t **at);
/* Up to OUTBUF_END bytes more: the last. */
uint8_t *outbuf_end(struct outbuf *, uint32_t n);
/* release(owner) is to free the outbuf too. */
void outbuf_attach(struct outbuf *, struct rpc_reply *, void (*release)(void *), void *owner);

#endif

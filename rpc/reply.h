/*
 * Reply: an encoded head, then at most one run of borrowed file data with its XDR padding, as one
 * record of a TCP stream or one UDP datagram.
 */
#ifndef RPC_REPLY_H
#define RPC_REPLY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define RPC_REPLY_IOV 10 /* pieces that rpc_reply_iov may give */

struct rpc_reply {
	uint8_t *head; /* record mark (4 bytes), reply header, results; owned. NULL: no answer */
	uint32_t head_len, head_size;
	const struct iovec *data; /* borrowed; at most RPC_REPLY_IOV - 2 pieces */
	int ndata;
	uint32_t data_len;
	void (*release)(void *arg); /* gives the data back; NULL: nothing to give back */
	void *release_arg;
};

void rpc_reply_init(struct rpc_reply *);
/* Room for at least `more` further bytes in head, at head + head_len. -ENOMEM. */
int rpc_reply_reserve(struct rpc_reply *, uint32_t more);
/* Lends the data; release(arg) is called by rpc_reply_free. */
void rpc_reply_attach(struct rpc_reply *, const struct iovec *, int n, uint32_t len,
    void (*release)(void *), void *arg);
/* Fills in the record mark, when head and data are complete. */
void rpc_reply_finish(struct rpc_reply *);
/* The whole record as pieces (with the mark; without it when datagram). Their number, 0 when there
 * is no answer. */
int rpc_reply_iov(const struct rpc_reply *, int datagram, struct iovec out[RPC_REPLY_IOV]);
uint32_t rpc_reply_length(const struct rpc_reply *); /* in bytes, mark and padding included */
/* A finished record's bytes (without the mark) as a reply, copied: for the duplicate cache. */
int rpc_reply_copy(struct rpc_reply *, const void *record, uint32_t n);
/* Releases data and head; the reply is as after init. */
void rpc_reply_free(struct rpc_reply *);

#endif

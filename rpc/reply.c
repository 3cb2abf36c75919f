/*
 * Reply: a buffer for the head, which the codecs fill, and the data that is lent to it. The bytes
 * that pad the data lie at the end of the same buffer.
 */
#include "rpc/reply.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/word.h"

#define MARK     4u
#define LAST     0x80000000u
#define SIZE_MIN 508u
#define PAD      4u /* after the head's room, always zero */

void
rpc_reply_init(struct rpc_reply *reply)
{
	*reply = (struct rpc_reply){ 0 };
}

int
rpc_reply_reserve(struct rpc_reply *reply, uint32_t more)
{
	uint64_t size = (uint64_t)reply->head_len + more;
	uint8_t *head;

	if (reply->head != NULL && size <= reply->head_size)
		return 0;
	if (size < SIZE_MIN)
		size = SIZE_MIN;
	if (size > UINT32_MAX / 2)
		return -ENOMEM;
	head = realloc(reply->head, size + PAD);
	if (head == NULL)
		return -ENOMEM;
	memset(head + size, 0, PAD);
	reply->head = head;
	reply->head_size = (uint32_t)size;
	return 0;
}

void
rpc_reply_attach(struct rpc_reply *reply, const struct iovec *iov, int n, uint32_t len,
    void (*release)(void *), void *arg)
{
	assert(reply->data == NULL && reply->release == NULL && n <= RPC_REPLY_IOV - 2);
	reply->data = iov;
	reply->ndata = n;
	reply->data_len = len;
	reply->release = release;
	reply->release_arg = arg;
}

uint32_t
rpc_reply_length(const struct rpc_reply *reply)
{
	return reply->head_len + WORD_PADDED(reply->data_len);
}

void
rpc_reply_finish(struct rpc_reply *reply)
{
	assert(reply->head_len >= MARK);
	word_put(reply->head, LAST | (rpc_reply_length(reply) - MARK));
}

int
rpc_reply_iov(const struct rpc_reply *reply, int datagram, struct iovec out[RPC_REPLY_IOV])
{
	uint32_t skip = datagram ? MARK : 0, pad = -reply->data_len & 3;
	int n = 0;

	if (reply->head == NULL)
		return 0;
	out[n++] = (struct iovec){ reply->head + skip, reply->head_len - skip };
	for (int i = 0; i < reply->ndata; i++)
		if (reply->data[i].iov_len > 0)
			out[n++] = reply->data[i];
	if (pad > 0)
		out[n++] = (struct iovec){ reply->head + reply->head_size, pad };
	return n;
}

int
rpc_reply_copy(struct rpc_reply *reply, const void *record, uint32_t n)
{
	int r;

	if (n > UINT32_MAX / 4)
		return -ENOMEM;
	r = rpc_reply_reserve(reply, MARK + n);
	if (r < 0)
		return r;
	memcpy(reply->head + MARK, record, n);
	reply->head_len = MARK + n;
	rpc_reply_finish(reply);
	return 0;
}

void
rpc_reply_free(struct rpc_reply *reply)
{
	if (reply->release != NULL)
		reply->release(reply->release_arg);
	free(reply->head);
	rpc_reply_init(reply);
}

/*
 * Outbuf: memory grows with what is written, not with what the client allowed.
 */
#include "rpc/outbuf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 4096u

int
outbuf_init(struct outbuf *o, uint32_t max)
{
	uint32_t size = max < SIZE_MIN ? max : SIZE_MIN;

	*o = (struct outbuf){ .size = size, .max = max };
	o->buf = malloc(size + OUTBUF_END);
	return o->buf != NULL ? 0 : -ENOMEM;
}

void
outbuf_free(struct outbuf *o)
{
	free(o->buf);
	o->buf = NULL;
}

static int
grow(struct outbuf *o, uint32_t need)
{
	uint64_t size = 2 * (uint64_t)o->size;
	uint8_t *buf;

	if (size < need)
		size = need;
	if (size > o->max)
		size = o->max;
	buf = realloc(o->buf, size + OUTBUF_END);
	if (buf == NULL)
		return -ENOMEM;
	o->buf = buf;
	o->size = (uint32_t)size;
	return 0;
}

int
outbuf_take(struct outbuf *o, uint64_t n, uint8_t **at)
{
	int r;

	if (n > o->max - o->n)
		return 1;
	if (n > o->size - o->n) {
		r = grow(o, o->n + (uint32_t)n);
		if (r < 0)
			return r;
	}
	*at = o->buf + o->n;
	o->n += (uint32_t)n;
	return 0;
}

uint8_t *
outbuf_end(struct outbuf *o, uint32_t n)
{
	uint8_t *at = o->buf + o->n;

	assert(n <= OUTBUF_END);
	o->n += n;
	return at;
}

void
outbuf_attach(struct outbuf *o, struct rpc_reply *reply, void (*release)(void *), void *owner)
{
	o->iov = (struct iovec){ o->buf, o->n };
	rpc_reply_attach(reply, &o->iov, 1, o->n, release, owner);
}

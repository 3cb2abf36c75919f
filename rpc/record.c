/*
 * Record: records of a stream, found in one buffer. The mark that opens a record always lies on a
 * whole word, so its arguments can be decoded where they are; fragments are moved down over the
 * marks between them.
 */
#include "rpc/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/word.h"

#define LAST     0x80000000u
#define MARK     4u
#define SIZE_MIN 16384u

/* Enough for the largest record in the most fragments, and the beginning of the next. */
static uint32_t
size_max(const struct rpc_stream *s)
{
	return s->max + MARK * RPC_FRAGMENTS_MAX + SIZE_MIN;
}

int
rpc_stream_init(struct rpc_stream *s, uint32_t max)
{
	if (max > 1u << 30)
		return -EINVAL;
	*s = (struct rpc_stream){ .max = max };
	return 0;
}

void
rpc_stream_free(struct rpc_stream *s)
{
	free(s->buf);
	*s = (struct rpc_stream){ .max = s->max };
}

static void
move_to_front(struct rpc_stream *s)
{
	if (s->start > 0 && s->end > s->start)
		memmove(s->buf, s->buf + s->start, s->end - s->start);
	s->end -= s->start;
	s->start = 0;
}

static int
resize(struct rpc_stream *s, uint32_t size)
{
	uint8_t *buf = realloc(s->buf, size);

	if (buf == NULL)
		return -ENOMEM;
	s->buf = buf;
	s->size = size;
	return 0;
}

int
rpc_stream_room(struct rpc_stream *s, uint8_t **where, uint32_t *room)
{
	uint32_t held = s->end - s->start;
	uint32_t want = 2 * held < SIZE_MIN ? SIZE_MIN : 2 * held;
	int r;

	if (want > size_max(s))
		want = size_max(s);
	if (held == 0 || s->size - s->end < SIZE_MIN / 4)
		move_to_front(s);
	if (s->size - s->end < SIZE_MIN / 4 && s->size < want) {
		r = resize(s, want);
		if (r < 0)
			return r;
	}
	if (s->end == s->size)
		return -ENOBUFS;
	*where = s->buf + s->end;
	*room = s->size - s->end;
	return 0;
}

void
rpc_stream_filled(struct rpc_stream *s, uint32_t n)
{
	s->end += n;
}

/* 1: a fragment was joined, and *last says whether the record is whole. */
static int
join(struct rpc_stream *s, uint32_t *last)
{
	uint32_t at = s->start + s->skip, n;

	if (s->end - at < MARK)
		return 0;
	n = word_get(s->buf + at);
	*last = n & LAST;
	n &= ~LAST;
	if (n > s->max - s->joined)
		return -EMSGSIZE;
	if (!*last && (n == 0 || s->fragments + 1 == RPC_FRAGMENTS_MAX))
		return -EMSGSIZE;
	if (s->end - at - MARK < n)
		return 0;
	if (s->fragments > 0)
		memmove(s->buf + s->start + MARK + s->joined, s->buf + at + MARK, n);
	s->joined += n;
	s->skip += MARK + n;
	s->fragments++;
	return 1;
}

int
rpc_stream_next(struct rpc_stream *s, const uint8_t **record, uint32_t *n)
{
	uint32_t last = 0;

	while (!last) {
		int r = join(s, &last);

		if (r <= 0)
			return r;
	}
	if (s->joined % 4 != 0)
		return -EBADMSG;
	*record = s->buf + s->start + MARK;
	*n = s->joined;
	s->start += s->skip;
	s->skip = s->joined = s->fragments = 0;
	return 1;
}

void
rpc_stream_idle(struct rpc_stream *s)
{
	uint32_t held = s->end - s->start;

	if (held == 0) {
		rpc_stream_free(s);
	} else if (s->size > SIZE_MIN && held <= s->size / 4) {
		move_to_front(s);
		resize(s, 2 * held < SIZE_MIN ? SIZE_MIN : 2 * held);
	}
}

/* Frames on their way: gathered in a buffer for the writer, and checked one by one for the reader.
 */
#include "cow/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/hash.h"

#define HEAD   12u
#define GATHER (256u << 10)

struct stream {
	int in, out;
	uint64_t check_in, check_out, sent, received;
	uint8_t *write; /* GATHER + HEAD + STREAM_FRAME_MAX bytes, of which nwrite are to be sent */
	uint8_t *read;  /* STREAM_FRAME_MAX */
	size_t nwrite;
};

int
stream_open(int in, int out, struct stream **out_stream)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct stream){
		.in = in, .out = out, .check_in = STREAM_MAGIC, .check_out = STREAM_MAGIC
	};
	s->write = out < 0 ? NULL : malloc(GATHER + HEAD + STREAM_FRAME_MAX);
	s->read = in < 0 ? NULL : malloc(STREAM_FRAME_MAX);
	if ((out >= 0 && !s->write) || (in >= 0 && !s->read)) {
		stream_close(s);
		return -ENOMEM;
	}
	*out_stream = s;
	return 0;
}

void
stream_close(struct stream *s)
{
	if (!s)
		return;
	free(s->write);
	free(s->read);
	free(s);
}

uint64_t
stream_sent(const struct stream *s)
{
	return s->sent + s->nwrite;
}

uint64_t
stream_received(const struct stream *s)
{
	return s->received;
}

/* --- writing --- */

int
stream_flush(struct stream *s)
{
	size_t at = 0;

	while (at < s->nwrite) {
		ssize_t n = write(s->out, s->write + at, s->nwrite - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno("what is sent can't be written");
		at += (size_t)n;
	}
	s->sent += s->nwrite;
	s->nwrite = 0;
	return 0;
}

int
stream_put(struct stream *s, char kind, const struct str *pieces, int n)
{
	uint8_t *head = s->write + s->nwrite, *p = head + HEAD;
	uint64_t length = 1;

	for (int i = 0; i < n; i++)
		length += pieces[i].n;
	if (length > STREAM_FRAME_MAX)
		return err_set(
		    E2BIG, "a frame of %llu bytes can't be sent", (unsigned long long)length);
	*p++ = (uint8_t)kind;
	for (int i = 0; i < n; i++) {
		if (pieces[i].n)
			memcpy(p, pieces[i].p, pieces[i].n);
		p += pieces[i].n;
	}
	s->check_out = hash_bytes(head + HEAD, length, s->check_out);
	put_le32(head, (uint32_t)length);
	put_le64(head + 4, s->check_out);
	s->nwrite += HEAD + length;
	return s->nwrite >= GATHER ? stream_flush(s) : 0;
}

/* --- reading --- */

/* 1: all of it; 0: the end, before the first byte. */
static int
read_all(struct stream *s, uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = read(s->in, p + at, n - at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(EPIPE, "what is sent can't be read: %s", strerror(errno));
		if (got == 0)
			return at ? err_set(EPIPE, "what was sent ends too early") : 0;
		at += (size_t)got;
		s->received += (uint64_t)got;
	}
	return 1;
}

int
stream_get(struct stream *s, char *kind, struct str *out)
{
	uint8_t head[HEAD];
	uint32_t length;
	int rc = read_all(s, head, HEAD);

	if (rc <= 0)
		return rc;
	length = get_le32(head);
	if (length == 0 || length > STREAM_FRAME_MAX)
		return err_set(EPIPE, "this isn't what rubus image send sends");
	if ((rc = read_all(s, s->read, length)) <= 0)
		return rc < 0 ? rc : err_set(EPIPE, "what was sent ends too early");
	s->check_in = hash_bytes(s->read, length, s->check_in);
	if (s->check_in != get_le64(head + 4))
		return err_set(EPIPE, "what arrives isn't what was sent");
	*kind = (char)s->read[0];
	*out = (struct str){ (const char *)s->read + 1, length - 1 };
	return 1;
}

/* --- fields --- */

struct str
stream_bytes(struct stream_fields *f, uint32_t n)
{
	struct str out = { f->left.p, n };

	if (n > f->left.n) {
		f->bad = true;
		f->left.n = 0;
		return (struct str){ "", 0 };
	}
	f->left.p += n;
	f->left.n -= n;
	return out;
}

uint64_t
stream_number(struct stream_fields *f, int bytes)
{
	struct str at = stream_bytes(f, (uint32_t)bytes);
	uint64_t out = 0;

	for (uint32_t i = at.n; i-- > 0;)
		out = out << 8 | (uint8_t)at.p[i];
	return out;
}

struct str
stream_text(struct stream_fields *f)
{
	return stream_bytes(f, (uint32_t)stream_number(f, 4));
}

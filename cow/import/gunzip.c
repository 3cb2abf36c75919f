/* Members of a gzip file, one after the other, each checked by zlib against its sum and length. */
#include "cow/import/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define OUT_SIZE  ((size_t)1 << 20)
#define GZIP_ONLY (16 + MAX_WBITS) /* as inflateInit2 wants it */

struct gunzip {
	z_stream z;
	bool between; /* members: at the beginning, or after a whole one */
	bool ended;   /* there is no more to feed */
	const char *why;
	unsigned char out[OUT_SIZE];
};

bool
gunzip_knows(const void *p, size_t n)
{
	const unsigned char *b = p;

	return n >= 2 && b[0] == 0x1f && b[1] == 0x8b;
}

int
gunzip_open(struct gunzip **out)
{
	struct gunzip *g = calloc(1, sizeof(*g));

	if (!g || inflateInit2(&g->z, GZIP_ONLY) != Z_OK) {
		free(g);
		return -ENOMEM;
	}
	g->between = true;
	*out = g;
	return 0;
}

void
gunzip_close(struct gunzip *g)
{
	if (g)
		inflateEnd(&g->z);
	free(g);
}

void
gunzip_feed(struct gunzip *g, const void *p, size_t n)
{
	g->z.next_in = p;
	g->z.avail_in = (uInt)n;
	g->ended = n == 0;
}

static ssize_t
failed(struct gunzip *g, const char *why)
{
	g->why = why;
	return -EPIPE;
}

/* Zeros may fill a tape's last block. False: there is nothing more yet. */
static bool
find_member(struct gunzip *g)
{
	while (g->z.avail_in && *g->z.next_in == 0) {
		g->z.next_in++;
		g->z.avail_in--;
	}
	if (!g->z.avail_in)
		return false;
	inflateReset(&g->z);
	g->between = false;
	return true;
}

ssize_t
gunzip_next(struct gunzip *g, const void **out)
{
	*out = g->out;
	g->z.next_out = g->out;
	g->z.avail_out = OUT_SIZE;
	while (g->z.avail_out == OUT_SIZE) {
		int rc;

		if (g->between && !find_member(g))
			return 0;
		rc = inflate(&g->z, Z_NO_FLUSH);
		g->between = rc == Z_STREAM_END;
		if (rc == Z_BUF_ERROR && g->ended)
			return failed(g, "truncated gzip input");
		if (rc == Z_BUF_ERROR)
			return 0;
		if (rc != Z_OK && rc != Z_STREAM_END)
			return failed(g, g->z.msg ? g->z.msg : "invalid gzip input");
	}
	return (ssize_t)(OUT_SIZE - g->z.avail_out);
}

const char *
gunzip_why(const struct gunzip *g)
{
	return g->why;
}

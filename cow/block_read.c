/* Reading blocks: parts of one, and runs that lie one behind the other in a segment. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cow/block_priv.h"
#include "cow/err.h"

#define RUN_PIECES 512 /* of one preadv: blocks and the gaps between them */
#define GAP_MAX    (FORMAT_BLOCK_HEAD + FORMAT_BLOCK_ALIGN)

/* Reads pieces of the segment, one behind the other from off. */
static int
read_pieces(struct blocks *b, uint32_t seq, struct iovec *iov, int n, uint64_t off)
{
	struct segment *s;
	int err = seq ? segments_get(b->segments, seq, &s)
		      : err_set(EIO, "a block is in no segment: it is lost");

	if (err < 0)
		return err;
	err = segment_read(s, iov, n, off);
	segments_release(b->segments, s);
	return err;
}

int
block_read(struct blocks *b, const struct block_loc *loc, uint32_t from, void *p, uint32_t n)
{
	uint32_t have = from < loc->stored ? loc->stored - from : 0;
	struct iovec iov = { p, have < n ? have : n };

	assert(n <= b->env.block_size && from <= b->env.block_size - n);
	memset((char *)p + iov.iov_len, 0, n - iov.iov_len);
	return iov.iov_len ? read_pieces(b, loc->segment, &iov, 1, loc->off + from) : 0;
}

int
block_compare(struct blocks *b, const struct block_loc *loc, const void *p, uint32_t stored)
{
	CLEANUP_FREE uint8_t *there = NULL;
	struct iovec iov = { .iov_len = stored };
	int err;

	if (loc->stored != stored)
		return 0;
	iov.iov_base = there = malloc(stored);
	if (!there)
		return err_set(ENOMEM, "out of memory for a block");
	err = read_pieces(b, loc->segment, &iov, 1, loc->off);
	if (err == -EIO)
		return 0;
	return err < 0 ? err : memcmp(there, p, stored) == 0;
}

unsigned
blocks_read_begin(struct blocks *b)
{
	unsigned turn = b->turn;

	b->readers[turn]++;
	return turn;
}

void
blocks_read_end(struct blocks *b, unsigned turn)
{
	b->readers[turn]--;
}

/* A run that is being gathered for one preadv. */
struct run {
	struct block_loc last; /* stored 0: nothing is gathered */
	uint64_t off;
	int pieces;
	uint8_t gap[GAP_MAX];
	struct iovec iov[RUN_PIECES];
};

static int
run_read(struct blocks *b, struct run *r)
{
	int err = 0;

	if (r->last.stored)
		err = read_pieces(b, r->last.segment, r->iov, r->pieces, r->off);
	r->last = (struct block_loc){ 0 };
	r->pieces = 0;
	return err;
}

static bool
run_takes(const struct run *r, const struct block_loc *loc)
{
	return r->last.stored && r->last.segment == loc->segment &&
	       segment_neighbour(&r->last) == loc->off && r->pieces + 2 <= RUN_PIECES;
}

static void
run_add(struct run *r, const struct block_loc *loc, uint8_t *to)
{
	if (r->last.stored)
		r->iov[r->pieces++] =
		    (struct iovec){ r->gap, loc->off - r->last.off - r->last.stored };
	else
		r->off = loc->off;
	r->iov[r->pieces++] = (struct iovec){ to, loc->stored };
	r->last = *loc;
}

int
block_read_run(struct blocks *b, const struct block_loc *locs, uint32_t count, void *p)
{
	uint32_t size = b->env.block_size;
	struct run r;
	int err = 0;

	r.last = (struct block_loc){ 0 };
	r.pieces = 0;
	for (uint32_t i = 0; i < count && err == 0; i++) {
		uint8_t *to = (uint8_t *)p + (size_t)i * size;

		assert(locs[i].stored <= size);
		memset(to + locs[i].stored, 0, size - locs[i].stored);
		if (locs[i].stored == 0)
			continue;
		if (!run_takes(&r, &locs[i]))
			err = run_read(b, &r);
		if (err == 0)
			run_add(&r, &locs[i], to);
	}
	return err < 0 ? err : run_read(b, &r);
}

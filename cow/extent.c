/* Runs of block ids as rows keep them, and what they weigh on the disk. */
#include "cow/extent.h"

#include <errno.h>

#include "cow/err.h"

uint32_t
extent_length(const struct extent *x)
{
	uint32_t n = EXTENT_RUN;

	while (n > 0 && id_is_zero(&x->ids[n - 1]))
		n--;
	return n;
}

int
extent_unpack(struct blocks *blocks, struct str blob, struct extent *out)
{
	uint32_t n = blob.n / ID_SIZE;

	if (blob.n % ID_SIZE || n > EXTENT_RUN)
		return err_set(EIO, "damaged extent row: %u bytes of block ids", blob.n);
	memset(out, 0, sizeof(*out));
	if (n == 0)
		return 0;
	memcpy(out->ids, blob.p, blob.n);
	return block_find(blocks, out->ids, n, out->locs);
}

uint64_t
extent_used(const struct block_loc *loc)
{
	return ROUND_UP((uint64_t)loc->stored, 512);
}

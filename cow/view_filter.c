/* Which layers of a chain can have a row of an inode: a Bloom filter for each, so that what is
 * looked up passes few of them by a query, however long the chain is. A folder's names and a file's
 * runs never stand in a layer that has no row of the inode itself. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#define FEW          3  /* layers that are asked anyway */
#define BITS_PER_ROW 16 /* with HASHES of them: one in 400 is asked in vain */
#define HASHES       4
#define BITS_MIN     1024u

static uint64_t
mix(uint32_t ino)
{
	uint64_t h = (ino + 1) * 0x9e3779b97f4a7c15u;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static void
set(void *arg, uint32_t ino)
{
	struct filter *f = arg;
	uint64_t h = mix(ino);

	for (int i = 0; i < HASHES; i++, h = h >> 16 | h << 48) {
		uint32_t bit = (uint32_t)(h * 0x9e3779b1u >> 20) & f->mask;

		f->bits[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
}

bool
filter_may_have(const struct view *v, int layer, uint32_t ino)
{
	const struct filter *f = &v->filters[layer];
	uint64_t h = mix(ino);

	if (!f->bits)
		return true;
	for (int i = 0; i < HASHES; i++, h = h >> 16 | h << 48) {
		uint32_t bit = (uint32_t)(h * 0x9e3779b1u >> 20) & f->mask;

		if (!(f->bits[bit / 8] >> bit % 8 & 1))
			return false;
	}
	return true;
}

static int
build(struct view *v, struct db *db, int layer)
{
	struct filter *f = &v->filters[layer];
	uint64_t bits = BITS_MIN;
	int err;

	while (bits < v->layers[layer].files * BITS_PER_ROW && bits < 1u << 31)
		bits *= 2;
	if (!(f->bits = calloc(1, bits / 8)))
		return -ENOMEM;
	f->mask = (uint32_t)(bits - 1);
	v->memory += bits / 8;
	err = inode_each(db, v->layers[layer].id, INO_MAX, set, f);
	if (err) {
		v->memory -= bits / 8;
		free(f->bits);
		f->bits = NULL;
	}
	return err;
}

/* Of the sealed layers whose rows are all on disk. */
int
filters_build(struct view *v, struct db *db)
{
	int lacking = 0, err = 0;

	for (int k = 1; k < v->nlayers; k++)
		lacking += !v->filters[k].bits;
	if (lacking <= FEW || (v->batch && batch_durable(v->batch) < v->cut_ticket))
		return 0;
	for (int k = 1; k < v->nlayers && !err; k++)
		if (!v->filters[k].bits)
			err = build(v, db, k);
	return err;
}

void
filters_drop(struct view *v, int from)
{
	for (int k = from; k < v->nfilters; k++) {
		if (v->filters[k].bits)
			v->memory -= ((uint64_t)v->filters[k].mask + 1) / 8;
		free(v->filters[k].bits);
		v->filters[k].bits = NULL;
	}
}

int
filters_room(struct view *v)
{
	struct filter *more;

	if (v->nfilters >= v->nlayers)
		return 0;
	more = realloc(v->filters, (size_t)v->nlayers * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + v->nfilters, 0, (size_t)(v->nlayers - v->nfilters) * sizeof(*more));
	v->filters = more;
	v->nfilters = v->nlayers;
	return 0;
}

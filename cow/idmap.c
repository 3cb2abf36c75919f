/* Open addressing for the map, sets of four with the newest in front for the cache. */
#include "cow/idmap.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/err.h"

#define LEAST_SIZE 64u
#define WAYS       4u

/* The leading bits of the id, so that slots follow the order of ids. */
static uint32_t
home_slot(const struct id *id, uint32_t size)
{
	uint64_t lead = __builtin_bswap64(get_le64(id->b));

	return (uint32_t)(lead >> (64 - __builtin_ctz(size)));
}

/* Where id is, or the free slot where it belongs. */
static struct idmap_row *
slot_for(const struct idmap *m, const struct id *id)
{
	uint32_t i = home_slot(id, m->size);

	while (!id_is_zero(&m->slots[i].id) && !id_eq(&m->slots[i].id, id))
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

static int
grow(struct idmap *m)
{
	struct idmap bigger = { .size = m->size ? 2 * m->size : LEAST_SIZE, .used = m->used };

	if (bigger.size)
		bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return err_set(ENOMEM, "out of memory for %u blocks", m->used);
	for (uint32_t i = 0; i < m->size; i++) {
		if (!id_is_zero(&m->slots[i].id))
			*slot_for(&bigger, &m->slots[i].id) = m->slots[i];
	}
	free(m->slots);
	*m = bigger;
	return 0;
}

int
idmap_set(struct idmap *m, const struct id *id, const struct block_loc *loc)
{
	struct idmap_row *row;

	if (m->used >= m->size / 2) {
		int err = grow(m);

		if (err < 0)
			return err;
	}
	row = slot_for(m, id);
	m->used += id_is_zero(&row->id);
	*row = (struct idmap_row){ *id, *loc };
	return 0;
}

const struct block_loc *
idmap_find(const struct idmap *m, const struct id *id)
{
	const struct idmap_row *row = m->used ? slot_for(m, id) : NULL;

	return row && !id_is_zero(&row->id) ? &row->loc : NULL;
}

int
idmap_cut(struct idmap *m, uint32_t segment, uint64_t off)
{
	struct idmap left = { 0 };

	for (uint32_t i = 0; i < m->size; i++) {
		const struct idmap_row *row = &m->slots[i];
		bool keep = row->loc.segment != segment || row->loc.off < off;

		if (!id_is_zero(&row->id) && keep && idmap_set(&left, &row->id, &row->loc) < 0) {
			idmap_free(&left);
			return -ENOMEM;
		}
	}
	idmap_free(m);
	*m = left;
	return 0;
}

void
idmap_free(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){ 0 };
}

struct idcache {
	uint32_t sets; /* a power of two */
	struct idmap_row rows[];
};

int
idcache_open(uint32_t rows, struct idcache **out)
{
	struct idcache *c;
	uint32_t sets = 1;

	while (sets < rows / WAYS)
		sets *= 2;
	c = calloc(1, sizeof(*c) + sizeof(c->rows[0]) * WAYS * sets);
	if (!c)
		return err_set(ENOMEM, "out of memory for a cache of %u blocks", rows);
	c->sets = sets;
	*out = c;
	return 0;
}

void
idcache_close(struct idcache *c)
{
	free(c);
}

static struct idmap_row *
set_of(struct idcache *c, const struct id *id)
{
	return &c->rows[(size_t)WAYS * (__builtin_bswap64(get_le64(id->b)) & (c->sets - 1))];
}

/* Puts row in front of its set, over what was at place `over`. */
static void
to_front(struct idmap_row *set, uint32_t over, struct idmap_row row)
{
	memmove(set + 1, set, over * sizeof(*set));
	set[0] = row;
}

static uint32_t
way_of(const struct idmap_row *set, const struct id *id)
{
	uint32_t i = 0;

	while (i < WAYS && !id_eq(&set[i].id, id))
		i++;
	return i;
}

void
idcache_set(struct idcache *c, const struct id *id, const struct block_loc *loc)
{
	struct idmap_row *set = set_of(c, id);
	uint32_t i = way_of(set, id);

	to_front(set, i < WAYS ? i : WAYS - 1, (struct idmap_row){ *id, *loc });
}

void
idcache_drop(struct idcache *c, const struct id *id)
{
	struct idmap_row *set = set_of(c, id);
	uint32_t i = way_of(set, id);

	if (i < WAYS)
		set[i] = (struct idmap_row){ 0 };
}

const struct block_loc *
idcache_find(struct idcache *c, const struct id *id)
{
	struct idmap_row *set = set_of(c, id);
	uint32_t i = way_of(set, id);

	if (i == WAYS)
		return NULL;
	to_front(set, i, set[i]);
	return &set[0].loc;
}

/* Writes that don't fill a block wait here, as pieces of blocks, until a COMMIT, or until there are
 * too many of them; so a log that grows by lines isn't stored again for each line. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

static struct piece **
find(struct node *n, uint32_t block)
{
	struct piece **p = &n->pieces;

	while (*p && (*p)->block != block)
		p = &(*p)->next;
	return p;
}

/* A block's bytes without the pieces, whole. */
static int
beneath(struct view *v, struct node *n, uint32_t block, uint8_t *buf)
{
	struct block_loc loc;
	int err = run_locs(v, n->i.ino, n, block, 1, &loc);

	return err ? err : block_read(v->blocks, &loc, 0, buf, v->block_size);
}

/* Makes the whole block count: what wasn't written comes from beneath. */
static int
fill(struct view *v, struct node *n, struct piece *p)
{
	uint8_t *whole;
	int err;

	if (p->from == 0 && p->to == v->block_size)
		return 0;
	if (!(whole = malloc(v->block_size)))
		return -ENOMEM;
	err = beneath(v, n, p->block, whole);
	if (!err) {
		memcpy(whole + p->from, p->buf + p->from, p->to - p->from);
		memcpy(p->buf, whole, v->block_size);
		p->from = 0;
		p->to = v->block_size;
	}
	free(whole);
	return err;
}

int
piece_write(
    struct view *v, struct node *n, uint32_t block, uint32_t from, uint32_t to, const void *data)
{
	struct piece **at = find(n, block), *p = *at;
	int err;

	if (!p) {
		if (!(p = malloc(sizeof(*p) + v->block_size)))
			return -ENOMEM;
		*p = (struct piece){ .block = block, .from = from, .to = to };
		*at = p;
		v->memory += sizeof(*p) + v->block_size;
		v->piece_bytes += v->block_size;
	} else if (from > p->to || to < p->from) {
		if ((err = fill(v, n, p)) < 0)
			return err;
	}
	memcpy(p->buf + from, data, to - from);
	p->from = from < p->from ? from : p->from;
	p->to = to > p->to ? to : p->to;
	return 0;
}

void
piece_overlay(const struct view *v, const struct node *n, uint64_t off, uint8_t *out, uint32_t len)
{
	for (const struct piece *p = n->pieces; p; p = p->next) {
		uint64_t start = (uint64_t)p->block * v->block_size;
		uint64_t from = start + p->from, to = start + p->to;

		if (from < off)
			from = off;
		if (to > off + len)
			to = off + len;
		if (from < to)
			memcpy(out + (from - off), p->buf + (from - start), to - from);
	}
}

bool
piece_any(const struct node *n)
{
	return n->pieces != NULL;
}

static void
drop(struct view *v, struct piece **at)
{
	struct piece *p = *at;

	*at = p->next;
	v->memory -= sizeof(*p) + v->block_size;
	v->piece_bytes -= v->block_size;
	free(p);
}

void
piece_drop(struct view *v, struct node *n, uint32_t block)
{
	struct piece **at = find(n, block);

	if (*at)
		drop(v, at);
}

/* One piece into a block: alone when it is all that the block holds up to the end of the file. */
static int
flush(struct view *v, struct node *n, struct piece *p)
{
	uint64_t start = (uint64_t)p->block * v->block_size;
	uint64_t left = n->i.size > start ? n->i.size - start : 0;
	uint32_t len = left < v->block_size ? (uint32_t)left : v->block_size;
	struct block_loc loc;
	struct id id;
	int err = 0;

	if (p->from > 0 || p->to < len)
		err = fill(v, n, p);
	if (!err)
		err = block_put(v->blocks, p->buf, len, &id, &loc);
	return err ? err : run_set(v, n, p->block, &id, &loc);
}

int
piece_flush(struct view *v, struct node *n)
{
	while (n->pieces) {
		int err = flush(v, n, n->pieces);

		if (err)
			return err;
		drop(v, &n->pieces);
	}
	return 0;
}

void
piece_cut(struct view *v, struct node *n, uint64_t size)
{
	struct piece **at = &n->pieces;

	while (*at) {
		struct piece *p = *at;
		uint64_t start = (uint64_t)p->block * v->block_size;

		if (start + p->from >= size) {
			drop(v, at);
			continue;
		}
		if (start + p->to > size)
			p->to = (uint32_t)(size - start);
		at = &p->next;
	}
}

void
piece_forget(struct view *v, struct node *n)
{
	while (n->pieces)
		drop(v, &n->pieces);
}

/* Rows on their way to the disk: kept in pieces of memory that are used again for the next change,
 * with a table by key for those that gather many. */
#include "cow/change.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE_SIZE 16384u
#define TABLE_MIN  256u

struct piece {
	struct piece *next;
	size_t size, used;
	char data[];
};

struct change {
	struct piece *pieces, *free;
	struct change_row *first, *last;
	struct change_row **table;
	uint32_t table_size, count;
};

struct change *
change_new(void)
{
	return calloc(1, sizeof(struct change));
}

static void
free_pieces(struct piece *p)
{
	while (p) {
		struct piece *next = p->next;

		free(p);
		p = next;
	}
}

void
change_free(struct change *c)
{
	if (!c)
		return;
	free_pieces(c->pieces);
	free_pieces(c->free);
	free(c->table);
	free(c);
}

void
change_clear(struct change *c)
{
	/* One piece is kept; a large change doesn't hold its memory for ever. */
	while (c->pieces) {
		struct piece *p = c->pieces;

		c->pieces = p->next;
		if (c->free || p->size > PIECE_SIZE) {
			free(p);
			continue;
		}
		p->used = 0;
		p->next = NULL;
		c->free = p;
	}
	if (c->count && c->table)
		memset(c->table, 0, c->table_size * sizeof(*c->table));
	c->first = c->last = NULL;
	c->count = 0;
}

const struct change_row *
change_rows(const struct change *c)
{
	return c->first;
}

uint32_t
change_count(const struct change *c)
{
	return c->count;
}

static void *
take(struct change *c, size_t n)
{
	struct piece *p = c->pieces;
	void *at;

	n = ROUND_UP(n, 16);
	if (!p || p->size - p->used < n) {
		size_t size = n > PIECE_SIZE ? n : PIECE_SIZE;

		if (c->free && c->free->size >= n) {
			p = c->free;
			c->free = NULL;
		} else if (!(p = malloc(sizeof(*p) + size))) {
			return NULL;
		} else {
			p->size = size;
			p->used = 0;
		}
		p->next = c->pieces;
		c->pieces = p;
	}
	at = p->data + p->used;
	p->used += n;
	return at;
}

static int
copy_bytes(struct change *c, struct str from, struct str *to)
{
	char *copy = from.n ? take(c, from.n) : NULL;

	if (from.n && !copy)
		return -ENOMEM;
	if (copy)
		memcpy(copy, from.p, from.n);
	*to = (struct str){ copy, from.n };
	return 0;
}

static struct change_row *
add_row(struct change *c, enum change_kind kind, uint64_t layer, uint32_t ino, struct str bytes)
{
	struct change_row *r = take(c, sizeof(*r));

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	if (copy_bytes(c, bytes, &r->bytes) < 0)
		return NULL;
	r->kind = kind;
	r->layer = layer;
	r->ino = ino;
	if (c->last)
		c->last->next = r;
	else
		c->first = r;
	c->last = r;
	c->count++;
	return r;
}

int
change_inode(struct change *c, uint64_t layer, const struct inode *i, struct str target)
{
	struct change_row *r = add_row(c, CHANGE_INODE, layer, i->ino, target);

	if (!r)
		return -ENOMEM;
	r->inode = *i;
	return 0;
}

int
change_drop_inode(struct change *c, uint64_t layer, uint32_t ino)
{
	return add_row(c, CHANGE_DROP_INODE, layer, ino, (struct str){ 0 }) ? 0 : -ENOMEM;
}

int
change_name(
    struct change *c, uint64_t layer, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie)
{
	struct change_row *r = add_row(c, CHANGE_NAME, layer, dir, name);

	if (!r)
		return -ENOMEM;
	r->name.ino = ino;
	r->name.cookie = cookie;
	return 0;
}

int
change_drop_name(struct change *c, uint64_t layer, uint32_t dir, struct str name)
{
	return add_row(c, CHANGE_DROP_NAME, layer, dir, name) ? 0 : -ENOMEM;
}

int
change_extent(struct change *c, uint64_t layer, uint32_t ino, uint32_t run, const struct extent *e)
{
	struct str ids = { (const char *)e->ids, extent_length(e) * (uint32_t)sizeof(e->ids[0]) };
	struct change_row *r = add_row(c, CHANGE_EXTENT, layer, ino, ids);

	if (!r)
		return -ENOMEM;
	r->run = run;
	return 0;
}

int
change_drop_extents(struct change *c, uint64_t layer, uint32_t ino, uint32_t run)
{
	struct change_row *r = add_row(c, CHANGE_DROP_EXTENTS, layer, ino, (struct str){ 0 });

	if (!r)
		return -ENOMEM;
	r->run = run;
	return 0;
}

/* The value comes first, so that a row that is in the list is whole. */
static int
add_xattr(struct change *c, uint64_t layer, uint32_t ino, struct str name, struct str value,
    bool whiteout)
{
	struct change_row *r;
	struct str copy;

	if (copy_bytes(c, value, &copy) < 0)
		return -ENOMEM;
	r = add_row(c, CHANGE_XATTR, layer, ino, name);
	if (!r)
		return -ENOMEM;
	r->xattr.value = copy;
	r->xattr.whiteout = whiteout;
	return 0;
}

int
change_xattr(
    struct change *c, uint64_t layer, uint32_t ino, struct str name, const struct str *value)
{
	return add_xattr(c, layer, ino, name, value ? *value : (struct str){ 0 }, !value);
}

int
change_drop_xattr(struct change *c, uint64_t layer, uint32_t ino, struct str name)
{
	return add_row(c, CHANGE_DROP_XATTR, layer, ino, name) ? 0 : -ENOMEM;
}

int
change_layer(struct change *c, uint64_t layer, uint32_t next_ino, uint64_t files, uint64_t bytes)
{
	struct change_row *r = add_row(c, CHANGE_LAYER, layer, 0, (struct str){ 0 });

	if (!r)
		return -ENOMEM;
	r->counters.next_ino = next_ino;
	r->counters.files = files;
	r->counters.bytes = bytes;
	return 0;
}

int
change_call(struct change *c, int (*fn)(struct db *, void *arg), void *arg)
{
	struct change_row *r = add_row(c, CHANGE_CALL, 0, 0, (struct str){ 0 });

	if (!r)
		return -ENOMEM;
	r->call.fn = fn;
	r->call.arg = arg;
	return 0;
}

/* Rows of one class and key exclude each other: a row and its drop. */
static unsigned
class_of(const struct change_row *r)
{
	static const uint8_t class[] = { [CHANGE_INODE] = 0,
		[CHANGE_DROP_INODE] = 0,
		[CHANGE_NAME] = 1,
		[CHANGE_DROP_NAME] = 1,
		[CHANGE_EXTENT] = 2,
		[CHANGE_DROP_EXTENTS] = 3,
		[CHANGE_LAYER] = 4,
		[CHANGE_CALL] = 5,
		[CHANGE_XATTR] = 6,
		[CHANGE_DROP_XATTR] = 6 };

	return class[r->kind];
}

static bool
named(const struct change_row *r)
{
	return r->kind == CHANGE_NAME || r->kind == CHANGE_DROP_NAME || r->kind == CHANGE_XATTR ||
	       r->kind == CHANGE_DROP_XATTR;
}

static uint64_t
row_hash(const struct change_row *r)
{
	uint64_t key[2] = { r->layer << 3 | class_of(r), (uint64_t)r->ino << 32 | r->run };
	uint64_t h = hash_bytes(key, sizeof(key), 0);

	return named(r) ? hash_bytes(r->bytes.p, r->bytes.n, h) : h;
}

static bool
same_key(const struct change_row *a, const struct change_row *b)
{
	return class_of(a) == class_of(b) && a->layer == b->layer && a->ino == b->ino &&
	       a->run == b->run && (!named(a) || str_eq(a->bytes, b->bytes));
}

static int
grow_table(struct change *c)
{
	uint32_t size = c->table_size ? c->table_size * 2 : TABLE_MIN;
	struct change_row **t = calloc(size, sizeof(*t));

	if (!t)
		return -ENOMEM;
	for (struct change_row *r = c->first; r; r = r->next) {
		uint64_t at = row_hash(r) & (size - 1);

		if (r->dead || r->kind == CHANGE_CALL)
			continue;
		r->chain = t[at];
		t[at] = r;
	}
	free(c->table);
	c->table = t;
	c->table_size = size;
	return 0;
}

/* The older row dies and the newer stands at the end, so that drops between them keep their
 * meaning. */
static void
replace(struct change *c, struct change_row *r)
{
	struct change_row **at = &c->table[row_hash(r) & (c->table_size - 1)];
	struct change_row **p = at;

	while (*p && !same_key(*p, r))
		p = &(*p)->chain;
	if (*p) {
		(*p)->dead = true;
		*p = (*p)->chain;
	}
	r->chain = *at;
	*at = r;
}

int
change_merge(struct change *to, const struct change *from)
{
	for (const struct change_row *f = from->first; f; f = f->next) {
		struct change_row *r;

		if (f->dead)
			continue;
		if (to->count >= to->table_size && grow_table(to) < 0)
			return -ENOMEM;
		r = add_row(to, f->kind, f->layer, f->ino, f->bytes);
		if (!r || (f->kind == CHANGE_XATTR &&
			      copy_bytes(to, f->xattr.value, &r->xattr.value) < 0))
			return -ENOMEM;
		r->run = f->run;
		if (f->kind == CHANGE_INODE)
			r->inode = f->inode;
		else if (f->kind == CHANGE_NAME)
			r->name = f->name;
		else if (f->kind == CHANGE_LAYER)
			r->counters = f->counters;
		else if (f->kind == CHANGE_XATTR)
			r->xattr.whiteout = f->xattr.whiteout;
		else if (f->kind == CHANGE_CALL)
			r->call = f->call;
		if (f->kind != CHANGE_CALL)
			replace(to, r);
	}
	return 0;
}

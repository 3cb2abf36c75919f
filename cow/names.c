/* A table by name and an array by cookie; names that go leave a hole in the array until half of it
 * is holes. */
#include "cow/names.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/hash.h"

#define BUCKETS_MIN 8u

void
names_free(struct names *t)
{
	for (uint32_t b = 0; b < t->nbuckets; b++) {
		while (t->buckets[b]) {
			struct name *n = t->buckets[b];

			t->buckets[b] = n->chain;
			free(n);
		}
	}
	free(t->buckets);
	free(t->order);
	memset(t, 0, sizeof(*t));
}

struct name *
names_find(const struct names *t, struct str name)
{
	uint64_t h;
	struct name *n;

	if (!t->count)
		return NULL;
	h = hash_bytes(name.p, name.n, 0);
	for (n = t->buckets[h & (t->nbuckets - 1)]; n; n = n->chain)
		if (n->hash == h && str_eq(name_str(n), name))
			return n;
	return NULL;
}

static int
grow(struct names *t)
{
	uint32_t size = t->nbuckets ? t->nbuckets * 2 : BUCKETS_MIN;
	struct name **b = calloc(size, sizeof(*b));

	if (!b)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->nbuckets; i++) {
		while (t->buckets[i]) {
			struct name *n = t->buckets[i];

			t->buckets[i] = n->chain;
			n->chain = b[n->hash & (size - 1)];
			b[n->hash & (size - 1)] = n;
		}
	}
	t->memory += (size - t->nbuckets) * sizeof(*b);
	free(t->buckets);
	t->buckets = b;
	t->nbuckets = size;
	return 0;
}

struct name *
names_add(struct names *t, struct str name)
{
	struct name *n;

	if (t->count >= t->nbuckets && grow(t) < 0)
		return NULL;
	n = calloc(1, sizeof(*n) + name.n);
	if (!n)
		return NULL;
	n->hash = hash_bytes(name.p, name.n, 0);
	n->n = (uint8_t)name.n;
	memcpy(n->bytes, name.p, name.n);
	n->chain = t->buckets[n->hash & (t->nbuckets - 1)];
	t->buckets[n->hash & (t->nbuckets - 1)] = n;
	t->count++;
	t->memory += sizeof(*n) + n->n + 16;
	return n;
}

uint32_t
names_after(const struct names *t, uint64_t after)
{
	uint32_t low = 0, high = t->norder;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (t->order[mid].cookie <= after)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
compact(struct names *t)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < t->norder; i++)
		if (t->order[i].name)
			t->order[to++] = t->order[i];
	t->norder = to;
	t->holes = 0;
}

static void
displace(struct names *t, struct name *n)
{
	uint32_t i = n->cookie ? names_after(t, n->cookie - 1) : t->norder;

	if (i < t->norder && t->order[i].name == n) {
		t->order[i].name = NULL;
		if (++t->holes > 32 && t->holes > t->norder / 2)
			compact(t);
	}
}

static int
room_in_order(struct names *t)
{
	uint32_t size = t->order_size ? t->order_size * 2 : 8;
	struct name_slot *o;

	if (t->norder < t->order_size)
		return 0;
	o = realloc(t->order, size * sizeof(*o));
	if (!o)
		return -ENOMEM;
	t->memory += (size - t->order_size) * sizeof(*o);
	t->order = o;
	t->order_size = size;
	return 0;
}

int
names_place(struct names *t, struct name *n, uint32_t ino, uint32_t cookie)
{
	uint32_t at;

	if (room_in_order(t) < 0)
		return -ENOMEM;
	if (n->ino && (!ino || cookie != n->cookie))
		displace(t, n);
	if (ino && (!n->ino || cookie != n->cookie)) {
		at = names_after(t, cookie - 1);
		if (at < t->norder && t->order[at].cookie == cookie) {
			t->holes -= !t->order[at].name;
		} else {
			memmove(
			    t->order + at + 1, t->order + at, (t->norder - at) * sizeof(*t->order));
			t->norder++;
		}
		t->order[at] = (struct name_slot){ cookie, n };
	}
	n->ino = ino;
	n->cookie = cookie;
	return 0;
}

void
names_drop(struct names *t, struct name *n)
{
	struct name **p = &t->buckets[n->hash & (t->nbuckets - 1)];

	if (n->ino)
		displace(t, n);
	while (*p != n)
		p = &(*p)->chain;
	*p = n->chain;
	t->count--;
	t->memory -= sizeof(*n) + n->n + 16;
	free(n);
}

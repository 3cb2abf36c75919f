/* A table in stripes, each with a lock and a hand that goes round (the clock algorithm): an object
 * that was used since the hand came by stays for another round. */
#include "cow/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/hash.h"

#define STRIPES     64u
#define BUCKETS_MIN 16u

struct stripe {
	pthread_mutex_t lock;
	struct cache_object **buckets;
	uint32_t nbuckets, count, hand;
	uint64_t used;
} __attribute__((aligned(64)));

struct cache {
	uint64_t limit; /* of one stripe */
	struct stripe stripes[STRIPES];
};

int
cache_open(uint64_t limit, struct cache **out)
{
	struct cache *c = aligned_alloc(64, sizeof(*c));

	if (!c)
		return -ENOMEM;
	memset(c, 0, sizeof(*c));
	c->limit = limit / STRIPES;
	for (unsigned i = 0; i < STRIPES; i++) {
		struct stripe *s = &c->stripes[i];

		pthread_mutex_init(&s->lock, NULL);
		s->nbuckets = BUCKETS_MIN;
		s->buckets = calloc(s->nbuckets, sizeof(struct cache_object *));
		if (!s->buckets) {
			cache_close(c);
			return -ENOMEM;
		}
	}
	*out = c;
	return 0;
}

void
cache_close(struct cache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < STRIPES; i++) {
		struct stripe *s = &c->stripes[i];

		for (uint32_t b = 0; s->buckets && b < s->nbuckets; b++) {
			while (s->buckets[b]) {
				struct cache_object *o = s->buckets[b];

				s->buckets[b] = o->chain;
				free(o);
			}
		}
		free(s->buckets);
		pthread_mutex_destroy(&s->lock);
	}
	free(c);
}

void *
cache_new(size_t size)
{
	struct cache_object *o = malloc(size);

	if (!o)
		return NULL;
	memset(o, 0, sizeof(*o));
	o->size = (uint32_t)size;
	o->refs = 1;
	return o;
}

static uint64_t
key_hash(const struct cache_key *k)
{
	uint64_t h = ((uint64_t)k->ino << 32 | k->run) * 0x9e3779b97f4a7c15u;

	h ^= h >> 29;
	h = (h + k->kind) * 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

static struct cache_object **
find(struct stripe *s, uint64_t h, const struct cache_key *k)
{
	struct cache_object **p = &s->buckets[h / STRIPES & (s->nbuckets - 1)];

	while (*p && memcmp(&(*p)->key, k, sizeof(*k)) != 0)
		p = &(*p)->chain;
	return p;
}

static void
hold(struct cache_object *o)
{
	__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
	o->used = true;
}

void *
cache_get(struct cache *c, const struct cache_key *k)
{
	uint64_t h = key_hash(k);
	struct stripe *s = &c->stripes[h % STRIPES];
	SCOPED_LOCK(&s->lock);
	struct cache_object *o = *find(s, h, k);

	if (o)
		hold(o);
	return o;
}

/* An object out of the table is freed by whoever releases it last; the table's own reference is
 * one of them. */
void
cache_release(void *object)
{
	struct cache_object *o = object;

	if (o && __atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL) == 1)
		free(o);
}

static void
grow(struct stripe *s)
{
	uint32_t n = s->nbuckets * 2;
	struct cache_object **b = calloc(n, sizeof(struct cache_object *));

	if (!b)
		return;
	for (uint32_t i = 0; i < s->nbuckets; i++) {
		while (s->buckets[i]) {
			struct cache_object *o = s->buckets[i];
			struct cache_object **to = &b[key_hash(&o->key) / STRIPES & (n - 1)];

			s->buckets[i] = o->chain;
			o->chain = *to;
			*to = o;
		}
	}
	free(s->buckets);
	s->buckets = b;
	s->nbuckets = n;
}

/* Moves the hand on until the stripe is within its limit, at most twice round. */
static void
shrink(struct stripe *s, uint64_t limit)
{
	for (uint32_t steps = 2 * s->nbuckets; steps && s->used > limit; steps--) {
		struct cache_object **p = &s->buckets[s->hand++ & (s->nbuckets - 1)];

		while (*p && s->used > limit) {
			struct cache_object *o = *p;

			if (o->used) {
				o->used = false;
				p = &o->chain;
				continue;
			}
			*p = o->chain;
			__atomic_store_n(&s->used, s->used - o->size, __ATOMIC_RELAXED);
			s->count--;
			cache_release(o);
		}
	}
}

void *
cache_add(struct cache *c, const struct cache_key *k, void *object)
{
	uint64_t h = key_hash(k);
	struct stripe *s = &c->stripes[h % STRIPES];
	struct cache_object *o = object, **p;
	SCOPED_LOCK(&s->lock);

	p = find(s, h, k);
	if (*p) {
		free(o);
		hold(*p);
		return *p;
	}
	o->key = *k;
	hold(o); /* the table's reference */
	o->chain = *p;
	*p = o;
	__atomic_store_n(&s->used, s->used + o->size, __ATOMIC_RELAXED); /* cache_used */
	if (++s->count > 2 * s->nbuckets)
		grow(s);
	if (s->used > c->limit)
		shrink(s, c->limit);
	return o;
}

uint64_t
cache_used(const struct cache *c)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < STRIPES; i++)
		used += __atomic_load_n(&c->stripes[i].used, __ATOMIC_RELAXED);
	return used;
}

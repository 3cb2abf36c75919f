/*
 * Drc: one hash table of calls that run or were answered, one mutex. Answered ones are in a list by
 * the time of their last use, from which the oldest go; those that run stay, and keep who waits.
 */
#include "rpc/drc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rpc/word.h"

#define WAITERS_MAX 64 /* for one call; more are told that it was forgotten */
#define K1          0x9e3779b97f4a7c15u
#define K2          0xd6e8feb86659fd93u

struct waiter {
	struct waiter *next;
	void *who;
};

struct drc_entry {
	struct drc_key key;
	struct drc_entry *chain;         /* of the bucket */
	struct drc_entry *newer, *older; /* when done */
	struct waiter *waiters;          /* while it runs; the last that came is first */
	uint32_t nwaiters, n;
	bool done;
	uint8_t *reply;
};

struct drc {
	pthread_mutex_t lock;
	drc_waiter_fn *wake;
	struct drc_entry **buckets, *newest, *oldest;
	uint32_t mask, entries, entries_max;
	uint64_t bytes, bytes_max, seed;
};

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 32;
	h *= K1;
	h ^= h >> 29;
	h *= K2;
	return h ^ h >> 32;
}

static uint64_t
sum_of(const uint8_t *p, uint32_t n)
{
	uint64_t h = n * K1, w;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ mix(w)) * K1;
		h ^= h >> 31;
	}
	w = 0;
	if (n > 0)
		memcpy(&w, p, n);
	return mix(h ^ w);
}

void
drc_key(
    const uint8_t address[16], uint32_t xid, const void *record, uint32_t n, struct drc_key *out)
{
	*out = (struct drc_key){ .xid = xid, .length = n, .sum = sum_of(record, n) };
	memcpy(out->address, address, sizeof(out->address));
}

int
drc_open(uint32_t entries, uint32_t bytes, drc_waiter_fn *wake, struct drc **out)
{
	struct drc *drc = calloc(1, sizeof(*drc));
	uint32_t buckets = 16;

	while (buckets < entries && buckets < 1u << 24)
		buckets *= 2;
	if (drc != NULL)
		drc->buckets = calloc(buckets, sizeof(struct drc_entry *));
	if (drc == NULL || drc->buckets == NULL) {
		free(drc);
		return -ENOMEM;
	}
	drc->mask = buckets - 1;
	drc->entries_max = entries;
	drc->bytes_max = bytes;
	drc->wake = wake;
	if (getrandom(&drc->seed, sizeof(drc->seed), GRND_NONBLOCK) < 0)
		drc->seed = (uintptr_t)drc;
	pthread_mutex_init(&drc->lock, NULL);
	*out = drc;
	return 0;
}

static void
entry_free(struct drc_entry *e)
{
	if (e == NULL)
		return;
	while (e->waiters != NULL) {
		struct waiter *w = e->waiters;

		e->waiters = w->next;
		free(w);
	}
	free(e->reply);
	free(e);
}

void
drc_close(struct drc *drc)
{
	if (drc == NULL)
		return;
	for (uint32_t i = 0; i <= drc->mask; i++)
		while (drc->buckets[i] != NULL) {
			struct drc_entry *e = drc->buckets[i];

			drc->buckets[i] = e->chain;
			entry_free(e);
		}
	pthread_mutex_destroy(&drc->lock);
	free(drc->buckets);
	free(drc);
}

static bool
key_eq(const struct drc_key *a, const struct drc_key *b)
{
	return a->sum == b->sum && a->xid == b->xid && a->length == b->length &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* Where the entry, or the end of its chain, is linked. */
static struct drc_entry **
find(struct drc *drc, const struct drc_key *key)
{
	uint64_t high, low, h;
	struct drc_entry **at;

	memcpy(&high, key->address, 8);
	memcpy(&low, key->address + 8, 8);
	h = mix(mix(mix(key->sum ^ drc->seed) ^ low) ^ high ^ key->xid);
	at = &drc->buckets[h & drc->mask];
	while (*at != NULL && !key_eq(&(*at)->key, key))
		at = &(*at)->chain;
	return at;
}

static uint64_t
cost(const struct drc_entry *e)
{
	return sizeof(*e) + e->n;
}

static void
unlist(struct drc *drc, struct drc_entry *e)
{
	*(e->newer ? &e->newer->older : &drc->newest) = e->older;
	*(e->older ? &e->older->newer : &drc->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void
list_newest(struct drc *drc, struct drc_entry *e)
{
	e->older = drc->newest;
	*(e->older ? &e->older->newer : &drc->oldest) = e;
	drc->newest = e;
}

static void
unchain(struct drc *drc, struct drc_entry *e)
{
	struct drc_entry **at = find(drc, &e->key);

	*at = e->chain;
	drc->entries--;
}

/* From now on the entry is an answered one; the oldest go, itself too if it is too large. */
static void
keep(struct drc *drc, struct drc_entry *e, uint8_t *reply, uint32_t n)
{
	e->reply = reply;
	e->n = n;
	e->done = true;
	list_newest(drc, e);
	drc->bytes += cost(e);
	while (drc->oldest && (drc->entries > drc->entries_max || drc->bytes > drc->bytes_max)) {
		struct drc_entry *old = drc->oldest;

		unlist(drc, old);
		unchain(drc, old);
		drc->bytes -= cost(old);
		entry_free(old);
	}
}

static struct drc_entry *
add(struct drc *drc, struct drc_entry **at, const struct drc_key *key)
{
	struct drc_entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->key = *key;
	*at = e;
	drc->entries++;
	return e;
}

static bool
wait_for(struct drc_entry *e, void *who)
{
	struct waiter *w = e->nwaiters < WAITERS_MAX ? malloc(sizeof(*w)) : NULL;

	if (w == NULL)
		return false;
	*w = (struct waiter){ e->waiters, who };
	e->waiters = w;
	e->nwaiters++;
	return true;
}

static bool
copy_reply(struct drc *drc, struct drc_entry *e, void **reply, uint32_t *n)
{
	*reply = malloc(e->n + 1);
	if (*reply == NULL)
		return false;
	memcpy(*reply, e->reply, e->n);
	*n = e->n;
	unlist(drc, e);
	list_newest(drc, e);
	return true;
}

enum drc_state
drc_begin(struct drc *drc, const struct drc_key *key, void *waiter, struct drc_entry **entry,
    void **reply, uint32_t *n)
{
	struct drc_entry **at, *e;
	enum drc_state state;
	bool ok = true;

	pthread_mutex_lock(&drc->lock);
	at = find(drc, key);
	e = *at;
	if (e == NULL) {
		*entry = add(drc, at, key);
		state = DRC_NEW;
	} else if (e->done) {
		ok = copy_reply(drc, e, reply, n);
		state = ok ? DRC_DONE : DRC_BUSY;
	} else {
		ok = wait_for(e, waiter);
		state = DRC_BUSY;
	}
	pthread_mutex_unlock(&drc->lock);
	if (!ok)
		drc->wake(waiter, NULL, 0);
	return state;
}

/* Calls those who waited and frees the list. */
static void
wake_all(struct drc *drc, struct waiter *w, const void *reply, uint32_t n)
{
	while (w != NULL) {
		struct waiter *next = w->next;

		drc->wake(w->who, reply, n);
		free(w);
		w = next;
	}
}

void
drc_done(struct drc *drc, struct drc_entry *e, const void *reply, uint32_t n)
{
	uint8_t *copy;
	struct waiter *waiters;

	if (e == NULL)
		return;
	copy = malloc((size_t)n + 1);
	if (copy != NULL)
		memcpy(copy, reply, n);
	pthread_mutex_lock(&drc->lock);
	waiters = e->waiters;
	e->waiters = NULL;
	if (copy != NULL) {
		keep(drc, e, copy, n);
	} else {
		unchain(drc, e);
		entry_free(e);
	}
	pthread_mutex_unlock(&drc->lock);
	wake_all(drc, waiters, reply, n);
}

void
drc_forget(struct drc *drc, struct drc_entry *e)
{
	struct waiter *waiters;

	if (e == NULL)
		return;
	pthread_mutex_lock(&drc->lock);
	waiters = e->waiters;
	e->waiters = NULL;
	unchain(drc, e);
	pthread_mutex_unlock(&drc->lock);
	entry_free(e);
	wake_all(drc, waiters, NULL, 0);
}

int
drc_pack(const struct drc_key *key, const void *reply, uint32_t n, void *out, uint32_t room)
{
	uint8_t *at = out;

	if (n > INT32_MAX - DRC_PACKED_HEAD)
		return -EMSGSIZE;
	if (room < DRC_PACKED_HEAD + n)
		return -ENOSPC;
	memcpy(at, key->address, sizeof(key->address));
	at = word_put(at + sizeof(key->address), key->xid);
	at = word_put(at, key->length);
	at = word_put_hyper(at, key->sum);
	if (n > 0)
		memcpy(at, reply, n);
	return (int)(DRC_PACKED_HEAD + n);
}

static void
get_key(const uint8_t *p, struct drc_key *out)
{
	memcpy(out->address, p, sizeof(out->address));
	out->xid = word_get(p + 16);
	out->length = word_get(p + 20);
	out->sum = (uint64_t)word_get(p + 24) << 32 | word_get(p + 28);
}

int
drc_load(struct drc *drc, const void *packed, uint32_t n)
{
	struct drc_entry **at, *e = NULL;
	struct drc_key key;
	uint8_t *reply;

	if (n < DRC_PACKED_HEAD)
		return -EINVAL;
	get_key(packed, &key);
	n -= DRC_PACKED_HEAD;
	reply = malloc((size_t)n + 1);
	if (reply == NULL)
		return -ENOMEM;
	memcpy(reply, (const uint8_t *)packed + DRC_PACKED_HEAD, n);
	pthread_mutex_lock(&drc->lock);
	at = find(drc, &key);
	if (*at == NULL)
		e = add(drc, at, &key);
	if (e != NULL)
		keep(drc, e, reply, n);
	pthread_mutex_unlock(&drc->lock);
	if (e == NULL)
		free(reply);
	return 0;
}

/*
 * The block store: opening it, and putting blocks. A put believes a hash only after comparing the
 * bytes; where they differ it goes on to the id of the next attempt.
 */
#include "cow/block.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cow/blkindex.h"
#include "cow/block_priv.h"
#include "cow/err.h"

#define CACHE_ROWS    65536u
#define OPEN_SEGMENTS 256u
#define ATTEMPTS_MAX  65536u

int
blocks_open(const struct blocks_env *env, struct blocks **out)
{
	struct blocks *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return err_set(ENOMEM, "out of memory for the block store");
	assert(env->block_size <= FORMAT_BLOCK_MAX);
	b->env = *env;
	pthread_mutex_init(&b->cutting, NULL);
	pthread_mutex_init(&b->appending, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->buried, NULL);
	err = idcache_open(CACHE_ROWS, &b->cache);
	if (err == 0)
		err = segments_open(env->files, &env->store_id, OPEN_SEGMENTS, &b->segments);
	if (err < 0) {
		blocks_close(b);
		return err;
	}
	*out = b;
	return 0;
}

void
blocks_release(struct blocks *b, struct segment *list)
{
	for (struct segment *s; (s = list);) {
		list = s->next;
		segments_release(b->segments, s);
	}
}

void
blocks_close(struct blocks *b)
{
	if (!b)
		return;
	assert(!b->cuts);
	blocks_release(b, b->retired);
	for (struct rowset *set; (set = b->returned);) {
		b->returned = set->next;
		idmap_free(&set->map);
		free(set);
	}
	blocks_release(b, b->open);
	segments_close(b->segments);
	idcache_close(b->cache);
	idmap_free(&b->pending);
	idmap_free(&b->touched);
	idmap_free(&b->dying);
	pthread_cond_destroy(&b->buried);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->appending);
	pthread_mutex_destroy(&b->cutting);
	free(b);
}

uint32_t
blocks_size(const struct blocks *b)
{
	return b->env.block_size;
}

static const struct block_loc *
recall_sets(const struct rowset *set, const struct id *id)
{
	const struct block_loc *loc = NULL;

	for (; set && !loc; set = set->next)
		loc = idmap_find(&set->map, id);
	return loc;
}

const struct block_loc *
blocks_recall_new(struct blocks *b, const struct id *id)
{
	const struct block_loc *loc = idmap_find(&b->pending, id);

	for (struct block_rows *cut = b->cuts; cut && !loc; cut = cut->next)
		loc = recall_sets(cut->sets, id);
	if (!loc)
		loc = recall_sets(b->returned, id);
	return loc;
}

const struct block_loc *
blocks_recall(struct blocks *b, const struct id *id)
{
	const struct block_loc *loc = blocks_recall_new(b, id);

	return loc ? loc : idcache_find(b->cache, id);
}

/* Looks in memory. 1: found; 0: not there; -errno: no put may go on. */
static int
recall(struct blocks *b, const struct id *id, struct block_loc *out, struct block_state *state)
{
	SCOPED_LOCK(&b->lock);
	const struct block_loc *loc;

	while (idmap_find(&b->dying, id))
		pthread_cond_wait(&b->buried, &b->lock);
	state->commits = b->commits;
	state->deletions = b->deletions;
	if (b->failed)
		return err_set(EIO, "the block store has failed before");
	loc = blocks_recall(b, id);
	if (!loc)
		return 0;
	*out = *loc;
	blocks_touch(b, id);
	return 1;
}

/* A row's length is believed only if a block of this store can have it. */
static int
look_up(struct blocks *b, struct db *db, const struct id *id, struct block_loc *out)
{
	char hex[ID_HEX_SIZE];
	int found = blkindex_find(db, id, out);

	if (found <= 0 || out->stored <= b->env.block_size)
		return found;
	id_hex(id, hex);
	return err_set(EIO, "block %s: larger than the blocks of this store", hex);
}

/* 1: found; 0: not there; -EAGAIN: it may have been deleted since it was looked for. */
static int
find_in_index(
    struct blocks *b, const struct id *id, const struct block_state *state, struct block_loc *out)
{
	struct db *db = db_lend(b->env.readers);
	int found;

	if (!db)
		return -EIO;
	found = look_up(b, db, id, out);
	db_return(b->env.readers, db);
	if (found <= 0)
		return found;
	SCOPED_LOCK(&b->lock);
	if (b->deletions != state->deletions || idmap_find(&b->dying, id))
		return -EAGAIN;
	blocks_touch(b, id);
	idcache_set(b->cache, id, out);
	return 1;
}

/* 1: the bytes are in the store under id, at *loc; 0: other bytes are; -errno. */
static int
put_as(struct blocks *b, const struct id *id, const void *p, uint32_t stored, struct block_loc *loc)
{
	for (;;) {
		struct block_state state;
		int r = recall(b, id, loc, &state);

		if (r == 0)
			r = find_in_index(b, id, &state, loc);
		if (r > 0) {
			r = block_compare(b, loc, p, stored);
			if (r > 0)
				BLOCK_COUNT(b, found, 1);
			return r;
		}
		if (r == 0)
			r = block_append(b, id, p, stored, state.commits, loc);
		if (r != -EAGAIN)
			return r < 0 ? r : 1;
	}
}

/* The length without the zeros at the end. */
static uint32_t
trim_zeros(const uint8_t *p, uint32_t n)
{
	while (n >= 8 && get_le64(p + n - 8) == 0)
		n -= 8;
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n;
}

int
block_put(struct blocks *b, const void *p, uint32_t n, struct id *id, struct block_loc *loc)
{
	uint32_t stored = trim_zeros(p, n);

	assert(n <= b->env.block_size);
	BLOCK_COUNT(b, puts, 1);
	if (stored == 0) {
		BLOCK_COUNT(b, zeros, 1);
		*id = (struct id){ 0 };
		*loc = (struct block_loc){ 0 };
		return 0;
	}
	for (uint32_t attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		struct block_loc at;
		int r;

		*id = hash_block(b->env.hash, p, stored, attempt);
		r = put_as(b, id, p, stored, &at);
		if (r < 0)
			return r;
		if (r > 0) {
			*loc = at;
			return 0;
		}
		BLOCK_COUNT(b, collisions, 1);
	}
	return err_set(EIO, "a block collides with %u others", ATTEMPTS_MAX);
}

static int
find_one(struct blocks *b, struct db **db, const struct id *id, struct block_loc *out)
{
	const struct block_loc *known;
	int found;

	pthread_mutex_lock(&b->lock);
	known = blocks_recall(b, id);
	if (known)
		*out = *known;
	pthread_mutex_unlock(&b->lock);
	if (known)
		return 0;
	if (!*db && !(*db = db_lend(b->env.readers)))
		return -EIO;
	found = look_up(b, *db, id, out);
	if (found == 0) /* in no segment; the blocks beside it can be read all the same */
		*out = (struct block_loc){ .stored = b->env.block_size };
	return found < 0 ? found : 0;
}

int
block_find(struct blocks *b, const struct id *ids, uint32_t n, struct block_loc *out)
{
	struct db *db = NULL;
	int err = 0;

	for (uint32_t i = 0; i < n && err == 0; i++) {
		if (id_is_zero(&ids[i]))
			out[i] = (struct block_loc){ 0 };
		else
			err = find_one(b, &db, &ids[i], &out[i]);
	}
	if (db)
		db_return(b->env.readers, db);
	return err;
}

void
blocks_stats(struct blocks *b, struct block_stats *out)
{
	const struct block_stats *s = &b->stats;

	*out = (struct block_stats){
		.puts = __atomic_load_n(&s->puts, __ATOMIC_RELAXED),
		.zeros = __atomic_load_n(&s->zeros, __ATOMIC_RELAXED),
		.found = __atomic_load_n(&s->found, __ATOMIC_RELAXED),
		.stored = __atomic_load_n(&s->stored, __ATOMIC_RELAXED),
		.bytes_stored = __atomic_load_n(&s->bytes_stored, __ATOMIC_RELAXED),
		.collisions = __atomic_load_n(&s->collisions, __ATOMIC_RELAXED),
	};
}

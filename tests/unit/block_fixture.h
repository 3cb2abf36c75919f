/*
 * Block fixture: a block store in a folder of its own, blocks that follow from a number, and a hook
 * that fails one chosen change of a file.
 */
#ifndef TESTS_UNIT_BLOCK_FIXTURE_H
#define TESTS_UNIT_BLOCK_FIXTURE_H

#include "cow/block.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/schema_store.h"
#include "cow/segment.h"
#include "tests/lib/tmpdir.h"

#define SIZE 4096u

struct fixture {
	struct tmpdir dir;
	char db_path[sizeof(struct tmpdir) + sizeof("/store.db")];
	struct files *files;
	struct hash *hash;
	struct db *db;
	struct db_pool *readers;
	struct blocks *blocks;
	uint64_t segment_max, keep_free;
	uint32_t next_seq;
	int (*on_next_segment)(struct fixture *);
	/* the hook's: call number fail_at of event fails with err, or after most bytes */
	enum file_event event;
	unsigned calls, fail_at;
	int err;
	size_t most;
	void (*on_event)(struct fixture *);
};

static inline int
hook(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	struct fixture *f = arg;

	(void)name, (void)off;
	if (event != f->event || f->calls++ != f->fail_at)
		return 0;
	if (f->on_event)
		f->on_event(f);
	if (f->most < *len)
		*len = f->most;
	return f->err;
}

static inline void
arm(struct fixture *f, enum file_event event, unsigned at, int err)
{
	f->event = event;
	f->calls = 0;
	f->fail_at = at;
	f->err = err;
	f->most = SIZE_MAX;
}

static inline int
next_segment(void *arg, uint32_t *out)
{
	struct fixture *f = arg;
	int err = f->on_next_segment ? f->on_next_segment(f) : 0;

	*out = ++f->next_seq;
	return err;
}

static inline struct blocks *
open_blocks(struct fixture *f)
{
	struct blocks_env env = { .files = f->files,
		.readers = f->readers,
		.hash = f->hash,
		.store_id = { { 1, 2, 3 } },
		.block_size = SIZE,
		.epoch = 5,
		.segment_max = f->segment_max,
		.keep_free = f->keep_free,
		.next_segment = next_segment,
		.arg = f };
	struct blocks *b;

	assert_int_equal(blocks_open(&env, &b), 0);
	return b;
}

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t secret[HASH_SECRET_SIZE];

	*state = f;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 73 + 5);
	f->segment_max = 1 << 20;
	arm(f, FILE_OPEN, UINT32_MAX, 0);
	tmpdir_make(&f->dir);
	snprintf(f->db_path, sizeof(f->db_path), "%s/store.db", f->dir.path);
	assert_int_equal(files_open(f->dir.path, &f->files), 0);
	files_hook(f->files, hook, f);
	assert_int_equal(hash_open(secret, &f->hash), 0);
	assert_int_equal(db_open(f->db_path, DB_CREATE, &f->db), 0);
	assert_int_equal(db_exec(f->db, schema_store), 0);
	assert_int_equal(db_pool_open(NULL, f->db_path, DB_READ, 4, &f->readers), 0);
	f->blocks = open_blocks(f);
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	blocks_close(f->blocks);
	db_pool_close(f->readers);
	db_close(f->db);
	hash_close(f->hash);
	files_close(f->files);
	tmpdir_remove(&f->dir);
	free(f);
	return 0;
}

/* Block number i of any number; its last third is zeros when i is divisible by 3. */
static inline void
block_fill(uint64_t i, uint8_t p[SIZE])
{
	uint64_t x = i * 0x9e3779b97f4a7c15u + 1;

	for (uint32_t k = 0; k < SIZE; k += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		put_le64(p + k, x);
	}
	if (i % 3 == 0)
		memset(p + SIZE - SIZE / 3, 0, SIZE / 3);
}

static inline int
put_in(struct blocks *b, uint64_t i, struct id *id, struct block_loc *loc)
{
	uint8_t p[SIZE];

	block_fill(i, p);
	return block_put(b, p, SIZE, id, loc);
}

static inline struct id
put(struct fixture *f, uint64_t i)
{
	struct block_loc loc;
	struct id id;

	assert_int_equal(put_in(f->blocks, i, &id, &loc), 0);
	return id;
}

static inline void
assert_reads_in(struct blocks *b, const struct id *id, uint64_t i)
{
	uint8_t want[SIZE], got[SIZE];
	struct block_loc loc;

	block_fill(i, want);
	memset(got, 0xee, sizeof(got));
	assert_int_equal(block_find(b, id, 1, &loc), 0);
	assert_int_equal(block_read(b, &loc, 0, got, SIZE), 0);
	assert_memory_equal(got, want, SIZE);
}

static inline void
assert_reads(struct fixture *f, const struct id *id, uint64_t i)
{
	assert_reads_in(f->blocks, id, i);
}

static inline struct block_stats
stats(struct fixture *f)
{
	struct block_stats s;

	blocks_stats(f->blocks, &s);
	return s;
}

/* Cuts and commits; how many rows, or -errno. */
static inline int
commit_in(struct fixture *f, struct blocks *b)
{
	struct block_rows *rows;
	int err = blocks_cut(b, &rows), n;

	if (err < 0)
		return err;
	n = (int)block_rows_count(rows);
	err = db_begin(f->db);
	assert_int_equal(err, 0);
	err = block_rows_insert(rows, f->db);
	if (err < 0)
		db_rollback(f->db);
	else
		err = db_commit(f->db);
	block_rows_end(b, rows, err == 0);
	return err < 0 ? err : n;
}

static inline int
commit(struct fixture *f)
{
	return commit_in(f, f->blocks);
}

static inline void
reopen(struct fixture *f)
{
	blocks_close(f->blocks);
	f->blocks = open_blocks(f);
}

static inline int
count_block(void *arg, const struct id *id, const struct block_loc *loc, const void *bytes)
{
	(void)id, (void)loc, (void)bytes;
	++*(uint64_t *)arg;
	return 0;
}

/* All whole blocks in all segments. */
static inline uint64_t
count_on_disk(struct fixture *f)
{
	static const struct id store_id = { { 1, 2, 3 } };
	uint64_t n = 0;

	for (uint32_t seq = 1; seq <= f->next_seq; seq++) {
		struct segment_scan sum;
		struct segment *s;

		if (segment_open(f->files, &store_id, seq, 5, &s) == -ENOENT)
			continue;
		assert_int_equal(segment_scan(s, count_block, &n, &sum), 0);
		segment_close(s);
	}
	return n;
}

/* It is nowhere: its place can't be read. */
static inline void
assert_lost(struct blocks *b, const struct id *id)
{
	struct block_loc loc;
	char byte;

	assert_int_equal(block_find(b, id, 1, &loc), 0);
	assert_int_equal(loc.segment, 0);
	assert_int_equal(block_read(b, &loc, 0, &byte, 1), -EIO);
}

#endif

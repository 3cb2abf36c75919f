/*
 * Batch fixture: a batch on the block fixture's database, rows for it, and who waits for it.
 */
#ifndef TESTS_UNIT_BATCH_FIXTURE_H
#define TESTS_UNIT_BATCH_FIXTURE_H

#include <stdio.h>

#include "cow/batch.h"
#include "tests/unit/block_fixture.h"

#define LAYER 7

struct failures {
	int calls, err;
	bool final;
};

static inline void
note_failure(void *arg, int err, bool final)
{
	struct failures *f = arg;

	f->calls++;
	f->err = err;
	f->final = final;
}

static inline struct batch *
open_batch(struct fixture *f, struct failures *failures)
{
	struct batch_env env = {
		.db = f->db, .blocks = f->blocks, .failed = note_failure, .arg = failures
	};
	struct batch *b;

	memset(failures, 0, sizeof(*failures));
	assert_int_equal(batch_open(&env, &b), 0);
	return b;
}

/* A row of inode `ino` with this size. */
static inline int
try_add(struct batch *b, uint32_t ino, uint64_t size, bool owes, uint64_t *ticket)
{
	struct change *c = change_new();
	struct inode i = { .ino = ino, .nlink = 1, .size = size };
	int err = change_inode(c, LAYER, &i, (struct str){ 0 });

	if (!err)
		err = batch_add(b, c, owes, ticket);
	if (!err)
		assert_int_equal(change_count(c), 0);
	change_free(c);
	return err;
}

static inline uint64_t
add(struct batch *b, uint32_t ino, bool owes)
{
	uint64_t ticket = 0;

	assert_int_equal(try_add(b, ino, ino, owes, &ticket), 0);
	assert_true(ticket > 0);
	return ticket;
}

static inline int64_t
number(struct fixture *f, const char *sql)
{
	struct db *db;
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(db_open(f->db_path, DB_READ, &db), 0);
	s = db_stmt(db, sql);
	assert_int_equal(db_step(db, s), 1);
	n = sqlite3_column_int64(s, 0);
	db_reset(s);
	db_close(db);
	return n;
}

#define INODES "SELECT count(*) FROM inode"

struct called {
	int calls, err;
};

static inline void
note_call(void *arg, int err)
{
	struct called *c = arg;

	c->calls++;
	c->err = err;
}

#endif

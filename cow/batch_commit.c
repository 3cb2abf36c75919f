/*
 * The committer: takes the generation that gathered, makes it durable, tells those who wait. The
 * cut between two generations is a point between two operations.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cow/batch_priv.h"
#include "cow/cleanup.h"

#define REPLAY_SLOTS 1024

uint64_t
batch_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int
batch_last_record(struct db *db, uint64_t *out)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT coalesce(max(ticket), 0) FROM replay");
	int row = db_step(db, s);

	if (row < 0)
		return row;
	*out = row ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	db_reset(s);
	return 0;
}

static int
write_records(struct batch *b, const struct generation *g)
{
	sqlite3_stmt *s;
	uint64_t n = b->nrecords + 1;
	int err;

	if (!g->records_len)
		return 0;
	s = db_stmt(
	    b->env.db, "INSERT OR REPLACE INTO replay(slot, ticket, records) VALUES (?, ?, ?)");
	if (s) {
		sqlite3_bind_int64(s, 1, (int64_t)(n % REPLAY_SLOTS));
		sqlite3_bind_int64(s, 2, (int64_t)n);
		db_bind_str(s, 3, (struct str){ g->records, g->records_len });
	}
	err = db_run(b->env.db, s);
	if (!err)
		b->nrecords = n;
	return err;
}

static int
write_rows(struct batch *b, struct generation *g, struct block_rows *blocks)
{
	struct db *db = b->env.db;
	int err;

	/* An import that is being published may hold the database for a while. */
	do
		err = db_begin(db);
	while (err == -EBUSY);
	if (err)
		return err;
	err = change_apply(g->rows, db);
	if (!err && blocks)
		err = block_rows_insert(blocks, db);
	if (!err)
		err = write_records(b, g);
	if (!err)
		return db_commit(db);
	db_rollback(db);
	return err;
}

/* Makes a generation durable: blocks, then rows. Sets *final when a failure is for ever, for then
 * nobody knows what the disk holds: a sync's, and of rows any but a full disk or a lack of memory.
 */
static int
commit(struct batch *b, struct generation *g, bool flush, bool *final)
{
	struct block_rows *blocks = NULL;
	int err;

	if (!change_count(g->rows) && !g->records_len && !flush)
		return 0;
	err = blocks_cut(b->env.blocks, &blocks);
	if (err) {
		*final = blocks_failed(b->env.blocks);
		return err;
	}
	if (change_count(g->rows) || g->records_len || block_rows_count(blocks)) {
		SCOPED_LOCK(&b->db_lock);
		err = write_rows(b, g, blocks);
	}
	block_rows_end(b->env.blocks, blocks, !err);
	*final = err && err != -ENOSPC && err != -EDQUOT && err != -ENOMEM;
	return err;
}

/* Empties a decided generation for its next use and tells those who wait for it. Called with the
 * lock held; lets it go meanwhile. */
static void
decide(struct batch *b, struct generation *g, int err)
{
	struct waiter *waiters = g->waiters;
	uint32_t n = g->nwaiters;

	g->waiters = NULL;
	g->nwaiters = g->waiters_size = 0;
	g->records_len = 0;
	g->urgent = false;
	change_clear(g->rows);
	pthread_cond_broadcast(&b->done);
	pthread_mutex_unlock(&b->lock);
	for (uint32_t i = 0; i < n; i++)
		waiters[i].fn(waiters[i].arg, err);
	free(waiters);
	pthread_mutex_lock(&b->lock);
}

/* A row of failures with nothing durable between is one. */
static void
note_failure(struct batch *b, uint64_t first, uint64_t last, int err)
{
	struct failure *f = &b->failures[(b->nfailures - 1) % BATCH_FAILURES];

	if (b->nfailures && f->last + 1 == first && f->err == err) {
		f->last = last;
		return;
	}
	f = &b->failures[b->nfailures++ % BATCH_FAILURES];
	if (f->last)
		b->forgotten = f->last;
	*f = (struct failure){ first, last, err };
}

/* Both generations fail: what gathers may build on what didn't become durable. */
static void
fail_all(struct batch *b, struct generation *g, int err, bool final)
{
	struct generation *later = b->open;

	b->refusing = err;
	b->final = b->final || final;
	b->stats.failures++;
	pthread_cond_broadcast(&b->done); /* whoever waits to add must give up its view's lock */
	pthread_mutex_unlock(&b->lock);
	b->env.failed(b->env.arg, err, final);
	pthread_mutex_lock(&b->lock);
	while (later->owed)
		pthread_cond_wait(&b->work, &b->lock);
	note_failure(b, g->ticket, later->ticket, err);
	g->ticket = later->ticket + 1;
	b->open = g;
	b->poison = 0;
	if (!b->final)
		b->refusing = 0;
	decide(b, g, err);
	decide(b, later, err);
}

static uint64_t
due(const struct generation *g)
{
	return g->since + BATCH_LATER_MS * 1000000ull;
}

/* Waits for something to do, no longer than till what nobody waits for is due. */
static void
wait_for_work(struct batch *b)
{
	uint64_t at = due(b->open);
	struct timespec until = { (time_t)(at / 1000000000u), (long)(at % 1000000000u) };

	if (change_count(b->open->rows))
		pthread_cond_timedwait(&b->work, &b->lock, &until);
	else
		pthread_cond_wait(&b->work, &b->lock);
}

static bool
has_work(const struct batch *b)
{
	const struct generation *g = b->open;

	return (change_count(g->rows) && (g->urgent || batch_now() >= due(g))) || g->nwaiters ||
	       b->poison || b->flush_to >= g->ticket;
}

void *
batch_committer(void *arg)
{
	struct batch *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		struct generation *g = b->open;
		uint64_t begin;
		bool final, flush;
		int err;

		b->stats.committing = false;
		while (!has_work(b) && !b->stop)
			wait_for_work(b);
		if (!has_work(b))
			break;
		b->open = g == &b->gen[0] ? &b->gen[1] : &b->gen[0];
		b->open->ticket = g->ticket + 1;
		b->stats.committing = true;
		while (g->owed)
			pthread_cond_wait(&b->work, &b->lock);
		pthread_cond_broadcast(&b->done); /* there is room again */
		final = b->final;
		flush = b->flush_to >= g->ticket;
		err = final ? -EIO : b->poison;
		pthread_mutex_unlock(&b->lock);
		begin = batch_now();
		if (!err)
			err = commit(b, g, flush, &final);
		pthread_mutex_lock(&b->lock);
		b->stats.commits++;
		b->stats.rows += change_count(g->rows);
		b->stats.commit_ns += batch_now() - begin;
		if (err) {
			fail_all(b, g, err, final);
			continue;
		}
		__atomic_store_n(&b->durable, g->ticket, __ATOMIC_RELEASE);
		decide(b, g, 0);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

int
batch_records(struct db *db, batch_record_fn *fn, void *arg)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT records FROM replay ORDER BY ticket");
	int row;

	while ((row = db_step(db, s)) == 1) {
		struct str all = db_column_str(s, 0);

		while (all.n >= 4) {
			uint32_t n = get_le32(all.p);

			if (n > all.n - 4)
				break;
			fn(arg, (struct str){ all.p + 4, n });
			all.p += 4 + n;
			all.n -= 4 + n;
		}
	}
	return row;
}

/*
 * The committer: two generations of rows, one that gathers and one that is being made durable.
 *
 * A generation's number is its ticket. An operation's rows enter a generation whole, under the
 * lock, so the cut between two generations is a point between two operations.
 */
#include "cow/batch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"

#define ROWS_MAX     50000u /* a generation that has more holds newcomers up */
#define REPLAY_SLOTS 1024
#define FAILURES     16

struct waiter {
	batch_fn *fn;
	void *arg;
};

struct generation {
	uint64_t ticket;
	struct change *rows;
	uint32_t owed;
	struct waiter *waiters;
	uint32_t nwaiters, waiters_size;
	char *records; /* each: 4 bytes of length, then the record */
	uint32_t records_len, records_size;
};

struct failure {
	uint64_t first, last;
	int err;
};

struct batch {
	struct batch_env env;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;     /* for the committer: rows, debts paid, stop */
	pthread_cond_t done;     /* for those who wait here: a generation is decided */
	pthread_mutex_t db_lock; /* the writing connection; taken without `lock` held */
	struct generation gen[2], *open;
	uint64_t durable, flush_to;
	uint64_t nrecords; /* the committer's */
	struct failure failures[FAILURES];
	unsigned nfailures;
	uint64_t forgotten; /* of tickets up to here nobody knows which have failed */
	int refusing;       /* -errno while a failure is being handled, for ever when it is final */
	int poison;         /* batch_fail */
	bool final, stop;
	struct batch_stats stats;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int
batch_add(struct batch *b, struct change *c, bool owes, uint64_t *ticket)
{
	SCOPED_LOCK(&b->lock);
	int err;

	while (!b->refusing && !b->poison && change_count(b->open->rows) > ROWS_MAX)
		pthread_cond_wait(&b->done, &b->lock);
	if (b->refusing || b->poison)
		return err_set(
		    b->refusing ? -b->refusing : -b->poison, "the store can't take changes now");
	err = change_merge(b->open->rows, c);
	change_clear(c);
	if (err) {
		b->poison = err;
		pthread_cond_signal(&b->work);
		return err_set(-err, "out of memory for a batch");
	}
	b->open->owed += owes;
	*ticket = b->open->ticket;
	pthread_cond_signal(&b->work);
	return 0;
}

void
batch_fail(struct batch *b, int err)
{
	SCOPED_LOCK(&b->lock);

	b->poison = err;
	pthread_cond_signal(&b->work);
}

/* Of an undecided ticket. */
static struct generation *
generation_of(struct batch *b, uint64_t ticket)
{
	return &b->gen[b->gen[0].ticket != ticket];
}

/* Doubles an array until it has room for `need` elements. */
static int
make_room(void **array, uint32_t *size, uint32_t need, size_t element)
{
	uint32_t n = *size ? *size : 64;
	void *p;

	if (need <= *size)
		return 0;
	while (n < need)
		n *= 2;
	if (!(p = realloc(*array, n * element)))
		return -ENOMEM;
	*array = p;
	*size = n;
	return 0;
}

static void
keep_record(struct generation *g, const void *record, uint32_t n)
{
	void *p = g->records;

	if (make_room(&p, &g->records_size, g->records_len + 4 + n, 1) < 0)
		return;
	g->records = p;
	if (!g->records)
		return;
	put_le32(g->records + g->records_len, n);
	memcpy(g->records + g->records_len + 4, record, n);
	g->records_len += 4 + n;
}

void
batch_reply(struct batch *b, uint64_t ticket, const void *record, uint32_t n)
{
	SCOPED_LOCK(&b->lock);
	struct generation *g = generation_of(b, ticket);

	if (g->ticket != ticket || !g->owed)
		return;
	if (n)
		keep_record(g, record, n);
	if (!--g->owed)
		pthread_cond_signal(&b->work);
}

/* 0 durable, -errno failed, 1 undecided. */
static int
decided(const struct batch *b, uint64_t ticket)
{
	for (unsigned i = 0; i < FAILURES; i++)
		if (ticket >= b->failures[i].first && ticket <= b->failures[i].last)
			return b->failures[i].err;
	/* Who asks so late is told the worse: never that what failed is done. */
	if (ticket <= b->forgotten)
		return -EIO;
	return ticket > b->durable;
}

void
batch_after(struct batch *b, uint64_t ticket, batch_fn *fn, void *arg)
{
	struct generation *g;
	void *p;
	int d;

	pthread_mutex_lock(&b->lock);
	d = decided(b, ticket);
	if (d == 1) {
		g = generation_of(b, ticket);
		p = g->waiters;
		if (make_room(&p, &g->waiters_size, g->nwaiters + 1, sizeof(*g->waiters)) < 0 ||
		    !p) {
			while ((d = decided(b, ticket)) == 1)
				pthread_cond_wait(&b->done, &b->lock);
		} else {
			g->waiters = p;
			g->waiters[g->nwaiters++] = (struct waiter){ fn, arg };
			b->stats.waiters++;
		}
	}
	pthread_mutex_unlock(&b->lock);
	if (d != 1)
		fn(arg, d);
}

int
batch_wait(struct batch *b, uint64_t ticket)
{
	SCOPED_LOCK(&b->lock);
	int d;

	while ((d = decided(b, ticket)) == 1)
		pthread_cond_wait(&b->done, &b->lock);
	return d;
}

int
batch_flush(struct batch *b)
{
	uint64_t ticket;

	pthread_mutex_lock(&b->lock);
	ticket = b->open->ticket;
	b->flush_to = ticket;
	pthread_cond_signal(&b->work);
	pthread_mutex_unlock(&b->lock);
	return batch_wait(b, ticket);
}

uint64_t
batch_durable(struct batch *b)
{
	return __atomic_load_n(&b->durable, __ATOMIC_ACQUIRE);
}

void
batch_stats(struct batch *b, struct batch_stats *out)
{
	SCOPED_LOCK(&b->lock);

	*out = b->stats;
}

/* The ring of kept records goes on where it stopped before the restart. */
static int
last_record(struct db *db, uint64_t *out)
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

/* Makes a generation durable: blocks, then rows. Sets *final when a failure is for ever: anything
 * but a full disk or a lack of memory, for then nobody knows what the disk holds. */
static int
commit(struct batch *b, struct generation *g, bool flush, bool *final)
{
	struct block_rows *blocks = NULL;
	int err;

	if (!change_count(g->rows) && !g->records_len && !flush)
		return 0;
	err = blocks_cut(b->env.blocks, &blocks);
	if (!err &&
	    (change_count(g->rows) || g->records_len || (blocks && block_rows_count(blocks)))) {
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
	struct failure *f = &b->failures[(b->nfailures - 1) % FAILURES];

	if (b->nfailures && f->last + 1 == first && f->err == err) {
		f->last = last;
		return;
	}
	f = &b->failures[b->nfailures++ % FAILURES];
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

static bool
has_work(const struct batch *b)
{
	const struct generation *g = b->open;

	return change_count(g->rows) || g->nwaiters || b->poison || b->flush_to >= g->ticket;
}

static void *
committer(void *arg)
{
	struct batch *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		struct generation *g = b->open;
		uint64_t begin;
		bool final, flush;
		int err;

		while (!has_work(b) && !b->stop)
			pthread_cond_wait(&b->work, &b->lock);
		if (!has_work(b))
			break;
		b->open = g == &b->gen[0] ? &b->gen[1] : &b->gen[0];
		b->open->ticket = g->ticket + 1;
		while (g->owed)
			pthread_cond_wait(&b->work, &b->lock);
		pthread_cond_broadcast(&b->done); /* there is room again */
		final = b->final;
		flush = b->flush_to >= g->ticket;
		err = final ? -EIO : b->poison;
		pthread_mutex_unlock(&b->lock);
		begin = now_ns();
		if (!err)
			err = commit(b, g, flush, &final);
		pthread_mutex_lock(&b->lock);
		b->stats.commits++;
		b->stats.rows += change_count(g->rows);
		b->stats.commit_ns += now_ns() - begin;
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
batch_open(const struct batch_env *env, struct batch **out)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->env = *env;
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->db_lock, NULL);
	pthread_cond_init(&b->work, NULL);
	pthread_cond_init(&b->done, NULL);
	b->open = &b->gen[0];
	b->open->ticket = 1;
	b->gen[0].rows = change_new();
	b->gen[1].rows = change_new();
	if (last_record(env->db, &b->nrecords) < 0 || !b->gen[0].rows || !b->gen[1].rows ||
	    pthread_create(&b->thread, NULL, committer, b) != 0) {
		change_free(b->gen[0].rows);
		change_free(b->gen[1].rows);
		free(b);
		return err_set(ENOMEM, "can't start the committer");
	}
	*out = b;
	return 0;
}

void
batch_close(struct batch *b)
{
	if (!b)
		return;
	batch_flush(b);
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->work);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	for (unsigned i = 0; i < 2; i++) {
		change_free(b->gen[i].rows);
		free(b->gen[i].waiters);
		free(b->gen[i].records);
	}
	pthread_cond_destroy(&b->work);
	pthread_cond_destroy(&b->done);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->db_lock);
	free(b);
}

int
batch_exclusive(struct batch *b, int (*fn)(struct db *, void *arg), void *arg)
{
	SCOPED_LOCK(&b->db_lock);
	int err = db_begin(b->env.db);

	if (err)
		return err;
	err = fn(b->env.db, arg);
	if (!err)
		return db_commit(b->env.db);
	db_rollback(b->env.db);
	return err;
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

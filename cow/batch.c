/* Adding to the generation that gathers, and waiting for one to be decided. An operation's rows
 * enter a generation whole, under the lock. */
#include "cow/batch_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"

#define ROWS_MAX 50000u /* a generation that has more holds newcomers up */

static int
add(struct batch *b, struct change *c, bool owes, bool urgent, uint64_t *ticket)
{
	SCOPED_LOCK(&b->lock);
	struct generation *g;
	int err;

	while (!b->refusing && !b->poison && change_count(b->open->rows) > ROWS_MAX)
		pthread_cond_wait(&b->done, &b->lock);
	if (b->refusing || b->poison)
		return err_set(
		    b->refusing ? -b->refusing : -b->poison, "the store can't take changes now");
	g = b->open;
	if (!change_count(g->rows))
		g->since = batch_now();
	err = change_merge(g->rows, c);
	change_clear(c);
	if (err) {
		b->poison = err;
		pthread_cond_signal(&b->work);
		return err_set(-err, "out of memory for a batch");
	}
	g->owed += owes;
	g->urgent = g->urgent || urgent || change_count(g->rows) > ROWS_MAX / 2;
	*ticket = g->ticket;
	pthread_cond_signal(&b->work);
	return 0;
}

int
batch_add(struct batch *b, struct change *c, bool owes, uint64_t *ticket)
{
	return add(b, c, owes, true, ticket);
}

int
batch_add_later(struct batch *b, struct change *c, uint64_t *ticket)
{
	return add(b, c, false, false, ticket);
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
	for (unsigned i = 0; i < BATCH_FAILURES; i++)
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
	int d = decided(b, ticket);

	if (d == 1) {
		generation_of(b, ticket)->urgent = true;
		pthread_cond_signal(&b->work);
	}
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

static void
destroy(struct batch *b)
{
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
batch_open(const struct batch_env *env, struct batch **out)
{
	struct batch *b = calloc(1, sizeof(*b));
	pthread_condattr_t monotonic;
	int err;

	if (!b)
		return -ENOMEM;
	b->env = *env;
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->db_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&b->work, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_cond_init(&b->done, NULL);
	b->open = &b->gen[0];
	b->open->ticket = 1;
	b->gen[0].rows = change_new();
	b->gen[1].rows = change_new();
	err = b->gen[0].rows && b->gen[1].rows ? batch_last_record(env->db, &b->nrecords) : -ENOMEM;
	if (!err && pthread_create(&b->thread, NULL, batch_committer, b) != 0)
		err = err_set(EAGAIN, "can't start the committer");
	if (err) {
		destroy(b);
		return err;
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
	destroy(b);
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

/*
 * Batch: the rows that one durable commit makes durable together, and what waits for it.
 *
 * An operation on a view gathers its rows in a struct change and adds them at once; it then holds a
 * ticket. One thread of its own (the committer) takes what has gathered, syncs the segments, runs
 * one SQLite transaction, and calls those who wait. So a batch is never half of an operation, and
 * one slow disk sync carries the changes of all clients.
 */
#ifndef COW_BATCH_H
#define COW_BATCH_H

#include <stdbool.h>

#include "cow/block.h"
#include "cow/change.h"

struct batch; /* of one store */

/* --- adding and waiting --- */

/* Adds all of change (and clears it). Returns a ticket > 0 by *ticket. owes: the batch isn't
 * committed before batch_reply was called for this ticket. -errno: nothing was added, and the
 * caller must forget what it did in memory. */
int batch_add(struct batch *, struct change *, bool owes, uint64_t *ticket);
/* The same for changes that nobody waits for: they are committed with the next ones that somebody
 * does wait for, or after BATCH_LATER_MS. */
#define BATCH_LATER_MS 2000
int batch_add_later(struct batch *, struct change *, uint64_t *ticket);
/* What is in memory can't be trusted (out of memory in the middle of a change): fails the batch
 * that gathers, with err (negative). */
void batch_fail(struct batch *, int err);
/* Pays what batch_add was told to owe: a record kept with the batch, read again after a restart
 * (the duplicate-request cache). n == 0: nothing to keep. */
void batch_reply(struct batch *, uint64_t ticket, const void *record, uint32_t n);

/* Calls fn once, when the ticket's batch is durable (err 0) or has failed (-errno): from the
 * committer's thread, or at once from this one when it is decided already. */
typedef void batch_fn(void *arg, int err);
void batch_after(struct batch *, uint64_t ticket, batch_fn *, void *arg);
/* Waits here. */
int batch_wait(struct batch *, uint64_t ticket);
/* Commits what has gathered, blocks included, and waits for it. */
int batch_flush(struct batch *);

/* The last ticket that is durable: objects with one no higher may leave memory. */
uint64_t batch_durable(struct batch *);

/* --- of the store --- */

struct batch_env {
	struct db *db; /* the store's writing connection; the batch's alone from now on */
	struct blocks *blocks;
	/* Called by the committer after a failed commit, while adding is refused: every view must
	 * forget what isn't committed. final: the store can't go on; the process should end. */
	void (*failed)(void *arg, int err, bool final);
	void *arg;
};
int batch_open(const struct batch_env *, struct batch **out);
/* Flushes, ends the thread. */
void batch_close(struct batch *);

/* Runs fn in a transaction of its own on the writing connection, between two batches. fn's
 * -errno rolls back and is returned. For the catalogue: clients, layers, images. */
int batch_exclusive(struct batch *, int (*fn)(struct db *, void *arg), void *arg);

/* Calls fn for each record that batch_reply kept and that is still there, oldest first. */
typedef void batch_record_fn(void *arg, struct str record);
int batch_records(struct db *, batch_record_fn *, void *arg);

struct batch_stats {
	uint64_t commits, rows, waiters, failures;
	uint64_t commit_ns; /* in all */
	bool committing;    /* the committer has work in its hands */
};
void batch_stats(struct batch *, struct batch_stats *out);

#endif

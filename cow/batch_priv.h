/*
 * What the two files of the batch share. A generation's number is its ticket; there are two: one
 * gathers while the other is being made durable.
 */
#ifndef COW_BATCH_PRIV_H
#define COW_BATCH_PRIV_H

#include <pthread.h>

#include "cow/batch.h"

#define BATCH_FAILURES 16

struct waiter {
	batch_fn *fn;
	void *arg;
};

struct generation {
	uint64_t ticket;
	struct change *rows;
	uint32_t owed;
	bool urgent;    /* somebody waits for it, or may */
	uint64_t since; /* when its first row came, in ns of CLOCK_MONOTONIC */
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
	struct failure failures[BATCH_FAILURES];
	unsigned nfailures;
	uint64_t forgotten; /* of tickets up to here nobody knows which have failed */
	int refusing;       /* -errno while a failure is being handled, for ever when it is final */
	int poison;         /* batch_fail */
	bool final, stop;
	struct batch_stats stats;
};

uint64_t batch_now(void); /* CLOCK_MONOTONIC in ns */
/* The thread; arg is the batch. */
void *batch_committer(void *arg);
/* The ring of kept records goes on where it stopped before the restart. */
int batch_last_record(struct db *, uint64_t *out);

#endif

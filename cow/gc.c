/* The order in which things are given back: what refers before what is referred to. */
#include "cow/gc.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/gc_priv.h"
#include "cow/lease.h"

int
gc_progress(struct gc *g, const char *what, uint64_t done, uint64_t of)
{
	return g->options->progress ? g->options->progress(g->options->arg, what, done, of) : 0;
}

uint64_t
gc_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void
gc_pause(struct gc *g, uint64_t began_ns)
{
	uint64_t ns = gc_now() - began_ns;
	struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	if (g->options->flush) /* else nobody is there */
		nanosleep(&t, NULL);
}

int
gc_count(struct gc *g, const char *sql, uint64_t *out)
{
	struct db *db = db_lend(store_readers(g->store));
	sqlite3_stmt *stmt;
	int rc;

	if (!db)
		return -EIO;
	stmt = db_stmt(db, sql);
	rc = db_step(db, stmt);
	if (rc == 1)
		*out = (uint64_t)sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	db_return(store_readers(g->store), db);
	return rc < 0 ? rc : 0;
}

/* An import finds published blocks and names them in rows that nobody sees before the end. */
static int
check_imports(struct gc *g)
{
	uint64_t n = 0;
	int rc = gc_count(g, "SELECT count(*) FROM import", &n);

	if (rc == 0 && n)
		rc = store_sweep_imports(g->store, g->options->dry_run, &n);
	return rc < 0 || !n ? rc : err_set(EBUSY, "an import is running: collect when it is done");
}

static int
collect(struct gc *g)
{
	int rc = gc_layers(g);

	if (rc == 0)
		rc = gc_images(g);
	if (rc == 0 && g->options->flush)
		rc = g->options->flush(g->options->arg);
	if (rc == 0)
		rc = batch_flush(store_batch(g->store));
	if (rc == 0)
		rc = gc_blocks(g);
	return rc == 0 && !g->options->dry_run ? gc_space(g) : rc;
}

int
gc_run(struct store *s, const struct gc_options *options, struct gc_result *out)
{
	struct gc g = { .store = s, .options = options, .result = out };
	CLEANUP_FD int alone = -1;
	int rc;

	*out = (struct gc_result){ 0 };
	if (!store_batch(s))
		return err_set(EROFS, "only the owner of a store collects");
	if ((rc = check_imports(&g)) < 0 || (rc = lease_collect_blocks(s, &alone)) < 0 ||
	    (rc = blocks_collect_begin(store_blocks(s))) < 0)
		return rc;
	rc = collect(&g);
	blocks_collect_end(store_blocks(s));
	free(g.images);
	return rc;
}

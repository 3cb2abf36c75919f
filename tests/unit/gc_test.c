/* The collector: all that nobody needs goes, nothing that anybody needs does, whatever happens. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cow/err.h"
#include "cow/gc.h"
#include "cow/revert.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static int
flush(void *arg)
{
	struct viewstore *vs = arg;
	int err = vs->a ? view_flush(vs->a) : 0;

	return err == 0 && vs->b ? view_flush(vs->b) : err;
}

static int
try_collect(struct viewstore *vs, struct gc_result *out)
{
	struct gc_options o = { .flush = flush, .arg = vs, .marks = 20 };

	return gc_run(vs->store, &o, out);
}

static struct gc_result
collect(struct viewstore *vs)
{
	struct gc_result result;

	op_must(try_collect(vs, &result));
	return result;
}

static struct gc_result
look(struct viewstore *vs)
{
	struct gc_options o = { .dry_run = true, .flush = flush, .arg = vs };
	struct gc_result result;

	op_must(gc_run(vs->store, &o, &result));
	return result;
}

/* Bytes on disk, and how many, of the segments. */
static uint64_t
segments(struct viewstore *vs, int *n)
{
	const char *path = tmpdir_path(&vs->dir, "store/segments");
	DIR *dir = opendir(path);
	struct dirent *e;
	uint64_t bytes = 0;
	struct stat st;

	assert_non_null(dir);
	*n = 0;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dirfd(dir), e->d_name, &st, 0), 0);
		bytes += (uint64_t)st.st_blocks * 512;
		++*n;
	}
	closedir(dir);
	return bytes;
}

static void
fill(struct view *v, const char *name, uint32_t seed)
{
	op_write_pattern(v, op_create(v, INO_ROOT, name), 0, 1000000, seed);
}

static void
what_is_removed_is_given_back(void **state)
{
	struct viewstore *vs = *state;
	struct gc_result seen, done;
	uint64_t before, full;
	int n;

	collect(vs);
	before = segments(vs, &n);
	fill(vs->a, "one", 3);
	fill(vs->b, "two", 3);
	viewstore_flush(vs);
	full = segments(vs, &n);
	assert_in_range(full - before, 900000, 1200000);
	op_remove(vs->a, INO_ROOT, "one");
	done = collect(vs);
	assert_int_equal(done.blocks, 0);
	op_assert_pattern(vs->b, op_find(vs->b, "two"), 0, 0, 1000000, 3);
	op_remove(vs->b, INO_ROOT, "two");
	seen = look(vs);
	done = collect(vs);
	assert_int_equal(done.blocks, 245);
	assert_int_equal(seen.blocks, done.blocks);
	assert_int_equal(seen.bytes, done.bytes);
	assert_in_range(segments(vs, &n), 0, before + 50000);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM freed"), 0);
	assert_int_equal(collect(vs).blocks, 0);
}

static void
when_all_is_removed_nothing_is_left(void **state)
{
	struct viewstore *vs = *state;
	struct gc_result done;
	int n;

	fill(vs->a, "one", 3);
	view_close(vs->a);
	view_close(vs->b);
	vs->a = vs->b = NULL;
	op_must(client_remove(vs->store, "a"));
	op_must(client_remove(vs->store, "b"));
	op_must(store_image_remove(vs->store, "golden"));
	done = collect(vs);
	assert_int_equal(done.layers, 2);
	assert_int_equal(done.images, 1);
	assert_true(done.rows > 0);
	segments(vs, &n);
	assert_int_equal(n, 0);
	assert_int_equal(viewstore_count(vs, "SELECT (SELECT count(*) FROM block) + (SELECT"
					     " count(*) FROM segment) + (SELECT count(*) FROM"
					     " layer) + (SELECT count(*) FROM inode) + (SELECT"
					     " count(*) FROM extent)"),
	    0);
}

static void
snapshots_hold_what_they_need(void **state)
{
	struct viewstore *vs = *state;
	struct snapshot_of of = { "a", vs->a };
	struct revert r = { .client = "a", .kind = SNAPSHOT_ROLLBACK, .snapshot = "one" };
	struct client c;

	fill(vs->a, "f", 3);
	op_must(snapshot_create(vs->store, &of, 1, "one", NULL));
	op_remove(vs->a, INO_ROOT, "f");
	fill(vs->a, "g", 4);
	assert_int_equal(collect(vs).blocks, 0);
	view_close(vs->a);
	op_must(revert_run(vs->store, &r, 1));
	op_must(client_find(vs->store, "a", &c));
	op_must(view_open(vs->store, &c, &vs->a));
	op_assert_pattern(vs->a, op_find(vs->a, "f"), 0, 0, 1000000, 3);
	assert_int_equal(snapshot_expire(vs->store, 1000, 0), 1);
	assert_int_equal(collect(vs).layers, 1);
	op_must(snapshot_remove(vs->store, "a", "one"));
	collect(vs);
	op_assert_pattern(vs->a, op_find(vs->a, "f"), 0, 0, 1000000, 3);
	viewstore_reopen(vs);
	op_assert_pattern(vs->a, op_find(vs->a, "f"), 0, 0, 1000000, 3);
}

/* Bytes that were given up and come again, also from memory, while they are collected. */
struct writer {
	struct viewstore *vs;
	atomic_bool stop;
	atomic_uint rounds;
};

static void *
write_and_remove(void *arg)
{
	struct writer *w = arg;
	struct view *v = w->vs->a;

	for (uint32_t i = 0; !atomic_load(&w->stop); i++) {
		uint32_t seed = 10 + i % 3, ino = op_create(v, INO_ROOT, "w");

		op_write_later(v, ino, 0, "head", 4);
		op_write_pattern(v, ino, 4096, 100000, seed);
		op_assert_pattern(v, ino, 4096, 0, 100000, seed);
		if (i % 2)
			op_write_pattern(v, ino, 4096, 50000, 9);
		op_remove(v, INO_ROOT, "w");
		atomic_fetch_add(&w->rounds, 1);
	}
	return NULL;
}

static void
it_runs_beside_writers(void **state)
{
	struct viewstore *vs = *state;
	struct writer w = { .vs = vs };
	uint64_t blocks = 0;
	pthread_t thread;

	fill(vs->b, "stays", 10);
	assert_int_equal(pthread_create(&thread, NULL, write_and_remove, &w), 0);
	for (int i = 0; i < 40 || atomic_load(&w.rounds) < 50; i++)
		blocks += collect(vs).blocks;
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	assert_true(blocks > 0);
	op_assert_pattern(vs->b, op_find(vs->b, "stays"), 0, 0, 1000000, 10);
	viewstore_reopen(vs);
	op_assert_pattern(vs->b, op_find(vs->b, "stays"), 0, 0, 1000000, 10);
	op_assert_pattern(vs->a, op_find(vs->a, "data"), 0, 0, VIEWSTORE_DATA, 1);
}

/* Ends after so many steps; the folder is then taken as it is, as by a kill. */
struct stop {
	struct viewstore *vs;
	int left;
};

static int
stop_or_flush(void *arg)
{
	return flush(((struct stop *)arg)->vs);
}

static int
count_down(void *arg, const char *what, uint64_t done, uint64_t of)
{
	struct stop *s = arg;

	(void)what;
	(void)done;
	(void)of;
	return s->left-- > 0 ? 0 : -ECANCELED;
}

static void
it_may_be_killed_at_any_step(void **state)
{
	struct viewstore *vs = *state;
	struct gc_options o = { .flush = stop_or_flush, .progress = count_down, .marks = 20 };
	struct gc_result result;
	int err = -ECANCELED;

	for (int steps = 0; err == -ECANCELED; steps++) {
		struct stop stop = { vs, steps };
		struct snapshot_of of = { "a", vs->a };

		fill(vs->a, "f", 3);
		op_must(snapshot_create(vs->store, &of, 1, "one", NULL));
		op_remove(vs->a, INO_ROOT, "f");
		fill(vs->b, "stays", 4);
		op_must(snapshot_remove(vs->store, "a", "one"));
		o.arg = &stop;
		err = gc_run(vs->store, &o, &result);
		assert_true(err == 0 || err == -ECANCELED);
		viewstore_crash(vs);
		op_assert_pattern(vs->b, op_find(vs->b, "stays"), 0, 0, 1000000, 4);
		op_assert_pattern(vs->a, op_find(vs->a, "data"), 0, 0, VIEWSTORE_DATA, 1);
		op_remove(vs->b, INO_ROOT, "stays");
	}
	collect(vs);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM freed"), 0);
	assert_int_equal(collect(vs).blocks, 0);
}

static void
one_at_a_time_and_not_beside_an_import(void **state)
{
	struct viewstore *vs = *state;
	struct store_import *import;
	struct gc_result result;

	op_must(store_import_begin(vs->store, &import));
	assert_int_equal(try_collect(vs, &result), -EBUSY);
	assert_non_null(strstr(err_text(-EBUSY), "an import is running"));
	store_import_end(import);
	op_must(blocks_collect_begin(store_blocks(vs->store)));
	assert_int_equal(try_collect(vs, &result), -EBUSY);
	blocks_collect_end(store_blocks(vs->store));
	collect(vs);
}

/* What an import leaves that is killed: its row, its file, which nobody locks any more. */
static void
a_dead_import_is_in_nobodys_way(void **state)
{
	struct viewstore *vs = *state;
	char path[300];
	sqlite3 *db;
	FILE *f;

	snprintf(path, sizeof(path), "%s", tmpdir_path(&vs->dir, "store/store.db"));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"INSERT INTO import(id, started) VALUES(x'000102030405060708090a0b0c0d0e0f', 1)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	snprintf(path, sizeof(path), "%s",
	    tmpdir_path(&vs->dir, "store/images/000102030405060708090a0b0c0d0e0f.tmp"));
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	look(vs); /* which changes nothing */
	assert_int_equal(access(path, F_OK), 0);
	collect(vs);
	assert_int_equal(access(path, F_OK), -1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_removed_is_given_back),
		TEST(when_all_is_removed_nothing_is_left),
		TEST(snapshots_hold_what_they_need),
		TEST(it_runs_beside_writers),
		TEST(it_may_be_killed_at_any_step),
		TEST(one_at_a_time_and_not_beside_an_import),
		TEST(a_dead_import_is_in_nobodys_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Memory against disk: whatever is forgotten, closed or failed, what a client sees is one thing. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/inode.h"
#include "cow/store.h"
#include "tests/lib/dump.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

/* --- a life of a view, step by step --- */

static void
script(struct view *v, int step)
{
	uint32_t dir = op_find(v, step < 20 ? "dir" : "empty/dir");

	switch (step) {
	case 0:
		op_write_later(v, op_find(v, "data"), 5000, "hello", 5);
		break;
	case 1:
		op_write_pattern(v, op_find(v, "data"), 130000, 9000, 77);
		break;
	case 2:
		op_create(v, dir, "new");
		break;
	case 3:
		op_write_later(v, op_find(v, "dir/new"), 100, "later", 5);
		break;
	case 4:
		op_truncate(v, op_find(v, "data"), 131000);
		break;
	case 5:
		op_rename(v, dir, "a", dir, "b");
		break;
	case 6:
		op_mkdir(v, INO_ROOT, "made");
		break;
	case 7:
		op_link(v, op_find(v, "hard1"), op_find(v, "made"), "hard3");
		break;
	case 8:
		op_remove(v, INO_ROOT, "hard1");
		break;
	case 9:
		op_symlink(v, op_find(v, "made"), "s", "where");
		break;
	case 10:
		op_truncate(v, op_find(v, "data"), 400000);
		break;
	case 11:
		op_write_later(v, op_find(v, "data"), 399000, "end", 3);
		break;
	case 12:
		op_remove(v, dir, "c");
		break;
	case 13:
		op_create(v, dir, "c");
		break;
	case 14:
		op_chmod(v, op_find(v, "data"), 0611);
		break;
	case 15:
		op_write_later(v, op_find(v, "dir/c"), 0, "c again", 7);
		break;
	case 16:
		op_rename(v, dir, "new", op_find(v, "made"), "moved");
		break;
	case 17:
		op_commit(v, op_find(v, "dir/c"));
		break;
	case 18:
		op_write_later(v, op_find(v, "made/moved"), 4090, "crossing", 8);
		break;
	case 19:
		op_rename(v, INO_ROOT, "dir", op_find(v, "empty"), "dir");
		break;
	case 20:
		op_remove(v, op_find(v, "empty/dir/sub"), "deep");
		break;
	case 21:
		op_rmdir(v, dir, "sub");
		break;
	case 22:
		op_rename(v, op_find(v, "made"), "hard3", INO_ROOT, "data");
		break;
	case 23:
		op_remove(v, dir, "b");
		break;
	case 24:
		op_truncate(v, op_find(v, "made/moved"), 4093);
		break;
	case 25:
		op_truncate(v, op_find(v, "made/moved"), 9000);
		break;
	default:
		break;
	}
}

#define STEPS 26

static void
forgetting_what_is_clean_changes_nothing_visible(void **state)
{
	struct viewstore *vs = *state;

	for (int step = 0; step < STEPS; step++) {
		char *a, *b;

		script(vs->a, step);
		script(vs->b, step);
		if (step % 3 == 0)
			viewstore_flush(vs);
		view_trim(vs->a, 0);
		a = dump_view(vs->a, false);
		b = dump_view(vs->b, false);
		dump_assert_equal(b, a);
		free(a);
		free(b);
	}
}

static void
closing_and_opening_changes_nothing_visible(void **state)
{
	struct viewstore *vs = *state;

	for (int step = 0; step < STEPS; step++) {
		char *before, *after;

		script(vs->a, step);
		before = dump_view(vs->a, true);
		viewstore_reopen(vs);
		after = dump_view(vs->a, true);
		dump_assert_equal(before, after);
		free(before);
		free(after);
		if (step % 5 == 4)
			viewstore_push(vs, "a");
	}
}

static void
trimming_gives_memory_back(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_mkdir(vs->a, INO_ROOT, "d");
	struct view_usage usage;
	char name[16];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		op_write_later(vs->a, op_create(vs->a, dir, name), 0, &i, sizeof(i));
	}
	assert_true(view_trim(vs->a, 0) > 2000 * 100); /* what waits can't go */
	viewstore_flush(vs);
	assert_true(view_trim(vs->a, 0) < 100000);
	view_usage(vs->a, &usage);
	assert_int_equal(usage.inodes, 0);
	for (int i = 0; i < 2000; i += 99) {
		snprintf(name, sizeof(name), "d/f%d", i);
		op_assert_bytes(vs->a, op_find(vs->a, name), 0, &i, sizeof(i));
	}
}

/* --- a failing disk --- */

struct fault {
	enum file_event event;
	int nth, err; /* the nth event from now on fails (and those after it while sticky) */
	int sticky, seen;
};

static int
fail_event(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	struct fault *f = arg;
	int seen;

	(void)name;
	(void)off;
	(void)len;
	if (event != f->event)
		return 0;
	seen = __atomic_fetch_add(&f->seen, 1, __ATOMIC_SEQ_CST);
	return seen == f->nth || (f->sticky && seen > f->nth) ? f->err : 0;
}

static int
try_write_pattern(struct view *v, uint32_t ino, uint64_t off, uint32_t n, uint32_t seed)
{
	uint8_t p[40000];

	op_pattern(p, n, seed);
	return op_try_write(v, ino, off, p, n, seed % 2 ? VIEW_FILE_SYNC : VIEW_UNSTABLE);
}

/* Some changes, each of which may be stopped by a full disk. */
static int
troubled_steps(struct view *v)
{
	struct view_set cut = { .set_size = true, .size = 33 };
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;
	uint32_t data = op_find(v, "data"), f = op_create(v, INO_ROOT, "f");
	int failed = 0;

	failed += try_write_pattern(v, data, 1000, 20000, 2) < 0;
	failed += try_write_pattern(v, data, 50, 100, 3) < 0;
	failed += try_write_pattern(v, f, 7, 30000, 4) < 0;
	failed += try_write_pattern(v, f, 60000, 100, 6) < 0;
	failed += view_commit(v, &op, f, &wcc) < 0;
	failed += try_write_pattern(v, f, 65000, 300, 8) < 0;
	failed += op_try_truncate(v, f, 65100) < 0;
	failed += op_try_truncate(v, data, 140001) < 0;
	failed += try_write_pattern(v, data, 100, 10, 10) < 0;
	failed += op_try_rename(v, INO_ROOT, "data", INO_ROOT, "hard2") < 0;
	failed += try_write_pattern(v, f, 100, 10, 12) < 0;
	failed += view_create(v, &op, INO_ROOT, STR("f"), VIEW_UNCHECKED, &cut, 0, &out, &wcc) < 0;
	failed += op_try_truncate(v, f, 0) < 0;
	failed += try_write_pattern(v, f, 100, 10, 14) < 0;
	failed += op_try_remove(v, INO_ROOT, "f") < 0;
	return failed;
}

static void
after_each_failed_write_memory_and_disk_agree_and_others_go_on(void **state)
{
	static const int errors[] = { -ENOSPC, -EIO };
	int failed, nth = 0;

	(void)state;
	do {
		struct viewstore vs;
		struct fault fault = { FILE_WRITE, nth, errors[nth % 2], nth % 3 == 0, 0 };
		char *before, *after;

		viewstore_make(&vs, NULL);
		files_hook(store_files(vs.store), fail_event, &fault);
		failed = troubled_steps(vs.a);
		if (fault.sticky)
			assert_int_equal(op_try_remove(vs.b, INO_ROOT, "hard1"), 0);
		files_hook(store_files(vs.store), NULL, NULL);
		op_write_pattern(vs.b, op_find(vs.b, "data"), 3, 30000, 20);
		op_write_later(vs.a, op_find(vs.a, "dir/a"), 0, "on", 2);
		before = dump_view(vs.a, true);
		viewstore_reopen(&vs);
		after = dump_view(vs.a, true);
		dump_assert_equal(before, after);
		op_assert_pattern(vs.b, op_find(vs.b, "data"), 3, 0, 30000, 20);
		free(before);
		free(after);
		viewstore_remove(&vs);
		nth++;
	} while (failed);
	assert_true(nth > 10);
}

static void
a_full_disk_lets_files_with_waiting_bytes_be_removed_and_emptied(void **state)
{
	struct viewstore *vs = *state;
	struct fault full = { FILE_WRITE, 0, -ENOSPC, 1, 0 };
	uint32_t f = op_create(vs->a, INO_ROOT, "f"), g = op_create(vs->a, INO_ROOT, "g");
	uint32_t h = op_create(vs->a, INO_ROOT, "h");
	struct view_set empty = { .set_size = true };
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	op_write_later(vs->a, f, 0, "fff", 3);
	op_write_later(vs->a, g, 0, "ggg", 3);
	op_write_later(vs->a, h, 0, "hhh", 3);
	files_hook(store_files(vs->store), fail_event, &full);
	assert_int_equal(
	    op_try_write(vs->b, op_find(vs->b, "data"), 0, "x", 1, VIEW_FILE_SYNC), -ENOSPC);
	op_remove(vs->a, INO_ROOT, "f");
	op_truncate(vs->a, g, 0);
	op_write_later(vs->a, g, 0, "ggg", 3);
	op_must(view_create(vs->a, &op, INO_ROOT, STR("g"), VIEW_UNCHECKED, &empty, 0, &out, &wcc));
	op_rename(vs->a, INO_ROOT, "g", INO_ROOT, "h");
	files_hook(store_files(vs->store), NULL, NULL);
	viewstore_reopen(vs);
	assert_int_equal(op_find(vs->a, "h"), g);
	assert_int_equal(op_attr(vs->a, g).size, 0);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "f", NULL), -ENOENT);
}

struct fatal {
	int calls;
};

static void
note_fatal(void *arg, const char *why)
{
	struct fatal *f = arg;

	assert_non_null(why);
	f->calls++;
}

static void
a_failed_sync_is_final_and_what_was_not_durable_is_gone(void **state)
{
	struct viewstore *vs = *state;
	struct fault fault = { FILE_FSYNC, 0, -EIO, 0, 0 };
	struct fatal fatal = { 0 };
	struct view_op op = { 0 };
	struct view_set set = { 0 };
	struct view_attr out;
	struct view_wcc wcc;
	uint32_t kept = op_create(vs->a, INO_ROOT, "kept"), losses = store_losses(vs->store);
	char *before, *after;

	op_write_pattern(vs->a, kept, 0, 10000, 3);
	viewstore_flush(vs);
	before = dump_view(vs->a, true);
	store_on_fatal(vs->store, note_fatal, &fatal);
	files_hook(store_files(vs->store), fail_event, &fault);
	op_write_pattern(vs->a, kept, 4096, 10, 4);
	view_create(vs->a, &op, INO_ROOT, STR("lost"), VIEW_GUARDED, &set, 0, &out, &wcc);
	assert_int_equal(batch_flush(store_batch(vs->store)), -EIO);
	assert_true(store_losses(vs->store) != losses);
	assert_true(fatal.calls > 0);
	after = dump_view(vs->a, true); /* reading goes on */
	dump_assert_equal(before, after);
	free(after);
	assert_int_equal(
	    view_create(vs->a, &op, INO_ROOT, STR("x"), VIEW_GUARDED, &set, 0, &out, &wcc), -EIO);
	assert_int_equal(op_try_remove(vs->b, INO_ROOT, "data"), -EIO);
	store_on_fatal(vs->store, NULL, NULL);
	viewstore_reopen(vs);
	after = dump_view(vs->a, true);
	dump_assert_equal(before, after);
	op_create(vs->a, INO_ROOT, "lost");
	free(before);
	free(after);
}

static int
limit_pages(struct db *db, void *arg)
{
	return db_exec(db, arg ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1000000");
}

/* Creates files until a commit fails for lack of space. */
static uint32_t
fill_database(struct viewstore *vs)
{
	char name[256];
	int err = 0;
	uint32_t last = 0;

	for (int i = 0; i < 10000 && !err; i++) {
		struct view_set set = { 0 };
		struct view_op op = { 0 };
		struct view_attr out;
		struct view_wcc wcc;

		snprintf(name, sizeof(name), "%0200d", i);
		err = view_create(
		    vs->a, &op, INO_ROOT, str_of(name), VIEW_GUARDED, &set, 0, &out, &wcc);
		if (!err) {
			last = out.ino;
			err = batch_wait(store_batch(vs->store), op.ticket);
		}
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, name, NULL), -ENOENT);
	return last;
}

static void
a_commit_that_finds_no_space_is_forgotten_and_later_ones_succeed(void **state)
{
	struct viewstore *vs = *state;
	uint32_t losses = store_losses(vs->store), lost, ino;
	char *before, *after;

	op_write_later(vs->b, op_find(vs->b, "data"), 0, "lost", 4);
	op_must(store_write(vs->store, limit_pages, vs));
	lost = fill_database(vs);
	assert_true(store_losses(vs->store) != losses);
	op_assert_pattern(vs->b, op_find(vs->b, "data"), 0, 0, VIEWSTORE_DATA, 1);
	op_must(store_write(vs->store, limit_pages, NULL));
	ino = op_create(vs->a, INO_ROOT, "after");
	assert_true(ino > lost); /* somebody may have the lost one's handle */
	op_write_pattern(vs->b, op_find(vs->b, "data"), 10, 9000, 5);
	before = dump_view(vs->a, true);
	viewstore_reopen(vs);
	after = dump_view(vs->a, true);
	dump_assert_equal(before, after);
	op_assert_pattern(vs->b, op_find(vs->b, "data"), 10, 0, 9000, 5);
	free(before);
	free(after);
}

static void
a_number_that_a_crash_took_back_comes_with_another_generation(void **state)
{
	struct viewstore *vs = *state;
	struct view_op op = { .owes = true }; /* so it isn't committed yet */
	struct view_set set = { 0 };
	struct view_attr lost, now;
	struct view_wcc wcc;

	viewstore_flush(vs);
	op_must(view_create(vs->a, &op, INO_ROOT, STR("lost"), VIEW_GUARDED, &set, 0, &lost, &wcc));
	viewstore_crash_begin(vs);
	batch_reply(store_batch(vs->store), op.ticket, NULL, 0);
	viewstore_crash_end(vs);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "lost", NULL), -ENOENT);
	now = op_attr(vs->a, op_create(vs->a, INO_ROOT, "other"));
	assert_true(now.ino != lost.ino || now.gen != lost.gen);
}

/* --- many at once --- */

#define THREADS 8
#define ROUNDS  60

struct worker {
	struct viewstore *vs;
	struct view *view;
	uint32_t number, dir;
	int failed;
};

static void
work_once(struct worker *w, uint32_t round)
{
	uint32_t seed = w->number * 1000 + round, ino;
	struct op_list l;
	char name[16], other[16];

	snprintf(name, sizeof(name), "f%u", round);
	snprintf(other, sizeof(other), "g%u-%u", w->number, round);
	ino = op_create(w->view, w->dir, name);
	op_write_pattern(w->view, ino, 0, 9000, seed);
	op_write_later(w->view, ino, 9000, name, sizeof(name));
	op_assert_pattern(w->view, ino, 0, 0, 9000, seed);
	op_link(w->view, ino, INO_ROOT, other);
	op_rename(w->view, w->dir, name, w->dir, "last");
	op_write_later(w->view, op_find(w->view, "data"), w->number * 10000, &round, 4);
	if (round % 4 == 0)
		op_remove(w->view, INO_ROOT, other);
	if (round % 8 == 3)
		view_trim(w->view, 0);
	if (round % 8 == 5)
		op_commit(w->view, ino);
	if (round % 16 == 7)
		op_must(view_flush(w->view));
	l = op_list(w->view, w->dir, 5);
	assert_int_equal(l.n, 3);
	free(l.entries);
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (uint32_t round = 0; round < ROUNDS; round++)
		work_once(w, round);
	return NULL;
}

static void
many_threads_work_on_several_views_at_once(void **state)
{
	struct viewstore *vs = *state;
	struct worker w[THREADS];
	pthread_t threads[THREADS];
	char name[32], *before, *after;

	for (uint32_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ vs, i % 2 ? vs->a : vs->b, i, 0, 0 };
		snprintf(name, sizeof(name), "w%u", i);
		w[i].dir = op_mkdir(w[i].view, INO_ROOT, name);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &w[i]), 0);
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	before = dump_view(vs->a, true);
	viewstore_reopen(vs);
	after = dump_view(vs->a, true);
	dump_assert_equal(before, after);
	for (uint32_t i = 0; i < THREADS; i++) {
		struct view *v = i % 2 ? vs->a : vs->b;
		uint32_t last = ROUNDS - 1;

		for (uint32_t k = 0; k < ROUNDS; k++) {
			snprintf(name, sizeof(name), "g%u-%u", i, k);
			if (k % 4)
				op_assert_pattern(v, op_find(v, name), 0, 0, 9000, i * 1000 + k);
			else
				assert_int_equal(op_lookup(v, INO_ROOT, name, NULL), -ENOENT);
		}
		op_assert_bytes(v, op_find(v, "data"), i * 10000, &last, 4);
	}
	free(before);
	free(after);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(forgetting_what_is_clean_changes_nothing_visible),
		ON_STORE(closing_and_opening_changes_nothing_visible),
		ON_STORE(trimming_gives_memory_back),
		cmocka_unit_test(after_each_failed_write_memory_and_disk_agree_and_others_go_on),
		ON_STORE(a_full_disk_lets_files_with_waiting_bytes_be_removed_and_emptied),
		ON_STORE(a_failed_sync_is_final_and_what_was_not_durable_is_gone),
		ON_STORE(a_commit_that_finds_no_space_is_forgotten_and_later_ones_succeed),
		ON_STORE(a_number_that_a_crash_took_back_comes_with_another_generation),
		ON_STORE(many_threads_work_on_several_views_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Disks that fail or are full: what was refused didn't happen, and everybody else goes on. */
#include <errno.h>
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

	(void)off;
	(void)len;
	if (event != f->event || strncmp(name, "segments", 8) != 0)
		return 0;
	seen = __atomic_fetch_add(&f->seen, 1, __ATOMIC_SEQ_CST);
	return seen == f->nth || (f->sticky && seen > f->nth) ? f->err : 0;
}

/* The committer reads the hook, too: it is set while that has nothing to do. */
static void
set_fault(struct viewstore *vs, struct fault *fault)
{
	batch_flush(store_batch(vs->store));
	files_hook(store_files(vs->store), fault ? fail_event : NULL, fault);
}

static int
try_write_pattern(struct view *v, uint32_t ino, uint64_t off, uint32_t n, uint32_t seed)
{
	uint8_t p[40000];

	op_pattern(p, n, seed);
	return op_try_write(v, ino, off, p, n, seed % 2 ? VIEW_FILE_SYNC : VIEW_UNSTABLE);
}

/* What a step put is written before the next. */
static int
step(struct viewstore *vs, int err)
{
	int later = batch_flush(store_batch(vs->store));

	return err < 0 || later < 0;
}

/* Some changes, each of which may be stopped by a full disk. */
static int
troubled_steps(struct viewstore *vs)
{
	struct view *v = vs->a;
	struct view_set cut = { .set_size = true, .size = 33 };
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;
	uint32_t data = op_find(v, "data"), f = op_create(v, INO_ROOT, "f");
	int failed = 0;

	failed += step(vs, try_write_pattern(v, data, 1000, 20000, 2));
	failed += step(vs, try_write_pattern(v, data, 50, 100, 3));
	failed += step(vs, try_write_pattern(v, f, 7, 30000, 4));
	failed += step(vs, try_write_pattern(v, f, 60000, 100, 6));
	failed += step(vs, view_commit(v, &op, f, &wcc));
	failed += step(vs, try_write_pattern(v, f, 65000, 300, 8));
	failed += step(vs, op_try_truncate(v, f, 65100));
	failed += step(vs, op_try_truncate(v, data, 140001));
	failed += step(vs, try_write_pattern(v, data, 100, 10, 10));
	failed += step(vs, op_try_rename(v, INO_ROOT, "data", INO_ROOT, "hard2"));
	failed += step(vs, try_write_pattern(v, f, 100, 10, 12));
	failed +=
	    step(vs, view_create(v, &op, INO_ROOT, STR("f"), VIEW_UNCHECKED, &cut, 0, &out, &wcc));
	failed += step(vs, op_try_truncate(v, f, 0));
	failed += step(vs, try_write_pattern(v, f, 100, 10, 14));
	failed += step(vs, try_write_pattern(v, f, 32768, 39000, 16));
	failed += step(vs, try_write_pattern(v, f, 0, 39000, 17));
	failed += step(vs, op_try_remove(v, INO_ROOT, "f"));
	return failed;
}

static void
after_each_failed_write_memory_and_disk_agree_and_others_go_on(void **state)
{
	static const int errors[] = { -ENOSPC, -EIO };
	int nth = 0, failed, all = 0;
	bool hit;

	(void)state;
	do {
		struct viewstore vs;
		struct fault fault = { FILE_WRITE, nth, errors[nth % 2], nth % 3 == 0, 0 };
		char *before, *after;

		viewstore_make(&vs, NULL);
		set_fault(&vs, &fault);
		failed = troubled_steps(&vs);
		hit = fault.seen > nth;
		if (fault.sticky)
			assert_int_equal(op_try_remove(vs.b, INO_ROOT, "hard1"), 0);
		set_fault(&vs, NULL);
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
		assert_true(hit || !failed);
		all += failed;
		nth++;
	} while (hit);
	assert_true(nth > 10 && all > 10);
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
	set_fault(vs, &full);
	assert_int_equal(
	    op_try_write(vs->b, op_find(vs->b, "data"), 0, "x", 1, VIEW_FILE_SYNC), -ENOSPC);
	op_remove(vs->a, INO_ROOT, "f");
	op_truncate(vs->a, g, 0);
	op_write_later(vs->a, g, 0, "ggg", 3);
	op_must(view_create(vs->a, &op, INO_ROOT, STR("g"), VIEW_UNCHECKED, &empty, 0, &out, &wcc));
	op_rename(vs->a, INO_ROOT, "g", INO_ROOT, "h");
	set_fault(vs, NULL);
	viewstore_reopen(vs);
	assert_int_equal(op_find(vs->a, "h"), g);
	assert_int_equal(op_attr(vs->a, g).size, 0);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "f", NULL), -ENOENT);
}

static void
a_full_disk_lets_no_more_bytes_wait_than_there_may(void **state)
{
	struct viewstore *vs = *state;
	struct fault full = { FILE_WRITE, 0, -ENOSPC, 1, 0 };
	struct view_usage usage;
	uint32_t files[100];
	unsigned refused = 0;
	char name[16];

	for (uint32_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(name, sizeof(name), "f%u", i);
		files[i] = op_create(vs->a, INO_ROOT, name);
	}
	set_fault(vs, &full);
	for (uint32_t i = 0; i < 5000; i++)
		refused += op_try_write(vs->a, files[i % 100], (uint64_t)i * 8192 + 5, &i,
			       sizeof(i), VIEW_UNSTABLE) == -ENOSPC;
	view_usage(vs->a, &usage);
	assert_true(usage.memory < (12u << 20));
	assert_true(refused > 1000 && refused < 4500);
	set_fault(vs, NULL);
	viewstore_reopen(vs);
	for (uint32_t i = 0; i < 700; i += 61)
		op_assert_bytes(vs->a, files[i % 100], (uint64_t)i * 8192 + 5, &i, sizeof(i));
}

static void
a_commit_that_finds_its_bytes_gone_comes_after_the_loss_is_told(void **state)
{
	struct viewstore *vs = *state;
	struct batch *b = store_batch(vs->store);
	struct view_op owes = { .owes = true }, op = { 0 };
	uint32_t f = op_create(vs->a, INO_ROOT, "f"), losses = store_losses(vs->store);
	struct view_set none = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	viewstore_flush(vs);
	op_write_later(vs->a, f, 0, "lost", 4);
	/* The batch can't be decided before it is paid. */
	op_must(view_mkdir(vs->b, &owes, INO_ROOT, STR("m"), &none, &out, &wcc));
	batch_fail(b, -ENOMEM);
	assert_int_equal(op_try_remove(vs->a, INO_ROOT, "hard1"), -ENOMEM);
	op_must(view_commit(vs->a, &op, f, &wcc));
	assert_int_equal(op_attr(vs->a, f).size, 0);
	assert_int_not_equal(store_losses(vs->store), losses);
	batch_reply(b, owes.ticket, NULL, 0);
	assert_int_equal(batch_wait(b, owes.ticket), -ENOMEM);
}

static void
what_a_closed_view_could_not_write_is_counted_as_lost(void **state)
{
	struct viewstore *vs = *state;
	struct fault full = { FILE_WRITE, 0, -ENOSPC, 1, 0 };
	uint32_t f = op_create(vs->a, INO_ROOT, "f"), losses = store_losses(vs->store);
	struct client client;

	op_write_later(vs->a, f, 0, "later", 5);
	op_must(client_find(vs->store, "a", &client));
	set_fault(vs, &full);
	view_close(vs->a);
	set_fault(vs, NULL);
	op_must(view_open(vs->store, &client, &vs->a));
	assert_int_equal(op_attr(vs->a, f).size, 0);
	assert_int_not_equal(store_losses(vs->store), losses);
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
	set_fault(vs, &fault);
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

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_each_failed_write_memory_and_disk_agree_and_others_go_on),
		ON_STORE(a_full_disk_lets_files_with_waiting_bytes_be_removed_and_emptied),
		ON_STORE(a_full_disk_lets_no_more_bytes_wait_than_there_may),
		ON_STORE(a_commit_that_finds_its_bytes_gone_comes_after_the_loss_is_told),
		ON_STORE(what_a_closed_view_could_not_write_is_counted_as_lost),
		ON_STORE(a_failed_sync_is_final_and_what_was_not_durable_is_gone),
		ON_STORE(a_commit_that_finds_no_space_is_forgotten_and_later_ones_succeed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

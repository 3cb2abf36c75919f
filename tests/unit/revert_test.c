/* Reset, rollback, undo, update: what goes, what stays, and what can be taken back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/keep.h"
#include "cow/revert.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static void
reopen(struct viewstore *vs)
{
	struct client c;

	op_must(client_find(vs->store, "a", &c));
	op_must(view_open(vs->store, &c, &vs->a));
}

static int
try_revert(struct viewstore *vs, const struct revert *r)
{
	int err;

	view_close(vs->a);
	vs->a = NULL;
	err = revert_run(vs->store, r, 1);
	reopen(vs);
	return err;
}

static void
reset_keeping(struct viewstore *vs, const char *keep)
{
	struct revert r = { .client = "a", .kind = SNAPSHOT_RESET, .keep = &keep, .nkeep = !!keep };

	op_must(try_revert(vs, &r));
}

static void
reset(struct viewstore *vs)
{
	reset_keeping(vs, NULL);
}

static void
undo(struct viewstore *vs)
{
	struct revert r = { .client = "a", .kind = SNAPSHOT_UNDO };

	op_must(try_revert(vs, &r));
}

static void
cut(struct viewstore *vs, const char *name)
{
	struct snapshot_of of = { "a", vs->a };

	op_must(snapshot_create(vs->store, &of, 1, name, NULL));
}

static uint32_t
incarnation(struct viewstore *vs)
{
	return view_incarnation(vs->a);
}

static bool
there(struct viewstore *vs, const char *name)
{
	return op_lookup(vs->a, INO_ROOT, name, NULL) == 0;
}

static void
a_reset_gives_the_golden_tree_and_an_undo_takes_it_back(void **state)
{
	struct viewstore *vs = *state;
	uint32_t before = incarnation(vs);

	op_create(vs->a, INO_ROOT, "mine");
	op_remove(vs->a, INO_ROOT, "link");
	reset(vs);
	assert_false(there(vs, "mine"));
	assert_true(there(vs, "link"));
	assert_true(incarnation(vs) > before);
	op_create(vs->a, INO_ROOT, "later");
	before = incarnation(vs);
	undo(vs);
	assert_true(there(vs, "mine"));
	assert_false(there(vs, "link"));
	assert_false(there(vs, "later"));
	assert_true(incarnation(vs) > before);
}

static void
undos_go_back_one_by_one_and_end(void **state)
{
	struct viewstore *vs = *state;
	struct revert r = { .client = "a", .kind = SNAPSHOT_UNDO };

	assert_int_equal(try_revert(vs, &r), -ENOENT);
	assert_non_null(strstr(err_text(-ENOENT), "nothing to undo for client a"));
	op_create(vs->a, INO_ROOT, "one");
	reset(vs);
	op_create(vs->a, INO_ROOT, "two");
	reset(vs);
	op_create(vs->a, INO_ROOT, "three");
	undo(vs);
	assert_true(there(vs, "two"));
	undo(vs);
	assert_true(there(vs, "one"));
	assert_false(there(vs, "two"));
	assert_int_equal(try_revert(vs, &r), -ENOENT);
	assert_true(there(vs, "one"));
}

static int
find_kind(void *arg, const struct snapshot *s)
{
	struct snapshot *out = arg;

	if (s->kind == out->kind)
		*out = *s;
	return 0;
}

static void
what_an_undo_replaced_can_be_rolled_back_to(void **state)
{
	struct viewstore *vs = *state;
	struct snapshot s = { .kind = SNAPSHOT_UNDO };
	struct revert r = { .client = "a", .kind = SNAPSHOT_ROLLBACK, .snapshot = s.name };

	reset(vs);
	op_create(vs->a, INO_ROOT, "later");
	undo(vs);
	op_must(snapshot_each(vs->store, "a", find_kind, &s));
	op_must(try_revert(vs, &r));
	assert_true(there(vs, "later"));
}

static void
a_rollback_goes_to_its_snapshot_and_again(void **state)
{
	struct viewstore *vs = *state;
	struct revert r = { .client = "a", .kind = SNAPSHOT_ROLLBACK, .snapshot = "one" };
	struct revert none = { .client = "a", .kind = SNAPSHOT_ROLLBACK, .snapshot = "two" };

	op_write_pattern(vs->a, op_create(vs->a, INO_ROOT, "f"), 0, 100000, 4);
	cut(vs, "one");
	for (int i = 0; i < 2; i++) {
		uint32_t ino = op_find(vs->a, "f");

		op_assert_pattern(vs->a, ino, 0, 0, 100000, 4);
		op_write_pattern(vs->a, ino, 50000, 1000, 5);
		op_create(vs->a, INO_ROOT, "g");
		op_must(try_revert(vs, &r));
		assert_false(there(vs, "g"));
	}
	assert_int_equal(try_revert(vs, &none), -ENOENT);
	assert_non_null(strstr(err_text(-ENOENT), "client a has no snapshot two"));
	viewstore_reopen(vs);
	op_assert_pattern(vs->a, op_find(vs->a, "f"), 0, 0, 100000, 4);
}

/* Owners, modes, times, links, holes: all that a pupil has in his folder. */
static void
kept_folders_come_over_whole(void **state)
{
	struct viewstore *vs = *state;
	uint32_t home = op_find(vs->a, "home"), f = op_create(vs->a, home, "f"), d, sparse;
	struct view_set owner = { .set_uid = true, .uid = 1000, .set_mode = true, .mode = 0640 };
	struct view_op op = { 0 };
	struct view_attr was, is;
	struct view_wcc wcc;

	op_write_pattern(vs->a, f, 0, 200000, 7);
	op_must(view_setattr(vs->a, &op, f, &owner, &wcc));
	d = op_mkdir(vs->a, home, "d");
	op_link(vs->a, f, d, "g");
	op_symlink(vs->a, d, "s", "../f");
	sparse = op_create(vs->a, d, "sparse");
	op_write_pattern(vs->a, sparse, (uint64_t)5 << 30, 10, 3);
	op_remove(vs->a, home, "readonly");
	op_create(vs->a, INO_ROOT, "goes");
	was = op_attr(vs->a, f);
	reset_keeping(vs, "/home/");
	assert_false(there(vs, "goes"));
	home = op_find(vs->a, "home");
	f = op_find(vs->a, "home/f");
	is = op_attr(vs->a, f);
	assert_int_equal(is.mode, was.mode);
	assert_int_equal(is.uid, 1000);
	assert_int_equal(is.nlink, 2);
	assert_int_equal(is.mtime.tv_sec, was.mtime.tv_sec);
	assert_int_equal(is.mtime.tv_nsec, was.mtime.tv_nsec);
	assert_int_equal(op_find(vs->a, "home/d/g"), f);
	op_assert_pattern(vs->a, f, 0, 0, 200000, 7);
	sparse = op_find(vs->a, "home/d/sparse");
	op_assert_zeros(vs->a, sparse, 1 << 20, 100);
	op_assert_pattern(vs->a, sparse, (uint64_t)5 << 30, 0, 10, 3);
	assert_int_equal(op_lookup(vs->a, home, "readonly", NULL), -ENOENT);
	assert_true(S_ISLNK(op_attr(vs->a, op_find(vs->a, "home/d/s")).mode));
	op_find(vs->a, "home/own");
	viewstore_reopen(vs);
	op_assert_pattern(vs->a, op_find(vs->a, "home/d/g"), 0, 0, 200000, 7);
}

static void
what_always_is_kept_is_kept(void **state)
{
	struct viewstore *vs = *state;
	struct keeps *k = calloc(1, sizeof(*k));
	struct revert r = { .client = "a", .kind = SNAPSHOT_UNDO };

	op_must(keep_add(k, "/home"));
	op_must(keep_set(vs->store, "a", k));
	op_create(vs->a, op_find(vs->a, "home"), "work");
	op_create(vs->a, INO_ROOT, "goes");
	reset(vs);
	op_find(vs->a, "home/work");
	op_create(vs->a, op_find(vs->a, "home"), "more");
	op_must(try_revert(vs, &r));
	op_find(vs->a, "home/more");
	assert_true(there(vs, "goes"));
	free(k);
}

static void
odd_folders_to_keep_are_refused(void **state)
{
	static const char *const bad[] = { "home", "/", "/a/../b", "" };
	struct viewstore *vs = *state;
	struct revert r = { .client = "a", .kind = SNAPSHOT_RESET, .nkeep = 1 };
	const char *keep;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		r.keep = &bad[i];
		assert_int_equal(try_revert(vs, &r), -EINVAL);
	}
	keep = "/link";
	r.keep = &keep;
	op_create(vs->a, INO_ROOT, "stays");
	assert_int_equal(try_revert(vs, &r), -ENOTDIR);
	assert_true(there(vs, "stays"));
	keep = "/nowhere/at/all";
	op_must(try_revert(vs, &r));
	assert_false(there(vs, "stays"));
}

static void
a_class_is_reset_together_or_not_at_all(void **state)
{
	struct viewstore *vs = *state;
	struct revert both[] = { { .client = "a", .kind = SNAPSHOT_RESET },
		{ .client = "x", .kind = SNAPSHOT_RESET } };

	op_create(vs->a, INO_ROOT, "mine");
	op_create(vs->b, INO_ROOT, "mine");
	view_close(vs->a);
	view_close(vs->b);
	assert_int_equal(revert_run(vs->store, both, 2), -ENOENT);
	both[1].client = "a";
	assert_int_equal(revert_run(vs->store, both, 2), -EINVAL);
	vs->a = vs->b = NULL;
	viewstore_reopen(vs);
	assert_true(there(vs, "mine"));
	view_close(vs->a);
	view_close(vs->b);
	both[1].client = "b";
	op_must(revert_run(vs->store, both, 2));
	vs->a = vs->b = NULL;
	viewstore_reopen(vs);
	assert_false(there(vs, "mine"));
	assert_int_equal(op_lookup(vs->b, INO_ROOT, "mine", NULL), -ENOENT);
}

static void
what_waits_is_done_once(void **state)
{
	struct viewstore *vs = *state;
	struct revert r = { .client = "a", .kind = SNAPSHOT_RESET };
	struct revert_pending p;

	op_create(vs->a, INO_ROOT, "mine");
	assert_int_equal(revert_cancel(vs->store, "a"), -ENOENT);
	op_must(revert_pend(vs->store, &r, 1));
	assert_true(there(vs, "mine"));
	assert_int_equal(revert_pending(vs->store, "a", &p), 1);
	assert_int_equal(p.kind, SNAPSHOT_RESET);
	free(p.keep);
	viewstore_reopen(vs);
	view_close(vs->a);
	op_must(revert_run_pending(vs->store, "a"));
	reopen(vs);
	assert_false(there(vs, "mine"));
	assert_int_equal(revert_pending(vs->store, "a", &p), 0);
	op_create(vs->a, INO_ROOT, "mine");
	view_close(vs->a);
	op_must(revert_run_pending(vs->store, "a"));
	reopen(vs);
	assert_true(there(vs, "mine"));
}

static void
what_waits_for_a_snapshot_that_went_is_dropped(void **state)
{
	struct viewstore *vs = *state;
	struct revert r = { .client = "a", .kind = SNAPSHOT_ROLLBACK, .snapshot = "one" };
	struct revert_pending p;

	cut(vs, "one");
	op_must(revert_pend(vs->store, &r, 1));
	op_must(snapshot_remove(vs->store, "a", "one"));
	view_close(vs->a);
	assert_int_equal(revert_run_pending(vs->store, "a"), -ENOENT);
	assert_int_equal(revert_pending(vs->store, "a", &p), 0);
	reopen(vs);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_reset_gives_the_golden_tree_and_an_undo_takes_it_back),
		TEST(undos_go_back_one_by_one_and_end),
		TEST(what_an_undo_replaced_can_be_rolled_back_to),
		TEST(a_rollback_goes_to_its_snapshot_and_again),
		TEST(kept_folders_come_over_whole),
		TEST(what_always_is_kept_is_kept),
		TEST(odd_folders_to_keep_are_refused),
		TEST(a_class_is_reset_together_or_not_at_all),
		TEST(what_waits_is_done_once),
		TEST(what_waits_for_a_snapshot_that_went_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

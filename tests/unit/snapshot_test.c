/* Snapshots: a cut between two operations, what is kept, and under which name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/snapshot.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static void
cut(struct viewstore *vs, const char *name)
{
	struct snapshot_of of = { "a", vs->a };

	op_must(snapshot_create(vs->store, &of, 1, name, NULL));
}

static struct view *
open_snapshot(struct viewstore *vs, const char *name)
{
	struct snapshot s;
	struct view *view;

	op_must(snapshot_find(vs->store, "a", name, &s));
	op_must(view_open_layer(vs->store, &s.image_id, s.layer, false, &view));
	return view;
}

static void
a_snapshot_keeps_what_was_there(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), ino = op_create(vs->a, dir, "new");
	struct view *old;

	op_write(vs->a, ino, 0, "first", 5);
	cut(vs, "one");
	op_write(vs->a, ino, 0, "later", 5);
	op_remove(vs->a, dir, "a");
	op_create(vs->a, dir, "newer");
	old = open_snapshot(vs, "one");
	op_assert_bytes(old, op_find(old, "dir/new"), 0, "first", 5);
	op_assert_bytes(old, op_find(old, "dir/a"), 0, "a\n", 2);
	assert_int_equal(op_lookup(old, dir, "newer", NULL), -ENOENT);
	op_assert_bytes(vs->a, op_find(vs->a, "dir/new"), 0, "later", 5);
	assert_int_equal(op_lookup(vs->a, dir, "a", NULL), -ENOENT);
	view_close(old);
	viewstore_reopen(vs);
	op_assert_bytes(vs->a, op_find(vs->a, "dir/new"), 0, "later", 5);
	assert_int_equal(op_lookup(vs->a, dir, "a", NULL), -ENOENT);
}

static void
what_no_commit_asked_for_is_in(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, op_find(vs->a, "dir"), "new");
	struct view *old;

	op_write_later(vs->a, ino, 0, "waits", 5);
	cut(vs, "one");
	old = open_snapshot(vs, "one");
	op_assert_bytes(old, op_find(old, "dir/new"), 0, "waits", 5);
	view_close(old);
}

static void
handles_and_cookies_stay(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), ino = op_create(vs->a, dir, "new");
	struct op_list before, after;
	struct view_attr was, is;

	op_write_pattern(vs->a, ino, 0, 300000, 3);
	was = op_attr(vs->a, ino);
	before = op_list(vs->a, dir, 100);
	cut(vs, "one");
	is = op_attr(vs->a, ino);
	op_assert_same(&was, &is, true);
	after = op_list(vs->a, dir, 1);
	assert_int_equal(before.n, after.n);
	for (uint32_t i = 0; i < after.n; i++)
		assert_int_equal(before.entries[i].cookie, after.entries[i].cookie);
	op_assert_pattern(vs->a, ino, 0, 0, 300000, 3);
	free(before.entries);
	free(after.entries);
}

/* Truncations, holes and removals over a cut: what is beneath must not shine through. */
static void
what_was_cut_off_stays_cut_off(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data"), hard = op_find(vs->a, "hard1");

	op_truncate(vs->a, ino, 5000);
	cut(vs, "one");
	op_truncate(vs->a, ino, VIEWSTORE_DATA);
	op_assert_pattern(vs->a, ino, 0, 0, 5000, 1);
	op_assert_zeros(vs->a, ino, 5000, VIEWSTORE_DATA - 5000);
	op_remove(vs->a, INO_ROOT, "hard1");
	cut(vs, "two");
	op_remove(vs->a, INO_ROOT, "hard2");
	cut(vs, "three");
	viewstore_reopen(vs);
	op_assert_zeros(vs->a, ino, 5000, VIEWSTORE_DATA - 5000);
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "hard2", NULL), -ENOENT);
	assert_int_equal(view_getattr(vs->a, hard, &(struct view_attr){ 0 }), -ESTALE);
	op_assert_pattern(vs->b, ino, 0, 0, VIEWSTORE_DATA, 1);
}

static void
one_commit_cuts_all_or_none(void **state)
{
	struct viewstore *vs = *state;
	struct snapshot_of both[] = { { "a", vs->a }, { "b", vs->b } };
	struct snapshot s;

	cut(vs, "one");
	assert_int_equal(snapshot_create(vs->store, both, 2, "one", NULL), -EEXIST);
	assert_non_null(strstr(err_text(-EEXIST), "client a has a snapshot one already"));
	assert_int_equal(snapshot_find(vs->store, "b", "one", &s), -ENOENT);
	op_must(snapshot_create(vs->store, both, 2, "two", "before the exam"));
	op_must(snapshot_find(vs->store, "b", "two", &s));
	assert_string_equal(s.note, "before the exam");
	assert_string_equal(s.image, "golden");
	op_create(vs->a, INO_ROOT, "goes-on");
	op_create(vs->b, INO_ROOT, "goes-on");
}

static void
a_client_that_is_not_open_is_cut_too(void **state)
{
	struct viewstore *vs = *state;
	struct snapshot_of of = { "b", NULL };
	struct view *b = vs->b;

	op_create(b, INO_ROOT, "mine");
	view_close(b);
	op_must(snapshot_create(vs->store, &of, 1, "one", NULL));
	vs->b = NULL;
	viewstore_reopen(vs);
	op_find(vs->b, "mine");
}

static void
bad_names_are_refused(void **state)
{
	struct viewstore *vs = *state;
	struct snapshot_of of = { "a", vs->a }, nobody = { "x", NULL };
	char longer[SNAPSHOT_NOTE_MAX + 2];

	memset(longer, 'n', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(snapshot_create(vs->store, &of, 1, "a/b", NULL), -EINVAL);
	assert_int_equal(snapshot_create(vs->store, &of, 1, "", NULL), -EINVAL);
	assert_int_equal(snapshot_create(vs->store, &of, 1, "x", "two\nlines"), -EINVAL);
	assert_int_equal(snapshot_create(vs->store, &of, 1, "x", longer), -EINVAL);
	assert_int_equal(snapshot_create(vs->store, &nobody, 1, "x", NULL), -ENOENT);
	assert_int_equal(snapshot_remove(vs->store, "a", "x"), -ENOENT);
}

static int
count(void *arg, const struct snapshot *s)
{
	(void)s;
	++*(int *)arg;
	return 0;
}

static void
automatic_ones_go_by_number_and_age(void **state)
{
	struct viewstore *vs = *state;
	int n = 0;

	cut(vs, "kept");
	for (int i = 0; i < 5; i++)
		cut(vs, NULL);
	viewstore_exec(vs, "UPDATE snapshot SET kind = 1 WHERE name != 'kept'");
	assert_int_equal(snapshot_expire(vs->store, 1000, 5), 0);
	assert_int_equal(snapshot_expire(vs->store, 1000, 3), 2);
	op_must(snapshot_each(vs->store, "a", count, &n));
	assert_int_equal(n, 4);
	viewstore_exec(vs, "UPDATE snapshot SET created = created - 2000");
	assert_int_equal(snapshot_expire(vs->store, 1000, 3), 3);
	n = 0;
	op_must(snapshot_each(vs->store, NULL, count, &n));
	assert_int_equal(n, 1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_snapshot_keeps_what_was_there),
		TEST(what_no_commit_asked_for_is_in),
		TEST(handles_and_cookies_stay),
		TEST(what_was_cut_off_stays_cut_off),
		TEST(one_commit_cuts_all_or_none),
		TEST(a_client_that_is_not_open_is_cut_too),
		TEST(bad_names_are_refused),
		TEST(automatic_ones_go_by_number_and_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

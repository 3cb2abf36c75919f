/* Who may change a client's head, over several processes' worth of stores; and a frozen look. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/gc.h"
#include "cow/lease.h"
#include "cow/revert.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

/* Another program on the same store. */
static struct store *
beside(struct viewstore *vs, enum store_mode mode)
{
	struct store_options o = { .mode = mode };
	struct store *s;

	op_must(store_open(tmpdir_path(&vs->dir, "store"), &o, &s));
	return s;
}

static int
try_open(struct store *s, const char *name, struct view **out)
{
	struct client c;

	op_must(client_find(s, name, &c));
	return view_open(s, &c, out);
}

static void
close_a(struct viewstore *vs)
{
	view_close(vs->a);
	vs->a = NULL;
}

static void
a_served_client_is_nobody_elses(void **state)
{
	struct viewstore *vs = *state;
	struct store *other = beside(vs, STORE_CHANGE);
	struct view *v;

	assert_int_equal(try_open(other, "a", &v), -EBUSY);
	assert_non_null(strstr(err_text(-EBUSY), "client a is in use by lease_test, process "));
	close_a(vs);
	op_must(try_open(other, "a", &v));
	assert_int_equal(try_open(vs->store, "a", &vs->a), -EBUSY);
	view_close(v);
	store_close(other);
	op_must(try_open(vs->store, "a", &vs->a));
}

static void
one_process_has_it_as_often_as_it_likes(void **state)
{
	struct viewstore *vs = *state;
	struct store *other = beside(vs, STORE_CHANGE);
	struct lease *one, *two;
	struct client c;
	struct view *v;

	op_must(client_find(vs->store, "a", &c));
	close_a(vs);
	op_must(lease_get(vs->store, &c, &one));
	op_must(lease_get(vs->store, &c, &two));
	lease_release(one);
	assert_int_equal(try_open(other, "a", &v), -EBUSY);
	lease_release(two);
	op_must(try_open(other, "a", &v));
	view_close(v);
	store_close(other);
}

static void
both_write_at_once_and_nothing_is_lost(void **state)
{
	struct viewstore *vs = *state;
	struct store *other = beside(vs, STORE_CHANGE);
	uint32_t mine[20], theirs[20];
	char name[16];
	struct view *v;

	close_a(vs);
	op_must(try_open(other, "a", &v));
	for (uint32_t i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		theirs[i] = op_create(v, INO_ROOT, name);
		mine[i] = op_create(vs->b, INO_ROOT, name);
		op_write_pattern(v, theirs[i], 0, 30000, 100 + i);
		op_write_pattern(vs->b, mine[i], 0, 30000, i % 2 ? 100 + i : 200 + i);
		if (i % 3 == 0)
			op_must(view_flush(v));
	}
	view_close(v);
	store_close(other);
	viewstore_reopen(vs);
	for (uint32_t i = 0; i < 20; i++) {
		op_assert_pattern(vs->a, theirs[i], 0, 0, 30000, 100 + i);
		op_assert_pattern(vs->b, mine[i], 0, 0, 30000, i % 2 ? 100 + i : 200 + i);
	}
}

static void
a_lease_ends_with_its_process(void **state)
{
	struct viewstore *vs = *state;
	struct view *v;
	int pipes[2], status;
	char c;
	pid_t pid;

	close_a(vs);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *other = beside(vs, STORE_CHANGE);

		if (try_open(other, "a", &v) == 0 && write(pipes[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	assert_int_equal(try_open(vs->store, "a", &v), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	op_must(try_open(vs->store, "a", &vs->a));
	close(pipes[0]);
	close(pipes[1]);
}

static void
a_head_that_another_writes_is_not_replaced(void **state)
{
	struct viewstore *vs = *state;
	struct store *other = beside(vs, STORE_CHANGE);
	struct snapshot_of both[] = { { "b", vs->b }, { "a", NULL } };
	struct revert reset = { .client = "a", .kind = SNAPSHOT_RESET };
	struct view *v;

	close_a(vs);
	op_must(try_open(other, "a", &v));
	assert_int_equal(snapshot_create(vs->store, both, 2, "s", NULL), -EBUSY);
	assert_int_equal(revert_run(vs->store, &reset, 1), -EBUSY);
	assert_int_equal(client_remove(vs->store, "a"), -EBUSY);
	op_create(v, INO_ROOT, "mine");
	view_close(v);
	store_close(other);
	op_must(snapshot_create(vs->store, both, 2, "s", NULL));
	op_must(revert_run(vs->store, &reset, 1));
	op_must(try_open(vs->store, "a", &vs->a));
	assert_int_equal(op_lookup(vs->a, INO_ROOT, "mine", NULL), -ENOENT);
}

static void
a_removed_client_leaves_no_file(void **state)
{
	struct viewstore *vs = *state;
	char path[512], hex[ID_HEX_SIZE];
	struct client c;

	op_must(client_find(vs->store, "a", &c));
	id_hex(&c.id, hex);
	snprintf(path, sizeof(path), "store/leases/%s", hex);
	assert_int_equal(access(tmpdir_path(&vs->dir, path), F_OK), 0);
	close_a(vs);
	op_must(client_remove(vs->store, "a"));
	assert_int_equal(access(tmpdir_path(&vs->dir, path), F_OK), -1);
	op_must(client_add(vs->store, &(struct client_options){ .name = "a", .image = "golden" }));
	op_must(try_open(vs->store, "a", &vs->a));
}

/* --- frozen --- */

static struct view *
freeze(struct store *s, const char *name)
{
	struct client c;
	struct view *v;

	op_must(client_find(s, name, &c));
	op_must(store_freeze(s, c.head));
	op_must(view_open_layer(s, &c.image_id, c.head, false, &v));
	return v;
}

static void
a_frozen_view_stays_as_it_was(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir"), ino = op_create(vs->a, dir, "new"), data;
	struct view_op op = { 0 };
	struct store *look;
	struct view *v;

	data = op_find(vs->a, "data");
	op_write_pattern(vs->a, ino, 0, 200000, 3);
	op_write_pattern(vs->a, data, 100000, 5000, 4);
	viewstore_push(vs, "a");
	op_remove(vs->a, dir, "b");
	op_must(view_setxattr(vs->a, &op, ino, STR("user.x"), STR("1"), VIEW_XATTR_ANY));
	viewstore_flush(vs);
	look = beside(vs, STORE_LOOK);
	v = freeze(look, "a");
	op_remove(vs->a, dir, "new");
	op_remove(vs->a, dir, "a");
	op_create(vs->a, dir, "newer");
	op_truncate(vs->a, data, 0);
	viewstore_flush(vs);
	close_a(vs);
	op_must(client_remove(vs->store, "a"));
	assert_int_equal(op_lookup(v, dir, "new", NULL), 0);
	assert_int_equal(op_lookup(v, dir, "a", NULL), 0);
	assert_int_equal(op_lookup(v, dir, "b", NULL), -ENOENT);
	assert_int_equal(op_lookup(v, dir, "newer", NULL), -ENOENT);
	op_assert_pattern(v, ino, 0, 0, 200000, 3);
	op_assert_pattern(v, data, 0, 0, 100000, 1);
	op_assert_pattern(v, data, 100000, 0, 5000, 4);
	assert_int_equal(view_getxattr(v, &op, ino, STR("user.x"), NULL, 0), 1);
	assert_int_equal(op_try_remove(v, dir, "a"), -EROFS);
	view_close(v);
	store_close(look);
	op_must(client_add(vs->store, &(struct client_options){ .name = "a", .image = "golden" }));
	op_must(try_open(vs->store, "a", &vs->a));
}

static void
a_frozen_look_is_the_lookers_alone(void **state)
{
	struct viewstore *vs = *state;
	struct store *look = beside(vs, STORE_LOOK), *change = beside(vs, STORE_CHANGE);
	struct view *v = freeze(look, "a");
	struct client c;

	op_must(client_find(change, "a", &c));
	assert_int_equal(store_freeze(change, c.head), -EINVAL);
	op_create(vs->a, INO_ROOT, "later");
	viewstore_flush(vs);
	assert_int_equal(op_lookup(v, INO_ROOT, "later", NULL), -ENOENT);
	assert_int_equal(
	    viewstore_count(vs, "SELECT count(*) FROM dirent WHERE name = x'6c61746572'"), 1);
	view_close(v);
	store_close(look);
	store_close(change);
}

/* --- collecting --- */

static int
collect(struct viewstore *vs)
{
	struct gc_options o = { 0 };
	struct gc_result r;

	return gc_run(vs->store, &o, &r);
}

static void
a_collection_waits_for_those_who_use_blocks_without_rows(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "big");
	struct store *other = beside(vs, STORE_CHANGE), *look;
	struct view *v;

	op_write_pattern(vs->a, ino, 0, 100000, 11);
	viewstore_flush(vs);
	assert_int_equal(collect(vs), -EBUSY);
	store_close(other);
	op_must(collect(vs));
	look = beside(vs, STORE_LOOK);
	op_must(collect(vs)); /* who looks at listings has no blocks */
	v = freeze(look, "a");
	op_remove(vs->a, INO_ROOT, "big");
	viewstore_flush(vs);
	assert_int_equal(collect(vs), -EBUSY);
	op_assert_pattern(v, ino, 0, 0, 100000, 11);
	view_close(v);
	store_close(look);
	op_must(collect(vs));
}

struct meanwhile {
	struct viewstore *vs;
	int change, freeze;
};

static int
try_meanwhile(void *arg, const char *what, uint64_t done, uint64_t of)
{
	struct meanwhile *m = arg;
	struct store_options o = { .mode = STORE_CHANGE };
	struct store *look = beside(m->vs, STORE_LOOK), *other;
	struct client c;

	(void)what;
	(void)done;
	(void)of;
	op_must(client_find(look, "a", &c));
	m->freeze = store_freeze(look, c.head);
	m->change = store_open(tmpdir_path(&m->vs->dir, "store"), &o, &other);
	store_close(look);
	return 0;
}

static void
while_it_runs_nobody_begins_to_use_such_blocks(void **state)
{
	struct viewstore *vs = *state;
	struct meanwhile m = { vs, 0, 0 };
	struct gc_options o = { .progress = try_meanwhile, .arg = &m };
	struct gc_result r;

	op_must(gc_run(vs->store, &o, &r));
	assert_int_equal(m.change, -EBUSY);
	assert_int_equal(m.freeze, -EBUSY);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_served_client_is_nobody_elses),
		TEST(one_process_has_it_as_often_as_it_likes),
		TEST(both_write_at_once_and_nothing_is_lost),
		TEST(a_lease_ends_with_its_process),
		TEST(a_head_that_another_writes_is_not_replaced),
		TEST(a_removed_client_leaves_no_file),
		TEST(a_frozen_view_stays_as_it_was),
		TEST(a_frozen_look_is_the_lookers_alone),
		TEST(a_collection_waits_for_those_who_use_blocks_without_rows),
		TEST(while_it_runs_nobody_begins_to_use_such_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

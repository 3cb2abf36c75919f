/* Memory against disk: whatever is forgotten, or closed, what a client sees is one thing. */
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

enum verb { WRITE, PATTERN, CREATE, TRUNCATE, RENAME, MKDIR, LINK, REMOVE, RMDIR, SYMLINK, CHMOD };

static const struct step {
	enum verb verb;
	const char *path, *other; /* bytes, or a second path */
	uint32_t n;               /* offset, size or mode */
} steps[] = {
	{ WRITE, "data", "hello", 5000 },
	{ PATTERN, "data", NULL, 130000 },
	{ CREATE, "dir/new" },
	{ WRITE, "dir/new", "later", 100 },
	{ TRUNCATE, "data", NULL, 131000 },
	{ RENAME, "dir/a", "dir/b" },
	{ MKDIR, "made" },
	{ LINK, "hard1", "made/hard3" },
	{ REMOVE, "hard1" },
	{ SYMLINK, "made/s", "where" },
	{ TRUNCATE, "data", NULL, 400000 },
	{ WRITE, "data", "end", 399000 },
	{ REMOVE, "dir/c" },
	{ CREATE, "dir/c" },
	{ CHMOD, "data", NULL, 0611 },
	{ WRITE, "dir/c", "c again", 0 },
	{ RENAME, "dir/new", "made/moved" },
	{ WRITE, "made/moved", "crossing", 4090 },
	{ RENAME, "dir", "empty/dir" },
	{ REMOVE, "empty/dir/sub/deep" },
	{ RMDIR, "empty/dir/sub" },
	{ RENAME, "made/hard3", "data" },
	{ REMOVE, "empty/dir/b" },
	{ TRUNCATE, "made/moved", NULL, 4093 },
	{ TRUNCATE, "made/moved", NULL, 9000 },
};

/* The folder of a path, and the name in it. */
static uint32_t
parent_of(struct view *v, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[256];

	*name = slash ? slash + 1 : path;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	return op_find(v, dir);
}

static void
change_names(struct view *v, const struct step *s)
{
	const char *name, *other = NULL;
	uint32_t dir = parent_of(v, s->path, &name);
	uint32_t to = s->verb == RENAME || s->verb == LINK ? parent_of(v, s->other, &other) : 0;

	if (s->verb == CREATE)
		op_create(v, dir, name);
	else if (s->verb == MKDIR)
		op_mkdir(v, dir, name);
	else if (s->verb == SYMLINK)
		op_symlink(v, dir, name, s->other);
	else if (s->verb == REMOVE)
		op_remove(v, dir, name);
	else if (s->verb == RMDIR)
		op_rmdir(v, dir, name);
	else if (s->verb == RENAME)
		op_rename(v, dir, name, to, other);
	else
		op_link(v, op_find(v, s->path), to, other);
}

static void
take_step(struct view *v, const struct step *s)
{
	if (s->verb == WRITE)
		op_write_later(v, op_find(v, s->path), s->n, s->other, (uint32_t)strlen(s->other));
	else if (s->verb == PATTERN)
		op_write_pattern(v, op_find(v, s->path), s->n, 9000, 77);
	else if (s->verb == TRUNCATE)
		op_truncate(v, op_find(v, s->path), s->n);
	else if (s->verb == CHMOD)
		op_chmod(v, op_find(v, s->path), s->n);
	else
		change_names(v, s);
}

static void
forgetting_what_is_clean_changes_nothing_visible(void **state)
{
	struct viewstore *vs = *state;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		char *a, *b;

		take_step(vs->a, &steps[i]);
		take_step(vs->b, &steps[i]);
		if (i % 3 == 0)
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

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		char *before, *after;

		take_step(vs->a, &steps[i]);
		before = dump_view(vs->a, true);
		viewstore_reopen(vs);
		after = dump_view(vs->a, true);
		dump_assert_equal(before, after);
		free(before);
		free(after);
		if (i % 5 == 4)
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
		ON_STORE(a_number_that_a_crash_took_back_comes_with_another_generation),
		ON_STORE(many_threads_work_on_several_views_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

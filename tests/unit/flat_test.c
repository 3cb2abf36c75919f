/* What is made of many layers: one layer, an image, and a list of what differs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cow/commit.h"
#include "cow/diff.h"
#include "cow/err.h"
#include "cow/flatten.h"
#include "cow/gc.h"
#include "tests/lib/dump.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static void
cut(struct viewstore *vs, const char *name)
{
	struct snapshot_of of = { "a", vs->a };

	op_must(snapshot_create(vs->store, &of, 1, name, NULL));
}

static struct snapshot
find(struct viewstore *vs, const char *name)
{
	struct snapshot s;

	op_must(snapshot_find(vs->store, "a", name, &s));
	return s;
}

static void
set_xattr(struct view *v, const char *path, const char *name, const char *value)
{
	struct view_op op = { 0 };

	op_must(
	    view_setxattr(v, &op, op_find(v, path), str_of(name), str_of(value), VIEW_XATTR_ANY));
}

static void
drop_xattr(struct view *v, const char *path, const char *name)
{
	struct view_op op = { 0 };

	op_must(view_removexattr(v, &op, op_find(v, path), str_of(name)));
}

/* Changes of every kind, some over others, in several layers. */
static void
live(struct viewstore *vs)
{
	uint32_t dir = op_find(vs->a, "dir"), data = op_find(vs->a, "data"), ino;

	op_create(vs->a, dir, "new");
	op_remove(vs->a, dir, "a");
	op_write_pattern(vs->a, data, 70000, 5000, 2);
	op_truncate(vs->a, data, 200001);
	set_xattr(vs->a, "data", "user.a", "first");
	set_xattr(vs->a, "data", "user.b", "goes");
	cut(vs, "one");
	ino = op_find(vs->a, "dir/new");
	op_write_pattern(vs->a, ino, 0, 700000, 3);
	op_rename(vs->a, INO_ROOT, "empty", dir, "moved");
	op_truncate(vs->a, data, 250000);
	op_remove(vs->a, INO_ROOT, "hard1");
	set_xattr(vs->a, "data", "user.a", "second");
	set_xattr(vs->a, "dir/new", "user.new", "");
	drop_xattr(vs->a, "data", "user.b");
	cut(vs, "two");
	op_link(vs->a, ino, INO_ROOT, "linked");
	op_symlink(vs->a, dir, "a", "b");
	op_remove(vs->a, dir, "b");
	op_remove(vs->a, dir, "c");
	op_rename(vs->a, dir, "sub", INO_ROOT, "sub");
	op_chmod(vs->a, op_find(vs->a, "sub/deep"), 0600);
	op_write_pattern(vs->a, op_create(vs->a, INO_ROOT, "holes"), (uint64_t)100 << 20, 10, 4);
	op_truncate(vs->a, ino, 690000);
	cut(vs, "three");
	op_remove(vs->a, dir, "new");
	op_rmdir(vs->a, dir, "moved");
	cut(vs, "four");
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A dump without cookies, in the order of paths: what stays when a delta becomes golden. */
static char *
dump_content(struct view *v)
{
	char *text = dump_view(v, true), *sorted = calloc(1, strlen(text) + 1), *lines[500];
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *cookie = strchr(line, '#'), *rest = strchr(cookie, ' ');

		assert_true(n < ARRAY_SIZE(lines));
		memmove(cookie, rest, strlen(rest) + 1);
		lines[n++] = line;
	}
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++)
		strcat(strcat(sorted, lines[i]), "\n");
	free(text);
	return sorted;
}

static void
flatten(struct viewstore *vs)
{
	struct flatten *f;

	assert_int_equal(flatten_begin(vs->store, "a", 2, &f), 1);
	assert_int_equal(flatten_swap(f, vs->a), 1);
	flatten_end(f);
}

static int64_t
chain_of(struct viewstore *vs)
{
	return viewstore_count(vs,
	    "WITH RECURSIVE c(id) AS (SELECT head FROM client WHERE name = 'a' UNION SELECT parent"
	    " FROM layer JOIN c ON layer.id = c.id WHERE parent != 0) SELECT count(*) FROM c");
}

static void
a_flat_chain_is_the_same_view(void **state)
{
	struct viewstore *vs = *state;
	struct gc_options gc = { 0 };
	struct gc_result result;
	char *before, *after;

	live(vs);
	before = dump_view(vs->a, true);
	assert_int_equal(chain_of(vs), 5);
	flatten(vs);
	assert_int_equal(chain_of(vs), 2);
	after = dump_view(vs->a, true);
	dump_assert_equal(before, after);
	free(after);
	op_create(vs->a, INO_ROOT, "goes-on");
	op_remove(vs->a, INO_ROOT, "goes-on");
	viewstore_reopen(vs);
	for (int i = 1; i < 5; i++)
		op_must(snapshot_remove(
		    vs->store, "a", (const char *[]){ "", "one", "two", "three", "four" }[i]));
	viewstore_flush(vs);
	op_must(gc_run(vs->store, &gc, &result));
	assert_int_equal(result.layers, 4);
	viewstore_reopen(vs);
	after = dump_view(vs->a, false);
	free(after);
	op_truncate(vs->a, op_find(vs->a, "data"), VIEWSTORE_DATA);
	op_assert_zeros(vs->a, op_find(vs->a, "data"), 250000, VIEWSTORE_DATA - 250000);
	op_truncate(vs->a, op_find(vs->a, "data"), 250000);
	op_assert_zeros(vs->a, op_find(vs->a, "data"), 200001, 49999);
	free(before);
}

static void
a_view_goes_on_while_its_chain_is_laid_flat(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino;
	struct flatten *f;

	live(vs);
	ino = op_find(vs->a, "data");
	assert_int_equal(flatten_begin(vs->store, "a", 2, &f), 1);
	op_write_pattern(vs->a, ino, 0, 1000, 8);
	cut(vs, "five");
	op_create(vs->a, op_find(vs->a, "dir"), "later");
	assert_int_equal(flatten_swap(f, vs->a), 1);
	flatten_end(f);
	assert_int_equal(chain_of(vs), 3);
	op_assert_pattern(vs->a, ino, 0, 0, 1000, 8);
	viewstore_reopen(vs);
	op_assert_pattern(vs->a, ino, 0, 0, 1000, 8);
	op_find(vs->a, "dir/later");
}

static void
a_chain_that_is_left_meanwhile_stays_as_it_is(void **state)
{
	struct viewstore *vs = *state;
	struct gc_options gc = { 0 };
	struct gc_result result;
	struct flatten *f;

	live(vs);
	assert_int_equal(flatten_begin(vs->store, "a", 2, &f), 1);
	view_close(vs->a);
	vs->a = NULL;
	op_must(client_remove(vs->store, "a"));
	assert_int_equal(flatten_swap(f, NULL), -ENOENT);
	flatten_end(f);
	op_must(gc_run(vs->store, &gc, &result));
	assert_int_equal(result.layers, 6);
}

static void
a_committed_image_is_what_the_view_was(void **state)
{
	struct viewstore *vs = *state;
	struct image_info info, again, listed;
	struct snapshot s;
	struct view *image, *old;
	char *before, *after;

	live(vs);
	s = find(vs, "four");
	op_must(image_commit(vs->store, &s.image_id, s.layer, "better", &info));
	op_must(store_image_find(vs->store, "better", &listed));
	assert_true(id_eq(&info.id, &listed.id));
	op_must(view_open_layer(vs->store, &s.image_id, s.layer, false, &old));
	op_must(view_open_layer(vs->store, &info.id, 0, false, &image));
	before = dump_content(old);
	after = dump_content(image);
	dump_assert_equal(before, after);
	free(before);
	free(after);
	view_close(image);
	view_close(old);
	op_must(image_commit(vs->store, &s.image_id, s.layer, "same", &again));
	assert_true(id_eq(&info.id, &again.id));
	assert_int_equal(image_commit(vs->store, &s.image_id, s.layer, "better", &again), -EEXIST);
	assert_int_equal(image_commit(vs->store, &s.image_id, s.layer, "a/b", &again), -EINVAL);
}

/* New names, new files and another commit upon a committed image. */
static void
a_committed_image_is_as_good_as_any(void **state)
{
	struct viewstore *vs = *state;
	struct client_options o = { .name = "c", .image = "better", .any_address = true };
	struct image_info info;
	struct client c;
	struct snapshot s;
	struct view *v;

	live(vs);
	s = find(vs, "four");
	op_must(image_commit(vs->store, &s.image_id, s.layer, "better", &info));
	op_must(client_add(vs->store, &o));
	op_must(client_find(vs->store, "c", &c));
	op_must(view_open(vs->store, &c, &v));
	op_create(v, op_find(v, "dir"), "another");
	op_write_pattern(v, op_find(v, "linked"), 100, 200, 9);
	op_assert_pattern(v, op_find(v, "linked"), 300, 300, 600000, 3);
	op_remove(v, op_find(v, "dir"), "a");
	op_must(view_flush(v));
	view_close(v);
	op_must(client_find(vs->store, "c", &c));
	op_must(view_open(vs->store, &c, &v));
	op_find(v, "dir/another");
	op_assert_pattern(v, op_find(v, "linked"), 100, 0, 200, 9);
	view_close(v);
}

/* --- diff --- */

struct lines {
	char text[8192];
	size_t n;
};

static int
add_line(void *arg, const struct diff_entry *e)
{
	static const char kinds[] = "+-~@";
	struct lines *l = arg;

	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%c %s %d %d\n",
	    kinds[e->kind], e->path, (int)(e->old_size >> 10), (int)(e->size >> 10));
	return 0;
}

static void
expect_diff(struct viewstore *vs, const char *old, const char *now, const char *text)
{
	struct snapshot a = find(vs, now), b;
	struct diff_side x = { a.image_id, 0 }, y = { a.image_id, a.layer };
	struct lines l = { 0 };

	if (old) {
		b = find(vs, old);
		x = (struct diff_side){ b.image_id, b.layer };
	}
	op_must(diff_run(vs->store, &x, &y, add_line, &l));
	assert_string_equal(l.text, text);
}

static void
what_differs_is_told(void **state)
{
	struct viewstore *vs = *state;

	live(vs);
	expect_diff(vs, NULL, "one", "~ /data 292 195\n- /dir/a 0 0\n+ /dir/new 0 0\n");
	expect_diff(vs, "one", "two",
	    "~ /data 195 244\n+ /dir/moved 0 0\n~ /dir/new 0 683\n- /empty 0 0\n"
	    "- /hard1 0 0\n");
	expect_diff(vs, "two", "three",
	    "+ /dir/a 0 0\n- /dir/b 0 0\n- /dir/c 0 0\n~ /dir/new 683 673\n- /dir/sub 0 0\n"
	    "- /dir/sub/deep 0 0\n+ /holes 0 102400\n+ /linked 0 673\n+ /sub 0 0\n"
	    "+ /sub/deep 0 0\n");
	expect_diff(vs, "three", "three", "");
	expect_diff(vs, "four", "three", "+ /dir/moved 0 0\n+ /dir/new 0 673\n");
}

static void
attributes_and_kinds_are_told(void **state)
{
	struct viewstore *vs = *state;

	op_chmod(vs->a, op_find(vs->a, "dir"), 0700);
	op_chmod(vs->a, op_find(vs->a, "dir/sub/deep"), 0600);
	set_xattr(vs->a, "dir/b", "user.x", "1");
	set_xattr(vs->a, "dir/c", "user.x", "1");
	drop_xattr(vs->a, "dir/c", "user.x");
	op_remove(vs->a, INO_ROOT, "link");
	op_mkdir(vs->a, INO_ROOT, "link");
	op_create(vs->a, op_find(vs->a, "link"), "in");
	cut(vs, "one");
	expect_diff(vs, NULL, "one",
	    "@ /dir 0 0\n@ /dir/b 0 0\n@ /dir/sub/deep 0 0\n~ /link 0 0\n+ /link/in 0 0\n");
}

/* Rewritten with the same bytes, or put back: nothing differs. */
static void
times_dont_count(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir");

	op_write_pattern(vs->a, op_find(vs->a, "data"), 0, VIEWSTORE_DATA, 1);
	op_rename(vs->a, dir, "a", dir, "x");
	op_rename(vs->a, dir, "x", dir, "a");
	cut(vs, "one");
	expect_diff(vs, NULL, "one", "");
}

static void
two_images_can_be_compared(void **state)
{
	struct viewstore *vs = *state;
	struct image_info info;
	struct snapshot s;
	struct diff_side x, y;
	struct lines l = { 0 };

	live(vs);
	s = find(vs, "one");
	op_must(image_commit(vs->store, &s.image_id, s.layer, "better", &info));
	x = (struct diff_side){ s.image_id, 0 };
	y = (struct diff_side){ info.id, 0 };
	op_must(diff_run(vs->store, &x, &y, add_line, &l));
	assert_string_equal(l.text, "~ /data 292 195\n- /dir/a 0 0\n+ /dir/new 0 0\n");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flat_chain_is_the_same_view),
		TEST(a_view_goes_on_while_its_chain_is_laid_flat),
		TEST(a_chain_that_is_left_meanwhile_stays_as_it_is),
		TEST(a_committed_image_is_what_the_view_was),
		TEST(a_committed_image_is_as_good_as_any),
		TEST(what_differs_is_told),
		TEST(attributes_and_kinds_are_told),
		TEST(times_dont_count),
		TEST(two_images_can_be_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

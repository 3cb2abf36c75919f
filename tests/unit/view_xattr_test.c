/* Extended attributes: the image's, a layer's over them, and what a restart leaves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "cow/commit.h"
#include "cow/flatten.h"
#include "cow/import/import.h"
#include "cow/snapshot.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

/* The view of a client of an image whose file "cap" has user.one, user.two and trusted.t. */
struct xattrs {
	struct viewstore vs;
	struct view *v;
	uint32_t ino;
};

static void
make_tar(const char *path)
{
	struct archive *tar = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	assert_int_equal(archive_write_set_format_pax(tar), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(tar, path), ARCHIVE_OK);
	archive_entry_set_pathname(e, "cap");
	archive_entry_set_mode(e, S_IFREG | 0644);
	archive_entry_set_size(e, 0);
	archive_entry_xattr_add_entry(e, "user.one", "1", 1);
	archive_entry_xattr_add_entry(e, "user.two", "22", 2);
	archive_entry_xattr_add_entry(e, "trusted.t", "\0t", 2);
	assert_int_equal(archive_write_header(tar, e), ARCHIVE_OK);
	archive_entry_free(e);
	assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
	archive_write_free(tar);
}

static void
open_client(struct xattrs *x)
{
	struct client c;

	op_must(client_find(x->vs.store, "x", &c));
	op_must(view_open(x->vs.store, &c, &x->v));
	x->ino = op_find(x->v, "cap");
}

static void
restart(struct xattrs *x)
{
	view_close(x->v);
	viewstore_reopen(&x->vs);
	open_client(x);
}

static int
setup(void **state)
{
	struct xattrs *x = calloc(1, sizeof(*x));
	struct import_options import = { .name = "caps" };
	struct import_result result;

	*state = x;
	viewstore_make(&x->vs, NULL);
	make_tar(tmpdir_path(&x->vs.dir, "caps.tar"));
	op_must(import_run(x->vs.store, tmpdir_path(&x->vs.dir, "caps.tar"), &import, &result));
	op_must(client_add(x->vs.store, &(struct client_options){ .name = "x", .image = "caps" }));
	open_client(x);
	return 0;
}

static int
teardown(void **state)
{
	struct xattrs *x = *state;

	view_close(x->v);
	viewstore_remove(&x->vs);
	free(x);
	return 0;
}

static int
set_as(struct view *v, uint32_t uid, uint32_t ino, const char *name, const char *value,
    enum view_xattr how)
{
	struct view_op op = op_as(uid, uid);

	return view_setxattr(v, &op, ino, str_of(name), str_of(value), how);
}

static int
set(struct view *v, uint32_t ino, const char *name, const char *value)
{
	return set_as(v, 0, ino, name, value, VIEW_XATTR_ANY);
}

static int
drop(struct view *v, uint32_t ino, const char *name)
{
	struct view_op op = { 0 };

	return view_removexattr(v, &op, ino, str_of(name));
}

static int
get_as(struct view *v, uint32_t uid, uint32_t ino, const char *name, char buf[64])
{
	struct view_op op = op_as(uid, uid);

	return view_getxattr(v, &op, ino, str_of(name), buf, 64);
}

/* want NULL: there is none. */
static void
assert_xattr(struct view *v, uint32_t ino, const char *name, const char *want)
{
	char buf[64];
	int n = get_as(v, 0, ino, name, buf);

	if (!want) {
		assert_int_equal(n, -ENODATA);
		return;
	}
	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, strlen(want));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* want: the names in order, each with a space behind it. */
static void
assert_names(struct view *v, uint32_t ino, const char *want)
{
	char buf[1024], text[1024] = "", *names[16];
	int n = view_listxattr(v, ino, buf, sizeof(buf)), count = 0;

	assert_true(n >= 0);
	assert_int_equal(view_listxattr(v, ino, NULL, 0), n);
	for (char *p = buf; p < buf + n; p += strlen(p) + 1)
		names[count++] = p;
	qsort(names, (size_t)count, sizeof(*names), by_text);
	for (int i = 0; i < count; i++)
		strcat(strcat(text, names[i]), " ");
	assert_string_equal(text, want);
}

static void
golden_ones_are_read_where_nothing_changed(void **state)
{
	struct xattrs *x = *state;
	char buf[64];

	assert_names(x->v, x->ino, "trusted.t user.one user.two ");
	assert_xattr(x->v, x->ino, "user.two", "22");
	assert_xattr(x->v, x->ino, "user.none", NULL);
	assert_int_equal(get_as(x->v, 0, x->ino, "trusted.t", buf), 2);
	assert_memory_equal(buf, "\0t", 2);
	assert_names(x->v, INO_ROOT, "");
}

static void
a_small_buffer_is_refused(void **state)
{
	struct xattrs *x = *state;
	struct view_op op = { 0 };
	char buf[64];

	assert_int_equal(view_getxattr(x->v, &op, x->ino, STR("user.two"), NULL, 0), 2);
	assert_int_equal(view_getxattr(x->v, &op, x->ino, STR("user.two"), buf, 1), -ERANGE);
	assert_int_equal(view_listxattr(x->v, x->ino, buf, 20), -ERANGE);
}

static void
assert_changed(struct xattrs *x)
{
	assert_xattr(x->v, x->ino, "user.one", "another");
	assert_xattr(x->v, x->ino, "user.two", NULL);
	assert_xattr(x->v, x->ino, "user.new", "");
	assert_xattr(x->v, x->ino, "user.gone", NULL);
	assert_names(x->v, x->ino, "trusted.t user.new user.one ");
}

static void
change(struct xattrs *x)
{
	op_must(set(x->v, x->ino, "user.one", "another"));
	op_must(set(x->v, x->ino, "user.new", ""));
	op_must(set(x->v, x->ino, "user.gone", "soon"));
	op_must(drop(x->v, x->ino, "user.two"));
	op_must(drop(x->v, x->ino, "user.gone"));
}

static void
changes_are_seen_at_once_after_a_trim_and_after_a_restart(void **state)
{
	struct xattrs *x = *state;
	struct view_attr before = op_attr(x->v, x->ino), after;

	change(x);
	assert_changed(x);
	after = op_attr(x->v, x->ino);
	assert_true(after.ctime.tv_sec != before.ctime.tv_sec);
	assert_int_equal(after.mtime.tv_sec, before.mtime.tv_sec);
	op_must(view_flush(x->v));
	viewstore_flush(&x->vs);
	view_trim(x->v, 0);
	assert_changed(x);
	restart(x);
	assert_changed(x);
	op_must(set(x->v, x->ino, "user.two", "back"));
	restart(x);
	assert_xattr(x->v, x->ino, "user.two", "back");
}

static void
a_snapshot_keeps_its_own(void **state)
{
	struct xattrs *x = *state;
	struct snapshot_of of = { "x", x->v };
	struct snapshot s;
	struct view *old;

	change(x);
	op_must(snapshot_create(x->vs.store, &of, 1, "s", NULL));
	assert_changed(x);
	op_must(drop(x->v, x->ino, "user.one"));
	op_must(drop(x->v, x->ino, "user.new"));
	op_must(set(x->v, x->ino, "user.two", "2"));
	for (int i = 0; i < 2; i++) {
		assert_names(x->v, x->ino, "trusted.t user.two ");
		op_must(snapshot_find(x->vs.store, "x", "s", &s));
		op_must(view_open_layer(x->vs.store, &s.image_id, s.layer, false, &old));
		assert_names(old, x->ino, "trusted.t user.new user.one ");
		view_close(old);
		restart(x);
	}
}

static void
create_and_replace_mean_what_they_say(void **state)
{
	struct xattrs *x = *state;

	assert_int_equal(set_as(x->v, 0, x->ino, "user.one", "x", VIEW_XATTR_CREATE), -EEXIST);
	assert_int_equal(set_as(x->v, 0, x->ino, "user.no", "x", VIEW_XATTR_REPLACE), -ENODATA);
	op_must(set_as(x->v, 0, x->ino, "user.one", "x", VIEW_XATTR_REPLACE));
	op_must(drop(x->v, x->ino, "user.one"));
	op_must(set_as(x->v, 0, x->ino, "user.one", "y", VIEW_XATTR_CREATE));
	assert_xattr(x->v, x->ino, "user.one", "y");
	assert_int_equal(drop(x->v, x->ino, "user.no"), -ENODATA);
}

static void
who_may_change_which(void **state)
{
	struct xattrs *x = *state;
	uint32_t pipe = op_find(x->vs.a, "dev/pipe"), own = op_find(x->vs.a, "home/own");
	uint32_t tmp = op_find(x->vs.a, "tmp");
	char buf[64];

	assert_int_equal(set_as(x->v, 1000, x->ino, "user.one", "x", VIEW_XATTR_ANY), -EACCES);
	assert_int_equal(set_as(x->v, 1000, x->ino, "trusted.t", "x", VIEW_XATTR_ANY), -EPERM);
	op_must(set_as(x->vs.a, 1000, own, "user.mine", "x", VIEW_XATTR_ANY));
	assert_int_equal(get_as(x->vs.a, 1001, own, "user.mine", buf), -EACCES);
	assert_int_equal(set(x->vs.a, pipe, "user.p", "x"), -EPERM);
	op_must(set(x->vs.a, pipe, "security.p", "x"));
	assert_int_equal(set_as(x->vs.a, 1000, tmp, "user.t", "x", VIEW_XATTR_ANY), -EPERM);
}

static void
what_is_too_large_is_refused(void **state)
{
	static char big[65537];
	struct xattrs *x = *state;
	struct view_op op = { 0 };
	char name[16];
	int err = 0, n = 0;

	memset(big, 'x', sizeof(big));
	assert_int_equal(view_setxattr(x->v, &op, x->ino, STR("user.big"),
			     (struct str){ big, sizeof(big) }, VIEW_XATTR_ANY),
	    -E2BIG);
	assert_int_equal(
	    view_setxattr(x->v, &op, x->ino, (struct str){ big, 256 }, STR("x"), VIEW_XATTR_ANY),
	    -ERANGE);
	for (; n < 100 && !err; n++) {
		snprintf(name, sizeof(name), "user.%d", n);
		err = view_setxattr(x->v, &op, x->ino, str_of(name),
		    (struct str){ big, sizeof(big) - 1 }, VIEW_XATTR_ANY);
	}
	assert_int_equal(err, -ENOSPC);
	assert_true(n > 10);
	restart(x);
	assert_xattr(x->v, x->ino, "user.one", "1");
	assert_int_equal(view_getxattr(x->v, &op, x->ino, STR("user.0"), NULL, 0), 65536);
}

static void
a_new_file_has_none_and_a_removed_one_leaves_no_rows(void **state)
{
	struct xattrs *x = *state;
	uint32_t ino = op_create(x->v, INO_ROOT, "new");

	assert_names(x->v, ino, "");
	op_must(set(x->v, ino, "user.a", "b"));
	op_remove(x->v, INO_ROOT, "new");
	viewstore_flush(&x->vs);
	op_must(view_flush(x->v));
	assert_int_equal(viewstore_count(&x->vs, "SELECT count(*) FROM xattr"), 0);
}

static void
they_are_copied_from_view_to_view(void **state)
{
	struct xattrs *x = *state;
	uint32_t to = op_find(x->vs.a, "dir/a");

	change(x);
	op_must(set(x->vs.a, to, "user.other", "goes"));
	op_must(view_copy_xattrs(x->v, x->ino, x->vs.a, to));
	assert_names(x->vs.a, to, "trusted.t user.new user.one ");
	restart(x);
	assert_xattr(x->vs.a, to, "user.one", "another");
	assert_xattr(x->vs.a, to, "user.other", NULL);
}

static void
they_stay_in_a_flat_chain_and_in_a_committed_image(void **state)
{
	struct xattrs *x = *state;
	struct snapshot_of of = { "x", x->v };
	struct image_info info;
	struct flatten *f;
	struct snapshot s;
	struct view *image;

	change(x);
	op_must(snapshot_create(x->vs.store, &of, 1, "s", NULL));
	op_must(set(x->v, x->ino, "user.later", "1"));
	op_must(drop(x->v, x->ino, "trusted.t"));
	op_must(snapshot_create(x->vs.store, &of, 1, "t", NULL));
	assert_int_equal(flatten_begin(x->vs.store, "x", 2, &f), 1);
	assert_int_equal(flatten_swap(f, x->v), 1);
	flatten_end(f);
	restart(x);
	assert_names(x->v, x->ino, "user.later user.new user.one ");
	assert_xattr(x->v, x->ino, "user.one", "another");
	op_must(snapshot_find(x->vs.store, "x", "t", &s));
	op_must(image_commit(x->vs.store, &s.image_id, s.layer, "better", &info));
	op_must(view_open_layer(x->vs.store, &info.id, 0, false, &image));
	assert_names(image, x->ino, "user.later user.new user.one ");
	assert_xattr(image, x->ino, "user.one", "another");
	assert_int_equal(view_same_xattrs(image, x->ino, x->v, x->ino), 1);
	op_must(set(x->v, x->ino, "user.later", "2"));
	assert_int_equal(view_same_xattrs(image, x->ino, x->v, x->ino), 0);
	op_must(drop(x->v, x->ino, "user.later"));
	assert_int_equal(view_same_xattrs(image, x->ino, x->v, x->ino), 0);
	assert_int_equal(view_same_xattrs(image, x->ino, x->v, x->ino), 0);
	view_close(image);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(golden_ones_are_read_where_nothing_changed),
		TEST(a_small_buffer_is_refused),
		TEST(changes_are_seen_at_once_after_a_trim_and_after_a_restart),
		TEST(a_snapshot_keeps_its_own),
		TEST(create_and_replace_mean_what_they_say),
		TEST(who_may_change_which),
		TEST(what_is_too_large_is_refused),
		TEST(a_new_file_has_none_and_a_removed_one_leaves_no_rows),
		TEST(they_are_copied_from_view_to_view),
		TEST(they_stay_in_a_flat_chain_and_in_a_committed_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

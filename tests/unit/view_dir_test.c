/* Listing folders: cookies that stay while names come and go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "cow/inode.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

static void
an_empty_folder_lists_itself_and_the_one_above(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dirs[] = { op_find(vs->a, "empty"), op_mkdir(vs->a, INO_ROOT, "new") };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct op_list l = op_list(vs->a, dirs[i], 1);

		assert_int_equal(l.n, 2);
		assert_string_equal(l.entries[0].name, ".");
		assert_int_equal(l.entries[0].ino, dirs[i]);
		assert_int_equal(l.entries[0].cookie, 1);
		assert_string_equal(l.entries[1].name, "..");
		assert_int_equal(l.entries[1].ino, INO_ROOT);
		assert_int_equal(l.entries[1].cookie, 2);
		free(l.entries);
	}
}

static void
pages_of_any_size_list_the_same(void **state)
{
	struct viewstore *vs = *state;
	struct op_list whole;
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i * 7 % 20);
		op_create(vs->a, INO_ROOT, name);
	}
	whole = op_list(vs->a, INO_ROOT, 1000);
	for (uint32_t page = 1; page < 8; page++) {
		struct op_list l = op_list(vs->a, INO_ROOT, page);

		assert_int_equal(l.n, whole.n);
		assert_memory_equal(l.entries, whole.entries, l.n * sizeof(*l.entries));
		free(l.entries);
	}
	free(whole.entries);
}

static int
same_as_lookup(
    void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct op_list *l = arg;

	(void)name;
	(void)cookie;
	if (!attr)
		return 1;
	assert_int_equal(attr->ino, ino);
	l->entries = realloc(l->entries, (l->n + 1) * sizeof(*l->entries));
	l->entries[l->n].ino = ino;
	l->entries[l->n++].cookie = (uint32_t)attr->size;
	return 0;
}

static void
entries_come_with_the_attributes_that_getattr_gives(void **state)
{
	struct viewstore *vs = *state;
	struct op_list l = { 0 };
	struct view_op op = { 0 };
	struct view_attr dir, attr;
	bool eof;

	op_write_later(vs->a, op_find(vs->a, "data"), VIEWSTORE_DATA + 5, "x", 1);
	op_must(view_readdir(vs->a, &op, INO_ROOT, 0, true, same_as_lookup, &l, &eof, &dir));
	assert_true(eof);
	assert_true(l.n > 10);
	for (uint32_t i = 0; i < l.n; i++)
		assert_int_equal(op_attr(vs->a, l.entries[i].ino).size, l.entries[i].cookie);
	attr = op_attr(vs->a, INO_ROOT);
	op_assert_same(&attr, &dir, true);
	free(l.entries);
}

/* Lists page by page while names come and go in between; then every name that stayed must have
 * been listed exactly once. */
static void
every_name_that_stays_is_listed_exactly_once(void **state)
{
	struct viewstore vs;
	struct op_list l = { 0 };
	uint8_t stayed[300];
	uint32_t dir, x = 7;
	uint64_t after = 0;
	char name[16];
	bool eof = false;

	(void)state;
	viewstore_make(&vs, &(struct viewstore_options){ .many = 150 });
	dir = op_find(vs.a, "many");
	for (uint32_t i = 150; i < 300; i++) {
		snprintf(name, sizeof(name), "%06u", i);
		op_create(vs.a, dir, name);
	}
	memset(stayed, 1, sizeof(stayed));
	for (uint32_t round = 0; !eof; round++) {
		op_list_page(vs.a, dir, after, 11, &l, &eof);
		after = l.entries[l.n - 1].cookie;
		for (int k = 0; k < 6; k++) {
			x = x * 1103515245 + 12345;
			uint32_t i = (x >> 8) % 300;

			snprintf(name, sizeof(name), "%06u", i);
			if (stayed[i]) {
				if (k % 2)
					op_remove(vs.a, dir, name);
				else
					op_rename(vs.a, dir, name, op_find(vs.a, "empty"), name);
				if (k == 3) /* comes back, under a cookie of its own */
					op_create(vs.a, dir, name);
			}
			stayed[i] = 0;
			snprintf(name, sizeof(name), "new%u-%d", round, k);
			op_create(vs.a, dir, name);
			if (k % 2)
				op_remove(vs.a, dir, name);
			assert_true(round < 200);
		}
		if (round % 5 == 2)
			view_trim(vs.a, 0);
		if (round % 7 == 3)
			viewstore_reopen(&vs);
		if (round == 9)
			viewstore_push(&vs, "a");
		if (round > 40) /* the end has to come in sight */
			eof = eof || after > 2000;
	}
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t seen = 0;

		snprintf(name, sizeof(name), "%06u", i);
		for (uint32_t k = 0; k < l.n; k++)
			seen += strcmp(l.entries[k].name, name) == 0;
		if (stayed[i] && seen != 1)
			fail_msg("%s was listed %u times", name, seen);
	}
	free(l.entries);
	viewstore_remove(&vs);
}

static void
a_cookie_whose_name_is_gone_still_finds_its_place(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir");
	struct op_list l = op_list(vs->a, dir, 10), rest = { 0 };
	bool eof;

	op_remove(vs->a, dir, "b");
	op_list_page(vs->a, dir, op_list_find(&l, "b")->cookie, 10, &rest, &eof);
	assert_int_equal(rest.n, 2);
	assert_string_equal(rest.entries[0].name, "c");
	assert_string_equal(rest.entries[1].name, "sub");
	rest.n = 0;
	op_list_page(vs->a, dir, UINT32_MAX, 10, &rest, &eof);
	assert_int_equal(rest.n, 0);
	assert_true(eof);
	op_list_page(vs->a, dir, UINT64_MAX, 10, &rest, &eof);
	assert_int_equal(rest.n, 0);
	assert_true(eof);
	free(l.entries);
	free(rest.entries);
}

static void
a_name_that_comes_back_gets_a_new_cookie_at_the_end(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_find(vs->a, "dir");
	struct op_list before = op_list(vs->a, dir, 10), after;

	op_create(vs->a, dir, "z");
	op_remove(vs->a, dir, "a");
	op_remove(vs->a, dir, "z");
	op_create(vs->a, dir, "a");
	op_create(vs->a, dir, "z");
	after = op_list(vs->a, dir, 10);
	assert_int_equal(after.n, before.n + 1);
	assert_string_equal(after.entries[after.n - 2].name, "a");
	assert_string_equal(after.entries[after.n - 1].name, "z");
	assert_true(op_list_find(&after, "a")->cookie > op_list_find(&before, "sub")->cookie + 1);
	free(before.entries);
	free(after.entries);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
a_folder_of_100000_names_is_listed_once_and_loaded_quickly(void **state)
{
	struct viewstore *vs = *state;
	uint32_t dir = op_mkdir(vs->a, INO_ROOT, "big"), x = 1;
	uint8_t *seen = calloc(1, 100000);
	struct op_list l;
	double begin;
	char name[16];

	for (uint32_t i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "%08x", (x = x * 2654435761u + 99));
		assert_int_equal(op_lookup(vs->a, dir, name, NULL), -ENOENT);
		snprintf(name, sizeof(name), "%05u", i * 7919 % 100000);
		op_create(vs->a, dir, name);
	}
	viewstore_reopen(vs);
	begin = seconds();
	op_find(vs->a, "big/00000");
	assert_true(seconds() - begin < 5); /* 100 times what it takes */
	l = op_list(vs->a, dir, 1000);
	assert_int_equal(l.n, 100002);
	for (uint32_t i = 2; i < l.n; i++) {
		uint32_t k = (uint32_t)strtoul(l.entries[i].name, NULL, 10);

		assert_false(seen[k]);
		seen[k] = 1;
	}
	for (uint32_t i = 0; i < 100000; i++)
		op_remove(vs->a, dir, l.entries[i + 2].name);
	op_rmdir(vs->a, INO_ROOT, "big");
	viewstore_flush(vs);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM dirent"), 0);
	free(l.entries);
	free(seen);
}

static void
cookies_and_file_ids_stay_below_2_to_the_31(void **state)
{
	struct viewstore *vs = *state;
	struct view_op op = { 0 };
	struct view_set set = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	uint32_t dir = op_mkdir(vs->a, INO_ROOT, "d");
	char sql[160];

	snprintf(sql, sizeof(sql), "UPDATE inode SET cookie = 2147483647 WHERE ino = %u", dir);
	viewstore_exec(vs, sql);
	viewstore_exec(vs, "UPDATE layer SET next_ino = 2147483646");
	assert_int_equal(op_create(vs->a, dir, "last"), INO_MAX - 1);
	assert_int_equal(
	    view_create(vs->a, &op, dir, STR("x"), VIEW_GUARDED, &set, 0, &attr, &wcc), -ENOSPC);
	assert_int_equal(op_try_rename(vs->a, INO_ROOT, "data", dir, "x"), -ENOSPC);
	assert_int_equal(op_create(vs->a, INO_ROOT, "last ino"), INO_MAX);
	assert_int_equal(view_mkdir(vs->a, &op, INO_ROOT, STR("x"), &set, &attr, &wcc), -ENOSPC);
	op_find(vs->a, "d/last");
	op_rename(vs->a, dir, "last", INO_ROOT, "still works");
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(an_empty_folder_lists_itself_and_the_one_above),
		ON_STORE(pages_of_any_size_list_the_same),
		ON_STORE(entries_come_with_the_attributes_that_getattr_gives),
		cmocka_unit_test(every_name_that_stays_is_listed_exactly_once),
		ON_STORE(a_cookie_whose_name_is_gone_still_finds_its_place),
		ON_STORE(a_name_that_comes_back_gets_a_new_cookie_at_the_end),
		ON_STORE(a_folder_of_100000_names_is_listed_once_and_loaded_quickly),
		ON_STORE(cookies_and_file_ids_stay_below_2_to_the_31),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

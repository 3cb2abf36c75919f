/* Changes: rows gathered, merged by key, and written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/change.h"
#include "cow/schema_store.h"
#include "tests/lib/tmpdir.h"

#define NO_TARGET ((struct str){ 0 })

struct fixture {
	struct tmpdir dir;
	struct db *db;
	struct change *op, *all;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	tmpdir_make(&f->dir);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "a.db"), DB_SCRATCH, &f->db), 0);
	assert_int_equal(db_exec(f->db, schema_store), 0);
	assert_non_null(f->op = change_new());
	assert_non_null(f->all = change_new());
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	change_free(f->op);
	change_free(f->all);
	db_close(f->db);
	tmpdir_remove(&f->dir);
	free(f);
	return 0;
}

static int64_t
number(struct fixture *f, const char *sql)
{
	sqlite3_stmt *s = db_stmt(f->db, sql);
	int64_t n;

	assert_int_equal(db_step(f->db, s), 1);
	n = sqlite3_column_int64(s, 0);
	db_reset(s);
	return n;
}

static void
merge(struct fixture *f)
{
	assert_int_equal(change_merge(f->all, f->op), 0);
	change_clear(f->op);
}

static void
apply(struct fixture *f)
{
	assert_int_equal(db_begin(f->db), 0);
	assert_int_equal(change_apply(f->all, f->db), 0);
	assert_int_equal(db_commit(f->db), 0);
	change_clear(f->all);
}

static void
put_inode(struct fixture *f, uint32_t ino, uint64_t size)
{
	struct inode i = { .ino = ino, .size = size };

	assert_int_equal(change_inode(f->op, 1, &i, NO_TARGET), 0);
}

static void
put_extent(struct fixture *f, uint32_t ino, uint32_t run, uint8_t first)
{
	struct extent e = { 0 };

	e.ids[0].b[0] = first;
	assert_int_equal(change_extent(f->op, 1, ino, run, &e), 0);
}

static uint32_t
living(const struct change *c)
{
	uint32_t n = 0;

	for (const struct change_row *r = change_rows(c); r; r = r->next)
		n += !r->dead;
	return n;
}

static void
every_column_of_an_inode_is_written(void **state)
{
	struct fixture *f = *state;
	struct inode in = { 5, 6, S_IFLNK | 0777, 1, 10, 11, { 12, 13 }, 14, 512, -15, 16,
		INT64_MAX, 17, 18, 4294967295u, UINT64_MAX, 19 },
		     out;
	sqlite3_stmt *s;

	assert_int_equal(change_inode(f->op, 1, &in, STR("tar\0get")), 0);
	merge(f);
	apply(f);
	s = db_stmt(f->db, "SELECT target, " INODE_COLUMNS " FROM inode WHERE layer = 1");
	assert_int_equal(db_step(f->db, s), 1);
	inode_column(s, 1, &out);
	assert_memory_equal(&in, &out, offsetof(struct inode, below)); /* then there is padding */
	assert_int_equal(in.below, out.below);
	assert_true(in.verf == out.verf && in.own == out.own);
	assert_true(str_eq(db_column_str(s, 0), STR("tar\0get")));
	db_reset(s);
}

static void
a_later_row_takes_the_place_of_an_earlier_one(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 1000; i++) {
		put_inode(f, 7, i);
		assert_int_equal(change_name(f->op, 1, 2, STR("n"), i, i), 0);
		put_extent(f, 7, 3, (uint8_t)i);
		assert_int_equal(change_layer(f->op, 1, i, i, i), 0);
		merge(f);
	}
	assert_int_equal(living(f->all), 4);
	apply(f);
	assert_int_equal(number(f, "SELECT size FROM inode"), 999);
	assert_int_equal(number(f, "SELECT ino FROM dirent"), 999);
	assert_int_equal(number(f, "SELECT count(*) FROM extent"), 1);
}

static void
different_keys_stay_apart(void **state)
{
	struct fixture *f = *state;
	struct inode i = { .ino = 7 };

	put_inode(f, 7, 1);
	put_inode(f, 8, 1);
	assert_int_equal(change_inode(f->op, 2, &i, NO_TARGET), 0);
	put_extent(f, 7, 0, 1);
	put_extent(f, 7, 1, 1);
	put_extent(f, 8, 0, 1);
	assert_int_equal(change_name(f->op, 1, 7, STR("a"), 1, 1), 0);
	assert_int_equal(change_name(f->op, 1, 7, STR("ab"), 1, 1), 0);
	assert_int_equal(change_name(f->op, 1, 8, STR("a"), 1, 1), 0);
	assert_int_equal(change_name(f->op, 1, 7, STR("a\0"), 1, 1), 0);
	merge(f);
	assert_int_equal(living(f->all), 10);
	apply(f);
	assert_int_equal(number(f, "SELECT count(*) FROM inode"), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM extent"), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM dirent"), 4);
}

static void
what_is_made_and_dropped_in_one_batch_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	put_inode(f, 7, 1);
	put_extent(f, 7, 0, 1);
	assert_int_equal(change_name(f->op, 1, 2, STR("n"), 7, 3), 0);
	merge(f);
	assert_int_equal(change_drop_inode(f->op, 1, 7), 0);
	assert_int_equal(change_drop_name(f->op, 1, 2, STR("n")), 0);
	merge(f);
	apply(f);
	assert_int_equal(number(f, "SELECT count(*) FROM inode"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM extent"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM dirent"), 0);
}

static void
a_dropped_inode_takes_its_rows_on_disk_along(void **state)
{
	struct fixture *f = *state;

	put_inode(f, 7, 1);
	put_inode(f, 8, 1);
	put_extent(f, 7, 0, 1);
	put_extent(f, 8, 0, 1);
	merge(f);
	apply(f);
	assert_int_equal(db_exec(f->db, "INSERT INTO xattr VALUES(1, 7, x'61', x'62'),"
					" (1, 8, x'61', x'62'), (2, 7, x'61', x'62')"),
	    0);
	assert_int_equal(change_drop_inode(f->op, 1, 7), 0);
	merge(f);
	apply(f);
	assert_int_equal(number(f, "SELECT ino FROM inode"), 8);
	assert_int_equal(number(f, "SELECT ino FROM extent"), 8);
	assert_int_equal(number(f, "SELECT count(*) FROM xattr"), 2);
}

static void
a_cut_between_two_writes_of_a_run_keeps_its_place(void **state)
{
	struct fixture *f = *state;

	put_extent(f, 7, 5, 1);
	put_extent(f, 7, 6, 1);
	put_extent(f, 7, 2, 1);
	merge(f);
	assert_int_equal(change_drop_extents(f->op, 1, 7, 3), 0);
	merge(f);
	put_extent(f, 7, 5, 2);
	merge(f);
	apply(f);
	assert_int_equal(number(f, "SELECT count(*) FROM extent"), 2);
	assert_int_equal(number(f, "SELECT count(*) FROM extent WHERE run = 5"
				   " AND substr(ids, 1, 1) = x'02'"),
	    1);
	assert_int_equal(change_drop_extents(f->op, 1, 7, 3), 0);
	put_extent(f, 7, 5, 3);
	merge(f);
	assert_int_equal(change_drop_extents(f->op, 1, 7, 3), 0);
	merge(f);
	apply(f);
	assert_int_equal(number(f, "SELECT run FROM extent"), 2);
	assert_int_equal(number(f, "SELECT count(*) FROM extent"), 1);
}

static void
a_row_of_ids_ends_with_the_last_that_is_not_zero(void **state)
{
	struct fixture *f = *state;
	struct extent e = { 0 };

	assert_int_equal(change_extent(f->op, 1, 7, 0, &e), 0);
	e.ids[4].b[15] = 1;
	assert_int_equal(change_extent(f->op, 1, 7, 1, &e), 0);
	e.ids[EXTENT_RUN - 1].b[0] = 1;
	assert_int_equal(change_extent(f->op, 1, 7, 2, &e), 0);
	merge(f);
	apply(f);
	assert_int_equal(number(f, "SELECT length(ids) FROM extent WHERE run = 0"), 0);
	assert_int_equal(number(f, "SELECT length(ids) FROM extent WHERE run = 1"), 5 * 16);
	assert_int_equal(number(f, "SELECT length(ids) FROM extent WHERE run = 2"), 32 * 16);
}

static void
a_cleared_change_is_used_again(void **state)
{
	struct fixture *f = *state;
	char big[20000];
	struct inode i = { .ino = 1 };

	memset(big, 'x', sizeof(big));
	for (int round = 0; round < 3; round++) {
		for (uint32_t k = 0; k < 5000; k++) {
			i.ino = k;
			assert_int_equal(change_inode(f->op, 1, &i,
					     (struct str){ big, k % 100 ? 10 : sizeof(big) }),
			    0);
		}
		assert_int_equal(change_count(f->op), 5000);
		merge(f);
		assert_int_equal(change_count(f->op), 0);
		assert_null(change_rows(f->op));
		assert_int_equal(living(f->all), 5000);
		apply(f);
		assert_int_equal(
		    number(f, "SELECT sum(length(target)) FROM inode"), 50 * 20000 + 4950 * 10);
	}
}

static void
a_layers_counters_are_its_own(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_exec(f->db, "INSERT INTO layer VALUES(1, x'', 0, x'', 0, 2, 0, 0, 0),"
					" (2, x'', 0, x'', 0, 2, 0, 0, 0)"),
	    0);
	assert_int_equal(change_layer(f->op, 1, 4294967295u, 5, (uint64_t)1 << 60), 0);
	merge(f);
	apply(f);
	assert_int_equal(number(f, "SELECT next_ino FROM layer WHERE id = 1"), 4294967295u);
	assert_int_equal(number(f, "SELECT files FROM layer WHERE id = 1"), 5);
	assert_int_equal(number(f, "SELECT bytes FROM layer WHERE id = 1"), (int64_t)1 << 60);
	assert_int_equal(number(f, "SELECT next_ino FROM layer WHERE id = 2"), 2);
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DB(every_column_of_an_inode_is_written),
		WITH_DB(a_later_row_takes_the_place_of_an_earlier_one),
		WITH_DB(different_keys_stay_apart),
		WITH_DB(what_is_made_and_dropped_in_one_batch_leaves_nothing),
		WITH_DB(a_dropped_inode_takes_its_rows_on_disk_along),
		WITH_DB(a_cut_between_two_writes_of_a_run_keeps_its_place),
		WITH_DB(a_row_of_ids_ends_with_the_last_that_is_not_zero),
		WITH_DB(a_cleared_change_is_used_again),
		WITH_DB(a_layers_counters_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

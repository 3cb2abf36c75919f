/* Layers: making, sealing, dropping, and the way down a chain. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cow/layer.h"
#include "cow/schema_store.h"
#include "tests/lib/tmpdir.h"

static const struct id image = { { 7 } };

struct fixture {
	struct tmpdir dir;
	struct db *db;
};

static int
setup(void **state)
{
	static struct fixture f;

	tmpdir_make(&f.dir);
	if (db_open(tmpdir_path(&f.dir, "a.db"), DB_SCRATCH, &f.db) < 0 ||
	    db_exec(f.db, schema_store) < 0)
		return -1;
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	db_close(f->db);
	tmpdir_remove(&f->dir);
	return 0;
}

static uint64_t
create(struct db *db, uint64_t parent)
{
	static const char sql[] =
	    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'layer'), 0) + 1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	uint64_t id;

	assert_int_equal(db_step(db, stmt), 1);
	id = (uint64_t)sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	assert_int_equal(layer_create(db, id, parent, &image, 100), 0);
	return id;
}

static int64_t
rows_of(struct db *db, uint64_t layer)
{
	static const char sql[] = "SELECT (SELECT count(*) FROM inode WHERE layer = ?1)"
				  " + (SELECT count(*) FROM dirent WHERE layer = ?1)"
				  " + (SELECT count(*) FROM extent WHERE layer = ?1)"
				  " + (SELECT count(*) FROM xattr WHERE layer = ?1)";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int64_t n;

	sqlite3_bind_int64(stmt, 1, (int64_t)layer);
	assert_int_equal(db_step(db, stmt), 1);
	n = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return n;
}

static void
add_rows(struct db *db, uint64_t layer)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
	    "INSERT INTO inode VALUES(%d,2,1,16877,2,0,0,0,0,0,0,1,2,3,2,3,0,0,0,NULL);"
	    "INSERT INTO dirent VALUES(%d,2,x'61',0,3); INSERT INTO extent VALUES(%d,9,0,x'');"
	    "INSERT INTO xattr VALUES(%d,2,x'61',x'62')",
	    (int)layer, (int)layer, (int)layer, (int)layer);
	assert_int_equal(db_exec(db, sql), 0);
}

static void
a_new_layer_is_open_and_empty(void **state)
{
	struct fixture *f = *state;
	struct layer layer;
	uint64_t id = create(f->db, 0);

	assert_int_equal(layer_get(f->db, id, &layer), 0);
	assert_int_equal(layer.id, id);
	assert_int_equal(layer.parent, 0);
	assert_true(id_eq(&layer.image, &image));
	assert_false(id_is_zero(&layer.uid));
	assert_false(layer.sealed);
	assert_int_equal(layer.next_ino, 100);
	assert_int_equal(layer.files + layer.bytes, 0);
}

static void
nothing_lies_on_an_open_layer(void **state)
{
	struct fixture *f = *state;
	uint64_t below = create(f->db, 0);

	assert_int_equal(layer_create(f->db, 90, below, &image, 100), -EINVAL);
	assert_int_equal(layer_seal(f->db, below), 0);
	assert_int_equal(layer_create(f->db, 91, below, &image, 100), 0);
	assert_int_equal(layer_create(f->db, 92, 4711, &image, 100), -ENOENT);
}

static void
a_chain_goes_from_the_head_down(void **state)
{
	struct fixture *f = *state;
	struct layer *chain;
	uint64_t ids[20];
	int n;

	for (int i = 0; i < 20; i++) {
		ids[i] = create(f->db, i ? ids[i - 1] : 0);
		assert_int_equal(layer_seal(f->db, ids[i]), 0);
	}
	assert_int_equal(layer_chain(f->db, ids[19], &chain, &n), 0);
	assert_int_equal(n, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(chain[i].id, ids[19 - i]);
	free(chain);
}

static void
a_chain_without_an_end_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct layer *chain;
	int n;

	create(f->db, 0);
	assert_int_equal(db_exec(f->db, "UPDATE layer SET parent = id"), 0);
	assert_int_equal(layer_chain(f->db, 1, &chain, &n), -EIO);
	assert_int_equal(db_exec(f->db, "UPDATE layer SET parent = 99"), 0);
	assert_int_equal(layer_chain(f->db, 1, &chain, &n), -ENOENT);
}

static void
a_dropped_layer_takes_its_rows_and_no_others(void **state)
{
	struct fixture *f = *state;
	uint64_t one = create(f->db, 0), two = create(f->db, 0);
	struct layer layer;

	add_rows(f->db, one);
	add_rows(f->db, two);
	assert_int_equal(layer_drop(f->db, one), 0);
	assert_int_equal(layer_get(f->db, one, &layer), -ENOENT);
	assert_int_equal(rows_of(f->db, one), 0);
	assert_int_equal(rows_of(f->db, two), 4);
}

static void
a_layers_number_is_not_used_again(void **state)
{
	struct fixture *f = *state;
	uint64_t one = create(f->db, 0);

	assert_int_equal(layer_drop(f->db, one), 0);
	assert_true(create(f->db, 0) > one);
}

static void
inodes_come_back_as_they_went(void **state)
{
	static const char write[] = "INSERT INTO inode(layer, " INODE_COLUMNS
				    ") VALUES(1,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	static const char read[] = "SELECT " INODE_COLUMNS " FROM inode WHERE layer = 1";
	static const struct inode in = { .ino = INO_MAX,
		.gen = 0xffffffff,
		.mode = 0100644,
		.nlink = 5,
		.uid = 0xfffffffe,
		.gid = 7,
		.rdev = { 8, 9 },
		.size = (uint64_t)1 << 43,
		.used = 512,
		.atime = -1,
		.mtime = INT64_MAX,
		.ctime = INT64_MIN,
		.parent = 13,
		.cookie = 14,
		.below = 15,
		.verf = UINT64_MAX,
		.own = (uint64_t)1 << 40 };
	struct fixture *f = *state;
	sqlite3_stmt *stmt = db_stmt(f->db, write);
	struct inode out;

	memset(&out, 0, sizeof(out));
	inode_bind(stmt, 1, &in);
	assert_int_equal(db_run(f->db, stmt), 0);
	stmt = db_stmt(f->db, read);
	assert_int_equal(db_step(f->db, stmt), 1);
	inode_column(stmt, 0, &out);
	db_reset(stmt);
	assert_memory_equal(&in, &out, sizeof(in));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_layer_is_open_and_empty),
		TEST(nothing_lies_on_an_open_layer),
		TEST(a_chain_goes_from_the_head_down),
		TEST(a_chain_without_an_end_is_an_error),
		TEST(a_dropped_layer_takes_its_rows_and_no_others),
		TEST(a_layers_number_is_not_used_again),
		TEST(inodes_come_back_as_they_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SQLite connections: kept statements, transactions, errors, the pool. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/db.h"
#include "cow/err.h"
#include "tests/lib/tmpdir.h"

struct fixture {
	struct tmpdir dir;
	struct db *db;
};

static int
setup(void **state)
{
	static struct fixture f;

	tmpdir_make(&f.dir);
	if (db_open(tmpdir_path(&f.dir, "a.db"), DB_CREATE, &f.db) < 0 ||
	    db_exec(f.db, "CREATE TABLE t(k INTEGER PRIMARY KEY, v)") < 0)
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

static const char insert[] = "INSERT INTO t(k, v) VALUES(?1, ?2)";

static int
put(struct db *db, int64_t key, const char *value)
{
	sqlite3_stmt *stmt = db_stmt(db, insert);

	sqlite3_bind_int64(stmt, 1, key);
	if (value)
		db_bind_str(stmt, 2, str_of(value));
	return db_run(db, stmt);
}

static int64_t
count(struct db *db)
{
	static const char sql[] = "SELECT count(*) FROM t";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int64_t n;

	assert_int_equal(db_step(db, stmt), 1);
	n = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return n;
}

static void
a_kept_statement_comes_back_unbound(void **state)
{
	static const char sql[] = "SELECT v FROM t WHERE k = 2";
	struct fixture *f = *state;
	sqlite3_stmt *stmt = db_stmt(f->db, insert);

	assert_int_equal(put(f->db, 1, "one"), 0);
	assert_int_equal(put(f->db, 2, NULL), 0);
	assert_ptr_equal(db_stmt(f->db, insert), stmt);
	stmt = db_stmt(f->db, sql);
	assert_int_equal(db_step(f->db, stmt), 1);
	assert_int_equal(sqlite3_column_type(stmt, 0), SQLITE_NULL);
	assert_int_equal(db_column_str(stmt, 0).n, 0);
	assert_int_equal(db_step(f->db, stmt), 0);
}

static void
bytes_and_ids_come_back_as_they_went(void **state)
{
	static const char sql[] = "SELECT v FROM t ORDER BY k";
	const struct str bytes = { "a\0b", 3 };
	struct id id = { { 1, 2, 3 } }, got;
	struct fixture *f = *state;
	sqlite3_stmt *stmt = db_stmt(f->db, insert);

	sqlite3_bind_int64(stmt, 1, 1);
	db_bind_str(stmt, 2, bytes);
	assert_int_equal(db_run(f->db, stmt), 0);
	stmt = db_stmt(f->db, insert);
	sqlite3_bind_int64(stmt, 1, 2);
	db_bind_id(stmt, 2, &id);
	assert_int_equal(db_run(f->db, stmt), 0);
	stmt = db_stmt(f->db, sql);
	assert_int_equal(db_step(f->db, stmt), 1);
	assert_true(str_eq(db_column_str(stmt, 0), bytes));
	assert_int_equal(db_column_id(stmt, 0, &got), -EIO);
	assert_int_equal(db_step(f->db, stmt), 1);
	assert_int_equal(db_column_id(stmt, 0, &got), 0);
	assert_memory_equal(got.b, id.b, ID_SIZE);
	db_reset(stmt);
}

static void
a_statement_that_fails_to_compile_is_eio_all_the_way(void **state)
{
	struct fixture *f = *state;
	sqlite3_stmt *stmt = db_stmt(f->db, "SELECT a FROM nowhere");

	assert_null(stmt);
	assert_non_null(strstr(err_text(-EIO), "nowhere"));
	assert_int_equal(db_bind_str(stmt, 1, STR("x")), -EIO);
	assert_int_equal(db_run(f->db, stmt), -EIO);
	assert_non_null(strstr(err_text(-EIO), "nowhere"));
}

static void
a_key_that_is_there_is_eexist(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f->db, 1, "one"), 0);
	assert_int_equal(put(f->db, 1, "two"), -EEXIST);
	assert_non_null(strstr(err_text(-EEXIST), "a.db"));
	assert_int_equal(put(f->db, 2, "two"), 0);
}

static void
a_full_database_is_enospc(void **state)
{
	static char big[65536];
	struct fixture *f = *state;
	int rc = 0;

	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(db_exec(f->db, "PRAGMA max_page_count = 20"), 0);
	for (int i = 0; i < 20 && rc == 0; i++)
		rc = put(f->db, i, big);
	assert_int_equal(rc, -ENOSPC);
}

static void
what_is_rolled_back_never_was(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_begin(f->db), 0);
	assert_int_equal(put(f->db, 1, "one"), 0);
	db_rollback(f->db);
	assert_int_equal(count(f->db), 0);
	assert_int_equal(db_begin(f->db), 0);
	assert_int_equal(put(f->db, 2, "two"), 0);
	assert_int_equal(db_commit(f->db), 0);
	assert_int_equal(count(f->db), 1);
}

static void
an_absent_file_is_not_made_by_a_writer(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;

	assert_int_equal(db_open(tmpdir_path(&f->dir, "b.db"), DB_WRITE, &db), -EIO);
	assert_non_null(strstr(err_text(-EIO), "b.db"));
	assert_false(tmpdir_has(&f->dir, "b.db"));
}

static void
a_file_that_is_no_database_is_eproto(void **state)
{
	struct fixture *f = *state;
	char text[2048];
	struct db *db = NULL;

	memset(text, 'n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tmpdir_write(&f->dir, "b.db", text);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "b.db"), DB_WRITE, &db), -EPROTO);
}

static void
readers_see_commits_and_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct db *reader;

	assert_int_equal(db_open(tmpdir_path(&f->dir, "a.db"), DB_READ, &reader), 0);
	assert_int_equal(count(reader), 0);
	assert_int_equal(db_begin(f->db), 0);
	assert_int_equal(put(f->db, 1, "one"), 0);
	assert_int_equal(count(reader), 0);
	assert_int_equal(db_commit(f->db), 0);
	assert_int_equal(count(reader), 1);
	assert_int_equal(put(reader, 2, "two"), -EIO);
	db_close(reader);
}

static void
a_path_may_hold_what_an_uri_minds(void **state)
{
	struct fixture *f = *state;
	struct db *db;

	assert_int_equal(mkdir(tmpdir_path(&f->dir, "a?b#c%41"), 0700), 0);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "a?b#c%41/x.db"), DB_SCRATCH, &db), 0);
	assert_int_equal(db_exec(db, "CREATE TABLE t(k, v)"), 0);
	db_close(db);
	assert_true(tmpdir_has(&f->dir, "a?b#c%41/x.db"));
	assert_int_equal(db_open(tmpdir_path(&f->dir, "a?b#c%41/x.db"), DB_IMMUTABLE, &db), 0);
	assert_int_equal(count(db), 0);
	assert_int_equal(db_exec(db, "INSERT INTO t VALUES(1, 1)"), -EIO);
	db_close(db);
}

static void *
lend_one(void *pool)
{
	return db_lend(pool);
}

static void
a_pool_lends_no_more_than_it_may(void **state)
{
	struct fixture *f = *state;
	struct db_pool *pool;
	struct db *first, *second;
	pthread_t thread;
	void *third;

	assert_int_equal(db_pool_open(NULL, tmpdir_path(&f->dir, "a.db"), DB_READ, 2, &pool), 0);
	first = db_lend(pool);
	second = db_lend(pool);
	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	assert_int_equal(pthread_create(&thread, NULL, lend_one, pool), 0);
	db_return(pool, second);
	pthread_join(thread, &third);
	assert_ptr_equal(third, second);
	db_return(pool, third);
	db_return(pool, first);
	db_pool_close(pool);
}

static void
a_returned_connection_sees_what_came_later(void **state)
{
	static const char sql[] = "SELECT k FROM t";
	struct fixture *f = *state;
	struct db_pool *pool;
	struct db *db;

	assert_int_equal(put(f->db, 1, "one"), 0);
	assert_int_equal(put(f->db, 2, "two"), 0);
	assert_int_equal(db_pool_open(NULL, tmpdir_path(&f->dir, "a.db"), DB_READ, 1, &pool), 0);
	db = db_lend(pool);
	assert_int_equal(db_step(db, db_stmt(db, sql)), 1); /* and not to its end */
	db_return(pool, db);
	assert_int_equal(put(f->db, 3, "three"), 0);
	db = db_lend(pool);
	assert_int_equal(count(db), 3);
	db_return(pool, db);
	db_pool_close(pool);
}

static void
a_pool_that_cannot_open_can_be_asked_again(void **state)
{
	struct fixture *f = *state;
	struct db_pool *pool;
	struct db *db;

	assert_int_equal(db_pool_open(NULL, tmpdir_path(&f->dir, "b.db"), DB_READ, 1, &pool), 0);
	assert_null(db_lend(pool));
	assert_null(db_lend(pool));
	assert_int_equal(db_open(tmpdir_path(&f->dir, "b.db"), DB_CREATE, &db), 0);
	db_close(db);
	db = db_lend(pool);
	assert_non_null(db);
	db_return(pool, db);
	db_pool_close(pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kept_statement_comes_back_unbound),
		TEST(bytes_and_ids_come_back_as_they_went),
		TEST(a_statement_that_fails_to_compile_is_eio_all_the_way),
		TEST(a_key_that_is_there_is_eexist),
		TEST(a_full_database_is_enospc),
		TEST(what_is_rolled_back_never_was),
		TEST(an_absent_file_is_not_made_by_a_writer),
		TEST(a_file_that_is_no_database_is_eproto),
		TEST(readers_see_commits_and_change_nothing),
		TEST(a_path_may_hold_what_an_uri_minds),
		TEST(a_pool_lends_no_more_than_it_may),
		TEST(a_returned_connection_sees_what_came_later),
		TEST(a_pool_that_cannot_open_can_be_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A store's folder: making it, who may have it, imports into it, and what the sweep removes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/client.h"
#include "cow/err.h"
#include "cow/gc.h"
#include "tests/lib/tinyimage.h"
#include "tests/lib/tmpdir.h"

struct fixture {
	struct tmpdir dir;
	char path[300]; /* of the store, not there at first */
};

static int
setup(void **state)
{
	static struct fixture f;

	tmpdir_make(&f.dir);
	snprintf(f.path, sizeof(f.path), "%s/store", f.dir.path);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	tmpdir_remove(&f->dir);
	return 0;
}

static int
try_open(struct fixture *f, enum store_mode mode, struct store **out)
{
	struct store_options options = { .mode = mode, .create = mode == STORE_OWN };

	return store_open(f->path, &options, out);
}

static struct store *
open_as(struct fixture *f, enum store_mode mode)
{
	struct store *s = NULL;

	assert_int_equal(try_open(f, mode, &s), 0);
	return s;
}

static int64_t
number(struct store *s, const char *sql)
{
	struct db *db = db_lend(store_readers(s));
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int64_t n;

	assert_int_equal(db_step(db, stmt), 1);
	n = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	db_return(store_readers(s), db);
	return n;
}

/* Blocks of random bytes: never found already. */
static void
put_new_block(struct blocks *blocks, struct id *id)
{
	struct block_loc loc;
	struct id bytes[8];

	for (unsigned i = 0; i < ARRAY_SIZE(bytes); i++)
		assert_int_equal(id_random(&bytes[i]), 0);
	assert_int_equal(block_put(blocks, bytes, sizeof(bytes), id, &loc), 0);
}

/* --- making and opening --- */

static void
a_store_is_made_where_nothing_is(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(tmpdir_path(&f->dir, "store/store.db"), &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	assert_false(id_is_zero(store_id(s)));
	assert_int_equal(blocks_size(store_blocks(s)), 16384);
	assert_non_null(store_batch(s));
	store_close(s);
}

static void
an_interrupted_making_is_begun_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->path, 0700), 0);
	tmpdir_write(&f->dir, "store/store.db.new", "half of a database");
	tmpdir_write(&f->dir, "store/lock", "123456\n");
	store_close(open_as(f, STORE_OWN));
	assert_false(tmpdir_has(&f->dir, "store/store.db.new"));
}

static void
a_folder_with_other_things_stays_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct store *s;

	assert_int_equal(mkdir(f->path, 0700), 0);
	tmpdir_write(&f->dir, "store/holiday.jpg", "");
	assert_int_equal(try_open(f, STORE_OWN, &s), -EPROTO);
	assert_non_null(strstr(err_text(-EPROTO), "holiday.jpg"));
	assert_int_equal(tmpdir_count(&f->dir, "store", ""), 1);
}

static void
what_is_not_there_is_not_made_unasked(void **state)
{
	struct store_options options = { .mode = STORE_OWN };
	struct fixture *f = *state;
	struct store *s;

	assert_int_equal(store_open(f->path, &options, &s), -ENOENT);
	assert_int_equal(try_open(f, STORE_LOOK, &s), -ENOENT);
	assert_int_equal(try_open(f, STORE_IMPORT, &s), -ENOENT);
	assert_non_null(strstr(err_text(-ENOENT), f->path));
	assert_false(tmpdir_has(&f->dir, "store"));
}

static void
a_bad_block_size_makes_no_store(void **state)
{
	struct store_options options = { .mode = STORE_OWN, .create = true, .block_size = 5000 };
	struct fixture *f = *state;
	struct store *s;

	assert_int_equal(store_open(f->path, &options, &s), -EINVAL);
	assert_false(tmpdir_has(&f->dir, "store/store.db"));
	options.block_size = 4096;
	assert_int_equal(store_open(f->path, &options, &s), 0);
	assert_int_equal(blocks_size(store_blocks(s)), 4096);
	store_close(s);
}

static void
a_foreign_store_db_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[1024];
	struct store *s;
	struct db *db;

	assert_int_equal(mkdir(f->path, 0700), 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tmpdir_write(&f->dir, "store/store.db", text);
	assert_int_equal(try_open(f, STORE_OWN, &s), -EPROTO);
	assert_int_equal(unlink(tmpdir_path(&f->dir, "store/store.db")), 0);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "store/store.db"), DB_SCRATCH, &db), 0);
	assert_int_equal(db_exec(db, "CREATE TABLE bookmark(url)"), 0);
	db_close(db);
	assert_int_equal(try_open(f, STORE_OWN, &s), -EPROTO);
	assert_int_equal(try_open(f, STORE_LOOK, &s), -EPROTO);
}

static void
a_store_of_a_later_version_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct db *db;

	store_close(s);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "store/store.db"), DB_WRITE, &db), 0);
	assert_int_equal(db_exec(db, "PRAGMA user_version = 9"), 0);
	db_close(db);
	assert_int_equal(try_open(f, STORE_OWN, &s), -EPROTO);
	assert_non_null(strstr(err_text(-EPROTO), "version 9"));
}

/* Every column of every table, in the order of names. */
static void
schema_of(struct db *db, char *out, size_t size)
{
	static const char sql[] =
	    "SELECT m.name || '.' || c.name || ' ' || c.type || c.[notnull] || c.pk"
	    " FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	size_t n = 0;

	*out = '\0';
	while (db_step(db, stmt) == 1)
		n += (size_t)snprintf(
		    out + n, size - n, "%s\n", (const char *)sqlite3_column_text(stmt, 0));
	assert_in_range(n, 1, size - 1);
}

static void
assert_schema(struct db *db, const char *as)
{
	char sql[8192];

	schema_of(db, sql, sizeof(sql));
	assert_string_equal(sql, as);
}

static void
an_owner_brings_an_older_store_up_to_date(void **state)
{
	static const char older[] =
	    "CREATE TABLE client_address(address TEXT PRIMARY KEY, client TEXT NOT NULL) WITHOUT"
	    " ROWID; CREATE INDEX client_address_client ON client_address(client);"
	    "INSERT INTO client_address VALUES('10.0.0.7', 'pi1'); DROP TABLE client_mark; DROP "
	    "TABLE client_fact;"
	    "DROP TABLE snapshot; DROP TABLE pending; DROP TABLE keep; DROP TABLE freed;"
	    "ALTER TABLE client DROP COLUMN grp; ALTER TABLE client DROP COLUMN identity;"
	    "ALTER TABLE client DROP COLUMN quota; ALTER TABLE client DROP COLUMN volatile;"
	    "ALTER TABLE client DROP COLUMN mounted; PRAGMA user_version = 1";
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	char sql[8192];
	struct db *db;

	store_close(s);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "store/store.db"), DB_WRITE, &db), 0);
	schema_of(db, sql, sizeof(sql));
	assert_int_equal(db_exec(db, older), 0);
	db_close(db);
	assert_int_equal(try_open(f, STORE_LOOK, &s), -EPROTO);
	assert_non_null(strstr(err_text(-EPROTO), "rubusd makes it one of version 3"));
	store_close(open_as(f, STORE_OWN));
	store_close(open_as(f, STORE_LOOK));
	assert_int_equal(db_open(tmpdir_path(&f->dir, "store/store.db"), DB_READ, &db), 0);
	assert_schema(db, sql);
	assert_int_equal(db_step(db, db_stmt(db, "SELECT 1 FROM client_mark WHERE kind = 1 AND"
						 " value = '10.0.0.7' AND client = 'pi1'")),
	    1);
	db_close(db);
}

static void
a_damaged_meta_is_named(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct db *db;

	store_close(s);
	assert_int_equal(db_open(tmpdir_path(&f->dir, "store/store.db"), DB_WRITE, &db), 0);
	assert_int_equal(db_exec(db, "DELETE FROM meta WHERE key = 'hash_secret'"), 0);
	db_close(db);
	assert_int_equal(try_open(f, STORE_OWN, &s), -EPROTO);
	assert_non_null(strstr(err_text(-EPROTO), "hash_secret"));
}

static void
a_second_owner_hears_who_is_the_first(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN), *other;
	char pid[24];

	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_int_equal(try_open(f, STORE_OWN, &other), -EBUSY);
	assert_non_null(strstr(err_text(-EBUSY), pid));
	store_close(s);
	store_close(open_as(f, STORE_OWN));
}

static void
only_a_start_raises_the_epoch(void **state)
{
	struct store_options start = { .mode = STORE_OWN, .start = true };
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct id id = *store_id(s);
	uint32_t epoch = store_epoch(s);

	store_close(s);
	s = open_as(f, STORE_OWN);
	assert_int_equal(store_epoch(s), epoch);
	store_close(s);
	for (uint32_t i = 1; i <= 2; i++) {
		assert_int_equal(store_open(f->path, &start, &s), 0);
		assert_int_equal(store_epoch(s), epoch + i);
		assert_true(id_eq(store_id(s), &id));
		store_close(s);
	}
}

static void
blocks_are_found_again_after_reopening(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct block_loc loc;
	struct id id;

	put_new_block(store_blocks(s), &id);
	assert_int_equal(batch_flush(store_batch(s)), 0);
	store_close(s);
	s = open_as(f, STORE_LOOK);
	assert_int_equal(block_find(store_blocks(s), &id, 1, &loc), 0);
	assert_true(loc.stored > 0);
	store_close(s);
}

static int
write_nothing(struct db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

static int
write_and_fail(struct db *db, void *arg)
{
	(void)arg;
	assert_int_equal(db_exec(db, "UPDATE meta SET value = 77 WHERE key = 'epoch'"), 0);
	return -EDOM;
}

static void
a_closed_store_leaves_no_log(void **state)
{
	static const enum store_mode modes[] = { STORE_OWN, STORE_IMPORT };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		struct store *s = open_as(f, modes[i]);

		assert_int_equal(number(s, "SELECT count(*) FROM segment"), 0);
		store_close(s);
		assert_false(tmpdir_has(&f->dir, "store/store.db-wal"));
		assert_false(tmpdir_has(&f->dir, "store/store.db-shm"));
	}
}

static void
a_write_that_fails_changes_nothing(void **state)
{
	static const enum store_mode modes[] = { STORE_OWN, STORE_IMPORT };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		struct store *s = open_as(f, modes[i]);

		assert_int_equal(store_write(s, write_and_fail, NULL), -EDOM);
		assert_int_equal(number(s, "SELECT value FROM meta WHERE key = 'epoch'"), 1);
		store_close(s);
	}
}

static void
who_looks_does_not_write(void **state)
{
	struct fixture *f = *state;
	struct store_import *import;
	struct store *s;

	store_close(open_as(f, STORE_OWN));
	s = open_as(f, STORE_LOOK);
	assert_null(store_batch(s));
	assert_int_equal(store_write(s, write_nothing, NULL), -EROFS);
	assert_int_equal(store_import_begin(s, &import), -EROFS);
	store_close(s);
}

/* --- imports --- */

static void
an_import_is_seen_whole_or_not_at_all(void **state)
{
	struct image_info info = tinyimage_info("pios", 5), got;
	struct fixture *f = *state;
	struct store *owner = open_as(f, STORE_OWN), *s = open_as(f, STORE_IMPORT);
	struct store_import *import;
	struct block_loc loc;
	struct image *image;
	struct id id;

	assert_int_equal(store_import_begin(s, &import), 0);
	tinyimage_fill(import, 5);
	put_new_block(store_import_blocks(import), &id);
	assert_int_equal(store_image_find(owner, "pios", &got), -ENOENT);
	assert_int_equal(block_find(store_blocks(owner), &id, 1, &loc), 0);
	assert_int_equal(loc.segment, 0); /* nowhere */
	assert_int_equal(store_import_publish(import, &info), 0);
	store_import_end(import);
	store_close(s);
	assert_int_equal(store_image_find(owner, "pios", &got), 0);
	assert_true(id_eq(&got.id, &info.id));
	assert_int_equal(got.entries, 3);
	assert_int_equal(block_find(store_blocks(owner), &id, 1, &loc), 0);
	assert_true(loc.segment > 0);
	assert_int_equal(store_image(owner, &got.id, &image), 0);
	assert_int_equal(image_last_ino(image), 5);
	image_release(image);
	assert_int_equal(number(owner, "SELECT count(*) FROM import"), 0);
	assert_int_equal(number(owner, "SELECT count(*) FROM segment WHERE import IS NULL"), 1);
	store_close(owner);
}

static void
a_block_of_the_store_is_found_by_an_import(void **state)
{
	static const char bytes[] = "the same in both";
	struct fixture *f = *state;
	struct store *owner = open_as(f, STORE_OWN), *s = open_as(f, STORE_IMPORT);
	struct store_import *import;
	struct block_loc first, second;
	struct id id, again;

	assert_int_equal(block_put(store_blocks(owner), bytes, sizeof(bytes), &id, &first), 0);
	assert_int_equal(batch_flush(store_batch(owner)), 0);
	assert_int_equal(store_import_begin(s, &import), 0);
	assert_int_equal(
	    block_put(store_import_blocks(import), bytes, sizeof(bytes), &again, &second), 0);
	assert_true(id_eq(&id, &again));
	assert_int_equal(first.segment, second.segment);
	assert_int_equal(first.off, second.off);
	store_import_end(import);
	store_close(s);
	store_close(owner);
}

static void
what_root_imports_is_the_folder_owners(void **state)
{
	static const char *const names[] = { "store.db", "lock", "images", "segments",
		"images/05000000000000000000000000000000.db", "segments/00000001-00000001.seg" };
	struct image_info info = tinyimage_info("pios", 5);
	struct fixture *f = *state;
	struct store_import *import;
	struct store *s;
	struct stat st;
	char name[100];
	struct id id;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(chown(f->path, 4711, 4712), 0);
	s = open_as(f, STORE_OWN);
	assert_int_equal(store_import_begin(s, &import), 0);
	tinyimage_fill(import, 5);
	put_new_block(store_import_blocks(import), &id);
	assert_int_equal(store_import_publish(import, &info), 0);
	store_import_end(import);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), "store/%s", names[i]);
		assert_int_equal(stat(tmpdir_path(&f->dir, name), &st), 0);
		assert_int_equal(st.st_uid, 4711);
		assert_int_equal(st.st_gid, 4712);
	}
	store_close(s);
}

static void
an_abandoned_import_gives_all_back(void **state)
{
	static const enum store_mode modes[] = { STORE_OWN, STORE_IMPORT };
	struct fixture *f = *state;
	struct store_import *import;
	struct id id;

	store_close(open_as(f, STORE_OWN));
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		struct store *s = open_as(f, modes[i]);

		assert_int_equal(store_import_begin(s, &import), 0);
		tinyimage_fill(import, 5);
		put_new_block(store_import_blocks(import), &id);
		assert_int_equal(tmpdir_count(&f->dir, "store/segments", ".seg"), 1);
		store_import_end(import);
		assert_int_equal(tmpdir_count(&f->dir, "store/segments", ""), 0);
		assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 0);
		assert_int_equal(number(s, "SELECT count(*) FROM import"), 0);
		assert_int_equal(number(s, "SELECT count(*) FROM segment"), 0);
		store_close(s);
	}
}

/* A process that begins an import and dies without a word. */
static void
die_importing(struct fixture *f)
{
	struct store_import *import;
	struct store *s;
	struct id id;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (try_open(f, STORE_IMPORT, &s) < 0 || store_import_begin(s, &import) < 0)
			_exit(1);
		tinyimage_fill(import, 5);
		put_new_block(store_import_blocks(import), &id);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/segments", ".seg"), 1);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ".tmp"), 1);
}

static void
the_next_to_open_sweeps_a_dead_import(void **state)
{
	static const enum store_mode modes[] = { STORE_OWN, STORE_IMPORT };
	struct fixture *f = *state;

	store_close(open_as(f, STORE_OWN));
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		struct store *s;

		die_importing(f);
		s = open_as(f, modes[i]);
		assert_int_equal(tmpdir_count(&f->dir, "store/segments", ""), 0);
		assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 0);
		assert_int_equal(number(s, "SELECT count(*) FROM import"), 0);
		assert_int_equal(number(s, "SELECT count(*) FROM segment"), 0);
		store_close(s);
	}
}

static void
a_living_import_survives_every_sweep(void **state)
{
	struct image_info info = tinyimage_info("pios", 5);
	struct fixture *f = *state;
	struct store_import *import;
	struct store *s;
	struct id id;

	store_close(open_as(f, STORE_OWN));
	s = open_as(f, STORE_IMPORT);
	assert_int_equal(store_import_begin(s, &import), 0);
	tinyimage_fill(import, 5);
	put_new_block(store_import_blocks(import), &id);
	store_close(open_as(f, STORE_OWN));
	store_close(open_as(f, STORE_IMPORT));
	assert_int_equal(tmpdir_count(&f->dir, "store/segments", ".seg"), 1);
	assert_int_equal(store_import_publish(import, &info), 0);
	store_import_end(import);
	store_close(s);
	s = open_as(f, STORE_OWN);
	assert_int_equal(tmpdir_count(&f->dir, "store/segments", ".seg"), 1);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ".db"), 1);
	store_close(s);
}

static void
the_owner_removes_what_no_row_names_and_only_that(void **state)
{
	static const char *const gone[] = {
		"store/images/00000000000000000000000000000001.db",
		"store/images/00000000000000000000000000000002.tmp",
		"store/images/00000000000000000000000000000002.tmp-journal",
		"store/segments/00000063-00000001.seg",
	};
	static const char *const kept[] = {
		"store/images/readme.txt",
		"store/segments/00000063-00000001.seg.bak",
		"store/segments/99-1.seg",
		"store/images/00000000000000000000000000000003.txt",
	};
	struct fixture *f = *state;

	store_close(open_as(f, STORE_OWN));
	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		tmpdir_write(&f->dir, gone[i], "");
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		tmpdir_write(&f->dir, kept[i], "");
	store_close(open_as(f, STORE_IMPORT));
	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		assert_true(tmpdir_has(&f->dir, gone[i]));
	store_close(open_as(f, STORE_OWN));
	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		assert_false(tmpdir_has(&f->dir, gone[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		assert_true(tmpdir_has(&f->dir, kept[i]));
}

static int
refuse_sync_dir(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	(void)arg;
	(void)off;
	(void)len;
	return event == FILE_FSYNC && strcmp(name, "images") == 0 ? -ENOSPC : 0;
}

static void
a_publish_that_fails_late_leaves_nothing(void **state)
{
	struct image_info info = tinyimage_info("pios", 5), got;
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct store_import *import;
	struct id id;

	assert_int_equal(store_import_begin(s, &import), 0);
	tinyimage_fill(import, 5);
	put_new_block(store_import_blocks(import), &id);
	files_hook(store_files(s), refuse_sync_dir, NULL);
	assert_int_equal(store_import_publish(import, &info), -ENOSPC);
	files_hook(store_files(s), NULL, NULL);
	store_import_end(import);
	assert_int_equal(store_image_find(s, "pios", &got), -ENOENT);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/segments", ""), 0);
	assert_int_equal(number(s, "SELECT count(*) FROM block"), 0);
	tinyimage_publish(s, "pios", 5);
	store_close(s);
}

/* --- the catalogue of images --- */

static void
a_name_is_given_once(void **state)
{
	struct image_info info = tinyimage_info("pios", 6);
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct store_import *import;

	tinyimage_publish(s, "pios", 5);
	assert_int_equal(store_import_begin(s, &import), 0);
	tinyimage_fill(import, 6);
	assert_int_equal(store_import_publish(import, &info), -EEXIST);
	store_import_end(import);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 1);
	store_close(s);
}

static void
two_names_for_one_tree_share_its_file(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);

	tinyimage_publish(s, "one", 5);
	tinyimage_publish(s, "two", 5);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 1);
	assert_int_equal(store_image_remove(s, "one"), 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ".db"), 1);
	assert_int_equal(store_image_remove(s, "two"), 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 0);
	assert_int_equal(store_image_remove(s, "two"), -ENOENT);
	store_close(s);
}

struct names {
	struct store *store;
	char text[100];
};

static int
join_names(void *arg, const struct image_info *info)
{
	struct image_info again;
	struct names *all = arg;

	assert_int_equal(store_image_find(all->store, info->name, &again), 0);
	strcat(strcat(all->text, info->name), " ");
	return 0;
}

static void
images_are_listed_by_name(void **state)
{
	struct fixture *f = *state;
	struct names all = { open_as(f, STORE_OWN), "" };

	tinyimage_publish(all.store, "b", 5);
	tinyimage_publish(all.store, "c", 6);
	tinyimage_publish(all.store, "a", 7);
	assert_int_equal(store_images(all.store, join_names, &all), 0);
	assert_string_equal(all.text, "a b c ");
	store_close(all.store);
}

static void
an_image_in_use_stays_and_its_users_are_named(void **state)
{
	struct client_options options = { .name = "pi-7", .image = "pios" };
	struct gc_options gc = { 0 };
	struct gc_result result;
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct image_info info;

	tinyimage_publish(s, "pios", 5);
	assert_int_equal(client_add(s, &options), 0);
	assert_int_equal(store_image_find(s, "pios", &info), 0);
	assert_int_equal(info.clients, 1);
	assert_int_equal(store_image_remove(s, "pios"), -EBUSY);
	assert_non_null(strstr(err_text(-EBUSY), "pi-7"));
	assert_int_equal(client_remove(s, "pi-7"), 0);
	assert_int_equal(store_image_remove(s, "pios"), 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 1); /* a layer lies on it */
	assert_int_equal(gc_run(s, &gc, &result), 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 0);
	store_close(s);
}

static void
an_open_image_is_shared(void **state)
{
	struct image_info info = tinyimage_info("pios", 5);
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	struct image *one, *two;
	struct id none = { { 9 } };

	tinyimage_publish(s, "pios", 5);
	assert_int_equal(store_image(s, &info.id, &one), 0);
	assert_int_equal(store_image(s, &info.id, &two), 0);
	assert_ptr_equal(one, two);
	image_release(one);
	image_release(two);
	assert_true(store_image(s, &none, &one) < 0);
	store_close(s);
}

static void
names_are_checked(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "a/b", "a b", "\xc3\xa4",
		"a\n", "12345678901234567890123456789012345678901234567890123456789012345" };
	static const char *const good[] = { "a", "A.b-c_9", "_x", "9",
		"1234567890123456789012345678901234567890123456789012345678901234" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(name_check("an image", bad[i]), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(name_check("an image", good[i]), 0);
}

/* --- failures --- */

static int forgotten;

static void
forget(struct view *view)
{
	(void)view;
	forgotten++;
}

static void
note(void *arg, const char *why)
{
	snprintf(arg, 200, "%s", why);
}

static int
refuse_sync(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	(void)arg;
	(void)name;
	(void)off;
	(void)len;
	return event == FILE_FSYNC ? -EIO : 0;
}

static void
a_failed_commit_reaches_every_open_view(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_as(f, STORE_OWN);
	uint32_t losses = store_losses(s);
	char views[3], why[200] = "";
	struct id id;

	forgotten = 0;
	store_on_fatal(s, note, why);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_add_view(s, (struct view *)&views[i], forget), 0);
	store_remove_view(s, (struct view *)&views[1]);
	put_new_block(store_blocks(s), &id);
	files_hook(store_files(s), refuse_sync, NULL);
	assert_true(batch_flush(store_batch(s)) < 0);
	assert_int_equal(forgotten, 2);
	assert_int_not_equal(store_losses(s), losses);
	assert_string_not_equal(why, "");
	store_remove_view(s, (struct view *)&views[0]);
	store_remove_view(s, (struct view *)&views[2]);
	store_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_is_made_where_nothing_is),
		TEST(an_interrupted_making_is_begun_again),
		TEST(a_folder_with_other_things_stays_as_it_is),
		TEST(what_is_not_there_is_not_made_unasked),
		TEST(a_bad_block_size_makes_no_store),
		TEST(a_foreign_store_db_is_refused),
		TEST(a_store_of_a_later_version_is_refused),
		TEST(an_owner_brings_an_older_store_up_to_date),
		TEST(a_damaged_meta_is_named),
		TEST(a_second_owner_hears_who_is_the_first),
		TEST(only_a_start_raises_the_epoch),
		TEST(blocks_are_found_again_after_reopening),
		TEST(a_closed_store_leaves_no_log),
		TEST(a_write_that_fails_changes_nothing),
		TEST(who_looks_does_not_write),
		TEST(an_import_is_seen_whole_or_not_at_all),
		TEST(a_block_of_the_store_is_found_by_an_import),
		TEST(what_root_imports_is_the_folder_owners),
		TEST(an_abandoned_import_gives_all_back),
		TEST(the_next_to_open_sweeps_a_dead_import),
		TEST(a_living_import_survives_every_sweep),
		TEST(the_owner_removes_what_no_row_names_and_only_that),
		TEST(a_publish_that_fails_late_leaves_nothing),
		TEST(a_name_is_given_once),
		TEST(two_names_for_one_tree_share_its_file),
		TEST(images_are_listed_by_name),
		TEST(an_image_in_use_stays_and_its_users_are_named),
		TEST(an_open_image_is_shared),
		TEST(names_are_checked),
		TEST(a_failed_commit_reaches_every_open_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

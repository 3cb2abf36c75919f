/* A store with a golden image, imported from a tar that is made here, so that device nodes and
 * other people's files need no root. */
#include "tests/lib/viewstore.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/import/import.h"
#include "cow/layer.h"
#include "tests/lib/op.h"

struct entry {
	const char *path;
	uint32_t mode, uid, gid;
	const char *text; /* bytes, or what a link links to */
	uint32_t rdev[2];
};

#define HARD_LINK 0 /* as a mode */

static const struct entry entries[] = {
	{ ".", S_IFDIR | 0755 },
	{ "dev", S_IFDIR | 0755 },
	{ "dev/null", S_IFCHR | 0666, 0, 0, NULL, { 1, 3 } },
	{ "dev/pipe", S_IFIFO | 0600 },
	{ "dir", S_IFDIR | 0755 },
	{ "dir/a", S_IFREG | 0644, 0, 0, "a\n" },
	{ "dir/b", S_IFREG | 0644, 0, 0, "b\n" },
	{ "dir/c", S_IFREG | 0644, 0, 0, "c\n" },
	{ "dir/sub", S_IFDIR | 0755 },
	{ "dir/sub/deep", S_IFREG | 0644, 0, 0, "deep\n" },
	{ "empty", S_IFDIR | 0755 },
	{ "hard1", S_IFREG | 0644, 0, 0, "one file\n" },
	{ "hard2", HARD_LINK, 0, 0, "hard1" },
	{ "home", S_IFDIR | 0755, 1000, 1000 },
	{ "home/own", S_IFREG | 0600, 1000, 1000, "mine\n" },
	{ "home/readonly", S_IFREG | 0444, 1000, 1000, "look\n" },
	{ "link", S_IFLNK | 0777, 0, 0, "dir/a" },
	{ "many", S_IFDIR | 0755 },
	{ "setid", S_IFREG | 06755, 0, 0, "#!/bin/sh\n" },
	{ "shared", S_IFDIR | 02775, 0, 50 },
	{ "tmp", S_IFDIR | 01777 },
};

static struct archive_entry *
new_entry(const struct entry *e, uint64_t size)
{
	struct archive_entry *ae = archive_entry_new();

	archive_entry_set_pathname(ae, e->path);
	archive_entry_set_mode(ae, e->mode == HARD_LINK ? S_IFREG | 0644 : e->mode);
	archive_entry_set_uid(ae, e->uid);
	archive_entry_set_gid(ae, e->gid);
	archive_entry_set_mtime(ae, VIEWSTORE_TIME, 7);
	archive_entry_set_rdevmajor(ae, e->rdev[0]);
	archive_entry_set_rdevminor(ae, e->rdev[1]);
	if (S_ISLNK(e->mode))
		archive_entry_set_symlink(ae, e->text);
	if (e->mode == HARD_LINK)
		archive_entry_set_hardlink(ae, e->text);
	archive_entry_set_size(ae, (la_int64_t)size);
	return ae;
}

static void
add(struct archive *tar, const struct entry *e)
{
	size_t n = S_ISREG(e->mode) && e->text ? strlen(e->text) : 0;
	struct archive_entry *ae = new_entry(e, n);

	assert_int_equal(archive_write_header(tar, ae), ARCHIVE_OK);
	if (n)
		assert_int_equal(archive_write_data(tar, e->text, n), n);
	archive_entry_free(ae);
}

static void
add_data(struct archive *tar)
{
	static const struct entry data = { "data", S_IFREG | 0644 };
	struct archive_entry *ae = new_entry(&data, VIEWSTORE_DATA);
	uint8_t *p = malloc(VIEWSTORE_DATA);

	assert_non_null(p);
	op_pattern(p, VIEWSTORE_DATA, 1);
	assert_int_equal(archive_write_header(tar, ae), ARCHIVE_OK);
	assert_int_equal(archive_write_data(tar, p, VIEWSTORE_DATA), VIEWSTORE_DATA);
	archive_entry_free(ae);
	free(p);
}

static void
add_huge(struct archive *tar)
{
	static const struct entry huge = { "huge", S_IFREG | 0644 };
	static const uint64_t at[] = { 0, VIEWSTORE_HUGE / 2, VIEWSTORE_HUGE - 65536 };
	struct archive_entry *ae = new_entry(&huge, VIEWSTORE_HUGE);
	uint8_t p[65536];
	uint64_t done = 0;

	op_pattern(p, sizeof(p), 2);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		archive_entry_sparse_add_entry(ae, (la_int64_t)at[i], sizeof(p));
	assert_int_equal(archive_write_header(tar, ae), ARCHIVE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		static const uint8_t zeros[65536];

		for (; done < at[i]; done += sizeof(zeros))
			assert_true(archive_write_data(tar, zeros, sizeof(zeros)) > 0);
		assert_true(archive_write_data(tar, p, sizeof(p)) > 0);
		done += sizeof(p);
	}
	archive_entry_free(ae);
}

static void
make_tar(const char *path, const struct viewstore_options *o)
{
	struct archive *tar = archive_write_new();
	char name[16];

	assert_int_equal(archive_write_set_format_pax(tar), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(tar, path), ARCHIVE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		add(tar, &entries[i]);
	add_data(tar);
	if (o->huge)
		add_huge(tar);
	for (uint32_t i = 0; i < o->many; i++) {
		snprintf(name, sizeof(name), "many/%06u", i);
		add(tar, &(struct entry){ name, S_IFREG | 0644, 0, 0, name });
	}
	assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
	archive_write_free(tar);
}

static struct view *
open_view(struct viewstore *vs, const char *name)
{
	struct client client;
	struct view *v;

	op_must(client_find(vs->store, name, &client));
	op_must(view_open(vs->store, &client, &v));
	return v;
}

static void
open_all(struct viewstore *vs)
{
	op_must(store_open(tmpdir_path(&vs->dir, "store"), &vs->options, &vs->store));
	vs->a = open_view(vs, "a");
	vs->b = open_view(vs, "b");
}

static void
close_all(struct viewstore *vs)
{
	view_close(vs->a);
	view_close(vs->b);
	store_close(vs->store);
	vs->a = vs->b = NULL;
	vs->store = NULL;
}

void
viewstore_make(struct viewstore *vs, const struct viewstore_options *o)
{
	static const struct viewstore_options none;
	struct import_options import = { .name = "golden" };
	struct import_result result;

	if (!o)
		o = &none;
	memset(vs, 0, sizeof(*vs));
	alarm(300); /* a test that crashed with a lock held would hang in its teardown */
	tmpdir_make(&vs->dir);
	vs->options = (struct store_options){ .mode = STORE_OWN,
		.create = true,
		.start = true,
		.block_size = o->block_size ? o->block_size : 4096,
		.hash_bits = o->hash_bits };
	op_must(store_open(tmpdir_path(&vs->dir, "store"), &vs->options, &vs->store));
	make_tar(tmpdir_path(&vs->dir, "golden.tar"), o);
	op_must(import_run(vs->store, tmpdir_path(&vs->dir, "golden.tar"), &import, &result));
	op_must(client_add(vs->store, &(struct client_options){ .name = "a", .image = "golden" }));
	op_must(client_add(vs->store, &(struct client_options){ .name = "b", .image = "golden" }));
	vs->a = open_view(vs, "a");
	vs->b = open_view(vs, "b");
}

void
viewstore_reopen(struct viewstore *vs)
{
	close_all(vs);
	open_all(vs);
}

void
viewstore_crash_begin(struct viewstore *vs)
{
	char command[1024];

	snprintf(
	    command, sizeof(command), "cp -a '%s/store' '%s/copy'", vs->dir.path, vs->dir.path);
	assert_int_equal(system(command), 0);
}

void
viewstore_crash_end(struct viewstore *vs)
{
	char command[1024];

	close_all(vs);
	snprintf(
	    command, sizeof(command), "cd '%s' && rm -rf store && mv copy store", vs->dir.path);
	assert_int_equal(system(command), 0);
	open_all(vs);
}

void
viewstore_crash(struct viewstore *vs)
{
	viewstore_crash_begin(vs);
	viewstore_crash_end(vs);
}

void
viewstore_remove(struct viewstore *vs)
{
	close_all(vs);
	tmpdir_remove(&vs->dir);
}

void
viewstore_flush(struct viewstore *vs)
{
	op_must(view_flush(vs->a));
	op_must(view_flush(vs->b));
	op_must(batch_flush(store_batch(vs->store)));
}

int64_t
viewstore_count(struct viewstore *vs, const char *sql)
{
	struct db *db;
	sqlite3_stmt *s;
	int64_t n;

	op_must(db_open(tmpdir_path(&vs->dir, "store/store.db"), DB_READ, &db));
	s = db_stmt(db, sql);
	assert_int_equal(db_step(db, s), 1);
	n = sqlite3_column_int64(s, 0);
	db_reset(s);
	db_close(db);
	return n;
}

void
viewstore_exec(struct viewstore *vs, const char *sql)
{
	struct db *db;

	close_all(vs);
	op_must(db_open(tmpdir_path(&vs->dir, "store/store.db"), DB_WRITE, &db));
	op_must(db_exec(db, sql));
	db_close(db);
	open_all(vs);
}

struct push {
	struct client client;
	uint64_t head;
};

static int
push(struct db *db, void *arg)
{
	const struct push *p = arg;
	const struct client *c = &p->client;
	struct layer old;
	char sql[128];
	int r = layer_get(db, c->head, &old);

	if (!r)
		r = layer_seal(db, c->head);
	if (!r)
		r = layer_create(db, p->head, c->head, &old.image, old.next_ino);
	if (r)
		return r;
	snprintf(sql, sizeof(sql), "UPDATE client SET head = %llu WHERE name = '%s'",
	    (unsigned long long)p->head, c->name);
	return db_exec(db, sql);
}

void
viewstore_push(struct viewstore *vs, const char *name)
{
	struct view **v = *name == 'a' ? &vs->a : &vs->b;
	struct push p = { .head = store_new_layer(vs->store) };

	view_close(*v);
	op_must(client_find(vs->store, name, &p.client));
	op_must(store_write(vs->store, push, &p));
	*v = open_view(vs, name);
}

int
viewstore_setup(void **state)
{
	struct viewstore *vs = malloc(sizeof(*vs));

	*state = vs;
	viewstore_make(vs, NULL);
	return 0;
}

int
viewstore_teardown(void **state)
{
	viewstore_remove(*state);
	free(*state);
	return 0;
}

/* What an import may do to a store: get segments of its own, and be published whole.
 *
 * Until it is published, nothing that others read names anything of it: its blocks' index rows
 * come in with the image's row. So a dead import's segments can be removed without a question. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/store_priv.h"

struct store_import {
	struct store *store;
	struct id id;
	int fd; /* of the .tmp, with the flock */
	char name[STORE_NAME_SIZE], path[STORE_PATH_SIZE];
	struct blocks *blocks;
	bool known, published; /* its row is committed; the image is */
	/* while it is being published */
	const struct image_info *info;
	struct block_rows *rows;
	bool renamed;
	bool whole; /* all is done but the commit */
	bool lost;  /* the commit failed, and nobody knows whether it is on disk */
};

struct new_segment {
	const struct store *store;
	const struct id *import;
	uint32_t seq;
};

static int
add_segment(struct db *db, void *arg)
{
	static const char number[] = "UPDATE meta SET value = value + 1"
				     " WHERE key = 'next_segment' RETURNING value - 1";
	static const char row[] = "INSERT INTO segment(seq, epoch, import) VALUES(?1, ?2, ?3)";
	struct new_segment *new = arg;
	sqlite3_stmt *stmt = db_stmt(db, number);
	int rc = db_step(db, stmt);

	if (rc <= 0)
		return rc < 0 ? rc : err_set(EIO, "%s is damaged: no next_segment", STORE_DB);
	new->seq = (uint32_t)sqlite3_column_int64(stmt, 0);
	if ((rc = db_run(db, stmt)) < 0)
		return rc;
	stmt = db_stmt(db, row);
	sqlite3_bind_int64(stmt, 1, new->seq);
	sqlite3_bind_int64(stmt, 2, new->store->epoch);
	if (new->import)
		db_bind_id(stmt, 3, new->import);
	return db_run(db, stmt);
}

int
store_new_segment(struct store *s, const struct id *import, uint32_t *out)
{
	struct new_segment new = { .store = s, .import = import };
	int rc = store_write_side(s, add_segment, &new);

	if (rc == 0)
		*out = new.seq;
	return rc;
}

static int
next_segment(void *arg, uint32_t *out)
{
	struct store_import *im = arg;

	return store_new_segment(im->store, &im->id, out);
}

/* The lock is there before the row is, for who sweeps; and both under the write lock. */
static int
begin(struct db *db, void *arg)
{
	static const char sql[] = "INSERT INTO import(id, started) VALUES(?1, ?2)";
	struct store_import *im = arg;
	sqlite3_stmt *stmt = db_stmt(db, sql);

	im->fd = file_open(im->store->files, im->name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (im->fd < 0)
		return im->fd;
	if (flock(im->fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno("locking %s", im->name);
	db_bind_id(stmt, 1, &im->id);
	sqlite3_bind_int64(stmt, 2, time(NULL));
	return db_run(db, stmt);
}

static int
open_blocks(struct store_import *im)
{
	struct store *s = im->store;
	struct blocks_env env = { .files = s->files,
		.readers = s->block_readers,
		.hash = s->hash,
		.store_id = s->id,
		.block_size = s->block_size,
		.epoch = s->epoch,
		.segment_max = STORE_SEGMENT_MAX,
		.keep_free = store_keep_free(s),
		.next_segment = next_segment,
		.arg = im };

	return blocks_open(&env, &im->blocks);
}

int
store_import_begin(struct store *s, struct store_import **out)
{
	struct store_import *im = calloc(1, sizeof(*im));
	int rc;

	if (!im)
		return err_set(ENOMEM, "out of memory for an import");
	im->store = s;
	im->fd = -1;
	if ((rc = id_random(&im->id)) == 0) {
		store_image_name(&im->id, ".tmp", im->name);
		rc = store_path(s, im->name, im->path);
	}
	if (rc == 0 && (rc = store_write(s, begin, im)) == 0) {
		im->known = true;
		rc = open_blocks(im);
	}
	if (rc < 0) {
		store_import_end(im);
		return rc;
	}
	*out = im;
	return 0;
}

const char *
store_import_path(const struct store_import *im)
{
	return im->path;
}

struct blocks *
store_import_blocks(struct store_import *im)
{
	return im->blocks;
}

static int
check_free(struct db *db, const char *name)
{
	static const char sql[] = "SELECT 1 FROM image WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc == 1 ? err_set(EEXIST, "there is an image %s already", name) : rc;
}

static int
insert_image(struct db *db, const struct image_info *info)
{
	static const char sql[] = "INSERT INTO image(name, id, created, entries, bytes, stored)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, info->name, -1, SQLITE_STATIC);
	db_bind_id(stmt, 2, &info->id);
	sqlite3_bind_int64(stmt, 3, info->created ? info->created : time(NULL));
	sqlite3_bind_int64(stmt, 4, (int64_t)info->entries);
	sqlite3_bind_int64(stmt, 5, (int64_t)info->bytes);
	sqlite3_bind_int64(stmt, 6, (int64_t)info->stored);
	return db_run(db, stmt);
}

/* Its segments are everybody's from now on. */
static int
settle(struct db *db, const struct id *import)
{
	static const char *const sql[] = {
		"UPDATE segment SET import = NULL WHERE import = ?1",
		"DELETE FROM import WHERE id = ?1",
	};
	int rc = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sql) && rc == 0; i++) {
		sqlite3_stmt *stmt = db_stmt(db, sql[i]);

		db_bind_id(stmt, 1, import);
		rc = db_run(db, stmt);
	}
	return rc;
}

static int
place_file(struct store_import *im, bool have)
{
	struct files *files = im->store->files;
	char name[STORE_NAME_SIZE];
	int rc;

	if (have)
		return file_unlink(files, im->name);
	store_image_name(&im->info->id, ".db", name);
	rc = file_rename(files, im->name, name);
	if (rc < 0)
		return rc;
	im->renamed = true;
	return file_sync_dir(files, "images");
}

static int
publish(struct db *db, void *arg)
{
	struct store_import *im = arg;
	int rc, have;

	if ((rc = check_free(db, im->info->name)) < 0 ||
	    (have = rc = store_image_named(db, &im->info->id)) < 0 ||
	    (rc = block_rows_insert(im->rows, db)) < 0 || (rc = settle(db, &im->id)) < 0 ||
	    (rc = insert_image(db, im->info)) < 0)
		return rc;
	rc = place_file(im, have);
	im->whole = rc == 0;
	return rc;
}

int
store_import_publish(struct store_import *im, const struct image_info *info)
{
	int rc = name_check("an image", info->name);

	if (rc < 0 || (rc = blocks_cut(im->blocks, &im->rows)) < 0)
		return rc;
	im->info = info;
	rc = file_sync(im->store->files, im->fd, im->name);
	if (rc == 0)
		rc = store_write(im->store, publish, im);
	block_rows_end(im->blocks, im->rows, rc == 0);
	im->published = rc == 0;
	im->lost = im->whole && rc < 0 && rc != -ENOSPC;
	if (im->lost)
		im->store->in_doubt = true;
	if (rc < 0 && im->renamed && !im->lost)
		store_drop_image_file(im->store, &info->id);
	return rc;
}

static int
give_back(struct db *db, void *arg)
{
	struct store_import *im = arg;

	return store_sweep_import(im->store, db, &im->id);
}

void
store_import_end(struct store_import *im)
{
	if (!im)
		return;
	if (im->blocks)
		blocks_close(im->blocks);
	/* Lost: its files stay, and the next sweep looks at what the disk says. */
	if (im->known && !im->published && !im->lost)
		store_write(im->store, give_back, im);
	else if (im->fd >= 0 && !im->known)
		file_unlink(im->store->files, im->name);
	if (im->fd >= 0)
		close(im->fd);
	free(im);
}

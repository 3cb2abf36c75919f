/* The rows of a new image, the hash over them, and their publishing. */
#include "cow/image_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/schema_image.h"

#define GEN 1u /* of all golden inodes */

struct image_writer {
	struct store_import *import;
	struct db *db;
	struct image_contents *contents;
	struct hash_stream *hash;
	struct image_totals totals;
	uint32_t last;      /* the inode made last */
	uint32_t inodes;    /* that were named */
	uint64_t old_bytes; /* that were stored when it began */
	struct id expect;   /* zero: any */
};

static uint64_t
stored_bytes(struct image_writer *w)
{
	struct block_stats stats;

	blocks_stats(store_import_blocks(w->import), &stats);
	return stats.bytes_stored;
}

static int
prepare(struct store *store, struct image_writer *w)
{
	int err = store_import_begin(store, &w->import);

	if (!err)
		err = db_open_in(
		    store_files(store), store_import_path(w->import), DB_SCRATCH, &w->db);
	if (!err)
		err = db_exec(w->db, schema_image);
	if (!err)
		err = db_begin(w->db);
	if (!err)
		err = image_contents_open(
		    store_files(store), store_import_blocks(w->import), &w->contents);
	if (!err)
		err = hash_stream_open(&w->hash);
	return err;
}

int
image_writer_open(struct store *store, struct image_writer **out)
{
	struct image_writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->last = INO_ROOT - 1;
	err = prepare(store, w);
	if (err) {
		image_writer_close(w);
		return err;
	}
	w->old_bytes = stored_bytes(w);
	*out = w;
	return 0;
}

void
image_writer_close(struct image_writer *w)
{
	if (!w)
		return;
	image_contents_close(w->contents);
	db_close(w->db);
	store_import_end(w->import);
	hash_stream_close(w->hash);
	free(w);
}

struct image_contents *
image_writer_contents(struct image_writer *w)
{
	return w->contents;
}

void
image_writer_totals(const struct image_writer *w, struct image_totals *out)
{
	*out = w->totals;
}

/* Each record that is hashed begins with its kind, and strings with their length. */
static void
hash_str(struct image_writer *w, struct str s)
{
	uint8_t n[4];

	put_le32(n, s.n);
	hash_stream_add(w->hash, n, sizeof(n));
	hash_stream_add(w->hash, s.p, s.n);
}

static void
hash_inode(struct image_writer *w, const struct inode *in, const struct image_content *content)
{
	const uint32_t small[] = { 'i', in->ino, in->mode, in->uid, in->gid, in->rdev[0],
		in->rdev[1] };
	uint8_t buf[sizeof(small) + 16], *to = buf;

	for (size_t i = 0; i < ARRAY_SIZE(small); i++, to += 4)
		put_le32(to, small[i]);
	put_le64(to, S_ISDIR(in->mode) ? 0 : in->size);
	put_le64(to + 8, (uint64_t)in->mtime);
	hash_stream_add(w->hash, buf, sizeof(buf));
	if (content)
		hash_stream_add(w->hash, content->hash.b, ID_SIZE);
}

static void
hash_pair(struct image_writer *w, char kind, uint32_t a, uint32_t b)
{
	uint8_t buf[12];

	put_le32(buf, (uint32_t)kind);
	put_le32(buf + 4, a);
	put_le32(buf + 8, b);
	hash_stream_add(w->hash, buf, sizeof(buf));
}

static int
insert_run(void *arg, uint32_t run, struct str ids)
{
	struct image_writer *w = arg;
	sqlite3_stmt *s = db_stmt(w->db, "INSERT INTO extent(ino, run, ids) VALUES(?, ?, ?)");

	sqlite3_bind_int64(s, 1, w->last);
	sqlite3_bind_int64(s, 2, run);
	db_bind_str(s, 3, ids);
	return db_run(w->db, s);
}

static int
insert_inode(struct image_writer *w, const struct inode *in, struct str target)
{
	sqlite3_stmt *s =
	    db_stmt(w->db, "INSERT INTO inode(" INODE_COLUMNS ", target)"
			   " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	_Static_assert(INODE_COLUMNS_N == 18, "as many question marks, and one for the target");
	inode_bind(s, 1, in);
	if (S_ISLNK(in->mode))
		db_bind_str(s, INODE_COLUMNS_N + 1, target);
	return db_run(w->db, s);
}

static void
count_inode(struct image_writer *w, const struct inode *in)
{
	struct image_totals *t = &w->totals;

	if (S_ISREG(in->mode)) {
		t->files++;
		t->bytes += in->size;
	} else if (S_ISDIR(in->mode)) {
		t->folders++;
	} else if (S_ISLNK(in->mode)) {
		t->symlinks++;
	} else {
		t->others++;
	}
}

int
image_writer_inode(struct image_writer *w, const struct inode *in, struct str target,
    const struct image_content *content, uint32_t *ino)
{
	struct inode row = *in;
	int err;

	if (w->last == INO_MAX)
		return err_set(EOVERFLOW, "more than %u files", INO_MAX - INO_ROOT + 1);
	row.ino = w->last + 1;
	row.gen = GEN;
	row.below = 0;
	row.verf = row.own = 0;
	if (!S_ISDIR(row.mode)) {
		row.size = content ? content->size : S_ISLNK(row.mode) ? target.n : 0;
		row.used = content ? content->used : 0;
		row.parent = row.cookie = 0;
	}
	err = insert_inode(w, &row, target);
	if (err)
		return err;
	w->last = *ino = row.ino;
	hash_inode(w, &row, content);
	if (S_ISLNK(row.mode))
		hash_str(w, target);
	count_inode(w, &row);
	return content ? image_contents_runs(w->contents, content, insert_run, w) : 0;
}

int
image_writer_xattr(struct image_writer *w, struct str name, struct str value)
{
	sqlite3_stmt *s = db_stmt(w->db, "INSERT INTO xattr(ino, name, value) VALUES(?, ?, ?)");

	hash_pair(w, 'x', w->last, 0);
	hash_str(w, name);
	hash_str(w, value);
	sqlite3_bind_int64(s, 1, w->last);
	db_bind_str(s, 2, name);
	db_bind_str(s, 3, value);
	return db_run(w->db, s);
}

int
image_writer_name(struct image_writer *w, uint32_t dir, struct str name, uint32_t ino)
{
	sqlite3_stmt *s = db_stmt(w->db, "INSERT INTO dirent(dir, name, ino) VALUES(?, ?, ?)");

	hash_pair(w, 'n', dir, ino);
	hash_str(w, name);
	w->totals.entries++;
	if (ino <= w->inodes)
		w->totals.hardlinks++;
	else
		w->inodes = ino;
	sqlite3_bind_int64(s, 1, dir);
	db_bind_str(s, 2, name);
	sqlite3_bind_int64(s, 3, ino);
	return db_run(w->db, s);
}

/* What the file says of itself: whose ids these are can't be told from its rows. */
static int
insert_meta(struct image_writer *w, const struct id *id)
{
	static const char sql[] = "INSERT INTO meta(key, value) VALUES('id', ?), ('block_size', ?)";
	sqlite3_stmt *s = db_stmt(w->db, sql);

	db_bind_id(s, 1, id);
	sqlite3_bind_int64(s, 2, blocks_size(store_import_blocks(w->import)));
	return db_run(w->db, s);
}

void
image_writer_expect(struct image_writer *w, const struct id *id)
{
	w->expect = *id;
}

int
image_writer_publish(struct image_writer *w, const char *name, struct id *out)
{
	struct image_info info = { .id = hash_stream_end(w->hash), .created = time(NULL) };
	int err = name_check("an image", name);

	if (!err && !id_is_zero(&w->expect) && !id_eq(&w->expect, &info.id))
		err = err_set(EPIPE, "what has arrived is another tree than the one that was sent");
	if (!err)
		err = insert_meta(w, &info.id);
	if (err)
		return err;
	err = db_commit(w->db);
	db_close(w->db);
	w->db = NULL;
	if (err)
		return err;
	w->totals.stored = stored_bytes(w) - w->old_bytes;
	snprintf(info.name, sizeof(info.name), "%s", name);
	info.entries = w->totals.entries;
	info.bytes = w->totals.bytes;
	info.stored = w->totals.stored;
	err = store_import_publish(w->import, &info);
	if (!err)
		*out = info.id;
	return err;
}

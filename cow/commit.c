/* The rows of a delta go into a copy of the image's file. */
#include "cow/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/hash.h"
#include "cow/view_flat.h"

#define COPY_BYTES ((size_t)1 << 20)

struct commit {
	struct store *store;
	struct store_import *import;
	struct db *db;
	struct hash_stream *hash;
	int64_t entries, bytes; /* of the new image */
};

/* --- the copy --- */

static int
copy_bytes(struct files *files, int from, int to, const char *name)
{
	CLEANUP_FREE char *buf = malloc(COPY_BYTES);
	uint64_t off = 0;
	ssize_t n;
	int rc = buf ? 0 : -ENOMEM;

	while (rc == 0 && (n = pread(from, buf, COPY_BYTES, (off_t)off)) != 0) {
		if (n < 0)
			return err_errno("%s", name);
		rc = file_pwrite(files, to, name, buf, (size_t)n, off);
		off += (uint64_t)n;
	}
	return rc;
}

static int
copy_image(struct commit *c, const struct id *image)
{
	struct files *files = store_files(c->store);
	const char *path = store_import_path(c->import),
		   *name = path + strlen(files_path(files)) + 1;
	char from_name[64], hex[ID_HEX_SIZE];
	int from CLEANUP_FD = -1, to CLEANUP_FD = -1;

	id_hex(image, hex);
	snprintf(from_name, sizeof(from_name), "images/%s.db", hex);
	from = file_open(files, from_name, O_RDONLY, 0);
	if (from < 0)
		return from;
	to = file_open(files, name, O_WRONLY, 0);
	return to < 0 ? to : copy_bytes(files, from, to, name);
}

/* --- the rows --- */

static void
hash_part(struct commit *c, char kind, const void *p, uint32_t n)
{
	uint8_t head[8] = { (uint8_t)kind };

	put_le32(head + 4, n);
	hash_stream_add(c->hash, head, sizeof(head));
	hash_stream_add(c->hash, p, n);
}

static int
number(struct db *db, const char *sql, uint32_t ino, int64_t *out)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	if (ino)
		sqlite3_bind_int64(stmt, 1, ino);
	rc = db_step(db, stmt);
	*out = rc == 1 ? sqlite3_column_int64(stmt, 0) : 0;
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

#define SIZE_OF_FILE "SELECT size FROM inode WHERE ino = ?1 AND mode & 61440 = 32768"

/* How many rows went, or -errno. */
static int
delete_of(struct db *db, const char *sql, uint32_t ino)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_int64(stmt, 1, ino);
	rc = db_run(db, stmt);
	return rc < 0 ? rc : sqlite3_changes(sqlite3_db_handle(stmt));
}

static int
drop_inode(struct commit *c, uint32_t ino)
{
	static const char *const sql[] = { "DELETE FROM extent WHERE ino = ?1",
		"DELETE FROM xattr WHERE ino = ?1", "DELETE FROM inode WHERE ino = ?1" };
	int rc = delete_of(c->db, "DELETE FROM dirent WHERE dir = ?1", ino);

	if (rc < 0)
		return rc;
	c->entries -= rc;
	for (size_t i = 0; i < ARRAY_SIZE(sql) && rc >= 0; i++)
		rc = delete_of(c->db, sql[i], ino);
	return rc < 0 ? rc : 0;
}

/* What counts for the id: not the times of looking and of changing the inode. */
static void
hash_inode(struct commit *c, const struct inode *i, struct str target)
{
	const uint32_t small[] = { i->ino, i->mode, i->nlink, i->uid, i->gid, i->rdev[0],
		i->rdev[1] };
	uint8_t buf[sizeof(small) + 16];

	for (size_t k = 0; k < ARRAY_SIZE(small); k++)
		put_le32(buf + 4 * k, small[k]);
	put_le64(buf + sizeof(small), S_ISDIR(i->mode) ? 0 : i->size);
	put_le64(buf + sizeof(small) + 8, (uint64_t)i->mtime);
	hash_part(c, 'i', buf, sizeof(buf));
	hash_part(c, 't', target.p, target.n);
}

static int
put_row(struct commit *c, const struct inode *i, struct str target)
{
	sqlite3_stmt *stmt =
	    db_stmt(c->db, "INSERT OR REPLACE INTO inode(" INODE_COLUMNS ", target) VALUES(?, ?, ?,"
			   " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	inode_bind(stmt, 1, i);
	if (S_ISLNK(i->mode))
		db_bind_str(stmt, INODE_COLUMNS_N + 1, target);
	return db_run(c->db, stmt);
}

/* Runs behind the end of a file that became shorter. */
static int
cut_runs(struct commit *c, const struct inode *i)
{
	sqlite3_stmt *stmt = db_stmt(c->db, "DELETE FROM extent WHERE ino = ?1 AND run >= ?2");

	sqlite3_bind_int64(stmt, 1, i->ino);
	sqlite3_bind_int64(stmt, 2, (i->below + EXTENT_RUN - 1) / EXTENT_RUN);
	return db_run(c->db, stmt);
}

static int
put_inode(void *arg, const struct inode *in, struct str target)
{
	struct commit *c = arg;
	struct inode i = *in;
	int64_t before, names = 0;
	int rc = number(c->db, SIZE_OF_FILE, i.ino, &before);

	if (rc < 0)
		return rc;
	hash_inode(c, &i, target);
	c->bytes -= before;
	if (i.nlink == 0)
		return drop_inode(c, i.ino);
	if (S_ISREG(i.mode)) {
		c->bytes += (int64_t)i.size;
		rc = cut_runs(c, &i);
	} else if (S_ISDIR(i.mode)) {
		rc = number(c->db, "SELECT count(*) FROM dirent WHERE dir = ?1", i.ino, &names);
		i.cookie = COOKIE_FIRST + (uint32_t)names;
	}
	i.below = 0;
	i.own = i.verf = 0;
	return rc < 0 ? rc : put_row(c, &i, target);
}

static int
put_name(void *arg, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie)
{
	static const char drop[] = "DELETE FROM dirent WHERE dir = ?1 AND name = ?2";
	static const char put[] = "INSERT INTO dirent(dir, name, ino) VALUES(?1, ?2, ?3)";
	struct commit *c = arg;
	sqlite3_stmt *stmt = db_stmt(c->db, drop);
	uint8_t pair[8];
	int rc;

	(void)cookie;
	put_le32(pair, dir);
	put_le32(pair + 4, ino);
	hash_part(c, 'd', pair, sizeof(pair));
	hash_part(c, 'n', name.p, name.n);
	sqlite3_bind_int64(stmt, 1, dir);
	db_bind_str(stmt, 2, name);
	rc = db_run(c->db, stmt);
	if (rc < 0)
		return rc;
	c->entries -= sqlite3_changes(sqlite3_db_handle(stmt));
	if (!ino)
		return 0;
	stmt = db_stmt(c->db, put);
	sqlite3_bind_int64(stmt, 1, dir);
	db_bind_str(stmt, 2, name);
	sqlite3_bind_int64(stmt, 3, ino);
	c->entries++;
	return db_run(c->db, stmt);
}

static int
put_run(void *arg, uint32_t ino, uint32_t run, const struct extent *e)
{
	static const char drop[] = "DELETE FROM extent WHERE ino = ?1 AND run = ?2";
	static const char put[] = "INSERT INTO extent(ino, run, ids) VALUES(?1, ?2, ?3)";
	struct commit *c = arg;
	struct str ids = { (const char *)e->ids, extent_length(e) * (uint32_t)sizeof(e->ids[0]) };
	sqlite3_stmt *stmt = db_stmt(c->db, drop);
	uint8_t pair[8];
	int rc;

	put_le32(pair, ino);
	put_le32(pair + 4, run);
	hash_part(c, 'e', pair, sizeof(pair));
	hash_part(c, 'b', ids.p, ids.n);
	sqlite3_bind_int64(stmt, 1, ino);
	sqlite3_bind_int64(stmt, 2, run);
	rc = db_run(c->db, stmt);
	if (rc < 0 || !ids.n)
		return rc;
	stmt = db_stmt(c->db, put);
	sqlite3_bind_int64(stmt, 1, ino);
	sqlite3_bind_int64(stmt, 2, run);
	db_bind_str(stmt, 3, ids);
	return db_run(c->db, stmt);
}

static int
put_xattr(void *arg, uint32_t ino, struct str name, const struct str *value)
{
	static const char drop[] = "DELETE FROM xattr WHERE ino = ?1 AND name = ?2";
	static const char put[] = "INSERT INTO xattr(ino, name, value) VALUES(?1, ?2, ?3)";
	struct commit *c = arg;
	sqlite3_stmt *stmt = db_stmt(c->db, drop);
	uint8_t pair[8];
	int rc;

	put_le32(pair, ino);
	put_le32(pair + 4, value != NULL);
	hash_part(c, 'x', pair, sizeof(pair));
	hash_part(c, 'n', name.p, name.n);
	hash_part(c, 'v', value ? value->p : NULL, value ? value->n : 0);
	sqlite3_bind_int64(stmt, 1, ino);
	db_bind_str(stmt, 2, name);
	rc = db_run(c->db, stmt);
	if (rc < 0 || !value)
		return rc;
	stmt = db_stmt(c->db, put);
	sqlite3_bind_int64(stmt, 1, ino);
	db_bind_str(stmt, 2, name);
	db_bind_str(stmt, 3, *value);
	return db_run(c->db, stmt);
}

/* --- the whole --- */

struct find_totals {
	const struct id *id;
	struct image_info info;
};

static int
take_totals(void *arg, const struct image_info *info)
{
	struct find_totals *f = arg;

	if (id_eq(&info->id, f->id))
		f->info = *info;
	return 0;
}

/* From the catalogue, or counted where the image has no name any more. */
static int
old_totals(struct commit *c, const struct id *image)
{
	struct find_totals f = { .id = image };
	int rc = store_images(c->store, take_totals, &f);

	c->entries = (int64_t)f.info.entries;
	c->bytes = (int64_t)f.info.bytes;
	if (rc < 0 || *f.info.name)
		return rc;
	rc = number(c->db, "SELECT count(*) FROM dirent", 0, &c->entries);
	return rc < 0 ? rc
		      : number(c->db, "SELECT sum(size) FROM inode WHERE mode & 61440 = 32768", 0,
			    &c->bytes);
}

static int
set_id(struct commit *c, const struct id *id)
{
	sqlite3_stmt *stmt = db_stmt(c->db, "UPDATE meta SET value = ? WHERE key = 'id'");
	int rc;

	db_bind_id(stmt, 1, id);
	rc = db_run(c->db, stmt);
	return rc < 0 ? rc : db_exec(c->db, "INSERT OR REPLACE INTO meta VALUES('commit', 1)");
}

static int
apply(struct commit *c, const struct id *image, uint64_t layer)
{
	const struct view_sink sink = { c, put_inode, put_name, put_run, put_xattr };
	struct view *view;
	int rc = view_open_layer(c->store, image, layer, false, &view);

	if (rc < 0)
		return rc;
	hash_part(c, 'c', image->b, ID_SIZE);
	rc = view_flatten(view, &sink);
	view_close(view);
	return rc;
}

static int
fill(struct commit *c, const struct id *image, uint64_t layer, struct id *id)
{
	struct files *files = store_files(c->store);
	int rc = copy_image(c, image);

	if (rc == 0)
		rc = db_open_in(files, store_import_path(c->import), DB_SCRATCH, &c->db);
	if (rc == 0)
		rc = db_begin(c->db);
	if (rc == 0)
		rc = old_totals(c, image);
	if (rc == 0)
		rc = hash_stream_open(&c->hash);
	if (rc == 0)
		rc = apply(c, image, layer);
	if (rc == 0) {
		*id = hash_stream_end(c->hash);
		rc = set_id(c, id);
	}
	if (rc == 0)
		rc = db_commit(c->db);
	db_close(c->db);
	return rc;
}

int
image_commit(struct store *s, const struct id *image, uint64_t layer, const char *name,
    struct image_info *out)
{
	struct commit c = { .store = s };
	int rc = name_check("an image", name);

	*out = (struct image_info){ 0 };
	if (rc == 0)
		rc = store_import_begin(s, &c.import);
	if (rc == 0)
		rc = fill(&c, image, layer, &out->id);
	if (rc == 0) {
		snprintf(out->name, sizeof(out->name), "%s", name);
		out->entries = (uint64_t)c.entries;
		out->bytes = (uint64_t)c.bytes;
		rc = store_import_publish(c.import, out);
	}
	store_import_end(c.import);
	hash_stream_close(c.hash);
	return rc;
}

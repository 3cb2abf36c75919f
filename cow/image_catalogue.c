/* The catalogue of images: names for sealed trees. Several names may mean the same tree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/store_priv.h"

int
name_check(const char *what, const char *name)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789._-";
	size_t n = strlen(name);

	if (n >= 1 && n <= 64 && strspn(name, good) == n && name[0] != '.' && name[0] != '-')
		return 0;
	return err_set(EINVAL,
	    "\"%.80s\" can't be the name of %s: 1 to 64 of A-Z a-z 0-9 . _ -, the first not . or -",
	    name, what);
}

void
store_image_name(const struct id *id, const char *suffix, char out[STORE_NAME_SIZE])
{
	char hex[ID_HEX_SIZE];

	id_hex(id, hex);
	snprintf(out, STORE_NAME_SIZE, "images/%s%s", hex, suffix);
}

#define IMAGE_COLUMNS                                \
	"name, id, created, entries, bytes, stored," \
	" (SELECT count(*) FROM client WHERE client.image = image.name)"

static int
image_column(sqlite3_stmt *stmt, void *element)
{
	struct image_info *out = element;

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", (const char *)sqlite3_column_text(stmt, 0));
	out->created = sqlite3_column_int64(stmt, 2);
	out->entries = (uint64_t)sqlite3_column_int64(stmt, 3);
	out->bytes = (uint64_t)sqlite3_column_int64(stmt, 4);
	out->stored = (uint64_t)sqlite3_column_int64(stmt, 5);
	out->clients = (uint32_t)sqlite3_column_int64(stmt, 6);
	return db_column_id(stmt, 1, &out->id);
}

/* All are gathered before anybody is told: what hears of one may ask the catalogue again. */
int
store_images(struct store *s, image_info_fn *fn, void *arg)
{
	static const char sql[] = "SELECT " IMAGE_COLUMNS " FROM image ORDER BY name";
	void *all CLEANUP_FREE = NULL;
	struct image_info *images;
	struct db *db = db_lend(s->readers);
	int rc = 0, n = -EIO;

	if (db)
		n = db_gather(db, db_stmt(db, sql), sizeof(*images), image_column, &all);
	images = all;

	db_return(s->readers, db);
	for (int i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &images[i]);
	return n < 0 ? n : rc;
}

static int
find_image(struct db *db, const char *name, struct image_info *out)
{
	static const char sql[] = "SELECT " IMAGE_COLUMNS " FROM image WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc == 0)
		return err_set(ENOENT, "there is no image %s", name);
	if (rc > 0)
		rc = image_column(stmt, out);
	db_reset(stmt);
	return rc;
}

int
store_image_find(struct store *s, const char *name, struct image_info *out)
{
	struct db *db = db_lend(s->readers);
	int rc = db ? find_image(db, name, out) : -EIO;

	db_return(s->readers, db);
	return rc;
}

int
store_image_named(struct db *db, const struct id *id)
{
	static const char sql[] = "SELECT 1 FROM image WHERE id = ?1"
				  " UNION ALL SELECT 1 FROM layer WHERE image = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	db_bind_id(stmt, 1, id);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc;
}

/* The first few clients of an image, for a sentence. */
static int
used_by(struct db *db, const struct image_info *info)
{
	static const char sql[] = "SELECT name FROM client WHERE image = ?1 ORDER BY name LIMIT 5";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	char list[5 * 66 + 1] = "";
	size_t n = 0;
	int rc;

	sqlite3_bind_text(stmt, 1, info->name, -1, SQLITE_STATIC);
	while ((rc = db_step(db, stmt)) == 1)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
		    (const char *)sqlite3_column_text(stmt, 0));
	return rc < 0 ? rc
		      : err_set(EBUSY, "image %s is used by %s%s", info->name, list,
			    info->clients > 5 ? " and others" : "");
}

struct removal {
	const char *name;
	struct image_info info;
};

static int
remove_row(struct db *db, void *arg)
{
	static const char sql[] = "DELETE FROM image WHERE name = ?1";
	struct removal *removal = arg;
	sqlite3_stmt *stmt;
	int rc = find_image(db, removal->name, &removal->info);

	if (rc < 0)
		return rc;
	if (removal->info.clients)
		return used_by(db, &removal->info);
	stmt = db_stmt(db, sql);
	sqlite3_bind_text(stmt, 1, removal->name, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

struct file_drop {
	struct store *store;
	const struct id *id;
};

static int
drop_file(struct db *db, void *arg)
{
	struct file_drop *drop = arg;
	char name[STORE_NAME_SIZE];
	int rc = store_image_named(db, drop->id);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	store_forget_image(drop->store, drop->id);
	store_image_name(drop->id, ".db", name);
	rc = file_unlink(drop->store->files, name);
	return rc == -ENOENT ? 0 : rc;
}

int
store_drop_image_file(struct store *s, const struct id *id)
{
	struct file_drop drop = { s, id };

	return store_write(s, drop_file, &drop);
}

int
store_image_remove(struct store *s, const char *name)
{
	struct removal removal = { .name = name };
	int rc = store_write(s, remove_row, &removal);

	/* In a transaction of its own: a row without its file would be worse than the reverse. */
	return rc < 0 ? rc : store_drop_image_file(s, &removal.info.id);
}

struct replacement {
	const char *name, *made, *old;
};

static int
rename_row(struct db *db, const char *from, const char *to)
{
	sqlite3_stmt *stmt = db_stmt(db, "UPDATE image SET name = ?2 WHERE name = ?1");

	sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, to, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

static int
replace_rows(struct db *db, void *arg)
{
	const struct replacement *r = arg;
	int rc = rename_row(db, r->name, r->old);

	if (rc == -EEXIST)
		return err_set(EEXIST, "there is an image %s already", r->old);
	return rc < 0 ? rc : rename_row(db, r->made, r->name);
}

int
store_image_replace(struct store *s, const char *name, const char *made, const char *old)
{
	struct replacement r = { name, made, old };
	int rc = name_check("an image", old);

	return rc < 0 ? rc : store_write(s, replace_rows, &r);
}

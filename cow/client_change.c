/* The catalogue of clients: adding, changing and removing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/client_priv.h"
#include "cow/err.h"
#include "cow/layer.h"
#include "cow/lease.h"

/* --- adding --- */

static int
check_name_free(struct db *db, const char *name)
{
	static const char sql[] = "SELECT 1 FROM client WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc == 1 ? err_set(EEXIST, "there is a client %s already", name) : rc;
}

int
client_check_free(struct db *db, const struct client *c)
{
	int rc = check_name_free(db, c->name);

	return rc < 0 ? rc : marks_check_free(db, c);
}

static int
insert_row(struct db *db, const struct client *c)
{
	static const char sql[] =
	    "INSERT INTO client(name, id, key, incarnation, image, image_id, head, any_address,"
	    " created, grp) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, c->name, -1, SQLITE_STATIC);
	db_bind_id(stmt, 2, &c->id);
	db_bind_str(stmt, 3, (struct str){ (const char *)c->key, sizeof(c->key) });
	sqlite3_bind_int64(stmt, 4, c->incarnation);
	sqlite3_bind_text(stmt, 5, c->image, -1, SQLITE_STATIC);
	db_bind_id(stmt, 6, &c->image_id);
	sqlite3_bind_int64(stmt, 7, (int64_t)c->head);
	sqlite3_bind_int(stmt, 8, c->any_address);
	sqlite3_bind_int64(stmt, 9, c->created);
	sqlite3_bind_text(stmt, 10, c->group, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

int
client_insert(struct db *db, const struct client *c)
{
	int rc = check_name_free(db, c->name);

	if (rc < 0 || (rc = marks_insert(db, c)) < 0)
		return rc;
	return insert_row(db, c);
}

/* The image may have been removed, or another one have got its name, since it was looked at. */
static int
check_image(struct db *db, const struct client *c)
{
	static const char sql[] = "SELECT 1 FROM image WHERE name = ?1 AND id = ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, c->image, -1, SQLITE_STATIC);
	db_bind_id(stmt, 2, &c->image_id);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc == 0 ? err_set(ENOENT, "there is no image %s", c->image) : rc < 0 ? rc : 0;
}

struct addition {
	struct client client;
	uint32_t next_ino;
};

struct additions {
	struct addition *all;
	int n;
};

static int
add_one(struct db *db, struct addition *addition)
{
	struct client *c = &addition->client;
	int rc;

	if ((rc = check_image(db, c)) < 0 || (rc = client_insert(db, c)) < 0)
		return rc;
	return layer_create(db, c->head, 0, &c->image_id, addition->next_ino);
}

static int
add(struct db *db, void *arg)
{
	const struct additions *a = arg;
	int rc = 0;

	for (int i = 0; i < a->n && rc == 0; i++)
		rc = add_one(db, &a->all[i]);
	return rc;
}

/* Checks what was asked for, and makes what is the client's own. */
int
client_prepare(const struct client_options *o, struct client *c)
{
	int rc = name_check("a client", o->name);

	if (rc < 0)
		return rc;
	snprintf(c->name, sizeof(c->name), "%s", o->name);
	snprintf(c->image, sizeof(c->image), "%s", o->image ? o->image : "");
	if (o->group && *o->group) {
		if ((rc = name_check("a group", o->group)) < 0)
			return rc;
		snprintf(c->group, sizeof(c->group), "%s", o->group);
	}
	c->any_address = o->any_address;
	c->incarnation = 1;
	c->created = time(NULL);
	if ((rc = marks_take(c, o)) < 0)
		return rc;
	if (getrandom(c->key, sizeof(c->key), 0) != sizeof(c->key))
		return err_errno("no random bytes for client %s", o->name);
	return id_random(&c->id);
}

static int
prepare_addition(struct store *s, const struct client_options *o, struct addition *out)
{
	struct image_info info;
	struct image *image;
	int rc = client_prepare(o, &out->client);

	if (rc < 0 || (rc = store_image_find(s, o->image, &info)) < 0 ||
	    (rc = store_image(s, &info.id, &image)) < 0)
		return rc;
	out->client.image_id = info.id;
	out->next_ino = image_last_ino(image) + 1;
	out->client.head = store_new_layer(s);
	image_release(image);
	return 0;
}

int
clients_add(struct store *s, const struct client_options *o, int n)
{
	CLEANUP_FREE struct addition *all = calloc((size_t)n, sizeof(*all));
	struct additions additions = { all, n };
	int rc = all ? 0 : err_set(ENOMEM, "out of memory for %d clients", n);

	SCOPED_LOCK(store_catalogue(s));
	for (int i = 0; i < n && rc == 0; i++)
		rc = prepare_addition(s, &o[i], &all[i]);
	return rc < 0 ? rc : store_write(s, add, &additions);
}

int
client_add(struct store *s, const struct client_options *o)
{
	return clients_add(s, o, 1);
}

/* --- removing --- */

static int
drop_named(struct db *db, const char *sql, const char *name)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

/* The layers that nobody else needs are the collector's (cow/gc.h). */
static int
remove_client(struct db *db, void *arg)
{
	static const char *const rows[] = { "DELETE FROM client_mark WHERE client = ?1",
		"DELETE FROM client_fact WHERE client = ?1",
		"DELETE FROM snapshot WHERE client = ?1", "DELETE FROM pending WHERE client = ?1",
		"DELETE FROM keep WHERE client = ?1", "DELETE FROM client WHERE name = ?1" };
	struct client c;
	int rc = client_find_in(db, arg, &c);

	if (rc == 0)
		rc = layer_seal(db, c.head);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && rc == 0; i++)
		rc = drop_named(db, rows[i], c.name);
	return rc;
}

int
client_remove(struct store *s, const char *name)
{
	struct lease *lease;
	struct client c;
	int rc;

	SCOPED_LOCK(store_catalogue(s));
	if ((rc = client_find(s, name, &c)) < 0 || (rc = lease_get(s, &c, &lease)) < 0)
		return rc;
	rc = store_write(s, remove_client, c.name);
	if (rc == 0)
		lease_drop(lease);
	else
		lease_release(lease);
	return rc;
}

/* --- changing --- */

struct setting {
	const char *name;
	const struct client_set *set;
	struct client marks; /* with set_marks */
};

static int
set_columns(struct db *db, void *arg)
{
	static const char sql[] =
	    "UPDATE client SET grp = coalesce(?2, grp), quota = coalesce(?3, quota),"
	    " volatile = coalesce(?4, volatile), any_address = coalesce(?5, any_address)"
	    " WHERE name = ?1";
	const struct setting *setting = arg;
	const struct client_set *set = setting->set;
	sqlite3_stmt *stmt;
	struct client c;
	int rc = client_find_in(db, setting->name, &c);

	if (rc == 0 && set->set_marks)
		rc = marks_replace(db, c.name, &setting->marks);
	if (rc < 0)
		return rc;
	stmt = db_stmt(db, sql);
	sqlite3_bind_text(stmt, 1, c.name, -1, SQLITE_STATIC);
	if (set->group)
		sqlite3_bind_text(stmt, 2, set->group, -1, SQLITE_STATIC);
	if (set->set_quota)
		sqlite3_bind_int64(stmt, 3, (int64_t)set->quota);
	if (set->set_volatile)
		sqlite3_bind_int(stmt, 4, set->is_volatile);
	if (set->set_any_address)
		sqlite3_bind_int(stmt, 5, set->any_address);
	return db_run(db, stmt);
}

int
client_set(struct store *s, const char *name, const struct client_set *set)
{
	struct setting setting = { name, set };
	int rc = set->group && *set->group ? name_check("a group", set->group) : 0;

	if (rc == 0 && set->set_marks)
		rc = marks_take(&setting.marks, set->marks);
	if (rc < 0)
		return rc;
	if (set->set_quota && set->quota > INT64_MAX)
		return err_set(EINVAL, "a quota that large is no limit");
	SCOPED_LOCK(store_catalogue(s));
	return store_write(s, set_columns, &setting);
}

static int
note_mount(struct db *db, void *arg)
{
	const struct client *c = arg;
	sqlite3_stmt *stmt = db_stmt(db, "UPDATE client SET mounted = ?2 WHERE name = ?1");

	sqlite3_bind_text(stmt, 1, c->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, c->mounted);
	return db_run(db, stmt);
}

int
client_note_mount(struct store *s, const char *name, int64_t when)
{
	struct client c = { .mounted = when };

	snprintf(c.name, sizeof(c.name), "%s", name);
	return store_write(s, note_mount, &c);
}

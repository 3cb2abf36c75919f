/* The catalogue of clients. */
#include "cow/client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/layer.h"

/* --- reading --- */

#define CLIENT_COLUMNS                                                                    \
	"SELECT name, id, key, incarnation, image, image_id, head, any_address, created," \
	" grp, identity, quota, volatile, mounted FROM client"

static int
client_column(sqlite3_stmt *stmt, void *element)
{
	struct client *out = element;
	struct str key = db_column_str(stmt, 2);
	int rc;

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", (const char *)sqlite3_column_text(stmt, 0));
	snprintf(out->image, sizeof(out->image), "%s", (const char *)sqlite3_column_text(stmt, 4));
	out->incarnation = (uint32_t)sqlite3_column_int64(stmt, 3);
	out->head = (uint64_t)sqlite3_column_int64(stmt, 6);
	out->any_address = sqlite3_column_int(stmt, 7) != 0;
	out->created = sqlite3_column_int64(stmt, 8);
	snprintf(out->group, sizeof(out->group), "%s", (const char *)sqlite3_column_text(stmt, 9));
	out->identity = (uint64_t)sqlite3_column_int64(stmt, 10);
	out->quota = (uint64_t)sqlite3_column_int64(stmt, 11);
	out->is_volatile = sqlite3_column_int(stmt, 12) != 0;
	out->mounted = sqlite3_column_int64(stmt, 13);
	if (key.n != sizeof(out->key))
		return err_set(
		    EIO, "damaged row of client %s: a key of %u bytes", out->name, key.n);
	memcpy(out->key, key.p, sizeof(out->key));
	rc = db_column_id(stmt, 1, &out->id);
	return rc < 0 ? rc : db_column_id(stmt, 5, &out->image_id);
}

/* What the client's row doesn't tell: its marks, and the sum over its layers. */
static int
read_rest(struct db *db, struct client *c)
{
	struct layer *chain CLEANUP_FREE = NULL;
	int n = 0, rc = marks_read(db, c);

	if (rc < 0 || (rc = layer_chain(db, c->head, &chain, &n)) < 0)
		return rc;
	for (int i = 0; i < n; i++) {
		c->delta_files += chain[i].files;
		c->delta_bytes += chain[i].bytes;
	}
	return 0;
}

/* The client of the first row of a statement with bound parameters: 1, 0 (none) or -errno. */
static int
read_client(struct db *db, sqlite3_stmt *stmt, struct client *out)
{
	int rc = db_step(db, stmt);

	if (rc <= 0)
		return rc;
	rc = client_column(stmt, out);
	db_reset(stmt);
	if (rc == 0)
		rc = read_rest(db, out);
	return rc < 0 ? rc : 1;
}

int
client_find_in(struct db *db, const char *name, struct client *out)
{
	static const char sql[] = CLIENT_COLUMNS " WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = read_client(db, stmt, out);
	return rc > 0 ? 0 : rc < 0 ? rc : err_set(ENOENT, "there is no client %s", name);
}

/* The client whose mark this is. */
static int
find_mark(struct db *db, enum mark_kind kind, const char *value, struct client *out)
{
	static const char sql[] = CLIENT_COLUMNS
	    " WHERE name = (SELECT client FROM client_mark WHERE kind = ?1 AND value = ?2)";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_int(stmt, 1, kind);
	sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
	rc = read_client(db, stmt, out);
	return rc ? rc
		  : err_set(ENOENT, "no client has the %s %s",
			kind == MARK_SERIAL ? "serial number"
			: kind == MARK_MAC  ? "MAC"
					    : "address",
			value);
}

static int
find_id(struct db *db, const struct id *id, struct client *out)
{
	static const char sql[] = CLIENT_COLUMNS " WHERE id = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	db_bind_id(stmt, 1, id);
	rc = read_client(db, stmt, out);
	return rc ? rc : err_set(ENOENT, "no client has that view");
}

int
client_set_head(struct db *db, const char *name, uint64_t head)
{
	sqlite3_stmt *stmt = db_stmt(db, "UPDATE client SET head = ?2 WHERE name = ?1");

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)head);
	return db_run(db, stmt);
}

int
client_head(struct db *db, const struct id *id, uint64_t *out)
{
	sqlite3_stmt *stmt = db_stmt(db, "SELECT head FROM client WHERE id = ?1");
	int rc;

	db_bind_id(stmt, 1, id);
	rc = db_step(db, stmt);
	if (rc == 1)
		*out = (uint64_t)sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return rc == 1 ? 0 : rc < 0 ? rc : err_set(ENOENT, "no client has that view");
}

int
client_find(struct store *s, const char *name, struct client *out)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? client_find_in(db, name, out) : -EIO;

	db_return(store_readers(s), db);
	return rc < 0 ? rc : 0;
}

static int
find_by(struct store *s, enum mark_kind kind, const char *text, struct client *out)
{
	char value[MARK_TEXT];
	struct db *db;
	int rc = mark_normalise(kind, text, value);

	if (rc < 0)
		return rc;
	db = db_lend(store_readers(s));
	rc = db ? find_mark(db, kind, value, out) : -EIO;
	db_return(store_readers(s), db);
	return rc < 0 ? rc : 0;
}

int
client_find_address(struct store *s, const char *address, struct client *out)
{
	return find_by(s, MARK_ADDRESS, address, out);
}

int
client_find_mac(struct store *s, const char *mac, struct client *out)
{
	return find_by(s, MARK_MAC, mac, out);
}

int
client_find_serial(struct store *s, const char *serial, struct client *out)
{
	return find_by(s, MARK_SERIAL, serial, out);
}

int
client_find_id(struct store *s, const struct id *id, struct client *out)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? find_id(db, id, out) : -EIO;

	db_return(store_readers(s), db);
	return rc < 0 ? rc : 0;
}

/* All clients, gathered before anybody is told: what hears of one may ask the catalogue again. */
static int
read_clients(struct db *db, struct client **out)
{
	static const char sql[] = CLIENT_COLUMNS " ORDER BY name";
	void *all;
	int rc = 0, n = db_gather(db, db_stmt(db, sql), sizeof(**out), client_column, &all);

	*out = all;
	for (int i = 0; i < n && rc == 0; i++)
		rc = read_rest(db, &(*out)[i]);
	return rc < 0 ? rc : n;
}

int
client_each(struct store *s, client_fn *fn, void *arg)
{
	struct client *all CLEANUP_FREE = NULL;
	struct db *db = db_lend(store_readers(s));
	int rc = 0, n = db ? read_clients(db, &all) : -EIO;

	db_return(store_readers(s), db);
	for (int i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	return n < 0 ? n : rc;
}

/* The catalogue of snapshots, and the cut that makes them. */
#include "cow/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/layer.h"
#include "cow/lease.h"
#include "cow/view.h"

/* --- rows --- */

#define SNAPSHOT_COLUMNS "client, name, kind, layer, image, image_id, created, note, identity"

static void
column_text(sqlite3_stmt *stmt, int i, char *out, size_t size)
{
	struct str s = db_column_str(stmt, i);

	snprintf(out, size, "%.*s", (int)s.n, s.p);
}

static int
snapshot_column(sqlite3_stmt *stmt, void *element)
{
	struct snapshot *out = element;

	memset(out, 0, sizeof(*out));
	column_text(stmt, 0, out->client, sizeof(out->client));
	column_text(stmt, 1, out->name, sizeof(out->name));
	out->kind = (enum snapshot_kind)sqlite3_column_int(stmt, 2);
	out->layer = (uint64_t)sqlite3_column_int64(stmt, 3);
	column_text(stmt, 4, out->image, sizeof(out->image));
	out->created = sqlite3_column_int64(stmt, 6);
	column_text(stmt, 7, out->note, sizeof(out->note));
	out->identity = (uint64_t)sqlite3_column_int64(stmt, 8);
	return db_column_id(stmt, 5, &out->image_id);
}

static int
read_sizes(struct db *db, struct snapshot *s)
{
	struct layer *chain CLEANUP_FREE = NULL;
	int n = 0, rc = layer_chain(db, s->layer, &chain, &n);

	for (int i = 0; i < n && rc == 0; i++) {
		s->delta_files += chain[i].files;
		s->delta_bytes += chain[i].bytes;
	}
	return rc;
}

/* The snapshot of the first row, without its sizes: 1, 0 (none) or -errno. */
static int
read_one(struct db *db, sqlite3_stmt *stmt, struct snapshot *out)
{
	int rc = db_step(db, stmt);

	if (rc <= 0)
		return rc;
	rc = snapshot_column(stmt, out);
	db_reset(stmt);
	return rc < 0 ? rc : 1;
}

static int
find(struct db *db, const char *client, const char *name, struct snapshot *out)
{
	static const char sql[] =
	    "SELECT " SNAPSHOT_COLUMNS " FROM snapshot WHERE client = ?1 AND name = ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
	rc = read_one(db, stmt, out);
	if (rc == 0)
		return err_set(ENOENT, "client %s has no snapshot %.80s", client, name);
	return rc < 0 ? rc : 0;
}

int
snapshot_put(struct db *db, const struct snapshot *s)
{
	static const char sql[] =
	    "INSERT INTO snapshot(" SNAPSHOT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, s->client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, s->name, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 3, (int)s->kind);
	sqlite3_bind_int64(stmt, 4, (int64_t)s->layer);
	sqlite3_bind_text(stmt, 5, s->image, -1, SQLITE_STATIC);
	db_bind_id(stmt, 6, &s->image_id);
	sqlite3_bind_int64(stmt, 7, s->created);
	sqlite3_bind_text(stmt, 8, s->note, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 9, (int64_t)s->identity);
	return db_run(db, stmt);
}

int
snapshot_drop(struct db *db, const char *client, const char *name)
{
	static const char sql[] =
	    "DELETE FROM snapshot WHERE client = ?1 AND (?2 IS NULL OR name = ?2)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	if (name)
		sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

int
snapshot_newest_replaced(struct db *db, const char *client, struct snapshot *out)
{
	static const char sql[] =
	    "SELECT " SNAPSHOT_COLUMNS " FROM snapshot WHERE client = ?1 AND kind IN (1, 2, 3)"
	    " ORDER BY created DESC, layer DESC LIMIT 1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	rc = read_one(db, stmt, out);
	if (rc == 0)
		return err_set(ENOENT,
		    "there is nothing to undo for client %s: no reset, rollback or update of it is "
		    "kept",
		    client);
	return rc < 0 ? rc : 0;
}

static int
is_taken(struct db *db, const char *client, const char *name)
{
	static const char sql[] = "SELECT 1 FROM snapshot WHERE client = ?1 AND name = ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc;
}

int
snapshot_free_name(struct db *db, const char *client, const char *what, char out[65])
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;
	int rc = 1;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d-%H%M%S", &tm);
	snprintf(out, 65, "%s%s", what, when);
	for (int i = 2; (rc = is_taken(db, client, out)) == 1; i++)
		snprintf(out, 65, "%s%s-%d", what, when, i);
	return rc;
}

/* --- looking --- */

int
snapshot_find(struct store *s, const char *client, const char *name, struct snapshot *out)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? find(db, client, name, out) : -EIO;

	if (rc == 0)
		rc = read_sizes(db, out);
	db_return(store_readers(s), db);
	return rc;
}

static int
gather(struct db *db, const char *client, struct snapshot **out)
{
	static const char sql[] =
	    "SELECT " SNAPSHOT_COLUMNS " FROM snapshot WHERE ?1 IS NULL OR client = ?1"
	    " ORDER BY client, created, layer";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	void *all = NULL;
	int n;

	if (client)
		sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	n = db_gather(db, stmt, sizeof(**out), snapshot_column, &all);
	*out = all;
	return n;
}

int
snapshot_each(struct store *s, const char *client, snapshot_fn *fn, void *arg)
{
	struct snapshot *all CLEANUP_FREE = NULL;
	struct db *db = db_lend(store_readers(s));
	int rc = 0, n = db ? gather(db, client, &all) : -EIO;

	for (int i = 0; i < n && rc == 0; i++)
		rc = read_sizes(db, &all[i]);
	db_return(store_readers(s), db);
	for (int i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	return n < 0 ? n : rc;
}

/* --- making --- */

struct cut {
	struct snapshot snapshot;
	struct view *view;
	uint64_t head; /* the new one */
	struct lease *lease;
};

struct cuts {
	struct cut *all;
	int n;
	int (*fn)(struct db *, void *); /* in place of the snapshots' rows */
	void *arg;
};

/* Under the catalogue's lock, before anything is held. */
static int
prepare(struct store *s, const struct snapshot_of *of, const char *name, const char *note,
    struct cut *out)
{
	struct snapshot *sn = &out->snapshot;
	struct client c;
	struct db *db;
	int rc = client_find(s, of->client, &c);

	if (rc < 0 || (rc = lease_get(s, &c, &out->lease)) < 0)
		return rc;
	snprintf(sn->client, sizeof(sn->client), "%s", c.name);
	snprintf(sn->image, sizeof(sn->image), "%s", c.image);
	snprintf(sn->note, sizeof(sn->note), "%s", note ? note : "");
	sn->image_id = c.image_id;
	sn->identity = c.identity;
	sn->layer = c.head;
	sn->created = time(NULL);
	out->view = of->view;
	if (!(db = db_lend(store_readers(s))))
		return -EIO;
	if (!name) {
		rc = snapshot_free_name(db, c.name, "", sn->name);
	} else {
		snprintf(sn->name, sizeof(sn->name), "%s", name);
		rc = is_taken(db, c.name, name);
		if (rc == 1)
			rc = err_set(EEXIST, "client %s has a snapshot %s already", c.name, name);
	}
	db_return(store_readers(s), db);
	out->head = store_new_layer(s);
	return rc;
}

static void
release_leases(const struct cuts *cuts)
{
	for (int i = 0; i < cuts->n; i++)
		lease_release(cuts->all[i].lease);
}

static int
put_cut(struct db *db, const struct cut *cut)
{
	const struct snapshot *sn = &cut->snapshot;
	struct layer old;
	int rc = layer_get(db, sn->layer, &old);

	if (rc < 0 || (rc = layer_seal(db, sn->layer)) < 0 ||
	    (rc = layer_create(db, cut->head, sn->layer, &old.image, old.next_ino)) < 0 ||
	    (rc = client_set_head(db, sn->client, cut->head)) < 0)
		return rc;
	return *sn->name ? snapshot_put(db, sn) : 0;
}

static int
put_cuts(struct db *db, void *arg)
{
	const struct cuts *cuts = arg;
	int rc = 0;

	for (int i = 0; i < cuts->n && rc == 0; i++)
		rc = put_cut(db, &cuts->all[i]);
	return rc == 0 && cuts->fn ? cuts->fn(db, cuts->arg) : rc;
}

/* All views are held between their last row for the old head and their first for the new one. */
static int
run_cuts(struct store *s, struct cuts *cuts)
{
	struct change *change = change_new();
	uint64_t ticket = 0;
	int held = 0, rc = change ? change_call(change, put_cuts, cuts) : -ENOMEM;

	for (; held < cuts->n && rc == 0; held++)
		if (cuts->all[held].view && (rc = view_cut_begin(cuts->all[held].view)) < 0)
			break;
	if (rc == 0)
		rc = batch_add(store_batch(s), change, false, &ticket);
	for (int i = 0; i < held; i++)
		if (cuts->all[i].view)
			view_cut_end(cuts->all[i].view, rc == 0 ? cuts->all[i].head : 0, ticket);
	change_free(change);
	return rc < 0 ? rc : batch_wait(store_batch(s), ticket);
}

int
snapshot_cut(
    struct store *s, const struct snapshot_of *of, int (*fn)(struct db *, void *), void *arg)
{
	struct cut cut = { 0 };
	struct cuts cuts = { &cut, 1, fn, arg };
	int rc = prepare(s, of, "", NULL, &cut);

	if (rc == 0)
		rc = run_cuts(s, &cuts);
	release_leases(&cuts);
	return rc;
}

static int
check_note(const char *note)
{
	for (const char *p = note; p && *p; p++)
		if ((unsigned char)*p < ' ')
			return err_set(EINVAL, "a note is one line of text");
	return !note || strlen(note) <= SNAPSHOT_NOTE_MAX
		   ? 0
		   : err_set(EINVAL, "a note can be %d bytes long", SNAPSHOT_NOTE_MAX);
}

int
snapshot_create(
    struct store *s, const struct snapshot_of *of, int n, const char *name, const char *note)
{
	CLEANUP_FREE struct cut *all = calloc((size_t)n + 1, sizeof(*all));
	struct cuts cuts = { .all = all, .n = n };
	int rc = all ? check_note(note) : -ENOMEM;

	if (rc == 0 && name)
		rc = name_check("a snapshot", name);
	SCOPED_LOCK(store_catalogue(s));
	for (int i = 0; i < n && rc == 0; i++)
		rc = prepare(s, &of[i], name, note, &all[i]);
	if (rc == 0)
		rc = run_cuts(s, &cuts);
	if (all)
		release_leases(&cuts);
	return rc;
}

/* --- removing --- */

struct removal {
	const char *client, *name;
};

static int
remove_one(struct db *db, void *arg)
{
	const struct removal *r = arg;
	struct snapshot s;
	int rc = find(db, r->client, r->name, &s);

	return rc < 0 ? rc : snapshot_drop(db, s.client, s.name);
}

int
snapshot_remove(struct store *s, const char *client, const char *name)
{
	struct removal removal = { client, name };

	SCOPED_LOCK(store_catalogue(s));
	return store_write(s, remove_one, &removal);
}

struct expiry {
	int64_t before;
	int number, removed;
};

/* Newest first within a client, so the index among its automatic ones tells. */
static int
expire(struct db *db, void *arg)
{
	struct expiry *e = arg;
	struct snapshot *all CLEANUP_FREE = NULL;
	int rc = 0, automatic = 0, n = gather(db, NULL, &all);

	for (int i = n - 1; i >= 0 && rc == 0; i--) {
		if (i == n - 1 || strcmp(all[i].client, all[i + 1].client) != 0)
			automatic = 0;
		if (all[i].kind == SNAPSHOT_MADE)
			continue;
		if (automatic++ < e->number && all[i].created >= e->before)
			continue;
		rc = snapshot_drop(db, all[i].client, all[i].name);
		e->removed++;
	}
	return n < 0 ? n : rc;
}

/* Is there anything to do at all? A timer asks often, and a transaction costs a sync. */
static int
any_expired(struct store *s, struct expiry *e)
{
	static const char sql[] = "SELECT 1 FROM snapshot WHERE kind != 0 GROUP BY client"
				  " HAVING count(*) > ?1 OR min(created) < ?2";
	struct db *db = db_lend(store_readers(s));
	sqlite3_stmt *stmt;
	int rc;

	if (!db)
		return -EIO;
	stmt = db_stmt(db, sql);
	sqlite3_bind_int(stmt, 1, e->number);
	sqlite3_bind_int64(stmt, 2, e->before);
	rc = db_step(db, stmt);
	db_reset(stmt);
	db_return(store_readers(s), db);
	return rc;
}

int
snapshot_expire(struct store *s, int64_t seconds, int number)
{
	struct expiry e = { .before = time(NULL) - seconds, .number = number };
	int rc = any_expired(s, &e);

	if (rc <= 0)
		return rc;
	SCOPED_LOCK(store_catalogue(s));
	rc = store_write(s, expire, &e);
	return rc < 0 ? rc : e.removed;
}

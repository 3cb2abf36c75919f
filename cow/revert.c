/* Reset, rollback, undo and update are one thing: a new head over another layer, and the old head
 * kept under a name. */
#include "cow/revert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/carry.h"
#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/layer.h"
#include "cow/lease.h"

/* One client's, thought through: what the head becomes. */
struct step {
	enum snapshot_kind kind;
	struct client client;
	struct snapshot old;  /* what the replaced state is kept as */
	struct snapshot from; /* SNAPSHOT_UNDO: consumed */
	char image[65];
	struct id image_id;
	uint64_t parent; /* of the new head; 0: the image */
	uint64_t identity;
	uint32_t next_ino;
	uint64_t head;
	struct lease *lease;
	bool made; /* the head is there already, with what is kept */
	struct keeps keeps;
};

struct steps {
	struct step *all;
	int n;
};

static const char *
what_was(enum snapshot_kind kind)
{
	static const char *const names[] = { [SNAPSHOT_RESET] = "before-reset-",
		[SNAPSHOT_ROLLBACK] = "before-rollback-",
		[SNAPSHOT_UPDATE] = "before-update-",
		[SNAPSHOT_UNDO] = "before-undo-" };

	return names[kind];
}

/* --- thinking it through --- */

static void
take_image(struct step *st, const char *name, const struct id *id)
{
	snprintf(st->image, sizeof(st->image), "%s", name);
	st->image_id = *id;
}

static void
take_snapshot(struct step *st, const struct snapshot *s)
{
	take_image(st, s->image, &s->image_id);
	st->parent = s->layer;
	st->identity = s->identity;
}

static int
take_update(struct store *s, struct step *st, const char *image)
{
	struct image_info info;
	int rc = store_image_find(s, image, &info);

	if (rc == 0)
		take_image(st, info.name, &info.id);
	return rc;
}

static int
take_undo(struct store *s, struct step *st)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? snapshot_newest_replaced(db, st->client.name, &st->from) : -EIO;

	db_return(store_readers(s), db);
	if (rc == 0)
		take_snapshot(st, &st->from);
	return rc;
}

/* An image that is updated has no identity layer beneath the new head: identity is numbered over
 * one image. Those who write it do so again (it is kept by their names, not by its rows). */
static int
take_target(struct store *s, struct step *st, const struct revert *r)
{
	struct snapshot to;
	int rc;

	switch (st->kind) {
	case SNAPSHOT_RESET:
		take_image(st, st->client.image, &st->client.image_id);
		st->parent = st->identity = st->client.identity;
		return 0;
	case SNAPSHOT_ROLLBACK:
		rc = snapshot_find(s, st->client.name, r->snapshot, &to);
		if (rc == 0)
			take_snapshot(st, &to);
		return rc;
	case SNAPSHOT_UPDATE:
		return take_update(s, st, r->image);
	case SNAPSHOT_UNDO:
		return take_undo(s, st);
	case SNAPSHOT_MADE:
		break;
	}
	return err_set(EINVAL, "that is no way to revert a client");
}

/* The number of the first new inode over what the head will lie on. */
static int
take_next_ino(struct store *s, struct step *st)
{
	struct layer parent;
	struct image *image;
	struct db *db;
	int rc;

	if (!st->parent) {
		rc = store_image(s, &st->image_id, &image);
		if (rc == 0) {
			st->next_ino = image_last_ino(image) + 1;
			image_release(image);
		}
		return rc;
	}
	db = db_lend(store_readers(s));
	rc = db ? layer_get(db, st->parent, &parent) : -EIO;
	db_return(store_readers(s), db);
	if (rc == 0)
		st->next_ino = parent.next_ino;
	return rc;
}

static int
take_keeps(struct store *s, struct step *st, const struct revert *r)
{
	int rc = 0;

	if (st->kind == SNAPSHOT_ROLLBACK)
		return r->nkeep
			   ? err_set(EINVAL, "a rollback is to all of a snapshot: it keeps nothing")
			   : 0;
	for (int i = 0; i < r->nkeep && rc == 0; i++)
		rc = keep_add(&st->keeps, r->keep[i]);
	return rc < 0 ? rc : keep_of(s, &st->client, &st->keeps);
}

static int
take_old(struct store *s, struct step *st)
{
	const struct client *c = &st->client;
	struct snapshot *old = &st->old;
	struct db *db = db_lend(store_readers(s));
	int rc = db ? snapshot_free_name(db, c->name, what_was(st->kind), old->name) : -EIO;

	db_return(store_readers(s), db);
	snprintf(old->client, sizeof(old->client), "%s", c->name);
	snprintf(old->image, sizeof(old->image), "%s", c->image);
	old->image_id = c->image_id;
	old->identity = c->identity;
	old->kind = st->kind;
	old->layer = c->head;
	old->created = time(NULL);
	return rc;
}

static int
think(struct store *s, const struct revert *r, struct step *st)
{
	int rc = client_find(s, r->client, &st->client);

	st->kind = r->kind;
	if (rc < 0 || (rc = take_target(s, st, r)) < 0 || (rc = take_next_ino(s, st)) < 0 ||
	    (rc = take_keeps(s, st, r)) < 0)
		return rc;
	return take_old(s, st);
}

/* --- what is kept --- */

static int
make_head(struct db *db, void *arg)
{
	const struct step *st = arg;

	return layer_create(db, st->head, st->parent, &st->image_id, st->next_ino);
}

/* The new head gets the kept folders before the client gets the head. Until then nothing refers to
 * it; what dies here is swept at the next start. */
static int
carry(struct store *s, struct step *st)
{
	struct view *from = NULL, *to = NULL;
	int rc = store_write(s, make_head, st);

	if (rc < 0)
		return rc;
	st->made = true;
	rc = view_open(s, &st->client, &from);
	if (rc == 0)
		rc = view_open_layer(s, &st->image_id, st->head, true, &to);
	if (rc == 0)
		rc = carry_folders(from, to, &st->keeps);
	if (rc == 0)
		rc = view_flush(to);
	view_close(to);
	view_close(from);
	return rc < 0 ? err_prefix(rc, "client %s", st->client.name) : 0;
}

/* --- doing it --- */

static int
set_client(struct db *db, const struct step *st)
{
	static const char sql[] =
	    "UPDATE client SET head = ?2, image = ?3, image_id = ?4, incarnation = incarnation + 1,"
	    " identity = ?5 WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, st->client.name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)st->head);
	sqlite3_bind_text(stmt, 3, st->image, -1, SQLITE_STATIC);
	db_bind_id(stmt, 4, &st->image_id);
	sqlite3_bind_int64(stmt, 5, (int64_t)st->identity);
	return db_run(db, stmt);
}

static int
drop_pending(struct db *db, const char *client)
{
	sqlite3_stmt *stmt = db_stmt(db, "DELETE FROM pending WHERE client = ?1");

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

static int
put_step(struct db *db, struct step *st)
{
	int rc = layer_seal(db, st->client.head);

	if (rc == 0 && !st->made)
		rc = make_head(db, st);
	if (rc == 0 && st->kind == SNAPSHOT_UNDO)
		rc = snapshot_drop(db, st->client.name, st->from.name);
	if (rc == 0)
		rc = snapshot_put(db, &st->old);
	if (rc == 0)
		rc = set_client(db, st);
	return rc < 0 ? rc : drop_pending(db, st->client.name);
}

static int
put_steps(struct db *db, void *arg)
{
	const struct steps *steps = arg;
	int rc = 0;

	for (int i = 0; i < steps->n && rc == 0; i++)
		rc = put_step(db, &steps->all[i]);
	return rc;
}

static int
check_once(const struct revert *r, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (strcmp(r[i].client, r[k].client) == 0)
				return err_set(EINVAL, "client %s is named twice", r[i].client);
	return 0;
}

static int
run(struct store *s, const struct revert *r, int n)
{
	CLEANUP_FREE struct step *all = calloc((size_t)n + 1, sizeof(*all));
	struct steps steps = { all, n };
	int rc = all ? check_once(r, n) : -ENOMEM;

	for (int i = 0; i < n && rc == 0; i++)
		rc = think(s, &r[i], &all[i]);
	for (int i = 0; i < n && rc == 0; i++) {
		all[i].head = store_new_layer(s);
		rc = lease_get(s, &all[i].client, &all[i].lease);
	}
	for (int i = 0; i < n && rc == 0; i++) {
		if (all[i].keeps.n)
			rc = carry(s, &all[i]);
	}
	if (rc == 0)
		rc = store_write(s, put_steps, &steps);
	for (int i = 0; all && i < n; i++)
		lease_release(all[i].lease);
	return rc;
}

int
revert_run(struct store *s, const struct revert *r, int n)
{
	SCOPED_LOCK(store_catalogue(s));

	return run(s, r, n);
}

/* --- at the next boot --- */

struct pend {
	const struct revert *all;
	int n;
	int64_t asked;
};

/* Paths, one a line. NULL: out of memory. */
static char *
join(const char *const *paths, int n)
{
	size_t size = 1;
	char *text, *at;

	for (int i = 0; i < n; i++)
		size += strlen(paths[i]) + 1;
	text = at = malloc(size);
	if (!text)
		return NULL;
	*at = '\0';
	for (int i = 0; i < n; i++)
		at += sprintf(at, "%s\n", paths[i]);
	return text;
}

static int
put_pending(struct db *db, const struct revert *r, int64_t asked)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO pending(client, kind, snapshot, image, keep, asked)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
	CLEANUP_FREE char *keep = join(r->keep, r->nkeep);
	sqlite3_stmt *stmt = db_stmt(db, sql);

	if (!keep)
		return -ENOMEM;
	sqlite3_bind_text(stmt, 1, r->client, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, (int)r->kind);
	sqlite3_bind_text(stmt, 3, r->snapshot ? r->snapshot : "", -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, r->image ? r->image : "", -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, keep, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 6, asked);
	return db_run(db, stmt);
}

static int
put_pendings(struct db *db, void *arg)
{
	const struct pend *p = arg;
	int rc = 0;

	for (int i = 0; i < p->n && rc == 0; i++)
		rc = put_pending(db, &p->all[i], p->asked);
	return rc;
}

int
revert_pend(struct store *s, const struct revert *r, int n)
{
	struct pend p = { r, n, time(NULL) };
	CLEANUP_FREE struct step *st = malloc(sizeof(*st));
	int rc = st ? check_once(r, n) : -ENOMEM;

	SCOPED_LOCK(store_catalogue(s));
	for (int i = 0; i < n && rc == 0; i++) {
		memset(st, 0, sizeof(*st));
		rc = think(s, &r[i], st);
	}
	return rc < 0 ? rc : store_write(s, put_pendings, &p);
}

static int
get_pending(struct db *db, const char *client, struct revert_pending *out)
{
	static const char sql[] =
	    "SELECT kind, snapshot, image, keep, asked FROM pending WHERE client = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	struct str keep;
	int rc;

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc <= 0)
		return rc;
	memset(out, 0, sizeof(*out));
	out->kind = (enum snapshot_kind)sqlite3_column_int(stmt, 0);
	snprintf(
	    out->snapshot, sizeof(out->snapshot), "%s", (const char *)sqlite3_column_text(stmt, 1));
	snprintf(out->image, sizeof(out->image), "%s", (const char *)sqlite3_column_text(stmt, 2));
	out->asked = sqlite3_column_int64(stmt, 4);
	keep = db_column_str(stmt, 3);
	if (keep.n)
		out->keep = strndup(keep.p, keep.n);
	rc = keep.n && !out->keep ? -ENOMEM : 1;
	db_reset(stmt);
	return rc;
}

int
revert_pending(struct store *s, const char *client, struct revert_pending *out)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? get_pending(db, client, out) : -EIO;

	db_return(store_readers(s), db);
	return rc;
}

static int
cancel(struct db *db, void *arg)
{
	return drop_pending(db, arg);
}

int
revert_run_pending(struct store *s, const char *client)
{
	struct revert_pending p;
	const char *keep[KEEP_MAX];
	struct revert r = { .client = client, .keep = keep };
	char name[sizeof(((struct client *)NULL)->name)];
	char *line, *rest;
	int rc;

	SCOPED_LOCK(store_catalogue(s));
	rc = revert_pending(s, client, &p);
	if (rc <= 0)
		return rc;
	r.kind = p.kind;
	r.snapshot = p.snapshot;
	r.image = p.image;
	for (line = p.keep; line && *line && r.nkeep < KEEP_MAX; line = rest) {
		rest = line + strcspn(line, "\n");
		if (*rest)
			*rest++ = '\0';
		keep[r.nkeep++] = line;
	}
	rc = run(s, &r, 1);
	free(p.keep);
	if (rc == -ENOENT || rc == -EINVAL || rc == -ENOTDIR) {
		char why[200];

		snprintf(why, sizeof(why), "%s", err_text(rc));
		snprintf(name, sizeof(name), "%s", client);
		store_write(s, cancel, name);
		err_set(-rc, "%s", why);
	}
	return rc;
}

int
revert_cancel(struct store *s, const char *client)
{
	struct revert_pending p;
	char name[sizeof(((struct client *)NULL)->name)];
	int rc;

	SCOPED_LOCK(store_catalogue(s));
	rc = revert_pending(s, client, &p);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(ENOENT, "nothing waits for client %s", client);
	free(p.keep);
	snprintf(name, sizeof(name), "%s", client);
	return store_write(s, cancel, name);
}

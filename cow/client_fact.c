/* What is kept about a client for as long as there is one: not cloned, and no part of its files. */
#include <errno.h>
#include <stdio.h>

#include "cow/client_priv.h"
#include "cow/err.h"

struct fact {
	const char *client, *name, *value;
};

static int
get(struct db *db, const char *client, const char *name, char *out, size_t size)
{
	static const char sql[] = "SELECT value FROM client_fact WHERE client = ?1 AND name = ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc == 1)
		snprintf(out, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

int
client_fact(struct store *s, const char *client, const char *name, char *out, size_t size)
{
	struct db *db = db_lend(store_readers(s));
	int rc = -EIO;

	*out = '\0';
	if (db)
		rc = get(db, client, name, out, size);
	db_return(store_readers(s), db);
	return rc;
}

static int
put(struct db *db, void *arg)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO client_fact(client, name, value) VALUES(?1, ?2, ?3)";
	const struct fact *f = arg;
	sqlite3_stmt *stmt;
	struct client c;
	int rc = client_find_in(db, f->client, &c);

	if (rc < 0)
		return rc;
	stmt = db_stmt(db, sql);
	sqlite3_bind_text(stmt, 1, f->client, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, f->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, f->value, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

int
client_set_fact(struct store *s, const char *client, const char *name, const char *value)
{
	struct fact f = { client, name, value };

	return store_write(s, put, &f);
}

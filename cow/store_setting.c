/* Settings of the whole store: rows of meta, under names that no other row has. */
#include <errno.h>
#include <stdio.h>

#include "cow/err.h"
#include "cow/store_priv.h"

#define SETTING_PREFIX "set_"

struct setting {
	const char *key, *value;
};

static int
get(struct db *db, const char *key, char *out, size_t size)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = '" SETTING_PREFIX "' || ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc == 1)
		snprintf(out, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

int
store_setting(struct store *s, const char *key, char *out, size_t size)
{
	struct db *db = db_lend(store_readers(s));
	int rc = -EIO;

	*out = '\0';
	if (db)
		rc = get(db, key, out, size);
	db_return(store_readers(s), db);
	return rc;
}

static int
set(struct db *db, void *arg)
{
	static const char put[] =
	    "INSERT OR REPLACE INTO meta(key, value) VALUES('" SETTING_PREFIX "' || ?1, ?2)";
	static const char drop[] = "DELETE FROM meta WHERE key = '" SETTING_PREFIX "' || ?1";
	const struct setting *setting = arg;
	sqlite3_stmt *stmt = db_stmt(db, *setting->value ? put : drop);

	sqlite3_bind_text(stmt, 1, setting->key, -1, SQLITE_STATIC);
	if (*setting->value)
		sqlite3_bind_text(stmt, 2, setting->value, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

int
store_set_setting(struct store *s, const char *key, const char *value)
{
	struct setting setting = { key, value };

	return store_write(s, set, &setting);
}

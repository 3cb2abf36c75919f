/* Stores of older versions are brought up to date by their owner, a version at a time. */
#include "cow/store_priv.h"

/* What version 2 added: groups, snapshots, kept folders, what is to be done at the next boot. */
static const char to_version_2[] =
    "ALTER TABLE client ADD COLUMN grp TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE client ADD COLUMN identity INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE client ADD COLUMN quota INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE client ADD COLUMN volatile INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE client ADD COLUMN mounted INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE snapshot(client TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,"
    " layer INTEGER NOT NULL, image TEXT NOT NULL, image_id BLOB NOT NULL,"
    " identity INTEGER NOT NULL, created INTEGER NOT NULL, note TEXT NOT NULL,"
    " PRIMARY KEY(client, name)) WITHOUT ROWID;"
    "CREATE TABLE pending(client TEXT PRIMARY KEY, kind INTEGER NOT NULL, snapshot TEXT NOT NULL,"
    " image TEXT NOT NULL, keep TEXT NOT NULL, asked INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE keep(client TEXT NOT NULL, path TEXT NOT NULL,"
    " PRIMARY KEY(client, path)) WITHOUT ROWID;"
    "CREATE TABLE freed(segment INTEGER NOT NULL, off INTEGER NOT NULL, stored INTEGER NOT NULL,"
    " PRIMARY KEY(segment, off)) WITHOUT ROWID;"
    "PRAGMA user_version = 2";

/* Version 3: clients are recognised by serial number and MAC, too. */
static const char to_version_3[] =
    "CREATE TABLE client_mark(kind INTEGER NOT NULL, value TEXT NOT NULL, client TEXT NOT NULL,"
    " learned INTEGER NOT NULL, PRIMARY KEY(kind, value)) WITHOUT ROWID;"
    "CREATE INDEX client_mark_client ON client_mark(client);"
    "CREATE TABLE client_fact(client TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY(client, name)) WITHOUT ROWID;"
    "INSERT INTO client_mark SELECT 1, address, client, 0 FROM client_address;"
    "DROP TABLE client_address;"
    "PRAGMA user_version = 3";

int
store_upgrade(struct db *db)
{
	static const char *const steps[] = { to_version_2, to_version_3 };
	sqlite3_stmt *stmt = db_stmt(db, "PRAGMA user_version");
	int64_t version = 0;
	int rc = db_step(db, stmt);

	if (rc == 1)
		version = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	for (; rc >= 0 && version >= 1 && version <= (int64_t)ARRAY_SIZE(steps); version++)
		rc = db_exec(db, steps[version - 1]);
	return rc < 0 ? rc : 0;
}

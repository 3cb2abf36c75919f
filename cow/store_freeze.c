/* A chain of layers as it is at one moment, for who looks at it for long while its owner goes on.
 *
 * The rows are copied into temporary tables, which SQLite looks at before the store's own of the
 * same names, rather than kept by a long read transaction: that would let the owner's write-ahead
 * log grow for as long as somebody looks. */
#include <errno.h>
#include <stdio.h>

#include "cow/err.h"
#include "cow/lease.h"
#include "cow/store_priv.h"

#define PART_SIZE 512

static const struct part {
	const char *table, *layer; /* and its column that names a layer */
} parts[] = {
	{ "layer", "id" },
	{ "inode", "layer" },
	{ "dirent", "layer" },
	{ "extent", "layer" },
	{ "xattr", "layer" },
};

/* The table as the store has it, but temporary. */
static int
make_table(struct db *db, const char *table)
{
	sqlite3_stmt *s = db_stmt(db,
	    "SELECT 'CREATE TEMP' || substr(sql, length('CREATE') + 1) FROM main.sqlite_schema"
	    " WHERE type = 'table' AND name = ?1");
	char sql[2048];
	int row;

	sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
	row = db_step(db, s);
	if (row <= 0)
		return row < 0 ? row : err_set(EPROTO, "%s has no table %s", STORE_DB, table);
	row = snprintf(sql, sizeof(sql), "%s", (const char *)sqlite3_column_text(s, 0));
	db_reset(s);
	return row < (int)sizeof(sql)
		   ? db_exec(db, sql)
		   : err_set(EPROTO, "%s: a table %s that is too long", STORE_DB, table);
}

static int
copy_part(struct db *db, const struct part *p)
{
	char sql[PART_SIZE];
	int err = make_table(db, p->table);

	if (err)
		return err;
	snprintf(sql, sizeof(sql),
	    "INSERT INTO temp.%s SELECT * FROM main.%s"
	    " WHERE %s IN (SELECT id FROM temp.frozen)",
	    p->table, p->table, p->layer);
	return db_exec(db, sql);
}

static int
copy(struct db *db, uint64_t layer)
{
	char sql[PART_SIZE];
	int err;

	snprintf(sql, sizeof(sql),
	    "PRAGMA query_only = OFF; BEGIN; CREATE TEMP TABLE frozen(id INTEGER PRIMARY KEY);"
	    "WITH RECURSIVE chain(id) AS (SELECT %llu UNION SELECT parent FROM main.layer"
	    " JOIN chain USING (id) WHERE parent <> 0)"
	    " INSERT INTO temp.frozen SELECT id FROM chain",
	    (unsigned long long)layer);
	err = db_exec(db, sql);
	for (size_t i = 0; i < ARRAY_SIZE(parts) && !err; i++)
		err = copy_part(db, &parts[i]);
	return err ? err : db_exec(db, "COMMIT; PRAGMA query_only = ON");
}

int
store_freeze(struct store *s, uint64_t layer)
{
	char path[STORE_PATH_SIZE];
	struct db_pool *pool;
	struct db *db;
	int err;

	if (s->mode != STORE_LOOK)
		return err_set(EINVAL, "only who looks at a store sees it frozen");
	/* One connection, since the tables are its own; by SQLite's own file calls, since nothing
	 * of it is the store's. */
	if ((err = lease_share_blocks(s)) < 0 || (err = store_path(s, STORE_DB, path)) < 0 ||
	    (err = db_pool_open(NULL, path, DB_READ, 1, &pool)) < 0)
		return err;
	db = db_lend(pool);
	err = db ? copy(db, layer) : -EIO;
	db_return(pool, db);
	if (err < 0) {
		db_pool_close(pool);
		return err;
	}
	db_pool_close(s->readers);
	s->readers = pool;
	return 0;
}

/* Blocks: what the index says is so, and all that rows name is in the index. */
#include <errno.h>
#include <stdlib.h>

#include "cow/blkindex.h"
#include "cow/check_priv.h"
#include "cow/cleanup.h"
#include "cow/err.h"

#define STEP 2000

/* --- the index --- */

struct row {
	struct id id;
	struct block_loc loc;
};

static int
row_column(sqlite3_stmt *stmt, void *element)
{
	struct row *r = element;

	r->loc = (struct block_loc){ (uint32_t)sqlite3_column_int64(stmt, 1),
		(uint32_t)sqlite3_column_int64(stmt, 3), (uint64_t)sqlite3_column_int64(stmt, 2) };
	return db_column_id(stmt, 0, &r->id);
}

static int
next_rows(struct check *c, const struct id *after, struct row **out)
{
	static const char sql[] = "SELECT id, segment, off, stored FROM block WHERE id > ?1"
				  " ORDER BY id LIMIT 2000";
	struct db *db = db_lend(store_readers(c->store));
	sqlite3_stmt *stmt;
	void *all = NULL;
	int n;

	if (!db)
		return -EIO;
	stmt = db_stmt(db, sql);
	db_bind_id(stmt, 1, after);
	n = db_gather(db, stmt, sizeof(**out), row_column, &all);
	db_return(store_readers(c->store), db);
	*out = all;
	return n;
}

static int
check_row(struct check *c, const struct row *r)
{
	char hex[ID_HEX_SIZE];
	int good = block_verify(store_blocks(c->store), &r->id, &r->loc, c->options->all_bytes);

	c->result->blocks++;
	c->result->bytes += c->options->all_bytes ? r->loc.stored : 0;
	if (good == 1)
		return 0;
	if (good == -ENOMEM)
		return good;
	id_hex(&r->id, hex);
	good = check_tell(c, "block %s, in segment %u at %llu: %s", hex, r->loc.segment,
	    (unsigned long long)r->loc.off,
	    good == 0 ? "its bytes are not what they were" : err_text(good));
	return good < 0 ? good : check_add_bad(c, &r->id);
}

static int
check_index(struct check *c)
{
	struct id at = { 0 };
	int n, rc = 0;

	do {
		CLEANUP_FREE struct row *rows = NULL;

		n = next_rows(c, &at, &rows);
		if (n < 0)
			return check_tell(c, "the index of blocks: %s", err_text(n));
		for (int i = 0; i < n && rc == 0; i++)
			rc = check_row(c, &rows[i]);
		if (n > 0)
			at = rows[n - 1].id;
		if (rc == 0)
			rc = check_progress(c, "blocks", c->result->blocks, 0);
	} while (rc == 0 && n == STEP);
	return rc;
}

/* --- what rows name --- */

/* 1: all are in the index; 0: one isn't, and was noted. */
static int
check_ids(struct check *c, struct db *index, struct str ids)
{
	int good = 1;

	for (; ids.n >= ID_SIZE; ids.p += ID_SIZE, ids.n -= ID_SIZE) {
		struct block_loc loc;
		struct id id;
		int rc;

		memcpy(id.b, ids.p, ID_SIZE);
		if (id_is_zero(&id) || blkindex_find(index, &id, &loc) == 1)
			continue;
		if ((rc = check_add_bad(c, &id)) < 0)
			return rc;
		good = 0;
	}
	return good;
}

static int
check_extents(struct check *c, struct db *db, const char *sql, const char *what)
{
	struct db *index = db_lend(store_readers(c->store));
	sqlite3_stmt *stmt = db_stmt(db, sql);
	uint64_t rows = 0, lacking = 0;
	int row = 0, rc = index ? 0 : -EIO;

	while (rc == 0 && (row = db_step(db, stmt)) == 1) {
		int good = check_ids(c, index, db_column_str(stmt, 0));

		lacking += good == 0;
		rc = good < 0 ? good : 0;
		if (rc == 0 && ++rows % STEP == 0)
			rc = check_progress(c, "extents", rows, 0);
	}
	db_reset(stmt);
	db_return(store_readers(c->store), index);
	if (rc == 0 && row < 0)
		rc = check_tell(c, "%s: %s", what, err_text(row));
	if (rc == 0 && lacking)
		rc = check_tell(c, "%s: %llu extents name blocks that are not in the index", what,
		    (unsigned long long)lacking);
	return rc;
}

static int
check_image(void *arg, const struct id *id)
{
	struct check *c = arg;
	char what[80] = "image ";
	struct db *db;
	int rc = store_image_db(c->store, id, &db);

	if (rc < 0) /* told by check_databases */
		return 0;
	id_hex(id, what + strlen(what));
	rc = check_extents(c, db, "SELECT ids FROM extent", what);
	db_close(db);
	return rc;
}

int
check_blocks(struct check *c)
{
	struct db *db;
	int rc = check_index(c);

	if (rc < 0)
		return rc;
	if (!(db = db_lend(store_readers(c->store))))
		return -EIO;
	rc = check_extents(c, db, "SELECT ids FROM extent", "layers");
	db_return(store_readers(c->store), db);
	return rc < 0 ? rc : store_each_image_file(c->store, check_image, c);
}

/* The table `block` of store.db. */
#include "cow/blkindex.h"

#include <errno.h>

#include "cow/err.h"
#include "cow/format.h"

/* What a damaged row may hold must not reach a buffer's length. */
static int
check_row(const struct id *id, int64_t segment, int64_t off, int64_t stored)
{
	char hex[ID_HEX_SIZE];

	if (segment >= 0 && segment <= UINT32_MAX && off >= FORMAT_SEGMENT_HEAD && stored > 0 &&
	    stored <= FORMAT_BLOCK_MAX)
		return 1;
	id_hex(id, hex);
	return err_set(EIO, "block %s: its index row is damaged", hex);
}

int
blkindex_find(struct db *db, const struct id *id, struct block_loc *out)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT segment, off, stored FROM block WHERE id = ?1");
	int found;

	sqlite3_bind_blob(s, 1, id->b, ID_SIZE, SQLITE_STATIC);
	found = db_step(db, s);
	if (found > 0) {
		int64_t segment = sqlite3_column_int64(s, 0), off = sqlite3_column_int64(s, 1);
		int64_t stored = sqlite3_column_int64(s, 2);

		db_reset(s);
		*out = (struct block_loc){ (uint32_t)segment, (uint32_t)stored, (uint64_t)off };
		found = check_row(id, segment, off, stored);
	}
	return found;
}

int
blkindex_insert(struct db *db, const struct id *id, const struct block_loc *loc)
{
	sqlite3_stmt *s = db_stmt(db, "INSERT INTO block (id, segment, off, stored) "
				      "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING");
	int err;

	sqlite3_bind_blob(s, 1, id->b, ID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, loc->segment);
	sqlite3_bind_int64(s, 3, (int64_t)loc->off);
	sqlite3_bind_int64(s, 4, loc->stored);
	err = db_run(db, s);
	return err < 0 ? err : sqlite3_changes(sqlite3_db_handle(s)) > 0;
}

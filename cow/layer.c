/* The catalogue of layers, and the way down from a head to its image. */
#include "cow/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"

static int
check_parent(struct db *db, uint64_t parent)
{
	struct layer layer;
	int rc;

	if (parent == 0)
		return 0;
	rc = layer_get(db, parent, &layer);
	if (rc == 0 && !layer.sealed)
		rc = err_set(EINVAL, "layer %llu is still open, nothing can lie on it",
		    (unsigned long long)parent);
	return rc;
}

int
layer_create(struct db *db, uint64_t id, uint64_t parent, const struct id *image, uint32_t next_ino)
{
	static const char sql[] =
	    "INSERT INTO layer(id, uid, parent, image, sealed, next_ino, files, bytes, created)"
	    " VALUES(?6, ?1, ?2, ?3, 0, ?4, 0, 0, ?5)";
	sqlite3_stmt *stmt;
	struct id uid;
	int rc = check_parent(db, parent);

	if (rc < 0 || (rc = id_random(&uid)) < 0)
		return rc;
	stmt = db_stmt(db, sql);
	db_bind_id(stmt, 1, &uid);
	sqlite3_bind_int64(stmt, 2, (int64_t)parent);
	db_bind_id(stmt, 3, image);
	sqlite3_bind_int64(stmt, 4, next_ino);
	sqlite3_bind_int64(stmt, 5, time(NULL));
	sqlite3_bind_int64(stmt, 6, (int64_t)id);
	return db_run(db, stmt);
}

int
layer_count(struct db *db, uint64_t layer, uint32_t next_ino, uint64_t files, uint64_t bytes)
{
	sqlite3_stmt *stmt =
	    db_stmt(db, "UPDATE layer SET next_ino = ?, files = ?, bytes = ? WHERE id = ?");

	sqlite3_bind_int64(stmt, 1, next_ino);
	sqlite3_bind_int64(stmt, 2, (int64_t)files);
	sqlite3_bind_int64(stmt, 3, (int64_t)bytes);
	sqlite3_bind_int64(stmt, 4, (int64_t)layer);
	return db_run(db, stmt);
}

static int
run_on(struct db *db, const char *sql, uint64_t layer)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_int64(stmt, 1, (int64_t)layer);
	return db_run(db, stmt);
}

int
layer_seal(struct db *db, uint64_t layer)
{
	static const char sql[] = "UPDATE layer SET sealed = 1 WHERE id = ?1";
	struct layer found;
	int rc = layer_get(db, layer, &found);

	return rc < 0 ? rc : run_on(db, sql, layer);
}

int
layer_drop(struct db *db, uint64_t layer)
{
	static const char *const drops[] = {
		"DELETE FROM dirent WHERE layer = ?1",
		"DELETE FROM extent WHERE layer = ?1",
		"DELETE FROM xattr WHERE layer = ?1",
		"DELETE FROM inode WHERE layer = ?1",
		"DELETE FROM layer WHERE id = ?1",
	};
	int rc = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(drops) && rc == 0; i++)
		rc = run_on(db, drops[i], layer);
	return rc;
}

int
layer_get(struct db *db, uint64_t layer, struct layer *out)
{
	static const char sql[] = "SELECT uid, image, parent, sealed, next_ino, files, bytes"
				  " FROM layer WHERE id = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_int64(stmt, 1, (int64_t)layer);
	rc = db_step(db, stmt);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(ENOENT, "no layer %llu", (unsigned long long)layer);
	rc = db_column_id(stmt, 0, &out->uid);
	if (rc == 0)
		rc = db_column_id(stmt, 1, &out->image);
	out->id = layer;
	out->parent = (uint64_t)sqlite3_column_int64(stmt, 2);
	out->sealed = sqlite3_column_int(stmt, 3) != 0;
	out->next_ino = (uint32_t)sqlite3_column_int64(stmt, 4);
	out->files = (uint64_t)sqlite3_column_int64(stmt, 5);
	out->bytes = (uint64_t)sqlite3_column_int64(stmt, 6);
	db_reset(stmt);
	return rc;
}

int
layer_chain(struct db *db, uint64_t head, struct layer **out, int *n)
{
	struct layer *chain = NULL, *more;
	int rc = 0, i = 0, size = 0;

	for (uint64_t at = head; at != 0; at = chain[i++].parent) {
		if (i == LAYER_CHAIN_MAX) {
			rc = err_set(
			    EIO, "the chain of layer %llu has no end", (unsigned long long)head);
			break;
		}
		if (i == size) {
			size = size ? size * 2 : 4;
			more = realloc(chain, (size_t)size * sizeof(*chain));
			if (!more) {
				rc = err_set(ENOMEM, "out of memory for a chain of layers");
				break;
			}
			chain = more;
		}
		rc = layer_get(db, at, &chain[i]);
		if (rc < 0)
			break;
	}
	if (rc == 0 && i == 0)
		rc = err_set(EIO, "a chain without a layer");
	if (rc < 0) {
		free(chain);
		return rc;
	}
	*out = chain;
	*n = i;
	return 0;
}

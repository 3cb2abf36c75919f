/* SQLite connections: how each kind is opened, statements kept by the address of their text, and
 * a pool that lends connections to threads. */
#include "cow/db.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/db_vfs.h"
#include "cow/err.h"

#define BUSY_MS 10000

struct db_kept {
	const char *sql;
	sqlite3_stmt *stmt;
};

struct db {
	sqlite3 *sqlite;
	struct db_vfs *vfs; /* NULL: SQLite's own */
	struct db_kept *kept;
	unsigned n, size;
	struct db *next; /* in its pool */
};

static const struct db_kind {
	int flags;
	const char *query; /* of the file: name */
	const char *pragmas;
} kinds[] = {
	[DB_WRITE] = { SQLITE_OPEN_READWRITE, "",
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;" },
	[DB_CREATE] = { SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "",
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;" },
	/* There are many of these, and the system's cache is beneath them. */
	[DB_READ] = { SQLITE_OPEN_READONLY, "",
	    "PRAGMA query_only = ON; PRAGMA cache_size = -256;" },
	[DB_COPY] = { SQLITE_OPEN_READONLY, "", "" },
	[DB_IMMUTABLE] = { SQLITE_OPEN_READONLY, "?immutable=1",
	    "PRAGMA query_only = ON; PRAGMA cache_size = -256;" },
	[DB_SCRATCH] = { SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "",
	    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
	    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;" },
};

static int
errno_of(struct db *db, int rc)
{
	int sys = db ? sqlite3_system_errno(db->sqlite) : 0;
	bool full = sys == ENOSPC || sys == EDQUOT;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_CONSTRAINT:
		return EEXIST;
	case SQLITE_NOTADB:
		return EPROTO;
	case SQLITE_CANTOPEN:
		return full ? ENOSPC : EIO;
	case SQLITE_IOERR:
		/* Not a sync: nobody knows what it left. SHMSIZE: the index of the log can't grow.
		 */
		return full && (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_SHMSIZE) ? ENOSPC
											: EIO;
	default:
		return EIO;
	}
}

static int
fail(struct db *db, int rc)
{
	return err_set(errno_of(db, rc), "%s: %s", sqlite3_db_filename(db->sqlite, "main"),
	    sqlite3_errmsg(db->sqlite));
}

/* The path as SQLite's file: name, in which ? # and % mean something. */
static char *
file_name(const char *path, const char *query)
{
	char *name = malloc(strlen(path) * 3 + strlen(query) + sizeof("file:")), *to = name;

	if (!name)
		return NULL;
	to += sprintf(to, "file:");
	for (; *path; path++)
		to += sprintf(to, strchr("?#%", *path) ? "%%%02x" : "%c", (unsigned char)*path);
	strcpy(to, query);
	return name;
}

int
db_open(const char *path, enum db_mode mode, struct db **out)
{
	return db_open_in(NULL, path, mode, out);
}

int
db_open_in(struct files *files, const char *path, enum db_mode mode, struct db **out)
{
	const struct db_kind *kind = &kinds[mode];
	char *name CLEANUP_FREE = file_name(path, kind->query);
	struct db *db = calloc(1, sizeof(*db));
	int flags = kind->flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, rc;

	if (!db || !name) {
		free(db);
		return err_set(ENOMEM, "%s: out of memory", path);
	}
	if (files && (rc = db_vfs_hold(files, &db->vfs)) < 0) {
		free(db);
		return rc;
	}
	rc = sqlite3_open_v2(name, &db->sqlite, flags, db->vfs ? db_vfs_name(db->vfs) : NULL);
	if (rc != SQLITE_OK) {
		rc = err_set(
		    errno_of(db->sqlite ? db : NULL, rc), "%s: %s", path, sqlite3_errstr(rc));
		db_close(db);
		return rc;
	}
	sqlite3_extended_result_codes(db->sqlite, 1);
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	rc = db_exec(db, kind->pragmas);
	if (rc < 0) {
		db_close(db);
		return rc;
	}
	*out = db;
	return 0;
}

void
db_close(struct db *db)
{
	if (!db)
		return;
	for (unsigned i = 0; i < db->n; i++)
		sqlite3_finalize(db->kept[i].stmt);
	sqlite3_close(db->sqlite);
	db_vfs_release(db->vfs);
	free(db->kept);
	free(db);
}

int
db_exec(struct db *db, const char *sql)
{
	int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(db, rc);
}

static struct db_kept *
keep_slot(struct db *db)
{
	if (db->n == db->size) {
		unsigned size = db->size ? db->size * 2 : 16;
		struct db_kept *kept = realloc(db->kept, size * sizeof(*kept));

		if (!kept)
			return NULL;
		db->kept = kept;
		db->size = size;
	}
	return &db->kept[db->n];
}

sqlite3_stmt *
db_stmt(struct db *db, const char *sql)
{
	struct db_kept *slot;

	for (unsigned i = 0; i < db->n; i++)
		if (db->kept[i].sql == sql) {
			db_reset(db->kept[i].stmt);
			sqlite3_clear_bindings(db->kept[i].stmt);
			return db->kept[i].stmt;
		}
	slot = keep_slot(db);
	if (!slot) {
		err_set(EIO, "out of memory for a statement");
		return NULL;
	}
	if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->stmt, NULL) !=
	    SQLITE_OK) {
		err_set(EIO, "%s: %s", sqlite3_db_filename(db->sqlite, "main"),
		    sqlite3_errmsg(db->sqlite));
		return NULL;
	}
	slot->sql = sql;
	db->n++;
	return slot->stmt;
}

int
db_step(struct db *db, sqlite3_stmt *stmt)
{
	int rc, err = 0;

	if (!stmt)
		return -EIO;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		err = fail(db, rc);
	sqlite3_reset(stmt);
	return err;
}

int
db_run(struct db *db, sqlite3_stmt *stmt)
{
	int rc = db_step(db, stmt);

	if (rc > 0)
		db_reset(stmt);
	return rc < 0 ? rc : 0;
}

int
db_gather(struct db *db, sqlite3_stmt *stmt, size_t size, db_row_fn *fn, void **out)
{
	size_t n = 0, room = 0;
	int rc;

	*out = NULL;
	while ((rc = db_step(db, stmt)) == 1) {
		if (n == room) {
			void *more = reallocarray(*out, room ? 2 * room : 8, size);

			if (!more) {
				rc = err_set(ENOMEM, "out of memory for rows");
				break;
			}
			*out = more;
			room = room ? 2 * room : 8;
		}
		rc = fn(stmt, (char *)*out + n * size);
		if (rc < 0)
			break;
		n++;
	}
	db_reset(stmt);
	return rc < 0 ? rc : (int)n;
}

void
db_reset(sqlite3_stmt *stmt)
{
	if (stmt)
		sqlite3_reset(stmt);
}

int
db_begin(struct db *db)
{
	static const char sql[] = "BEGIN IMMEDIATE";

	return db_run(db, db_stmt(db, sql));
}

int
db_commit(struct db *db)
{
	static const char sql[] = "COMMIT";
	int rc = db_run(db, db_stmt(db, sql));

	if (rc < 0)
		db_rollback(db);
	return rc;
}

void
db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

int
db_bind_str(sqlite3_stmt *stmt, int i, struct str s)
{
	int rc;

	if (!stmt)
		return -EIO;
	rc = sqlite3_bind_blob(stmt, i, s.n ? s.p : "", (int)s.n, SQLITE_STATIC);
	return rc == SQLITE_OK ? 0
			       : err_set(EIO, "binding parameter %d: %s", i, sqlite3_errstr(rc));
}

struct str
db_column_str(sqlite3_stmt *stmt, int i)
{
	const char *p = sqlite3_column_blob(stmt, i);

	if (p == NULL)
		return (struct str){ "", 0 };
	return (struct str){ p, (uint32_t)sqlite3_column_bytes(stmt, i) };
}

int
db_bind_id(sqlite3_stmt *stmt, int i, const struct id *id)
{
	return db_bind_str(stmt, i, (struct str){ (const char *)id->b, ID_SIZE });
}

int
db_column_id(sqlite3_stmt *stmt, int i, struct id *out)
{
	struct str s = db_column_str(stmt, i);

	if (s.n != ID_SIZE)
		return err_set(EIO, "damaged row: an id of %u bytes", s.n);
	memcpy(out->b, s.p, ID_SIZE);
	return 0;
}

struct db_pool {
	struct files *files;
	char *path;
	enum db_mode mode;
	unsigned max, opened;
	struct db *idle;
	pthread_mutex_t lock;
	pthread_cond_t returned;
};

int
db_pool_open(
    struct files *files, const char *path, enum db_mode mode, unsigned max, struct db_pool **out)
{
	struct db_pool *pool = calloc(1, sizeof(*pool));

	if (!pool || !(pool->path = strdup(path))) {
		free(pool);
		return err_set(ENOMEM, "%s: out of memory", path);
	}
	pool->files = files;
	pool->mode = mode;
	pool->max = max;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->returned, NULL);
	*out = pool;
	return 0;
}

void
db_pool_close(struct db_pool *pool)
{
	struct db *db;

	if (!pool)
		return;
	while ((db = pool->idle)) {
		pool->idle = db->next;
		db_close(db);
	}
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->returned);
	free(pool->path);
	free(pool);
}

/* An idle connection; NULL: the caller may open a new one, which is counted already. */
static struct db *
take_idle(struct db_pool *pool)
{
	struct db *db;

	SCOPED_LOCK(&pool->lock);
	while (!pool->idle && pool->opened == pool->max)
		pthread_cond_wait(&pool->returned, &pool->lock);
	db = pool->idle;
	if (db)
		pool->idle = db->next;
	else
		pool->opened++;
	return db;
}

struct db *
db_lend(struct db_pool *pool)
{
	struct db *db = take_idle(pool);

	if (db || db_open_in(pool->files, pool->path, pool->mode, &db) == 0)
		return db;
	SCOPED_LOCK(&pool->lock);
	pool->opened--;
	pthread_cond_signal(&pool->returned);
	return NULL;
}

void
db_return(struct db_pool *pool, struct db *db)
{
	if (!db)
		return;
	for (unsigned i = 0; i < db->n; i++)
		sqlite3_reset(db->kept[i].stmt);
	SCOPED_LOCK(&pool->lock);
	db->next = pool->idle;
	pool->idle = db;
	pthread_cond_signal(&pool->returned);
}

/* How a store comes into being, whole or not at all, and how one is known from other folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/schema_store.h"
#include "cow/store_priv.h"

#define NEW_DB             STORE_DB ".new"
#define BLOCK_SIZE_DEFAULT 16384u /* docs/decisions/0003-block-size.md */
#define BLOCK_SIZE_MIN     4096u
#define BLOCK_SIZE_MAX     65536u

static void
close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Its name in its parent is to be as durable as what will be in it. */
static int
sync_parent(const char *path)
{
	int fd CLEANUP_FD = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), parent CLEANUP_FD = -1;

	if (fd >= 0)
		parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return parent < 0 || fsync(parent) < 0 ? err_errno("%s: sync of its parent", path) : 0;
}

int
store_make_folder(const char *path)
{
	if (mkdir(path, 0700) == 0)
		return sync_parent(path);
	return errno == EEXIST ? 0 : err_errno("can't make the folder %s", path);
}

/* What an earlier attempt, or mkfs, may have left in a folder that counts as empty. */
static bool
is_leftover(const char *name)
{
	static const char *const ours[] = { ".", "..", "lock", "lost+found", NEW_DB,
		NEW_DB "-wal" };

	for (unsigned i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

int
store_check_empty(struct files *files)
{
	DIR *dir CLEANUP(close_dir) = opendir(files_path(files));
	struct dirent *entry;

	if (!dir)
		return err_errno("%s", files_path(files));
	while ((entry = readdir(dir)))
		if (!is_leftover(entry->d_name))
			return err_set(EPROTO,
			    "%s is not a store, and not empty (there is \"%s\"): name a folder of "
			    "its own",
			    files_path(files), entry->d_name);
	return 0;
}

static int
put_meta(struct db *db, const char *key, const void *bytes, uint32_t n)
{
	static const char sql[] = "INSERT INTO meta(key, value) VALUES(?1, ?2)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	db_bind_str(stmt, 2, (struct str){ bytes, n });
	return db_run(db, stmt);
}

static int
put_number(struct db *db, const char *key, uint32_t number)
{
	static const char sql[] = "INSERT INTO meta(key, value) VALUES(?1, ?2)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, number);
	return db_run(db, stmt);
}

static int
fill(struct db *db, uint32_t block_size, const uint8_t *given)
{
	uint8_t secret[HASH_SECRET_SIZE];
	struct id id;
	int rc = db_exec(db, schema_store);

	if (rc < 0 || (rc = id_random(&id)) < 0)
		return rc;
	if (given)
		memcpy(secret, given, sizeof(secret));
	else if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return err_errno("no random bytes for a new store");
	if ((rc = put_meta(db, "store_id", id.b, ID_SIZE)) < 0 ||
	    (rc = put_meta(db, "hash_secret", secret, sizeof(secret))) < 0 ||
	    (rc = put_number(db, "block_size", block_size)) < 0 ||
	    (rc = put_number(db, "epoch", 1)) < 0)
		return rc;
	return put_number(db, "next_segment", 1);
}

/* A whole database under another name, to be renamed when it is on disk. It has a write-ahead log
 * from the start: a cut while it changes over would leave what only a writer can open. */
static int
make_db(struct files *files, int fd, uint32_t block_size, const uint8_t *secret)
{
	char path[STORE_PATH_SIZE];
	struct db *db;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", files_path(files), NEW_DB);
	rc = db_open_in(files, path, DB_SCRATCH, &db);
	if (rc < 0)
		return rc;
	rc = fill(db, block_size, secret);
	if (rc == 0)
		rc = db_exec(db, "PRAGMA journal_mode = WAL");
	db_close(db);
	return rc < 0 ? rc : file_sync(files, fd, NEW_DB);
}

int
store_make(struct files *files, uint32_t block_size, const uint8_t *secret)
{
	uint32_t size = block_size ? block_size : BLOCK_SIZE_DEFAULT;
	int fd CLEANUP_FD = -1, rc;

	if (size < BLOCK_SIZE_MIN || size > BLOCK_SIZE_MAX || (size & (size - 1)))
		return err_set(
		    EINVAL, "block size %u: it must be 4096, 8192, 16384, 32768 or 65536", size);
	if ((rc = store_check_empty(files)) < 0)
		return rc;
	rc = file_unlink(files, NEW_DB "-wal");
	if (rc < 0 && rc != -ENOENT)
		return rc;
	fd = file_open(files, NEW_DB, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return fd;
	if ((rc = make_db(files, fd, size, secret)) < 0 ||
	    (rc = file_rename(files, NEW_DB, STORE_DB)) < 0)
		return rc;
	return file_sync_dir(files, "");
}

static int64_t
pragma(struct db *db, const char *sql)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int64_t value = -1;

	if (db_step(db, stmt) == 1)
		value = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return value;
}

int
store_check_db(struct db *db, const char *path, bool owner)
{
	int64_t app = pragma(db, "PRAGMA application_id");
	int64_t version = pragma(db, "PRAGMA user_version");

	if (app != STORE_APP_ID)
		return err_set(
		    EPROTO, "%s is not a store: %s is something else, or damaged", path, STORE_DB);
	if (version == STORE_VERSION ||
	    (owner && version >= STORE_VERSION_OLDEST && version < STORE_VERSION))
		return 0;
	if (version >= STORE_VERSION_OLDEST && version < STORE_VERSION)
		return err_set(EPROTO,
		    "%s is a store of version %lld: rubusd makes it one of version %d when it "
		    "starts",
		    path, (long long)version, STORE_VERSION);
	return err_set(EPROTO, "%s is a store of version %lld; this program knows version %d", path,
	    (long long)version, STORE_VERSION);
}

int
store_check(struct files *files, bool owner)
{
	char path[STORE_PATH_SIZE];
	struct db *db;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", files_path(files), STORE_DB);
	rc = db_open_in(files, path, DB_READ, &db);
	if (rc < 0)
		return rc;
	rc = store_check_db(db, files_path(files), owner);
	db_close(db);
	return rc;
}

static int
meta_bytes(struct db *db, const char *key, void *to, uint32_t n)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	struct str value;
	int rc;

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc < 0)
		return rc;
	value = db_column_str(stmt, 0);
	if (rc == 1 && value.n == n)
		memcpy(to, value.p, n);
	else
		rc = err_set(EPROTO, "%s is damaged: no good \"%s\"", STORE_DB, key);
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int
meta_number(struct db *db, const char *key, uint32_t *out)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int64_t value = 0;
	int rc;

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc < 0)
		return rc;
	if (rc == 1)
		value = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	if (value < 1 || value > UINT32_MAX)
		return err_set(EPROTO, "%s is damaged: no good \"%s\"", STORE_DB, key);
	*out = (uint32_t)value;
	return 0;
}

/* Of those that are gone, too. */
static int
last_layer(struct db *db, struct store *s)
{
	static const char sql[] = "SELECT seq FROM sqlite_sequence WHERE name = 'layer'";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc = db_step(db, stmt);

	if (rc == 1)
		s->last_layer = (uint64_t)sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

int
store_read_meta(struct store *s, struct db *db, unsigned hash_bits)
{
	uint8_t secret[HASH_SECRET_SIZE];
	int rc;

	if ((rc = meta_bytes(db, "store_id", s->id.b, ID_SIZE)) < 0 ||
	    (rc = meta_bytes(db, "hash_secret", secret, sizeof(secret))) < 0 ||
	    (rc = meta_number(db, "block_size", &s->block_size)) < 0 ||
	    (rc = meta_number(db, "epoch", &s->epoch)) < 0 || (rc = last_layer(db, s)) < 0)
		return rc;
	if (s->block_size < BLOCK_SIZE_MIN || s->block_size > BLOCK_SIZE_MAX ||
	    (s->block_size & (s->block_size - 1)))
		return err_set(EPROTO, "%s is damaged: block size %u", STORE_DB, s->block_size);
	rc = hash_open(secret, &s->hash);
	if (rc == 0 && hash_bits)
		hash_weaken(s->hash, hash_bits);
	return rc;
}

int
store_secret(struct store *s, uint8_t out[HASH_SECRET_SIZE])
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? meta_bytes(db, "hash_secret", out, HASH_SECRET_SIZE) : -EIO;

	db_return(store_readers(s), db);
	return rc;
}

/* Removing what a process that died has left: rows of its import, and files that no row names.
 *
 * All of it happens in one write transaction. Whoever makes a file makes its row known first, or
 * holds that same lock meanwhile; so a file without a row, seen under the lock, is nobody's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/format.h"
#include "cow/store_priv.h"

typedef int sweep_fn(struct store *, struct db *, const char *name, const void *arg);

static void
close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Calls fn for each name in a folder of the store. */
static int
each_file(struct store *s, struct db *db, const char *folder, sweep_fn *fn, const void *arg)
{
	int rc = 0, fd = openat(files_dirfd(s->files), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir CLEANUP(close_dir) = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		rc = err_errno("%s/%s", files_path(s->files), folder);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(dir)))
		rc = fn(s, db, entry->d_name, arg);
	return rc;
}

static int
unlink_in(struct store *s, const char *folder, const char *name)
{
	char path[sizeof("segments/") + NAME_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	rc = file_unlink(s->files, path);
	return rc == -ENOENT ? 0 : rc;
}

/* 1 when the statement, with its parameters bound, gives a row, else 0. */
static int
gives_row(struct db *db, sqlite3_stmt *stmt)
{
	int rc = db_step(db, stmt);

	db_reset(stmt);
	return rc;
}

/* Anything else in the folder isn't ours to touch. */
static bool
segment_number(const char *name, uint32_t *out)
{
	char again[FORMAT_SEGMENT_NAME_SIZE];
	uint32_t epoch;

	if (sscanf(name, "%8x-%8x.seg", out, &epoch) != 2)
		return false;
	snprintf(again, sizeof(again), FORMAT_SEGMENT_NAME, *out, epoch);
	return strcmp(again, name) == 0;
}

/* --- dead imports --- */

/* An import's own segments, whose rows are still there. */
static int
sweep_segment_of(struct store *s, struct db *db, const char *name, const void *import)
{
	static const char sql[] = "SELECT 1 FROM segment WHERE seq = ?1 AND import = ?2";
	sqlite3_stmt *stmt;
	uint32_t seq;
	int rc;

	if (!segment_number(name, &seq))
		return 0;
	stmt = db_stmt(db, sql);
	sqlite3_bind_int64(stmt, 1, seq);
	db_bind_id(stmt, 2, import);
	rc = gives_row(db, stmt);
	return rc > 0 ? unlink_in(s, "segments", name) : rc;
}

static int
run_with_id(struct db *db, const char *sql, const struct id *id)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);

	db_bind_id(stmt, 1, id);
	return db_run(db, stmt);
}

int
store_sweep_import(struct store *s, struct db *db, const struct id *import)
{
	static const char segments[] = "DELETE FROM segment WHERE import = ?1";
	static const char row[] = "DELETE FROM import WHERE id = ?1";
	char name[STORE_NAME_SIZE];
	int rc = each_file(s, db, "segments", sweep_segment_of, import);

	if (rc < 0)
		return rc;
	store_image_name(import, ".tmp", name);
	rc = file_unlink(s->files, name);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if ((rc = run_with_id(db, segments, import)) < 0)
		return rc;
	return run_with_id(db, row, import);
}

/* Does a living process hold the import's lock? What can't be found out counts as living. */
static bool
is_alive(struct store *s, const struct id *import)
{
	char name[STORE_NAME_SIZE];
	int fd CLEANUP_FD = -1;

	store_image_name(import, ".tmp", name);
	fd = file_open(s->files, name, O_RDWR, 0);
	if (fd < 0)
		return fd != -ENOENT;
	return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int
import_column(sqlite3_stmt *stmt, void *id)
{
	return db_column_id(stmt, 0, id);
}

struct import_sweep {
	struct store *store;
	bool dry;
	uint64_t living;
};

static int
sweep_imports(struct db *db, void *arg)
{
	static const char sql[] = "SELECT id FROM import";
	struct import_sweep *w = arg;
	void *all CLEANUP_FREE = NULL;
	int n = db_gather(db, db_stmt(db, sql), sizeof(struct id), import_column, &all);
	int rc = n < 0 ? n : 0;
	const struct id *ids = all;

	for (int i = 0; i < n && rc == 0; i++) {
		if (is_alive(w->store, &ids[i]))
			w->living++;
		else if (!w->dry)
			rc = store_sweep_import(w->store, db, &ids[i]);
	}
	return rc;
}

int
store_sweep_imports(struct store *s, bool dry, uint64_t *living)
{
	struct import_sweep w = { .store = s, .dry = dry };
	int rc = s->in_doubt ? err_set(EIO, "an import's end is in doubt: restart, which will tell")
			     : store_write(s, sweep_imports, &w);

	*living = w.living;
	return rc;
}

/* --- files that no row names --- */

static int
sweep_segment(struct store *s, struct db *db, const char *name, const void *arg)
{
	/* Blocks without their segment's row: that one is damaged, and the file what is left. */
	static const char sql[] = "SELECT 1 FROM segment WHERE seq = ?1"
				  " UNION ALL SELECT 1 FROM block WHERE segment = ?1";
	sqlite3_stmt *stmt;
	uint32_t seq;
	int rc;

	(void)arg;
	if (!segment_number(name, &seq))
		return 0;
	stmt = db_stmt(db, sql);
	sqlite3_bind_int64(stmt, 1, seq);
	rc = gives_row(db, stmt);
	return rc == 0 ? unlink_in(s, "segments", name) : rc < 0 ? rc : 0;
}

static int
import_named(struct db *db, const struct id *id)
{
	static const char sql[] = "SELECT 1 FROM import WHERE id = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	db_bind_id(stmt, 1, id);
	return gives_row(db, stmt);
}

/* "<id>.db" is an image's, "<id>.tmp" an import's; SQLite may have left "<id>.tmp-journal". */
static int
sweep_image(struct store *s, struct db *db, const char *name, const void *arg)
{
	const uint32_t hex = ID_HEX_SIZE - 1;
	struct id id;
	int rc;

	(void)arg;
	if (strlen(name) <= hex || id_parse((struct str){ name, hex }, &id) < 0)
		return 0;
	if (strcmp(name + hex, ".db") == 0)
		rc = store_image_named(db, &id);
	else if (strncmp(name + hex, ".tmp", 4) == 0)
		rc = import_named(db, &id);
	else
		return 0;
	return rc == 0 ? unlink_in(s, "images", name) : rc < 0 ? rc : 0;
}

static int
sweep(struct db *db, void *arg)
{
	struct store *s = arg;
	struct import_sweep imports = { .store = s };
	int rc = sweep_imports(db, &imports);

	if (rc < 0 || s->mode != STORE_OWN)
		return rc;
	/* What a revert or a flattening that died had begun: for the collector. */
	rc = db_exec(db, "UPDATE layer SET sealed = 1 WHERE NOT sealed AND id NOT IN"
			 " (SELECT head FROM client)");
	if (rc < 0)
		return rc;
	rc = each_file(s, db, "segments", sweep_segment, NULL);
	return rc < 0 ? rc : each_file(s, db, "images", sweep_image, NULL);
}

int
store_sweep(struct store *s)
{
	return store_write(s, sweep, s);
}

struct image_collection {
	struct store *store;
	bool dry;
	uint64_t n;
};

static int
collect_image(struct store *s, struct db *db, const char *name, const void *arg)
{
	struct image_collection *c = *(struct image_collection *const *)arg;
	const uint32_t hex = ID_HEX_SIZE - 1;
	struct id id;
	int rc;

	if (strlen(name) != hex + 3 || strcmp(name + hex, ".db") != 0 ||
	    id_parse((struct str){ name, hex }, &id) < 0)
		return 0;
	rc = store_image_named(db, &id);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	c->n++;
	if (c->dry)
		return 0;
	store_forget_image(s, &id);
	return unlink_in(s, "images", name);
}

static int
collect_images(struct db *db, void *arg)
{
	struct image_collection *c = arg;

	return each_file(c->store, db, "images", collect_image, &arg);
}

int
store_collect_images(struct store *s, bool dry, uint64_t *n)
{
	struct image_collection c = { s, dry, 0 };
	int rc = store_write(s, collect_images, &c);

	*n = c.n;
	return rc;
}

struct image_walk {
	int (*fn)(void *arg, const struct id *);
	void *arg;
};

static int
walk_image(struct store *s, struct db *db, const char *name, const void *arg)
{
	const struct image_walk *w = arg;
	const uint32_t hex = ID_HEX_SIZE - 1;
	struct id id;

	(void)s;
	(void)db;
	if (strlen(name) != hex + 3 || strcmp(name + hex, ".db") != 0 ||
	    id_parse((struct str){ name, hex }, &id) < 0)
		return 0;
	return w->fn(w->arg, &id);
}

int
store_each_image_file(struct store *s, int (*fn)(void *arg, const struct id *), void *arg)
{
	struct image_walk w = { fn, arg };

	return each_file(s, NULL, "images", walk_image, &w);
}

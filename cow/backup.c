/*
 * Order makes it of one moment: nothing is collected from the beginning on; store.db is copied in
 * one transaction; segments only grow, and images never change, so whatever the copy names is in
 * their files. store.db comes last in the tar: a store without it is none.
 */
#include "cow/backup.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/format.h"
#include "cow/lease.h"
#include "cow/store_priv.h"

#define PIECE ((size_t)1 << 20)
#define DB    STORE_DB
#define HOLE  ((size_t)4096)

/* So many starts later: more than a store can have had since its backup was made. Nobody then takes
 * a write verifier, a generation or a segment of the one for that of the other. */
#define EPOCHS_ON 65536

static void
archive_done(struct archive **a)
{
	if (*a)
		archive_free(*a);
}

static void
close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int
archive_err(struct archive *a, const char *what)
{
	int err = archive_errno(a);

	return err_set(err > 0 && err < 4096 ? err : EIO, "%s: %s", what,
	    archive_error_string(a) ? archive_error_string(a) : "the archive failed");
}

/* --- writing --- */

struct writing {
	struct store *store;
	const struct backup_options *options;
	struct archive *tar;
	struct backup_result *result;
	char *buf;
};

static int
put_bytes(struct writing *w, int fd, const char *name, uint64_t size)
{
	while (size) {
		size_t n = size < PIECE ? (size_t)size : PIECE;
		ssize_t got = read(fd, w->buf, n);

		if (got <= 0)
			return got < 0 ? err_errno("%s", name)
				       : err_set(EIO, "%s became shorter", name);
		if (archive_write_data(w->tar, w->buf, (size_t)got) != got)
			return archive_err(w->tar, name);
		size -= (uint64_t)got;
		w->result->bytes += (uint64_t)got;
		if (w->options->progress &&
		    w->options->progress(w->options->arg, w->result->bytes) < 0)
			return -ECANCELED;
	}
	return 0;
}

/* As it is now: a segment may grow meanwhile. */
static int
put_file(struct writing *w, int folder, const char *path, const char *name)
{
	CLEANUP_FD int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	struct archive_entry *entry;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno("%s", name);
	if (!(entry = archive_entry_new()))
		return -ENOMEM;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_size(entry, st.st_size);
	archive_entry_set_mtime(entry, st.st_mtime, 0);
	rc = archive_write_header(w->tar, entry) == ARCHIVE_OK ? 0 : archive_err(w->tar, name);
	archive_entry_free(entry);
	if (rc == 0)
		rc = put_bytes(w, fd, name, (uint64_t)st.st_size);
	w->result->files += rc == 0;
	return rc;
}

/* The files of a folder of the store, but those of imports that run. */
static int
put_folder(struct writing *w, const char *folder, const char *suffix)
{
	int fd = openat(files_dirfd(store_files(w->store)), folder, O_RDONLY | O_DIRECTORY);
	DIR *dir CLEANUP(close_dir) = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return err_errno("%s", folder);
	while (rc == 0 && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);
		char name[NAME_MAX + 16];

		if (n <= strlen(suffix) || strcmp(e->d_name + n - strlen(suffix), suffix) != 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		rc = put_file(w, dirfd(dir), e->d_name, name);
	}
	return rc;
}

static int
copy_db(struct writing *w, const char *copy)
{
	char from[4096], sql[4200];
	struct db *db;
	int rc;

	snprintf(from, sizeof(from), "%s/" DB, files_path(store_files(w->store)));
	rc = db_open(from, DB_COPY, &db); /* the copy lies outside of the store */
	if (rc < 0)
		return rc;
	snprintf(sql, sizeof(sql), "VACUUM INTO '%s'", copy);
	rc = db_exec(db, sql);
	db_close(db);
	return rc;
}

static int
image_column(sqlite3_stmt *stmt, void *element)
{
	return db_column_id(stmt, 0, element);
}

/* The images that a copy of store.db needs, with names and without. Their number. */
static int
images_of(const char *path, struct id **out)
{
	static const char sql[] = "SELECT id FROM image UNION SELECT image FROM layer";
	struct db *db;
	void *all = NULL;
	int n = db_open(path, DB_READ, &db);

	if (n < 0)
		return n;
	n = db_gather(db, db_stmt(db, sql), sizeof(struct id), image_column, &all);
	db_close(db);
	*out = all;
	return n;
}

/* One may have been removed since the copy was made; then it isn't of one moment. */
static int
put_images(struct writing *w, const char *copy)
{
	struct id *ids CLEANUP_FREE = NULL;
	int n = images_of(copy, &ids), rc = n < 0 ? n : 0;

	for (int i = 0; i < n && rc == 0; i++) {
		char hex[ID_HEX_SIZE], name[64];

		id_hex(&ids[i], hex);
		snprintf(name, sizeof(name), "images/%s.db", hex);
		rc = put_file(w, files_dirfd(store_files(w->store)), name, name);
		if (rc == -ENOENT)
			rc = err_set(EAGAIN,
			    "an image was removed while the backup was written: begin again");
	}
	return rc;
}

static int
put_store(struct writing *w, const char *copy)
{
	int rc = put_images(w, copy);

	if (rc == 0)
		rc = put_folder(w, FORMAT_SEGMENTS_DIR, ".seg");
	return rc < 0 ? rc : put_file(w, AT_FDCWD, copy, DB);
}

static int
open_tar(struct writing *w, int fd, const char *compress)
{
	int rc = ARCHIVE_OK;

	if (!(w->tar = archive_write_new()))
		return -ENOMEM;
	archive_write_set_format_pax_restricted(w->tar);
	if (strcmp(compress, "gz") == 0)
		rc = archive_write_add_filter_gzip(w->tar);
	else if (strcmp(compress, "xz") == 0)
		rc = archive_write_add_filter_xz(w->tar);
	else if (strcmp(compress, "zst") == 0)
		rc = archive_write_add_filter_zstd(w->tar);
	if (rc < ARCHIVE_WARN || archive_write_open_fd(w->tar, fd) != ARCHIVE_OK)
		return archive_err(w->tar, "the backup");
	return 0;
}

int
backup_write(struct store *s, const struct backup_options *options, int fd, const char *compress,
    struct backup_result *out)
{
	CLEANUP_FREE char *buf = malloc(PIECE);
	struct writing w = { .store = s, .options = options, .result = out, .buf = buf };
	char folder[1000], copy[1024];
	int rc;

	*out = (struct backup_result){ 0 };
	if (strchr(options->scratch, '\''))
		return err_set(
		    EINVAL, "%s: a folder without a ' in its name is needed", options->scratch);
	/* Nobody else may read it, or have made it: the keys of all handles are in it. */
	snprintf(folder, sizeof(folder), "%.900s/rubus-backup-XXXXXX", options->scratch);
	if (!mkdtemp(folder))
		return err_errno("%s", folder);
	snprintf(copy, sizeof(copy), "%s/store.db", folder);
	rc = buf ? lease_share_blocks(s) : -ENOMEM;
	if (rc == 0)
		rc = copy_db(&w, copy);
	if (rc == 0)
		rc = open_tar(&w, fd, compress);
	if (rc == 0)
		rc = put_store(&w, copy);
	if (rc == 0 && archive_write_close(w.tar) != ARCHIVE_OK)
		rc = archive_err(w.tar, "the backup");
	archive_done(&w.tar);
	unlink(copy);
	rmdir(folder);
	return rc;
}

/* --- restoring --- */

/* What a store has, and nothing else. */
static bool
is_ours(const char *name)
{
	unsigned a, b;
	char end[8] = "", hex[33];

	if (strcmp(name, DB) == 0)
		return true;
	if (sscanf(name, "segments/%8x-%8x%7s", &a, &b, end) == 3 && strcmp(end, ".seg") == 0)
		return strlen(name) == strlen("segments/00000000-00000000.seg");
	return sscanf(name, "images/%32[0-9a-f]%7s", hex, end) == 2 && strlen(hex) == 32 &&
	       strcmp(end, ".db") == 0;
}

/* What was punched out of a segment stays a hole. */
static int
write_sparse(int fd, const char *p, size_t n, uint64_t at)
{
	while (n) {
		size_t piece = n < HOLE ? n : HOLE;

		if (!bytes_are_zeros((const uint8_t *)p, piece) &&
		    pwrite(fd, p, piece, (off_t)at) != (ssize_t)piece)
			return -1;
		p += piece;
		n -= piece;
		at += piece;
	}
	return 0;
}

static int
get_bytes(struct archive *tar, int fd, const char *name, char *buf, struct backup_result *out)
{
	uint64_t at = 0;
	la_ssize_t n;

	while ((n = archive_read_data(tar, buf, PIECE)) > 0) {
		if (write_sparse(fd, buf, (size_t)n, at) < 0)
			return err_errno("%s", name);
		at += (uint64_t)n;
		out->bytes += (uint64_t)n;
	}
	if (n < 0)
		return err_set(EINVAL, "the backup is damaged: %s", archive_error_string(tar));
	return ftruncate(fd, (off_t)at) < 0 || fdatasync(fd) < 0 ? err_errno("%s", name) : 0;
}

/* store.db under another name until all is there. */
static int
get_file(struct archive *tar, int folder, const char *name, char *buf, struct backup_result *out)
{
	const char *as = strcmp(name, DB) == 0 ? DB ".new" : name;
	CLEANUP_FD int fd = openat(folder, as, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno("%s", name);
	out->files++;
	return get_bytes(tar, fd, name, buf, out);
}

static int
get_all(struct archive *tar, int folder, char *buf, struct backup_result *out)
{
	struct archive_entry *entry;
	bool whole = false;
	int r, rc = 0;

	while (rc == 0 && (r = archive_read_next_header(tar, &entry)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(entry);

		if (!name || archive_entry_filetype(entry) != AE_IFREG || !is_ours(name))
			return err_set(EINVAL, "this is no backup: there is \"%.80s\" in it",
			    name ? name : "");
		rc = get_file(tar, folder, name, buf, out);
		whole = whole || strcmp(name, DB) == 0;
	}
	if (rc == 0 && r != ARCHIVE_EOF)
		rc = err_set(EINVAL, "the backup is damaged: %s", archive_error_string(tar));
	return rc == 0 && !whole ? err_set(EINVAL, "this is no whole backup: " DB " lacks") : rc;
}

static int
sync_folder(int folder, const char *name)
{
	CLEANUP_FD int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? err_errno("%s", name) : 0;
}

static void
clear_folder(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir CLEANUP(close_dir) = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	unlinkat(folder, name, AT_REMOVEDIR);
}

static int
open_backup(int fd, struct archive **out)
{
	struct archive *tar = archive_read_new();

	if (!tar)
		return -ENOMEM;
	*out = tar;
	archive_read_support_format_tar(tar);
	archive_read_support_filter_all(tar);
	return archive_read_open_fd(tar, fd, PIECE) == ARCHIVE_OK
		   ? 0
		   : err_set(EINVAL, "this is no backup: %s", archive_error_string(tar));
}

static int
check_empty(int folder, const char *path)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir CLEANUP(close_dir) = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lost+found") != 0)
			return err_set(ENOTEMPTY,
			    "%s is not empty: a backup is restored to a folder "
			    "of its own",
			    path);
	return dir ? 0 : err_errno("%s", path);
}

/* Is it a store, with all of its images? From now on it goes other ways than the one that the
 * backup was made of, which may still be served. */
static int
adopt(int folder, const char *path)
{
	static const char epoch[] = "UPDATE meta SET value = value + ?1 WHERE key = 'epoch'";
	char new[PATH_MAX];
	struct id *ids CLEANUP_FREE = NULL;
	sqlite3_stmt *stmt;
	struct db *db;
	uint16_t some;
	int rc, n;

	snprintf(new, sizeof(new), "%s/" DB ".new", path);
	if (getrandom(&some, sizeof(some), 0) != sizeof(some))
		return err_errno("no random bytes");
	if ((n = images_of(new, &ids)) < 0)
		return err_set(EINVAL, "this is no whole backup: %s", err_text(n));
	for (int i = 0; i < n; i++) {
		char hex[ID_HEX_SIZE], name[64];

		id_hex(&ids[i], hex);
		snprintf(name, sizeof(name), "images/%s.db", hex);
		if (faccessat(folder, name, F_OK, 0) < 0)
			return err_set(EINVAL, "this is no whole backup: %s lacks", name);
	}
	if ((rc = db_open(new, DB_WRITE, &db)) < 0)
		return rc;
	rc = store_check_db(db, "what the backup holds", true);
	if (rc == 0) {
		stmt = db_stmt(db, epoch);
		sqlite3_bind_int64(stmt, 1, EPOCHS_ON + some);
		rc = db_run(db, stmt);
	}
	db_close(db);
	return rc;
}

static int
fill(int folder, const char *path, int fd, char *buf, struct backup_result *out)
{
	struct archive *tar CLEANUP(archive_done) = NULL;
	int rc;

	if (mkdirat(folder, "images", 0700) < 0 || mkdirat(folder, "segments", 0700) < 0)
		return err_errno("%s", path);
	if ((rc = open_backup(fd, &tar)) < 0 || (rc = get_all(tar, folder, buf, out)) < 0 ||
	    (rc = adopt(folder, path)) < 0 || (rc = sync_folder(folder, "images")) < 0 ||
	    (rc = sync_folder(folder, "segments")) < 0)
		return rc;
	return renameat(folder, DB ".new", folder, DB) < 0 ? err_errno("%s", path) : 0;
}

int
backup_restore(const char *path, int fd, struct backup_result *out)
{
	bool made = mkdir(path, 0700) == 0;
	CLEANUP_FD int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FREE char *buf = malloc(PIECE);
	int rc;

	*out = (struct backup_result){ 0 };
	if (folder < 0 || !buf)
		return folder < 0 ? err_errno("%s", path) : -ENOMEM;
	if ((rc = check_empty(folder, path)) < 0)
		return rc;
	rc = fill(folder, path, fd, buf, out);
	if (rc == 0)
		return sync_folder(folder, ".");
	clear_folder(folder, "images");
	clear_folder(folder, "segments");
	unlinkat(folder, DB ".new", 0);
	unlinkat(folder, DB ".new-wal", 0);
	unlinkat(folder, DB ".new-shm", 0);
	if (made)
		rmdir(path);
	return rc;
}

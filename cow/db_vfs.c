/* An SQLite VFS over the usual one. A sync that failed is remembered: SQLite would sync again, and
 * the kernel would say that all is well, though what it couldn't write is lost. */
#include "cow/db_vfs.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/bytes.h"

struct db_vfs {
	sqlite3_vfs base; /* first: SQLite's */
	char name[32];
	sqlite3_vfs *real;
	struct files *files;
	unsigned users;
	bool failed; /* atomic */
};

struct file {
	sqlite3_file base; /* first: SQLite's */
	struct db_vfs *vfs;
	const char *name; /* in the folder; NULL: a temporary file, which is nobody's business */
	bool new_name;    /* to be made durable by the first sync */
	sqlite3_file *real;
};

/* The real one's file lies behind ours. */
#define FILE_ROOM ROUND_UP(sizeof(struct file), 16)

static struct file *
file_of(sqlite3_file *f)
{
	return (struct file *)f;
}

static sqlite3_file *
real_of(sqlite3_file *f)
{
	return file_of(f)->real;
}

static struct db_vfs *
vfs_of(sqlite3_vfs *vfs)
{
	return (struct db_vfs *)vfs;
}

/* What the hook says, as SQLite's result; `otherwise` unless the disk is full. */
static int
ask(struct db_vfs *v, enum file_event event, const char *name, uint64_t off, size_t *len,
    int otherwise)
{
	size_t none = 0;
	int err;

	if (__atomic_load_n(&v->failed, __ATOMIC_RELAXED)) {
		errno = EIO;
		return otherwise;
	}
	err = file_ask(v->files, event, name, off, len ? len : &none);
	if (err == 0)
		return SQLITE_OK;
	errno = -err;
	return event == FILE_WRITE && (err == -ENOSPC || err == -EDQUOT) ? SQLITE_FULL : otherwise;
}

static void
tell(struct db_vfs *v, enum file_event event, const char *name, uint64_t off)
{
	file_tell(v->files, &(struct file_change){ .event = event, .name = name, .off = off });
}

static int
sync_failed(struct db_vfs *v, int rc)
{
	__atomic_store_n(&v->failed, true, __ATOMIC_RELAXED);
	return rc;
}

/* --- an open file --- */

static int
vfs_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int
vfs_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
	return real_of(f)->pMethods->xRead(real_of(f), p, n, off);
}

static int
vfs_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	struct file *file = file_of(f);
	struct file_change done = { FILE_WRITE, file->name, .off = (uint64_t)off,
		.len = (uint64_t)n };
	struct iovec iov = { .iov_len = (size_t)n };
	size_t len = (size_t)n;
	int rc = SQLITE_OK;

	if (file->name)
		rc =
		    ask(file->vfs, FILE_WRITE, file->name, (uint64_t)off, &len, SQLITE_IOERR_WRITE);
	if (rc == SQLITE_OK)
		rc = file->real->pMethods->xWrite(file->real, p, (int)len, off);
	if (rc != SQLITE_OK || !file->name)
		return rc;
	memcpy(&iov.iov_base, &p, sizeof(p));
	iov.iov_len = done.len = len;
	done.iov = &iov;
	done.n = 1;
	file_tell(file->vfs->files, &done);
	return len < (size_t)n ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int
vfs_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct file *file = file_of(f);
	int rc = SQLITE_OK;

	if (file->name)
		rc = ask(file->vfs, FILE_TRUNCATE, file->name, (uint64_t)size, NULL,
		    SQLITE_IOERR_TRUNCATE);
	if (rc == SQLITE_OK)
		rc = file->real->pMethods->xTruncate(file->real, size);
	if (rc == SQLITE_OK && file->name)
		tell(file->vfs, FILE_TRUNCATE, file->name, (uint64_t)size);
	return rc;
}

static int
sync_folder(struct db_vfs *v, const char *name)
{
	char folder[NAME_MAX + 1] = "";
	const char *slash = strrchr(name, '/');

	if (slash && (size_t)(slash - name) < sizeof(folder))
		memcpy(folder, name, (size_t)(slash - name));
	return file_sync_dir(v->files, folder) < 0 ? sync_failed(v, SQLITE_IOERR_DIR_FSYNC)
						   : SQLITE_OK;
}

static int
vfs_sync(sqlite3_file *f, int flags)
{
	struct file *file = file_of(f);
	int rc = SQLITE_OK;

	if (!file->name)
		return file->real->pMethods->xSync(file->real, flags);
	rc = ask(file->vfs, FILE_FSYNC, file->name, 0, NULL, SQLITE_IOERR_FSYNC);
	if (rc == SQLITE_OK) {
		tell(file->vfs, FILE_FSYNC, file->name, 0);
		rc = file->real->pMethods->xSync(file->real, flags);
	}
	if (rc != SQLITE_OK)
		return sync_failed(file->vfs, rc);
	if (file->new_name)
		rc = sync_folder(file->vfs, file->name);
	file->new_name = file->new_name && rc != SQLITE_OK;
	return rc;
}

/* Nothing but a call handed on. */
#define HAND_ON(name, method, params, args)               \
	static int vfs_##name params                      \
	{                                                 \
		return real_of(f)->pMethods->method args; \
	}
HAND_ON(size, xFileSize, (sqlite3_file * f, sqlite3_int64 *out), (real_of(f), out))
HAND_ON(lock, xLock, (sqlite3_file * f, int level), (real_of(f), level))
HAND_ON(unlock, xUnlock, (sqlite3_file * f, int level), (real_of(f), level))
HAND_ON(reserved, xCheckReservedLock, (sqlite3_file * f, int *out), (real_of(f), out))
HAND_ON(control, xFileControl, (sqlite3_file * f, int op, void *arg), (real_of(f), op, arg))
HAND_ON(shm_map, xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out),
    (real_of(f), page, size, extend, out))
HAND_ON(
    shm_lock, xShmLock, (sqlite3_file * f, int at, int n, int flags), (real_of(f), at, n, flags))
HAND_ON(shm_unmap, xShmUnmap, (sqlite3_file * f, int drop), (real_of(f), drop))

static int
vfs_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int
vfs_traits(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static void
vfs_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

/* Version 2: nothing is mapped into memory but the log's index. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = vfs_close,
	.xRead = vfs_read,
	.xWrite = vfs_write,
	.xTruncate = vfs_truncate,
	.xSync = vfs_sync,
	.xFileSize = vfs_size,
	.xLock = vfs_lock,
	.xUnlock = vfs_unlock,
	.xCheckReservedLock = vfs_reserved,
	.xFileControl = vfs_control,
	.xSectorSize = vfs_sector,
	.xDeviceCharacteristics = vfs_traits,
	.xShmMap = vfs_shm_map,
	.xShmLock = vfs_shm_lock,
	.xShmBarrier = vfs_shm_barrier,
	.xShmUnmap = vfs_shm_unmap,
};

/* --- names --- */

/* The part of a path that is the name in the store's folder. */
static const char *
name_in(const struct db_vfs *v, const char *path)
{
	const char *folder = files_path(v->files);
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static bool
is_there(struct db_vfs *v, const char *path)
{
	int there = 0;

	return v->real->xAccess(v->real, path, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there;
}

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *f, int flags, int *out_flags)
{
	struct db_vfs *v = vfs_of(vfs);
	struct file *file = file_of(f);
	bool makes = path && flags & SQLITE_OPEN_CREATE && !is_there(v, path);
	int rc = SQLITE_OK;

	*file = (struct file){ .vfs = v, .real = (sqlite3_file *)((char *)f + FILE_ROOM) };
	file->name = path ? name_in(v, path) : NULL;
	if (makes)
		rc = ask(v, FILE_OPEN, file->name, 0, NULL, SQLITE_CANTOPEN);
	if (rc == SQLITE_OK)
		rc = v->real->xOpen(v->real, path, file->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	file->base.pMethods = &methods;
	file->new_name = makes && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
	if (makes)
		tell(v, FILE_OPEN, file->name, 0);
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct db_vfs *v = vfs_of(vfs);
	const char *name = name_in(v, path);
	int rc = ask(v, FILE_UNLINK, name, 0, NULL, SQLITE_IOERR_DELETE);

	if (rc == SQLITE_OK)
		rc = v->real->xDelete(v->real, path, 0);
	if (rc != SQLITE_OK)
		return rc;
	tell(v, FILE_UNLINK, name, 0);
	return sync ? sync_folder(v, name) : SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	sqlite3_vfs *real = vfs_of(vfs)->real;

	return real->xAccess(real, path, flags, out);
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
	sqlite3_vfs *real = vfs_of(vfs)->real;

	return real->xFullPathname(real, path, n, out);
}

static int
vfs_random(sqlite3_vfs *vfs, int n, char *out)
{
	sqlite3_vfs *real = vfs_of(vfs)->real;

	return real->xRandomness(real, n, out);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int us)
{
	sqlite3_vfs *real = vfs_of(vfs)->real;

	return real->xSleep(real, us);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int n, char *out)
{
	sqlite3_vfs *real = vfs_of(vfs)->real;

	return real->xGetLastError(real, n, out);
}

static int
vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	sqlite3_vfs *real = vfs_of(vfs)->real;

	return real->xCurrentTimeInt64(real, out);
}

/* --- the registry --- */

static struct db_vfs *
make(const char *name, struct files *files)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	struct db_vfs *v = real ? calloc(1, sizeof(*v)) : NULL;

	if (!v)
		return NULL;
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->real = real;
	v->files = files;
	v->base = (sqlite3_vfs){ .iVersion = 2,
		.szOsFile = (int)FILE_ROOM + real->szOsFile,
		.mxPathname = real->mxPathname,
		.zName = v->name,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_random,
		.xSleep = vfs_sleep,
		.xGetLastError = vfs_last_error,
		.xCurrentTimeInt64 = vfs_time };
	if (sqlite3_vfs_register(&v->base, 0) == SQLITE_OK)
		return v;
	free(v);
	return NULL;
}

static sqlite3_mutex *
registry_lock(void)
{
	sqlite3_mutex *lock;

	sqlite3_initialize();
	lock = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
	sqlite3_mutex_enter(lock);
	return lock;
}

int
db_vfs_hold(struct files *files, struct db_vfs **out)
{
	sqlite3_mutex *lock = registry_lock();
	char name[sizeof((*out)->name)];
	struct db_vfs *v;

	snprintf(name, sizeof(name), "rubus-%p", (void *)files);
	v = vfs_of(sqlite3_vfs_find(name));
	if (!v)
		v = make(name, files);
	if (v)
		v->users++;
	sqlite3_mutex_leave(lock);
	*out = v;
	return v ? 0 : -ENOMEM;
}

void
db_vfs_release(struct db_vfs *v)
{
	sqlite3_mutex *lock;

	if (!v)
		return;
	lock = registry_lock();
	if (--v->users == 0) {
		sqlite3_vfs_unregister(&v->base);
		free(v);
	}
	sqlite3_mutex_leave(lock);
}

const char *
db_vfs_name(const struct db_vfs *v)
{
	return v->name;
}

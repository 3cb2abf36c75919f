/* The only way from the store to its disk, so that a test's hook can fail any change of it. */
#include "cow/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"

struct files {
	int dir;
	char *path;
	_Atomic(file_hook *) hook; /* a test changes it while the committer works */
	_Atomic(void *) arg;
	file_watch *watch;
	void *watch_arg;
};

int
files_open(const char *path, struct files **out)
{
	struct files *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(ENOMEM, "%s: out of memory", path);
	f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->path = f->dir < 0 ? NULL : strdup(path);
	if (!f->path) {
		int err = err_errno("%s", path);

		files_close(f);
		return err;
	}
	*out = f;
	return 0;
}

void
files_close(struct files *f)
{
	if (!f)
		return;
	if (f->dir >= 0)
		close(f->dir);
	free(f->path);
	free(f);
}

void
files_hook(struct files *f, file_hook *hook, void *arg)
{
	f->hook = NULL; /* never with the other's argument */
	f->arg = arg;
	f->hook = hook;
}

void
files_watch(struct files *f, file_watch *watch, void *arg)
{
	f->watch = watch;
	f->watch_arg = arg;
}

const char *
files_path(const struct files *f)
{
	return f->path;
}

int
files_dirfd(const struct files *f)
{
	return f->dir;
}

int
files_space(const struct files *f, struct file_space *out)
{
	struct statvfs s;

	if (fstatvfs(files_dirfd(f), &s) < 0)
		return err_errno("%s", files_path(f));
	*out = (struct file_space){ .total = (uint64_t)s.f_blocks * s.f_frsize,
		.free = (uint64_t)s.f_bfree * s.f_frsize,
		.avail = (uint64_t)s.f_bavail * s.f_frsize };
	return 0;
}

int
file_ask(struct files *f, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	file_hook *hook = f->hook;
	int err = hook ? hook(f->arg, event, name, off, len) : 0;

	return err < 0 ? err_set(-err, "%s/%s: %s", f->path, name, strerror(-err)) : 0;
}

void
file_tell(struct files *f, const struct file_change *change)
{
	if (f->watch)
		f->watch(f->watch_arg, change);
}

static void
tell(struct files *f, enum file_event event, const char *name, uint64_t off, uint64_t len)
{
	file_tell(f, &(struct file_change){ .event = event, .name = name, .off = off, .len = len });
}

static int
ask_at(struct files *f, enum file_event event, const char *name, uint64_t off)
{
	size_t len = 0;

	return file_ask(f, event, name, off, &len);
}

/* What root makes in another's store is the other's: an import that must run as root is served by a
 * server that must not. */
static int
give_to_owner(struct files *f, int fd, const char *name)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (fstat(f->dir, &st) < 0 || (st.st_uid != 0 && fchown(fd, st.st_uid, st.st_gid) < 0))
		return err_errno("%s/%s: give it to the folder's owner", f->path, name);
	return 0;
}

int
file_open(struct files *f, const char *name, int flags, mode_t mode)
{
	int fd, err = flags & O_CREAT ? ask_at(f, FILE_OPEN, name, 0) : 0;

	if (err < 0)
		return err;
	do
		fd = openat(f->dir, name, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_errno("%s/%s", f->path, name);
	if (flags & O_CREAT && (err = give_to_owner(f, fd, name)) < 0) {
		close(fd);
		return err;
	}
	if (flags & O_CREAT)
		tell(f, FILE_OPEN, name, 0, 0);
	return fd;
}

static size_t
iov_length(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* Cuts iov after len bytes; returns how many pieces are left. */
static int
iov_cut(struct iovec *iov, int n, size_t len)
{
	int i;

	for (i = 0; i < n && len > 0; i++) {
		if (iov[i].iov_len > len)
			iov[i].iov_len = len;
		len -= iov[i].iov_len;
	}
	return i;
}

/* Drops done bytes and whatever is empty from the front. */
static void
iov_skip(struct iovec **iov, int *n, size_t done)
{
	while (*n > 0 && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

typedef ssize_t transfer_fn(int fd, const struct iovec *iov, int n, off_t off);

/* 0 when all of iov was transferred at off, 1 when a call moved nothing, -1 with errno. */
static int
transfer_all(transfer_fn *transfer, int fd, struct iovec *iov, int n, uint64_t *off)
{
	for (iov_skip(&iov, &n, 0); n > 0;) {
		ssize_t done = transfer(fd, iov, n < IOV_MAX ? n : IOV_MAX, (off_t)*off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -1 : 1;
		*off += (uint64_t)done;
		iov_skip(&iov, &n, (size_t)done);
	}
	return 0;
}

/* The same as pwritev, which changes its iov, and the watch is told after it. */
static int
write_watched(
    struct files *f, int fd, const char *name, struct iovec *iov, int n, uint64_t *off, size_t len)
{
	CLEANUP_FREE struct iovec *copy = calloc((size_t)n + 1, sizeof(*copy));
	struct file_change done = { FILE_WRITE, name, .off = *off, .len = len, .iov = copy,
		.n = n };
	int err;

	if (!copy)
		return -1;
	for (int i = 0; i < n; i++)
		copy[i] = iov[i];
	err = transfer_all(pwritev, fd, iov, n, off);
	if (!err)
		file_tell(f, &done);
	return err;
}

int
file_pwritev(struct files *f, int fd, const char *name, struct iovec *iov, int n, uint64_t off)
{
	size_t want = iov_length(iov, n), len = want;
	int err = file_ask(f, FILE_WRITE, name, off, &len);

	if (err < 0)
		return err;
	if (len < want)
		n = iov_cut(iov, n, len);
	err = f->watch ? write_watched(f, fd, name, iov, n, &off, len)
		       : transfer_all(pwritev, fd, iov, n, &off);
	if (err < 0)
		return err_errno("%s/%s: write at %llu", f->path, name, (unsigned long long)off);
	if (err > 0 || len < want)
		return err_set(
		    EIO, "%s/%s: short write at %llu", f->path, name, (unsigned long long)off);
	return 0;
}

int
file_pwrite(struct files *f, int fd, const char *name, const void *p, size_t n, uint64_t off)
{
	struct iovec iov = { .iov_len = n };

	memcpy(&iov.iov_base, &p, sizeof(p));
	return file_pwritev(f, fd, name, &iov, 1, off);
}

int
file_preadv(int fd, const char *name, struct iovec *iov, int n, uint64_t off)
{
	int err = transfer_all(preadv, fd, iov, n, &off);

	if (err < 0)
		return err_errno("%s: read at %llu", name, (unsigned long long)off);
	if (err > 0)
		return err_set(EIO, "%s: ends at %llu, before what is wanted of it", name,
		    (unsigned long long)off);
	return 0;
}

int
file_pread(int fd, const char *name, void *p, size_t n, uint64_t off)
{
	struct iovec iov = { p, n };

	return file_preadv(fd, name, &iov, 1, off);
}

int
file_sync(struct files *f, int fd, const char *name)
{
	int err = ask_at(f, FILE_FSYNC, name, 0);

	if (err < 0)
		return err;
	tell(f, FILE_FSYNC, name, 0, 0);
	return fdatasync(fd) < 0 ? err_errno("%s/%s: sync", f->path, name) : 0;
}

int
file_sync_dir(struct files *f, const char *name)
{
	int err = ask_at(f, FILE_FSYNC, name, 0);
	CLEANUP_FD int fd = -1;

	if (err < 0)
		return err;
	file_tell(f, &(struct file_change){ FILE_FSYNC, name, .folder = true });
	fd = openat(f->dir, name[0] ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno("%s/%s: sync of the folder", f->path, name);
	return 0;
}

int
file_rename(struct files *f, const char *from, const char *to)
{
	int err = ask_at(f, FILE_RENAME, from, 0);

	if (err < 0)
		return err;
	if (renameat(f->dir, from, f->dir, to) < 0)
		return err_errno("%s/%s: rename to %s", f->path, from, to);
	file_tell(f, &(struct file_change){ FILE_RENAME, from, to });
	return 0;
}

int
file_unlink(struct files *f, const char *name)
{
	int err = ask_at(f, FILE_UNLINK, name, 0);

	if (err < 0)
		return err;
	if (unlinkat(f->dir, name, 0) < 0)
		return err_errno("%s/%s: remove", f->path, name);
	tell(f, FILE_UNLINK, name, 0, 0);
	return 0;
}

int
file_truncate(struct files *f, int fd, const char *name, uint64_t size)
{
	int err = ask_at(f, FILE_TRUNCATE, name, size);

	if (err < 0)
		return err;
	if (ftruncate(fd, (off_t)size) < 0)
		return err_errno("%s/%s: cut to %llu", f->path, name, (unsigned long long)size);
	tell(f, FILE_TRUNCATE, name, size, 0);
	return 0;
}

int
file_punch(struct files *f, int fd, const char *name, uint64_t off, uint64_t len)
{
	int err = ask_at(f, FILE_PUNCH, name, off);

	if (err < 0)
		return err;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) < 0)
		return err_errno(
		    "%s/%s: punch a hole at %llu", f->path, name, (unsigned long long)off);
	tell(f, FILE_PUNCH, name, off, len);
	return 0;
}

int
file_mkdir(struct files *f, const char *name, mode_t mode)
{
	struct stat st;
	int err = ask_at(f, FILE_MKDIR, name, 0);

	if (err < 0)
		return err;
	if (mkdirat(f->dir, name, mode) == 0) {
		tell(f, FILE_MKDIR, name, 0, 0);
		int fd CLEANUP_FD = openat(f->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		return fd < 0 ? err_errno("%s/%s", f->path, name) : give_to_owner(f, fd, name);
	}
	if (errno == EEXIST && fstatat(f->dir, name, &st, 0) == 0 && !S_ISDIR(st.st_mode))
		return err_set(ENOTDIR, "%s/%s: there, but not a folder", f->path, name);
	return errno == EEXIST ? 0 : err_errno("%s/%s: make folder", f->path, name);
}

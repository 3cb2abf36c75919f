/* A folder of this machine as a source: stat, holes, bytes and xattrs of what a walk finds. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/import/path.h"
#include "cow/import/source.h"
#include "cow/import/walk.h"

#define READ_SIZE ((size_t)1 << 20)

struct source_dir {
	struct source source;
	struct walk walk;
	bool cross;
	uint64_t passed; /* bytes of the files up to the present one, with it */

	/* The present entry. */
	struct stat st;
	int file; /* open for reading, or -1 */
	uint64_t pos, data_end;
	char target[PATH_MAX];
	char *buf;
};

static struct source_dir *
dir_of(struct source *s)
{
	return (struct source_dir *)s;
}

static int
problem(const struct source_dir *d, const char *what)
{
	char shown[PATH_SHOWN];

	return err_errno("%s: can't %s", path_show(d->walk.path, shown), what);
}

static int
changed(const struct source_dir *d)
{
	char shown[PATH_SHOWN];

	return err_set(EIO, "%s: changed while it was read", path_show(d->walk.path, shown));
}

static int64_t
nanoseconds(const struct timespec *t)
{
	int64_t ns;

	if (__builtin_mul_overflow(t->tv_sec, 1000000000, &ns) ||
	    __builtin_add_overflow(ns, t->tv_nsec, &ns))
		return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static void
fill_entry(struct source_dir *d, struct source_entry *out)
{
	const struct stat *st = &d->st;

	*out = (struct source_entry){
		.path = d->walk.path,
		.attr = {
			.mode = st->st_mode,
			.uid = st->st_uid,
			.gid = st->st_gid,
			.size = (uint64_t)st->st_size,
			.used = (uint64_t)st->st_blocks * 512,
			.atime = nanoseconds(&st->st_atim),
			.mtime = nanoseconds(&st->st_mtim),
			.ctime = nanoseconds(&st->st_ctim),
		},
	};
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		out->attr.rdev[0] = major(st->st_rdev);
		out->attr.rdev[1] = minor(st->st_rdev);
	}
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		out->same[0] = st->st_dev;
		out->same[1] = st->st_ino;
	}
}

static int
take_symlink(struct source_dir *d, struct source_entry *out)
{
	ssize_t n = readlinkat(d->walk.fd, d->walk.name, d->target, sizeof(d->target));

	if (n < 0)
		return problem(d, "read the symlink");
	out->target = (struct str){ d->target, (uint32_t)n };
	out->attr.size = (uint64_t)n;
	return 0;
}

/* A folder is looked at later, but whether that will be allowed is asked now. */
static int
take_folder(struct source_dir *d)
{
	if (!d->cross && d->st.st_dev != d->walk.dev)
		return 0;
	if (faccessat(d->walk.fd, d->walk.name, R_OK | X_OK, AT_EACCESS) != 0)
		return problem(d, "read the folder");
	return walk_into(&d->walk, &d->st);
}

static int
dir_next(struct source *s, struct source_entry *out)
{
	struct source_dir *d = dir_of(s);
	int err;

	cleanup_fd(&d->file);
	d->file = -1;
	d->source.done = d->passed;
	err = walk_next(&d->walk);
	if (err != 1)
		return err;
	if (fstatat(d->walk.fd, d->walk.name, &d->st, AT_SYMLINK_NOFOLLOW) != 0)
		return problem(d, "look at it");
	fill_entry(d, out);
	d->pos = d->data_end = 0;
	if (S_ISREG(d->st.st_mode))
		d->passed += out->attr.size;
	if (S_ISLNK(d->st.st_mode))
		err = take_symlink(d, out);
	else if (S_ISDIR(d->st.st_mode))
		err = take_folder(d);
	return err ? err : 1;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Fails when the file is not (any more) as it was when its entry was given. */
static int
check_unchanged(const struct source_dir *d)
{
	struct stat st;

	return fstat(d->file, &st) == 0 && same_file(&st, &d->st) ? 0 : changed(d);
}

static int
open_file(struct source_dir *d)
{
	/* O_NONBLOCK: what was a file a moment ago may be a FIFO now. */
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

	d->file = openat(d->walk.fd, d->walk.name, flags | O_NOATIME);
	if (d->file < 0 && errno == EPERM)
		d->file = openat(d->walk.fd, d->walk.name, flags);
	if (d->file < 0)
		return problem(d, "open the file");
	return check_unchanged(d);
}

/* Finds where the data at pos ends (data_end), or how long the hole there is. */
static int
find_data(struct source_dir *d, struct source_piece *out)
{
	off_t size = d->st.st_size, pos = (off_t)d->pos, data, end;

	d->data_end = (uint64_t)size;
	if (d->st.st_blocks >= (size + 511) / 512)
		return 0;
	data = lseek(d->file, pos, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return 0; /* a file system without holes */
	if (data < 0 || data > size)
		data = size;
	if (data > pos) {
		*out = (struct source_piece){ .n = (uint64_t)(data - pos) };
		d->data_end = d->pos = (uint64_t)data;
		return 0;
	}
	end = lseek(d->file, pos, SEEK_HOLE);
	if (end > pos && end < size)
		d->data_end = (uint64_t)end;
	return 0;
}

static int
read_data(struct source_dir *d, struct source_piece *out)
{
	size_t n = READ_SIZE;
	ssize_t got;

	if (n > d->data_end - d->pos)
		n = d->data_end - d->pos;
	do
		got = pread(d->file, d->buf, n, (off_t)d->pos);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return problem(d, "read the file");
	if (got == 0)
		return changed(d);
	d->pos += (uint64_t)got;
	*out = (struct source_piece){ d->buf, (uint64_t)got };
	return 0;
}

static int
dir_read(struct source *s, struct source_piece *out)
{
	struct source_dir *d = dir_of(s);
	int err = 0;

	*out = (struct source_piece){ 0 };
	if (d->file < 0)
		err = open_file(d);
	if (!err && d->pos == (uint64_t)d->st.st_size)
		return check_unchanged(d);
	if (!err && d->pos == d->data_end)
		err = find_data(d, out);
	if (!err && !out->n)
		err = read_data(d, out);
	d->source.done = d->passed - (uint64_t)d->st.st_size + d->pos;
	return err;
}

static int
give_xattr(struct source_dir *d, const char *path, const char *name, source_xattr_fn *fn, void *arg)
{
	ssize_t n = lgetxattr(path, name, d->buf, READ_SIZE);

	if (n < 0)
		return problem(d, "read its attributes");
	return fn(arg, str_of(name), (struct str){ d->buf, (uint32_t)n });
}

/* By way of /proc: there is no lgetxattrat(2), and the file may be a symlink or a device. */
static int
dir_xattrs(struct source *s, source_xattr_fn *fn, void *arg)
{
	struct source_dir *d = dir_of(s);
	char path[NAME_MAX + 40];
	char *list CLEANUP_FREE = NULL;
	ssize_t n;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", d->walk.fd, d->walk.name);
	n = llistxattr(path, NULL, 0);
	if (n > 0) {
		list = malloc((size_t)n);
		if (!list)
			return -ENOMEM;
		n = llistxattr(path, list, (size_t)n);
	}
	if (n < 0 && errno != ENOTSUP)
		return problem(d, "list its attributes");
	for (ssize_t i = 0; !err && i < n; i += (ssize_t)strlen(list + i) + 1)
		err = give_xattr(d, path, list + i, fn, arg);
	return err;
}

static void
dir_close(struct source *s)
{
	struct source_dir *d = dir_of(s);

	walk_close(&d->walk);
	cleanup_fd(&d->file);
	free(d->buf);
	free(d);
}

static int
open_walk(const char *path, bool cross, struct source_dir **out)
{
	static const struct source_ops ops = {
		.next = dir_next,
		.read = dir_read,
		.xattrs = dir_xattrs,
		.close = dir_close,
	};
	struct source_dir *d = calloc(1, sizeof(*d));
	char *buf CLEANUP_FREE = malloc(READ_SIZE);
	int err = d && buf ? walk_open(path, &d->walk) : -ENOMEM;

	if (err) {
		free(d);
		return err;
	}
	d->source.ops = &ops;
	d->cross = cross;
	d->file = -1;
	d->buf = buf;
	buf = NULL;
	*out = d;
	return 0;
}

/* Walks once without reading, so that progress has a whole to be a part of. */
int
source_dir_open(const char *path, bool cross, struct source **out)
{
	struct source_dir *count, *d;
	struct source_entry e;
	int err = open_walk(path, cross, &count);

	if (err)
		return err;
	do
		err = dir_next(&count->source, &e);
	while (err != 0 && err != -ENOMEM);
	if (!err)
		err = open_walk(path, cross, &d);
	if (!err) {
		d->source.total = count->passed;
		*out = &d->source;
	}
	dir_close(&count->source);
	return err;
}

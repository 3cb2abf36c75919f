/*
 * A tar as a source, read by libarchive from front to back. libarchive runs in the C locale here:
 * it then can't convert what isn't ASCII, and gives names as the bytes that they are.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/import/gunzip.h"
#include "cow/import/path.h"
#include "cow/import/source.h"
#include "cow/import/tar_acl.h"

#define READ_SIZE    ((size_t)1 << 20)
#define FOLDER_BYTES 4096
#define NANO         1000000000

struct source_tar {
	struct source source;
	char *name; /* for sentences */
	int fd;
	locale_t plain; /* the C locale */
	struct archive *archive;
	struct gunzip *gunzip; /* NULL: what is fed is no gzip */
	bool started;          /* the first bytes were looked at */
	char *buf;             /* of the file as it is, maybe compressed */

	/* The present entry. */
	struct archive_entry *entry;
	uint64_t size, pos;        /* its bytes, and how many were given */
	struct source_piece after; /* data that a hole was given in front of */
};

static struct source_tar *
tar_of(struct source *s)
{
	return (struct source_tar *)s;
}

/* Two bytes at least, unless there are no more: so many tell a gzip. */
static ssize_t
read_file(struct source_tar *t, struct archive *a)
{
	size_t got = 0;
	ssize_t n = 1;

	while (got < 2 && n != 0) {
		n = read(t->fd, t->buf + got, READ_SIZE - got);
		if (n < 0 && errno != EINTR) {
			archive_set_error(a, errno, "can't read it: %s", strerror(errno));
			return n;
		}
		got += n > 0 ? (size_t)n : 0;
	}
	t->source.done += got;
	return (ssize_t)got;
}

/* What comes out of the file's gzip. */
static ssize_t
feed_gunzip(struct source_tar *t, struct archive *a, const void **out)
{
	ssize_t n, got = 1;

	while ((n = gunzip_next(t->gunzip, out)) == 0 && got > 0) {
		got = read_file(t, a);
		if (got < 0)
			return got;
		gunzip_feed(t->gunzip, t->buf, (size_t)got);
	}
	if (n < 0)
		archive_set_error(a, EPIPE, "%s", gunzip_why(t->gunzip));
	return n;
}

static ssize_t
feed(struct archive *a, void *arg, const void **out)
{
	struct source_tar *t = arg;
	bool knows;
	ssize_t n;

	if (t->gunzip)
		return feed_gunzip(t, a, out);
	n = read_file(t, a);
	*out = t->buf;
	knows = !t->started && n > 0 && gunzip_knows(t->buf, (size_t)n);
	t->started = true;
	if (!knows)
		return n;
	if (gunzip_open(&t->gunzip) < 0) {
		archive_set_error(a, ENOMEM, "out of memory");
		return -1;
	}
	gunzip_feed(t->gunzip, t->buf, (size_t)n);
	return feed_gunzip(t, a, out);
}

static int
damaged(const struct source_tar *t)
{
	const char *why = archive_error_string(t->archive);

	return err_set(EPIPE, "%s is damaged or cut off: %s", t->name, why ? why : "unknown error");
}

/* err is positive. */
static int
problem(const struct source_tar *t, int err, const char *what)
{
	const char *path = archive_entry_pathname(t->entry);
	char shown[PATH_SHOWN];

	return err_set(err, "%s: %s", path_show(str_of(path ? path : ""), shown), what);
}

/* A tar ends with a block of zeros, which libarchive doesn't ask for; a gzip, with its sum. */
static int
check_end(struct source_tar *t)
{
	const void *p;
	ssize_t n = 1;

	if (archive_filter_bytes(t->archive, 0) <= archive_read_header_position(t->archive))
		return err_set(EPIPE, "%s is cut off: its end mark is missing", t->name);
	while (t->gunzip && n > 0)
		n = feed_gunzip(t, t->archive, &p);
	return n < 0 ? damaged(t) : 0;
}

static int64_t
nanoseconds(time_t s, long ns)
{
	int64_t out;

	if (__builtin_mul_overflow(s, NANO, &out) || __builtin_add_overflow(out, ns, &out))
		return s < 0 ? INT64_MIN : INT64_MAX;
	return out;
}

static void
fill_times(struct archive_entry *e, struct inode *out)
{
	out->mtime = nanoseconds(archive_entry_mtime(e), archive_entry_mtime_nsec(e));
	out->atime = out->ctime = out->mtime;
	if (archive_entry_atime_is_set(e))
		out->atime = nanoseconds(archive_entry_atime(e), archive_entry_atime_nsec(e));
	if (archive_entry_ctime_is_set(e))
		out->ctime = nanoseconds(archive_entry_ctime(e), archive_entry_ctime_nsec(e));
}

static int
fill_entry(struct source_tar *t, struct source_entry *out)
{
	struct archive_entry *e = t->entry;
	const char *path = archive_entry_pathname(e), *link = archive_entry_hardlink(e),
		   *target = archive_entry_symlink(e);
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e),
		size = archive_entry_size(e);
	uint32_t mode = tar_acl_mode(e);

	if (!path || (!link && S_ISLNK(mode) && !target))
		return problem(t, EINVAL, "its name can't be read");
	if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX || size < 0)
		return problem(t, EINVAL, "its owner or size is out of range");
	*out = (struct source_entry){ .path = str_of(path), .attr = { .mode = mode } };
	out->attr.uid = (uint32_t)uid;
	out->attr.gid = (uint32_t)gid;
	fill_times(e, &out->attr);
	if (link) {
		out->link = str_of(link);
	} else if (S_ISREG(mode)) {
		out->attr.size = (uint64_t)size;
	} else if (S_ISLNK(mode)) {
		out->target = str_of(target);
		out->attr.size = out->target.n;
	} else if (S_ISDIR(mode)) {
		out->attr.size = out->attr.used = FOLDER_BYTES;
	} else if (S_ISCHR(mode) || S_ISBLK(mode)) {
		out->attr.rdev[0] = (uint32_t)archive_entry_rdevmajor(e);
		out->attr.rdev[1] = (uint32_t)archive_entry_rdevminor(e);
	} else if (!S_ISFIFO(mode) && !S_ISSOCK(mode)) {
		return problem(t, EINVAL, "its type is not known");
	}
	t->size = out->attr.size;
	return 0;
}

/* libarchive warns of each name that it left unconverted, as it should; of nothing else that an
 * image could do without. */
static int
check_warning(const struct source_tar *t)
{
	const char *why = archive_error_string(t->archive);

	if (why && strstr(why, "can't be converted"))
		return 0;
	return problem(t, EINVAL, why ? why : "libarchive warns of it");
}

static int
tar_next(struct source *s, struct source_entry *out)
{
	struct source_tar *t = tar_of(s);
	locale_t old = uselocale(t->plain);
	int rc, err;

	t->pos = t->size = 0;
	t->after = (struct source_piece){ 0 };
	do
		rc = archive_read_next_header(t->archive, &t->entry);
	while (rc == ARCHIVE_RETRY);
	if (rc == ARCHIVE_EOF)
		err = check_end(t);
	else if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		err = damaged(t);
	else
		err = rc == ARCHIVE_WARN ? check_warning(t) : 0;
	if (!err && rc != ARCHIVE_EOF)
		err = fill_entry(t, out);
	uselocale(old);
	return err ? err : rc != ARCHIVE_EOF;
}

/* Pieces come with their offsets: what lies between two of them is a hole. */
static int
tar_read(struct source *s, struct source_piece *out)
{
	struct source_tar *t = tar_of(s);
	const void *p = NULL;
	size_t n = 0;
	int64_t off = 0;
	int rc;

	*out = t->after;
	t->after = (struct source_piece){ 0 };
	if (out->n || t->pos == t->size) {
		t->pos += out->n;
		return 0;
	}
	rc = archive_read_data_block(t->archive, &p, &n, &off);
	if (rc == ARCHIVE_EOF) {
		out->n = t->size - t->pos;
		t->pos = t->size;
		return 0;
	}
	if (rc != ARCHIVE_OK)
		return damaged(t);
	if ((uint64_t)off < t->pos || (uint64_t)off > t->size || n > t->size - (uint64_t)off)
		return err_set(EPIPE, "%s is damaged: a sparse file's map is wrong", t->name);
	t->after = (struct source_piece){ p, n };
	out->n = (uint64_t)off - t->pos;
	t->pos += out->n;
	return out->n ? 0 : tar_read(s, out);
}

static int
tar_xattrs(struct source *s, source_xattr_fn *fn, void *arg)
{
	struct source_tar *t = tar_of(s);
	const char *name = "";
	const void *value;
	char why[160];
	size_t n;
	int err = 0;

	archive_entry_xattr_reset(t->entry);
	while (!err && archive_entry_xattr_next(t->entry, &name, &value, &n) == ARCHIVE_OK) {
		if (n > 65536)
			return problem(t, E2BIG, "an extended attribute has more than 65536 bytes");
		err = fn(arg, str_of(name), (struct str){ value, (uint32_t)n });
	}
	if (!err)
		err = tar_acl_xattrs(t->entry, fn, arg, &name);
	if (err == -EINVAL) {
		snprintf(why, sizeof(why), "its ACL names %.100s without a number", name);
		return problem(t, EINVAL, why);
	}
	return err;
}

/* Reads on to the end first, or whoever writes into the pipe would hear that it broke. */
static void
tar_close(struct source *s)
{
	struct source_tar *t = tar_of(s);

	archive_read_free(t->archive);
	if (t->fd == STDIN_FILENO)
		while (read(t->fd, t->buf, READ_SIZE) > 0)
			;
	else
		cleanup_fd(&t->fd);
	if (t->plain)
		freelocale(t->plain);
	gunzip_close(t->gunzip);
	free(t->name);
	free(t->buf);
	free(t);
}

static int
start(struct source_tar *t)
{
	struct archive *a = t->archive;

	if (!a || !t->plain || !t->buf || !t->name)
		return -ENOMEM;
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_bzip2(a);
	if (archive_read_support_format_tar(a) != ARCHIVE_OK)
		return -ENOMEM;
	if (archive_read_open(a, t, NULL, feed, NULL) == ARCHIVE_OK)
		return 0;
	return err_set(EINVAL, "%s is neither a folder nor a tar (plain, gz, xz, zst or bz2): %s",
	    t->name, archive_error_string(a));
}

int
source_tar_open(const char *path, struct source **out)
{
	static const struct source_ops ops = {
		.next = tar_next,
		.read = tar_read,
		.xattrs = tar_xattrs,
		.close = tar_close,
	};
	bool piped = strcmp(path, "-") == 0;
	int fd = piped ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), err;
	struct source_tar *t;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno("can't open %s", path);
	t = calloc(1, sizeof(*t));
	if (!t) {
		if (!piped)
			close(fd);
		return -ENOMEM;
	}
	*t = (struct source_tar){ .source.ops = &ops, .fd = fd };
	if (S_ISREG(st.st_mode))
		t->source.total = (uint64_t)st.st_size;
	t->name = strdup(piped ? "standard input" : path);
	t->buf = malloc(READ_SIZE);
	t->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	t->archive = archive_read_new();
	err = start(t);
	if (err)
		tar_close(&t->source);
	else
		*out = &t->source;
	return err;
}

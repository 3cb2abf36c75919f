/*
 * A disk image as a source: unpacked, if need be, into a nameless file; its root file system, and
 * then the files of its boot partition, where the system has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/import/disk.h"
#include "cow/import/ext.h"
#include "cow/import/fat.h"
#include "cow/import/source.h"
#include "cow/import/unpack.h"

#define HEAD         4096u
#define HOLE         65536u
#define UNPACKED_MAX ((uint64_t)64 << 30)
#define NANO         1000000000ll
#define BOOT_FILES   65536u
#define BOOT_DEPTH   32

/* One file or folder of the boot partition. */
struct boot_file {
	char *path;
	struct fat_entry at;
};

struct image_source {
	struct source source; /* first */
	char *name, *scratch; /* the file; the folder for the nameless one */
	int packed, fd;       /* -1: it isn't packed */
	struct source *ext;
	struct fat *fat;
	struct boot_file *files;
	uint32_t nfiles, files_size, next;
	struct boot_file *present; /* NULL: the entry is the ext's */
	struct fat_file reading;
	bool opened;
};

static struct image_source *
image_of(struct source *s)
{
	return (struct image_source *)s;
}

/* --- unpacking --- */

/* Pieces of zeros are left out, so that the file takes no more room than what is in it. */
static int
write_piece(struct image_source *m, const uint8_t *p, size_t n, uint64_t at)
{
	while (n) {
		size_t take = HOLE - at % HOLE < n ? HOLE - at % HOLE : n;

		if (!bytes_are_zeros(p, take) && pwrite(m->fd, p, take, (off_t)at) != (ssize_t)take)
			return err_set(errno ? errno : ENOSPC, "%s can't be unpacked into %s: %s",
			    m->name, m->scratch, strerror(errno ? errno : ENOSPC));
		p += take;
		n -= take;
		at += take;
	}
	return 0;
}

/* Half of what is free now stays free for the import itself, and for those who are served. */
static int
room_of(struct image_source *m, uint64_t *out)
{
	struct statvfs fs;

	if (fstatvfs(m->fd, &fs) < 0)
		return err_errno("%s", m->scratch);
	*out = (uint64_t)fs.f_bavail * fs.f_frsize / 2;
	return 0;
}

static int
unpack_all(struct image_source *m, struct unpack *u)
{
	uint64_t at = 0, room = 0;
	const void *p;
	struct stat st;
	ssize_t n;
	int rc = room_of(m, &room);

	while (rc == 0 && (n = unpack_next(u, &p)) != 0) {
		if (n < 0)
			return (int)n;
		if (at + (uint64_t)n > UNPACKED_MAX)
			return err_set(EFBIG, "%s: more than 64 GiB come out of it", m->name);
		rc = write_piece(m, p, (size_t)n, at);
		at += (uint64_t)n;
		m->source.done = unpack_taken(u);
		if (rc == 0 && fstat(m->fd, &st) == 0 && (uint64_t)st.st_blocks * 512 > room)
			rc = err_set(ENOSPC,
			    "%s: there is too little room to unpack it in %s, on whose disk twice "
			    "its"
			    " size must be free",
			    m->name, m->scratch);
		if (rc == 0 && m->source.tick)
			rc = m->source.tick(m->source.tick_arg);
	}
	if (rc == 0 && ftruncate(m->fd, (off_t)at) < 0)
		rc = err_errno("%s", m->scratch);
	return rc;
}

static int
unpack(struct image_source *m)
{
	struct unpack *u;
	int rc;

	m->fd = open(m->scratch, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return err_errno("can't unpack %s into %s", m->name, m->scratch);
	rc = unpack_open(m->packed, m->name, &u);
	if (rc < 0)
		return rc;
	rc = unpack_all(m, u);
	unpack_close(u);
	return rc;
}

/* --- the boot partition --- */

struct collecting {
	struct image_source *m;
	const char *folder;
	int depth;
};

static int collect(struct image_source *, uint32_t first, const char *folder, int depth);

static int
collect_one(void *arg, const struct fat_entry *e)
{
	struct collecting *c = arg;
	struct image_source *m = c->m;
	struct boot_file *files, *f;

	if (m->nfiles == BOOT_FILES)
		return err_set(EPIPE, "%s: its boot partition has too many files", m->name);
	if (m->nfiles == m->files_size) {
		m->files_size = m->files_size ? m->files_size * 2 : 256;
		if (!(files = realloc(m->files, m->files_size * sizeof(*files))))
			return -ENOMEM;
		m->files = files;
	}
	f = &m->files[m->nfiles];
	if (asprintf(&f->path, "%s/%s", c->folder, e->name) < 0)
		return -ENOMEM;
	f->at = *e;
	m->nfiles++;
	if (!e->folder)
		return 0;
	return collect(m, e->first, m->files[m->nfiles - 1].path, c->depth + 1);
}

static int
collect(struct image_source *m, uint32_t first, const char *folder, int depth)
{
	struct collecting c = { m, folder, depth };

	if (depth > BOOT_DEPTH)
		return err_set(
		    EPIPE, "%s: its boot partition is damaged: folders without end", m->name);
	return fat_folder(m->fat, first, collect_one, &c);
}

static int
open_boot(struct image_source *m, const struct disk_part *part)
{
	static const char *const folders[] = { "boot/firmware", "boot" };
	int rc = fat_open(m->fd, part->off, part->n, &m->fat);

	if (rc < 0)
		return err_set(-rc, "%s: %s", m->name, err_text(rc));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (source_ext_has_folder(m->ext, folders[i]))
			return collect(m, 0, folders[i], 0);
	return 0;
}

/* --- as a source --- */

static int
open_all(struct image_source *m)
{
	struct disk disk;
	int rc = m->packed >= 0 ? unpack(m) : 0;

	m->opened = true;
	if (rc < 0 || (rc = disk_read(m->fd, m->name, &disk)) < 0 ||
	    (rc = source_ext_open(m->fd, m->name, &disk.ext, &m->ext)) < 0)
		return rc;
	return disk.fat.n ? open_boot(m, &disk.fat) : 0;
}

static int
boot_next(struct image_source *m, struct source_entry *out)
{
	struct boot_file *f;

	m->present = NULL;
	if (m->next == m->nfiles)
		return 0;
	f = m->present = &m->files[m->next++];
	*out = (struct source_entry){ .path = str_of(f->path) };
	/* As the system mounts it. */
	out->attr.mode = (f->at.folder ? S_IFDIR : S_IFREG) | 0755;
	out->attr.nlink = 1;
	out->attr.size = f->at.folder ? 0 : f->at.size;
	out->attr.atime = out->attr.mtime = out->attr.ctime = f->at.mtime * NANO;
	fat_file_begin(&f->at, &m->reading);
	return 1;
}

static int
image_next(struct source *s, struct source_entry *out)
{
	struct image_source *m = image_of(s);
	int rc = m->opened ? 0 : open_all(m);

	if (rc < 0) /* of the image as a whole */
		return rc == -ENOMEM || rc == -EPIPE || rc == -ECANCELED
			   ? rc
			   : err_set(EPIPE, "%s", err_text(rc));
	if (m->next == 0) {
		rc = m->ext->ops->next(m->ext, out);
		if (rc != 0)
			return rc;
	}
	return boot_next(m, out);
}

static int
image_read(struct source *s, struct source_piece *out)
{
	struct image_source *m = image_of(s);
	int64_t n;

	if (!m->present)
		return m->ext->ops->read(m->ext, out);
	*out = (struct source_piece){ 0 };
	n = fat_file_next(m->fat, &m->reading, &out->p);
	if (n > 0)
		out->n = (uint64_t)n;
	return n < 0 ? (int)n : 0;
}

static int
image_xattrs(struct source *s, source_xattr_fn *fn, void *arg)
{
	struct image_source *m = image_of(s);

	return m->present ? 0 : m->ext->ops->xattrs(m->ext, fn, arg);
}

static void
image_close(struct source *s)
{
	struct image_source *m = image_of(s);

	if (m->ext)
		m->ext->ops->close(m->ext);
	fat_close(m->fat);
	for (uint32_t i = 0; i < m->nfiles; i++)
		free(m->files[i].path);
	free(m->files);
	cleanup_fd(&m->fd);
	cleanup_fd(&m->packed);
	free(m->name);
	free(m->scratch);
	free(m);
}

/* Does what comes out of a packed file begin a disk image? */
static bool
holds_disk(int fd, const char *name)
{
	uint8_t head[HEAD];
	struct unpack *u;
	size_t have = 0;
	const void *p;
	ssize_t n;
	bool is;

	if (unpack_open(fd, name, &u) < 0)
		return false;
	while (have < sizeof(head) && (n = unpack_next(u, &p)) > 0) {
		size_t take = (size_t)n < sizeof(head) - have ? (size_t)n : sizeof(head) - have;

		memcpy(head + have, p, take);
		have += take;
	}
	unpack_close(u);
	/* A tar that begins with the same letters says that it is one. */
	is = have >= 512 && disk_knows(head, have) && memcmp(head + 257, "ustar", 5) != 0;
	return lseek(fd, 0, SEEK_SET) == 0 && is;
}

int
source_image_knows(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[HEAD];
	ssize_t n;

	if (fd < 0 || (n = pread(fd, head, sizeof(head), 0)) < 0)
		return err_errno("can't open %s", path);
	if (unpack_knows(head, (size_t)n))
		return (memcmp(head, "PK", 2) == 0) || holds_disk(fd, path);
	return n >= 512 && disk_knows(head, (size_t)n) && memcmp(head + 257, "ustar", 5) != 0;
}

int
source_image_open(const char *path, const char *scratch, struct source **out)
{
	static const struct source_ops ops = { image_next, image_read, image_xattrs, image_close };
	struct image_source *m = calloc(1, sizeof(*m));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[8];
	struct stat st;
	ssize_t n;

	if (!m || fd < 0 || fstat(fd, &st) < 0 || (n = pread(fd, head, sizeof(head), 0)) < 0) {
		int err = m ? err_errno("can't open %s", path) : -ENOMEM;

		free(m);
		if (fd >= 0)
			close(fd);
		return err;
	}
	*m = (struct image_source){ .source.ops = &ops, .packed = -1, .fd = fd };
	if (unpack_knows(head, (size_t)n)) {
		m->packed = fd;
		m->fd = -1;
		m->source.total = (uint64_t)st.st_size;
	}
	m->name = strdup(path);
	m->scratch = strdup(scratch);
	if (!m->name || !m->scratch) {
		image_close(&m->source);
		return -ENOMEM;
	}
	*out = &m->source;
	return 0;
}

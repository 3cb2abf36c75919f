/* A view's whole tree in memory. */
#include "tests/crash/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/err.h"
#include "cow/inode.h"
#include "tests/crash/disk_priv.h"

struct listing {
	char name[256];
	uint32_t ino, cookie;
};

struct lister {
	struct listing *all;
	unsigned n;
};

static int
list_one(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct lister *l = arg;
	struct listing *to;

	(void)attr;
	if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
		return 0;
	l->all = disk_grow(l->all, l->n, sizeof(*l->all));
	to = &l->all[l->n++];
	snprintf(to->name, sizeof(to->name), "%.*s", (int)name.n, name.p);
	to->ino = ino;
	to->cookie = cookie;
	return 0;
}

static long long
nanoseconds(const struct timespec *t)
{
	return (long long)t->tv_sec * 1000000000 + t->tv_nsec;
}

static int
read_bytes(struct view *v, struct tree_file *f, uint64_t size)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_data data;

	f->bytes = malloc(size ? size : 1);
	while (f->n < size) {
		int err = view_read(v, &op, f->ino, f->n, (uint32_t)size - f->n, &data, &attr);

		if (err)
			return err;
		for (int i = 0; i < data.n; i++) {
			memcpy(f->bytes + f->n, data.iov[i].iov_base, data.iov[i].iov_len);
			f->n += (uint32_t)data.iov[i].iov_len;
		}
		view_data_release(&data);
	}
	return 0;
}

static int
read_file(struct view *v, struct tree_file *f, uint32_t cookie, struct view_attr *a)
{
	char target[TARGET_BYTES_MAX + 1] = "";
	struct view_op op = { 0 };
	uint32_t n = 0;
	int err = view_getattr(v, f->ino, a);

	if (!err && S_ISLNK(a->mode))
		err = view_readlink(v, &op, f->ino, target, &n, a);
	if (!err && S_ISREG(a->mode))
		err = read_bytes(v, f, a->size);
	if (err)
		return err;
	snprintf(f->fixed, sizeof(f->fixed), "ino %u gen %u mode %o links %u owner %u:%u dev %u:%u",
	    a->ino, a->gen, a->mode, a->nlink, a->uid, a->gid, a->rdev[0], a->rdev[1]);
	snprintf(f->rest, sizeof(f->rest),
	    "cookie %u size %llu used %llu times %lld %lld %lld to %.*s", cookie,
	    (unsigned long long)a->size, (unsigned long long)a->used, nanoseconds(&a->atime),
	    nanoseconds(&a->mtime), nanoseconds(&a->ctime), (int)(n < 40 ? n : 40), target);
	return 0;
}

static int read_folder(struct view *, struct tree *, const char *path, uint32_t ino);

static int
read_entry(struct view *v, struct tree *t, const char *folder, const struct listing *l)
{
	struct view_attr a;
	struct tree_file *f;
	int err;

	t->files = disk_grow(t->files, t->n, sizeof(*t->files));
	f = &t->files[t->n++];
	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%.120s/%.120s", folder, l->name);
	f->ino = l->ino;
	err = read_file(v, f, l->cookie, &a);
	if (!err && S_ISDIR(a.mode) && l->name[0]) {
		char path[256];

		snprintf(path, sizeof(path), "%s", f->path);
		err = read_folder(v, t, path, l->ino);
	}
	return err;
}

static int
read_folder(struct view *v, struct tree *t, const char *path, uint32_t ino)
{
	struct view_op op = { 0 };
	struct lister l = { 0 };
	struct view_attr attr;
	bool eof;
	int err = view_readdir(v, &op, ino, 0, false, list_one, &l, &eof, &attr);

	for (unsigned i = 0; i < l.n && !err; i++)
		err = read_entry(v, t, path, &l.all[i]);
	free(l.all);
	return err;
}

int
tree_read(struct view *v, const uint32_t *loose, unsigned nloose, struct tree *t)
{
	int err;

	memset(t, 0, sizeof(*t));
	err = read_entry(v, t, "", &(struct listing){ .ino = INO_ROOT });
	if (!err)
		err = read_folder(v, t, "", INO_ROOT);
	for (unsigned i = 0; i < t->n; i++)
		for (unsigned k = 0; k < nloose; k++)
			t->files[i].loose = t->files[i].loose || t->files[i].ino == loose[k];
	return err;
}

void
tree_free(struct tree *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free(t->files[i].bytes);
	free(t->files);
}

static const struct tree_file *
find(const struct tree *t, uint32_t ino)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->files[i].ino == ino)
			return &t->files[i];
	return NULL;
}

/* Could this byte be there, at one of the moments since the file was durable? */
static bool
byte_was(const struct tree *all, unsigned at, uint32_t ino, uint32_t off, uint8_t byte)
{
	for (unsigned k = at + 1; k-- > 0;) {
		const struct tree_file *f = find(&all[k], ino);

		if (!f)
			return false;
		if (off < f->n && f->bytes[off] == byte)
			return true;
		if (!f->loose)
			return false;
	}
	return false;
}

static bool
bytes_differ(const struct tree *all, unsigned at, const struct tree_file *want,
    const struct tree_file *is, uint32_t *off)
{
	for (*off = 0; *off < is->n; ++*off)
		if (is->bytes[*off] && !byte_was(all, at, want->ino, *off, is->bytes[*off]))
			return true;
	return false;
}

const char *
tree_differs(const struct tree *all, unsigned at, const struct tree *now)
{
	static _Thread_local char why[1024];
	const struct tree *t = &all[at];

	for (unsigned i = 0; i < t->n && i < now->n; i++) {
		const struct tree_file *a = &t->files[i], *b = &now->files[i];
		uint32_t off = 0;

		if (strcmp(a->path, b->path) != 0)
			snprintf(why, sizeof(why), "%s is %s", a->path, b->path);
		else if (strcmp(a->fixed, b->fixed) != 0)
			snprintf(why, sizeof(why), "%s: %s: is %s", a->path, a->fixed, b->fixed);
		else if (!a->loose && strcmp(a->rest, b->rest) != 0)
			snprintf(why, sizeof(why), "%s: %s: is %s", a->path, a->rest, b->rest);
		else if (!a->loose &&
			 (a->n != b->n || (a->n && memcmp(a->bytes, b->bytes, a->n) != 0)))
			snprintf(why, sizeof(why), "%s: other bytes", a->path);
		else if (a->loose && bytes_differ(all, at, a, b, &off))
			snprintf(why, sizeof(why), "%s: byte %u was never there", a->path, off);
		else
			continue;
		return why;
	}
	if (t->n == now->n)
		return NULL;
	snprintf(why, sizeof(why), "%u names instead of %u", now->n, t->n);
	return why;
}

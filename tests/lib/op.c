/* A view's calls with everything that a test seldom varies left out. */
#include "tests/lib/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/inode.h"

static const struct view_set nothing;

struct view_op
op_as(uint32_t uid, uint32_t gid)
{
	return (struct view_op){ .uid = uid, .gid = gid };
}

int
op_must(int r)
{
	if (r < 0)
		fail_msg("%s", err_text(r));
	return r;
}

int
op_lookup(struct view *v, uint32_t dir, const char *name, uint32_t *ino)
{
	struct view_op op = { 0 };
	struct view_attr attr, dir_attr;
	int r = view_lookup(v, &op, dir, str_of(name), &attr, &dir_attr);

	if (r == 0 && ino)
		*ino = attr.ino;
	return r;
}

uint32_t
op_find(struct view *v, const char *path)
{
	char copy[1024], *rest = copy, *name;
	uint32_t ino = INO_ROOT;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, "/"))) {
		int r = *name ? op_lookup(v, ino, name, &ino) : 0;

		if (r < 0)
			fail_msg("%s: %s: %s", path, name, err_text(r));
	}
	return ino;
}

struct view_attr
op_attr(struct view *v, uint32_t ino)
{
	struct view_attr attr = { 0 };

	op_must(view_getattr(v, ino, &attr));
	assert_int_equal(attr.ino, ino);
	return attr;
}

uint32_t
op_mode(struct view *v, uint32_t ino)
{
	return op_attr(v, ino).mode & 07777;
}

/* --- names --- */

uint32_t
op_create(struct view *v, uint32_t dir, const char *name)
{
	struct view_set set = { .set_mode = true, .mode = 0644 };
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	op_must(view_create(v, &op, dir, str_of(name), VIEW_GUARDED, &set, 0, &out, &wcc));
	assert_true(op.ticket > 0);
	return out.ino;
}

uint32_t
op_mkdir(struct view *v, uint32_t dir, const char *name)
{
	struct view_set set = { .set_mode = true, .mode = 0755 };
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	op_must(view_mkdir(v, &op, dir, str_of(name), &set, &out, &wcc));
	return out.ino;
}

uint32_t
op_symlink(struct view *v, uint32_t dir, const char *name, const char *target)
{
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	op_must(view_symlink(v, &op, dir, str_of(name), &nothing, str_of(target), &out, &wcc));
	return out.ino;
}

void
op_link(struct view *v, uint32_t ino, uint32_t dir, const char *name)
{
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	op_must(view_link(v, &op, ino, dir, str_of(name), &out, &wcc));
}

int
op_try_remove(struct view *v, uint32_t dir, const char *name)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	return view_remove(v, &op, dir, str_of(name), &wcc);
}

int
op_try_rmdir(struct view *v, uint32_t dir, const char *name)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	return view_rmdir(v, &op, dir, str_of(name), &wcc);
}

int
op_try_rename(struct view *v, uint32_t from, const char *old, uint32_t to, const char *new)
{
	struct view_op op = { 0 };
	struct view_wcc wfrom, wto;

	return view_rename(v, &op, from, str_of(old), to, str_of(new), &wfrom, &wto);
}

void
op_remove(struct view *v, uint32_t dir, const char *name)
{
	op_must(op_try_remove(v, dir, name));
}

void
op_rmdir(struct view *v, uint32_t dir, const char *name)
{
	op_must(op_try_rmdir(v, dir, name));
}

void
op_rename(struct view *v, uint32_t from, const char *old, uint32_t to, const char *new)
{
	op_must(op_try_rename(v, from, old, to, new));
}

/* --- attributes --- */

static int
setattr(struct view *v, uint32_t ino, const struct view_set *set)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	return view_setattr(v, &op, ino, set, &wcc);
}

void
op_chmod(struct view *v, uint32_t ino, uint32_t mode)
{
	op_must(setattr(v, ino, &(struct view_set){ .set_mode = true, .mode = mode }));
}

int
op_try_truncate(struct view *v, uint32_t ino, uint64_t size)
{
	return setattr(v, ino, &(struct view_set){ .set_size = true, .size = size });
}

void
op_truncate(struct view *v, uint32_t ino, uint64_t size)
{
	op_must(op_try_truncate(v, ino, size));
	assert_int_equal(op_attr(v, ino).size, size);
}

void
op_assert_same(const struct view_attr *x, const struct view_attr *y, bool times)
{
	struct view_attr a = *x, b = *y;

	if (!times) {
		b.atime = a.atime;
		b.mtime = a.mtime;
		b.ctime = a.ctime;
	}
	assert_int_equal(a.ino, b.ino);
	assert_int_equal(a.gen, b.gen);
	assert_int_equal(a.mode, b.mode);
	assert_int_equal(a.nlink, b.nlink);
	assert_int_equal(a.uid, b.uid);
	assert_int_equal(a.gid, b.gid);
	assert_int_equal(a.size, b.size);
	assert_int_equal(a.used, b.used);
	assert_memory_equal(a.rdev, b.rdev, sizeof(a.rdev));
	assert_memory_equal(&a.atime, &b.atime, sizeof(a.atime));
	assert_memory_equal(&a.mtime, &b.mtime, sizeof(a.mtime));
	assert_memory_equal(&a.ctime, &b.ctime, sizeof(a.ctime));
}

/* --- data --- */

int
op_try_write(
    struct view *v, uint32_t ino, uint64_t off, const void *p, uint32_t n, enum view_stable want)
{
	struct view_op op = { 0 };
	enum view_stable got;
	struct view_wcc wcc;
	int r = view_write(v, &op, ino, off, p, n, want, &got, &wcc);

	if (r == 0)
		assert_true(got >= want);
	return r;
}

void
op_write(struct view *v, uint32_t ino, uint64_t off, const void *p, uint32_t n)
{
	op_must(op_try_write(v, ino, off, p, n, VIEW_FILE_SYNC));
}

void
op_write_later(struct view *v, uint32_t ino, uint64_t off, const void *p, uint32_t n)
{
	op_must(op_try_write(v, ino, off, p, n, VIEW_UNSTABLE));
}

void
op_commit(struct view *v, uint32_t ino)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	op_must(view_commit(v, &op, ino, &wcc));
}

void
op_read(struct view *v, uint32_t ino, uint64_t off, void *to, uint32_t n)
{
	char *p = to;

	while (n) {
		struct view_op op = { 0 };
		struct view_data data;
		struct view_attr attr;

		op_must(view_read(v, &op, ino, off, n, &data, &attr));
		if (!data.len)
			fail_msg("inode %u ends at %llu", ino, (unsigned long long)off);
		assert_int_equal(data.eof, off + data.len >= attr.size);
		for (int i = 0; i < data.n; i++) {
			memcpy(p, data.iov[i].iov_base, data.iov[i].iov_len);
			p += data.iov[i].iov_len;
		}
		off += data.len;
		n -= data.len;
		view_data_release(&data);
	}
}

void
op_pattern(void *to, uint32_t n, uint32_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	uint8_t *p = to;

	for (uint32_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)(x >> 32) | 1;
	}
}

static void *
allocate(size_t n)
{
	void *p = malloc(n ? n : 1);

	assert_non_null(p);
	return p;
}

void
op_write_pattern(struct view *v, uint32_t ino, uint64_t off, uint32_t n, uint32_t seed)
{
	void *p = allocate(n);

	op_pattern(p, n, seed);
	op_write(v, ino, off, p, n);
	free(p);
}

void
op_assert_bytes(struct view *v, uint32_t ino, uint64_t off, const void *want, uint32_t n)
{
	const uint8_t *w = want;
	uint8_t *got = allocate(n);

	op_read(v, ino, off, got, n);
	for (uint32_t i = 0; i < n; i++)
		if (got[i] != w[i])
			fail_msg("inode %u at %llu: %02x instead of %02x", ino,
			    (unsigned long long)off + i, got[i], w[i]);
	free(got);
}

void
op_assert_pattern(
    struct view *v, uint32_t ino, uint64_t off, uint32_t from, uint32_t n, uint32_t seed)
{
	uint8_t *p = allocate(from + n);

	op_pattern(p, from + n, seed);
	op_assert_bytes(v, ino, off, p + from, n);
	free(p);
}

void
op_assert_zeros(struct view *v, uint32_t ino, uint64_t off, uint32_t n)
{
	uint8_t *p = allocate(n);

	memset(p, 0, n);
	op_assert_bytes(v, ino, off, p, n);
	free(p);
}

/* --- lists --- */

struct page {
	struct op_list *list;
	uint32_t left;
};

static int
add_entry(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct page *p = arg;
	struct op_list *l = p->list;
	struct op_entry *e;

	if (!p->left)
		return 1;
	p->left--;
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 64;
		l->entries = realloc(l->entries, l->size * sizeof(*l->entries));
		assert_non_null(l->entries);
	}
	assert_true(name.n <= 255);
	if (attr)
		assert_int_equal(attr->ino, ino);
	e = &l->entries[l->n++];
	memset(e->name, 0, sizeof(e->name));
	memcpy(e->name, name.p, name.n);
	e->cookie = cookie;
	e->ino = ino;
	return 0;
}

void
op_list_page(
    struct view *v, uint32_t dir, uint64_t after, uint32_t most, struct op_list *l, bool *eof)
{
	struct page p = { l, most };
	struct view_op op = { 0 };
	struct view_attr attr;

	op_must(view_readdir(v, &op, dir, after, most % 2, add_entry, &p, eof, &attr));
}

struct op_list
op_list(struct view *v, uint32_t dir, uint32_t page)
{
	struct op_list l = { 0 };
	uint64_t after = 0;
	bool eof = false;

	while (!eof) {
		uint32_t before = l.n;

		op_list_page(v, dir, after, page, &l, &eof);
		for (uint32_t i = before; i < l.n; i++) {
			assert_true(l.entries[i].cookie > after);
			after = l.entries[i].cookie;
		}
	}
	return l;
}

const struct op_entry *
op_list_find(const struct op_list *l, const char *name)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (strcmp(l->entries[i].name, name) == 0)
			return &l->entries[i];
	return NULL;
}

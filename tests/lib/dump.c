/* A walk over a view, by name, that notes everything. */
#include "tests/lib/dump.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/hash.h"
#include "cow/inode.h"
#include "tests/lib/op.h"

struct dump {
	FILE *out;
	struct view *view;
	bool times;
};

static uint64_t
content_hash(struct view *v, const struct view_attr *a)
{
	uint64_t h = 0, off = 0;

	while (off < a->size) {
		uint32_t n = a->size - off < (1u << 20) ? (uint32_t)(a->size - off) : 1u << 20;
		void *p = malloc(n);

		assert_non_null(p);
		op_read(v, a->ino, off, p, n);
		h = hash_bytes(p, n, h);
		off += n;
		free(p);
	}
	return h;
}

static void
dump_times(FILE *out, const struct view_attr *a)
{
	const struct timespec *t[] = { &a->atime, &a->mtime, &a->ctime };

	for (int i = 0; i < 3; i++)
		fprintf(out, " %lld.%09ld", (long long)t[i]->tv_sec, t[i]->tv_nsec);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
dump_xattrs(struct dump *d, uint32_t ino)
{
	char list[4096], *names[64], value[4096];
	int n = op_must(view_listxattr(d->view, ino, list, sizeof(list))), count = 0;

	for (char *p = list; p < list + n; p += strlen(p) + 1) {
		assert_true(count < 64);
		names[count++] = p;
	}
	qsort(names, (size_t)count, sizeof(*names), by_text);
	for (int i = 0; i < count; i++) {
		struct view_op op = { 0 };
		int got = op_must(
		    view_getxattr(d->view, &op, ino, str_of(names[i]), value, sizeof(value)));

		fprintf(d->out, " %s=%.*s", names[i], got, value);
	}
}

static void
dump_inode(struct dump *d, const char *path, uint32_t cookie, const struct view_attr *a)
{
	fprintf(d->out, "%s #%u ino %u.%u mode %o links %u owner %u:%u rdev %u:%u size %" PRIu64,
	    path, cookie, a->ino, a->gen, a->mode, a->nlink, a->uid, a->gid, a->rdev[0], a->rdev[1],
	    a->size);
	if (S_ISREG(a->mode))
		fprintf(d->out, " bytes %016" PRIx64, content_hash(d->view, a));
	if (S_ISLNK(a->mode)) {
		char target[TARGET_BYTES_MAX + 1];
		struct view_op op = { 0 };
		struct view_attr attr;
		uint32_t n;

		op_must(view_readlink(d->view, &op, a->ino, target, &n, &attr));
		fprintf(d->out, " -> %s", target);
	}
	dump_xattrs(d, a->ino);
	if (d->times)
		dump_times(d->out, a);
	fputc('\n', d->out);
}

static void
dump_folder(struct dump *d, const char *path, uint32_t dir)
{
	struct op_list l = op_list(d->view, dir, 100);

	for (uint32_t i = 0; i < l.n; i++) {
		const struct op_entry *e = &l.entries[i];
		struct view_attr a = op_attr(d->view, e->ino);
		size_t n = strlen(path) + strlen(e->name) + 2;
		char *below;
		uint32_t found;

		op_must(op_lookup(d->view, dir, e->name, &found));
		assert_int_equal(found, e->ino);
		if (e->cookie == 2) /* what is above is dumped there */
			continue;
		below = malloc(n);
		assert_non_null(below);
		snprintf(below, n, "%s/%s", path, e->name);
		dump_inode(d, below, e->cookie, &a);
		if (S_ISDIR(a.mode) && e->cookie > 2)
			dump_folder(d, below, e->ino);
		free(below);
	}
	free(l.entries);
}

char *
dump_view(struct view *v, bool times)
{
	char *text = NULL;
	size_t n = 0;
	struct dump d = { open_memstream(&text, &n), v, times };

	assert_non_null(d.out);
	dump_folder(&d, "", INO_ROOT);
	assert_int_equal(fclose(d.out), 0);
	return text;
}

void
dump_assert_equal(const char *a, const char *b)
{
	while (*a || *b) {
		int na = (int)strcspn(a, "\n"), nb = (int)strcspn(b, "\n");

		if (na != nb || memcmp(a, b, (size_t)na) != 0)
			fail_msg("\n%.*s\ninstead of\n%.*s", nb, b, na, a);
		a += na + (a[na] != '\0');
		b += nb + (b[nb] != '\0');
	}
}

/* POSIX.1-2001 tar (pax), written. */
#include "tests/lib/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define BLOCK 512u
#define NANO  1000000000

/* Where ustar keeps what. */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	MTIME = 136,
	SUM = 148,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	MAJOR = 329,
	MINOR = 337
};

struct pax {
	char bytes[8192];
	uint32_t n;
};

static void
put(struct tarball *t, const void *p, size_t n)
{
	assert_true(n == 0 || fwrite(p, n, 1, t->file) == 1);
}

static void
put_padded(struct tarball *t, struct str s)
{
	static const char zeros[BLOCK];

	put(t, s.p, s.n);
	put(t, zeros, (BLOCK - s.n % BLOCK) % BLOCK);
}

static void
put_octal(uint8_t *header, int at, int digits, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
	memcpy(header + at, text, (size_t)digits);
}

static char
type_of(const struct tarball_entry *e)
{
	static const struct {
		uint32_t mode;
		char type;
	} types[] = { { S_IFREG, '0' }, { S_IFLNK, '2' }, { S_IFCHR, '3' }, { S_IFBLK, '4' },
		{ S_IFDIR, '5' }, { S_IFIFO, '6' } };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if ((e->mode & S_IFMT) == types[i].mode)
			return types[i].type;
	}
	return '1';
}

static void
put_header(struct tarball *t, const struct tarball_entry *e, char type, uint32_t size)
{
	uint8_t h[BLOCK] = { 0 };
	uint32_t sum = 0;

	strncpy((char *)h + NAME, e->path, 99);
	put_octal(h, MODE, 7, e->mode & 07777);
	put_octal(h, UID, 7, e->uid & 07777777);
	put_octal(h, GID, 7, e->gid & 07777777);
	put_octal(h, SIZE, 11, size);
	put_octal(h, MTIME, 11, (uint64_t)(e->mtime / NANO));
	h[TYPE] = (uint8_t)type;
	strncpy((char *)h + LINK, e->link ? e->link : "", 99);
	memcpy(h + MAGIC, "ustar\00000", 8);
	put_octal(h, MAJOR, 7, e->rdev[0]);
	put_octal(h, MINOR, 7, e->rdev[1]);
	memset(h + SUM, ' ', 8);
	for (uint32_t i = 0; i < BLOCK; i++)
		sum += h[i];
	put_octal(h, SUM, 6, sum);
	h[SUM + 6] = '\0';
	put(t, h, BLOCK);
}

/* "length key=value\n", where the length counts its own digits. */
static void
pax_add(struct pax *pax, const char *key, struct str value)
{
	uint32_t body = (uint32_t)strlen(key) + value.n + 3, n = body + 1;
	char digits[12];

	while (snprintf(digits, sizeof(digits), "%u", n), n != body + strlen(digits))
		n = body + (uint32_t)strlen(digits);
	assert_true(pax->n + n <= sizeof(pax->bytes));
	pax->n += (uint32_t)sprintf(pax->bytes + pax->n, "%s %s=", digits, key);
	if (value.n)
		memcpy(pax->bytes + pax->n, value.p, value.n);
	pax->n += value.n;
	pax->bytes[pax->n++] = '\n';
}

static void
pax_add_number(struct pax *pax, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	pax_add(pax, key, str_of(text));
}

static void
put_pax(struct tarball *t, const struct tarball_entry *e)
{
	static const struct tarball_entry about = { .path = "pax", .mode = 0644 };
	char time[40];
	struct pax pax = { .n = 0 };

	if (e->binary)
		pax_add(&pax, "hdrcharset", STR("BINARY"));
	pax_add(&pax, "path", str_of(e->path));
	if (e->link)
		pax_add(&pax, "linkpath", str_of(e->link));
	pax_add_number(&pax, "uid", e->uid);
	pax_add_number(&pax, "gid", e->gid);
	snprintf(time, sizeof(time), "%lld.%09lld", (long long)(e->mtime / NANO),
	    (long long)(e->mtime % NANO));
	pax_add(&pax, "mtime", str_of(time));
	if (e->pax)
		pax_add(&pax, e->pax, e->value);
	put_header(t, &about, 'x', pax.n);
	put_padded(t, (struct str){ pax.bytes, pax.n });
}

void
tarball_open(struct tarball *t, const char *path)
{
	t->file = fopen(path, "wb");
	assert_non_null(t->file);
}

void
tarball_add(struct tarball *t, const struct tarball_entry *e)
{
	put_pax(t, e);
	put_header(t, e, type_of(e), e->data.n);
	put_padded(t, e->data);
}

void
tarball_close(struct tarball *t)
{
	static const char end[2 * BLOCK];

	put(t, end, sizeof(end));
	assert_int_equal(fclose(t->file), 0);
}

void
tarball_write(const char *path, const struct tarball_entry *entries, size_t n)
{
	struct tarball t;

	tarball_open(&t, path);
	for (size_t i = 0; i < n; i++)
		tarball_add(&t, &entries[i]);
	tarball_close(&t);
}

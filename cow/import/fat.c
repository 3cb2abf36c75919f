/* The table is read into memory, which its size bounds: 4 bytes a cluster, 256 MiB at the most. */
#include "cow/import/fat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/cleanup.h"
#include "cow/err.h"

#define ENTRY        32u
#define CLUSTERS_MIN 4085u  /* fewer: FAT12 */
#define CLUSTERS_16  65525u /* as many or more: FAT32 */
#define CLUSTERS_MAX (64u << 20)
#define ENTRIES_MAX  65536u /* of a folder: 2 MiB, as the standard has it */
#define LONG_PARTS   20     /* 13 characters each */

struct fat {
	int fd;
	uint64_t off, n;         /* of the file system */
	uint64_t data;           /* of cluster 2, from the file system's beginning */
	uint64_t root;           /* FAT16: the root's place .. */
	uint32_t root_n;         /* .. and its bytes */
	uint32_t root_cluster;   /* FAT32 */
	uint32_t cluster, count; /* bytes of one; how many */
	bool wide;               /* FAT32 */
	uint8_t *table;
	uint8_t *buf; /* a cluster */
};

static int
broken(const char *what)
{
	return err_set(EPIPE, "its boot partition is damaged: %s", what);
}

static uint32_t
get_le16(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8);
}

static int
read_at(const struct fat *f, uint64_t off, void *p, uint32_t n)
{
	if (off > f->n || n > f->n - off || pread(f->fd, p, n, (off_t)(f->off + off)) != (ssize_t)n)
		return broken("it is cut off");
	return 0;
}

/* The layout that the boot sector tells. */
static int
read_layout(struct fat *f)
{
	uint64_t sector, reserved, tables, table, sectors, first;
	uint8_t b[512];
	int rc = read_at(f, 0, b, sizeof(b));

	if (rc < 0)
		return rc;
	sector = get_le16(b + 11);
	f->cluster = b[13];
	reserved = get_le16(b + 14);
	tables = b[16];
	f->root_n = get_le16(b + 17) * ENTRY;
	table = get_le16(b + 22) ? get_le16(b + 22) : get_le32(b + 36);
	sectors = get_le16(b + 19) ? get_le16(b + 19) : get_le32(b + 32);
	if (sector < 512 || sector > 4096 || (sector & (sector - 1)) || f->cluster == 0 ||
	    (f->cluster & (f->cluster - 1)) || reserved == 0 || tables == 0 || tables > 4 ||
	    table == 0)
		return err_set(EINVAL, "its boot partition is no FAT");
	f->root = (reserved + tables * table) * sector;
	first = f->root + (f->root_n + sector - 1) / sector * sector;
	f->data = first;
	f->cluster *= (uint32_t)sector;
	if (sectors * sector > f->n || first >= sectors * sector)
		return broken("it is larger than its partition");
	first = (sectors * sector - first) / f->cluster;
	if (first < CLUSTERS_MIN)
		return err_set(EINVAL, "its boot partition is a FAT12, which no Pi boots from");
	if (first > CLUSTERS_MAX)
		return broken("too many clusters");
	f->count = (uint32_t)first;
	f->wide = f->count >= CLUSTERS_16;
	f->root_cluster = f->wide ? get_le32(b + 44) : 0;
	first = (uint64_t)(f->count + 2) * (f->wide ? 4 : 2);
	if (table * sector < first)
		return broken("its table is too short");
	f->table = malloc(first);
	f->buf = malloc(f->cluster);
	if (!f->table || !f->buf)
		return -ENOMEM;
	return read_at(f, reserved * sector, f->table, (uint32_t)first);
}

int
fat_open(int fd, uint64_t off, uint64_t n, struct fat **out)
{
	struct fat *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->fd = fd;
	f->off = off;
	f->n = n;
	rc = read_layout(f);
	if (rc < 0)
		fat_close(f);
	else
		*out = f;
	return rc;
}

void
fat_close(struct fat *f)
{
	if (!f)
		return;
	free(f->table);
	free(f->buf);
	free(f);
}

static bool
is_cluster(const struct fat *f, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < f->count;
}

/* The one after it; not a cluster: the end. */
static uint32_t
next_cluster(const struct fat *f, uint32_t cluster)
{
	return f->wide ? get_le32(f->table + (size_t)cluster * 4) & 0x0fffffff
		       : get_le16(f->table + (size_t)cluster * 2);
}

static uint64_t
place_of(const struct fat *f, uint32_t cluster)
{
	return f->data + (uint64_t)(cluster - 2) * f->cluster;
}

/* --- names --- */

/* A long name's parts, which come last first, each with 13 characters of UTF-16. */
struct long_name {
	uint16_t text[LONG_PARTS * 13 + 1];
	int left; /* parts that are still to come; -1: there is no long name */
	uint8_t sum;
};

static uint8_t
sum_of(const uint8_t name[11])
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + name[i]);
	return sum;
}

static void
take_part(struct long_name *l, const uint8_t *e)
{
	static const uint8_t places[13] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	int part = e[0] & 0x3f;

	if (e[0] & 0x40) {
		l->left = part;
		l->sum = e[13];
		memset(l->text, 0, sizeof(l->text));
	}
	if (part == 0 || part > LONG_PARTS || part != l->left || e[13] != l->sum) {
		l->left = -1;
		return;
	}
	for (int i = 0; i < 13; i++)
		l->text[(part - 1) * 13 + i] = (uint16_t)get_le16(e + places[i]);
	l->left--;
}

static char *
put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

static void
write_long(const struct long_name *l, char out[256 * 3])
{
	char *to = out, *end = out + 255;
	size_t max = ARRAY_SIZE(l->text);

	for (size_t i = 0; i < max && l->text[i] && l->text[i] != 0xffff && to < end - 4; i++) {
		uint32_t c = l->text[i];

		if (c >= 0xd800 && c < 0xdc00 && i + 1 < max && l->text[i + 1] >= 0xdc00 &&
		    l->text[i + 1] < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (uint32_t)(l->text[++i] - 0xdc00);
		else if (c >= 0xd800 && c < 0xe000)
			c = 0xfffd;
		to = put_utf8(to, c);
	}
	*to = '\0';
}

/* NAME.EXT, in lower case where the entry says so; what isn't ASCII becomes _. */
static void
write_short(const uint8_t *e, char out[256 * 3])
{
	char *to = out;

	for (int i = 0; i < 11; i++) {
		uint8_t c = i == 0 && e[0] == 0x05 ? 0xe5 : e[i];
		bool lower = e[12] & (i < 8 ? 0x08 : 0x10);

		if (c == ' ')
			continue;
		if (i >= 8 && !memchr(out, '.', (size_t)(to - out)))
			*to++ = '.';
		*to++ = c >= 0x80 ? '_' : lower && c >= 'A' && c <= 'Z' ? (char)(c + 32) : (char)c;
	}
	*to = '\0';
}

static int64_t
time_of(const uint8_t *e)
{
	uint32_t t = get_le16(e + 22), d = get_le16(e + 24);
	struct tm tm = { .tm_sec = (int)(t & 31) * 2,
		.tm_min = (int)(t >> 5 & 63),
		.tm_hour = (int)(t >> 11),
		.tm_mday = (int)(d & 31),
		.tm_mon = (int)(d >> 5 & 15) - 1,
		.tm_year = (int)(d >> 9) + 80 };

	return d ? (int64_t)timegm(&tm) : 0;
}

/* --- folders --- */

struct reading {
	fat_entry_fn *fn;
	void *arg;
	struct long_name name;
	uint32_t n;
};

/* 1: this was the last. */
static int
take_entry(struct fat *f, struct reading *r, const uint8_t *e)
{
	struct fat_entry out = { 0 };
	bool is_long = (e[11] & 0x3f) == 0x0f;

	if (e[0] == 0)
		return 1;
	if (++r->n > ENTRIES_MAX)
		return broken("a folder without end");
	if (e[0] == 0xe5 || (!is_long && e[11] & 0x08) || e[0] == '.') {
		r->name.left = -1;
		return 0;
	}
	if (is_long) {
		take_part(&r->name, e);
		return 0;
	}
	if (r->name.left == 0 && r->name.sum == sum_of(e))
		write_long(&r->name, out.name);
	else
		write_short(e, out.name);
	r->name.left = -1;
	out.folder = e[11] & 0x10;
	out.first = get_le16(e + 26) | (f->wide ? get_le16(e + 20) << 16 : 0);
	out.size = get_le32(e + 28);
	out.mtime = time_of(e);
	if (!*out.name || strchr(out.name, '/') || (out.folder && !is_cluster(f, out.first)))
		return broken("a name in a folder");
	return r->fn(r->arg, &out);
}

/* The entries in n bytes at off: 1: the last was among them. */
static int
take_entries(struct fat *f, struct reading *r, uint64_t off, uint32_t n)
{
	uint8_t *buf CLEANUP_FREE = malloc(n);
	int rc = buf ? read_at(f, off, buf, n) : -ENOMEM;

	for (uint32_t at = 0; rc == 0 && at + ENTRY <= n; at += ENTRY)
		rc = take_entry(f, r, buf + at);
	return rc;
}

int
fat_folder(struct fat *f, uint32_t first, fat_entry_fn *fn, void *arg)
{
	struct reading r = { .fn = fn, .arg = arg, .name.left = -1 };
	uint32_t cluster = first ? first : f->root_cluster;
	int rc = 0;

	if (!first && !f->wide) {
		rc = take_entries(f, &r, f->root, f->root_n);
		return rc < 0 ? rc : 0;
	}
	if (!is_cluster(f, cluster))
		return broken("a folder lies nowhere");
	for (uint32_t i = 0; rc == 0 && is_cluster(f, cluster); i++) {
		if (i > f->count)
			return broken("a folder runs in a circle");
		rc = take_entries(f, &r, place_of(f, cluster), f->cluster);
		cluster = next_cluster(f, cluster);
	}
	return rc < 0 ? rc : 0;
}

/* --- files --- */

void
fat_file_begin(const struct fat_entry *e, struct fat_file *out)
{
	*out = (struct fat_file){ .cluster = e->first, .left = e->size };
}

int64_t
fat_file_next(struct fat *f, struct fat_file *file, const void **out)
{
	uint32_t n = file->left < f->cluster ? file->left : f->cluster;
	int rc;

	if (n == 0)
		return 0;
	if (!is_cluster(f, file->cluster) || file->steps++ > f->count)
		return broken("a file is shorter than it says");
	rc = read_at(f, place_of(f, file->cluster), f->buf, n);
	if (rc < 0)
		return rc;
	file->cluster = next_cluster(f, file->cluster);
	file->left -= n;
	*out = f->buf;
	return n;
}

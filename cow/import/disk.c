/* Tables are a stranger's: each number is held against the size of the image. */
#include "cow/import/disk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/err.h"

#define SECTOR           512u
#define HEAD             4096u
#define EXT_MAGIC        0x438u /* bytes from the file system's beginning */
#define GPT_MAX          256u   /* entries that are looked at */
#define MBR_TABLE        446u
#define MBR_ENTRY        16u
#define TYPE_GPT         0xeeu
#define TYPE_EXTENDED(t) ((t) == 0x05 || (t) == 0x0f || (t) == 0x85)

static bool
is_ext(const uint8_t *head, uint64_t n)
{
	return n >= EXT_MAGIC + 2 && head[EXT_MAGIC] == 0x53 && head[EXT_MAGIC + 1] == 0xef;
}

/* A boot sector with sectors of a size that there is, and one of FAT's names where they stand. */
static bool
is_fat(const uint8_t *head, uint64_t n)
{
	return n >= SECTOR && head[510] == 0x55 && head[511] == 0xaa &&
	       (memcmp(head + 54, "FAT", 3) == 0 || memcmp(head + 82, "FAT32", 5) == 0) &&
	       (head[11] | head[12] << 8) >= 512;
}

bool
disk_knows(const uint8_t *head, uint64_t n)
{
	return is_ext(head, n) || (n >= SECTOR && head[510] == 0x55 && head[511] == 0xaa);
}

struct search {
	int fd;
	struct disk *disk;
	uint32_t parts;
};

static void
take_part(struct search *s, uint64_t first, uint64_t sectors)
{
	uint64_t off, n, size = s->disk->size;
	uint8_t head[HEAD];
	ssize_t got;

	if (sectors == 0 || first == 0 || first > size / SECTOR)
		return;
	off = first * SECTOR;
	n = sectors < (size - off) / SECTOR ? sectors * SECTOR : size - off;
	s->parts++;
	got = pread(s->fd, head, sizeof(head), (off_t)off);
	if (got < (ssize_t)SECTOR)
		return;
	if (is_ext(head, (uint64_t)got) && n > s->disk->ext.n)
		s->disk->ext = (struct disk_part){ off, n };
	else if (is_fat(head, (uint64_t)got) && s->disk->fat.n == 0)
		s->disk->fat = (struct disk_part){ off, n };
}

/* Its sums aren't looked at: what counts is what lies where it points to. */
static int
read_gpt(struct search *s, const char *name)
{
	uint8_t head[SECTOR], entry[128];
	uint64_t table;
	uint32_t n, size;

	if (pread(s->fd, head, sizeof(head), SECTOR) != sizeof(head) ||
	    memcmp(head, "EFI PART", 8) != 0)
		return err_set(EINVAL, "%s: its GPT is damaged", name);
	table = get_le64(head + 72);
	n = get_le32(head + 80);
	size = get_le32(head + 84);
	if (size < sizeof(entry) || size > 4096 || table > s->disk->size / SECTOR)
		return err_set(EINVAL, "%s: its GPT is damaged", name);
	for (uint32_t i = 0; i < n && i < GPT_MAX; i++) {
		uint64_t first, last;

		if (pread(s->fd, entry, sizeof(entry),
			(off_t)(table * SECTOR + (uint64_t)i * size)) != sizeof(entry))
			break;
		first = get_le64(entry + 32);
		last = get_le64(entry + 40);
		if (!bytes_are_zeros(entry, 16) && last >= first)
			take_part(s, first, last - first + 1);
	}
	return 0;
}

/* A chain of tables, each with one partition and the place of the next table. */
static void
read_extended(struct search *s, uint64_t base)
{
	uint64_t at = base;
	uint8_t t[SECTOR];

	for (int i = 0; i < 64 && at && at <= s->disk->size / SECTOR; i++) {
		const uint8_t *one = t + MBR_TABLE, *next = one + MBR_ENTRY;

		if (pread(s->fd, t, sizeof(t), (off_t)(at * SECTOR)) != sizeof(t) ||
		    t[510] != 0x55 || t[511] != 0xaa)
			return;
		take_part(s, at + get_le32(one + 8), get_le32(one + 12));
		at = TYPE_EXTENDED(next[4]) ? base + get_le32(next + 8) : 0;
	}
}

static int
read_mbr(struct search *s, const uint8_t *head, const char *name)
{
	for (int i = 0; i < 4; i++) {
		const uint8_t *e = head + MBR_TABLE + (size_t)i * MBR_ENTRY;

		if (e[4] == TYPE_GPT)
			return read_gpt(s, name);
		if (TYPE_EXTENDED(e[4]))
			read_extended(s, get_le32(e + 8));
		else if (e[4])
			take_part(s, get_le32(e + 8), get_le32(e + 12));
	}
	return 0;
}

int
disk_read(int fd, const char *name, struct disk *out)
{
	struct search s = { fd, out, 0 };
	uint8_t head[HEAD];
	struct stat st;
	ssize_t n;
	int rc;

	memset(out, 0, sizeof(*out));
	if (fstat(fd, &st) < 0 || (n = pread(fd, head, sizeof(head), 0)) < 0)
		return err_errno("%s", name);
	out->size = (uint64_t)st.st_size;
	if (is_ext(head, (uint64_t)n)) {
		out->ext = (struct disk_part){ 0, out->size };
		return 0;
	}
	if (n < (ssize_t)SECTOR || head[510] != 0x55 || head[511] != 0xaa)
		return err_set(EINVAL, "%s is no disk image: it has no table of partitions", name);
	rc = read_mbr(&s, head, name);
	if (rc == 0 && out->ext.n == 0)
		rc =
		    err_set(EINVAL, "%s: of its %u %s none holds an ext4 file system, as a root is",
			name, s.parts, s.parts == 1 ? "partition" : "partitions");
	return rc;
}

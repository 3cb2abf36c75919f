/* libarchive for xz, zstd and zip; zlib for gzip, whose sums libarchive doesn't look at. */
#include "cow/import/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cow/bytes.h"
#include "cow/err.h"

#define PIECE (1u << 20)

struct unpack {
	char *name;
	struct archive *archive; /* or .. */
	gzFile gz;
	uint8_t *buf; /* gzip's: PIECE bytes */
};

static const struct {
	const char *magic;
	size_t n;
} magics[] = { { "\x1f\x8b", 2 },
	{ "\xfd"
	  "7zXZ",
	    5 },
	{ "\x28\xb5\x2f\xfd", 4 }, { "PK\3\4", 4 } };

#define MAGIC_GZIP 0
#define MAGIC_ZIP  3

static int
magic_of(const uint8_t *head, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (n >= magics[i].n && memcmp(head, magics[i].magic, magics[i].n) == 0)
			return (int)i;
	return -1;
}

bool
unpack_knows(const uint8_t *head, size_t n)
{
	return magic_of(head, n) >= 0;
}

static int
damaged(const struct unpack *u, const char *why)
{
	return err_set(EPIPE, "%s is damaged or cut off: %s", u->name, why ? why : "unknown error");
}

/* The image in a zip: the file whose name says so, else the only kind there is: the first. */
static int
find_image(struct unpack *u)
{
	struct archive_entry *e;
	int rc;

	while (
	    (rc = archive_read_next_header(u->archive, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(e);
		size_t n = name ? strlen(name) : 0;

		if (archive_entry_filetype(e) == AE_IFREG && n > 4 &&
		    strcasecmp(name + n - 4, ".img") == 0)
			return 0;
	}
	return rc == ARCHIVE_EOF ? err_set(EINVAL, "%s: there is no .img in this zip", u->name)
				 : damaged(u, archive_error_string(u->archive));
}

static int
open_archive(struct unpack *u, int fd, bool zip)
{
	struct archive *a = u->archive = archive_read_new();
	struct archive_entry *e;

	if (!a)
		return -ENOMEM;
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	if (zip)
		archive_read_support_format_zip(a);
	else
		archive_read_support_format_raw(a);
	if (archive_read_open_fd(a, fd, PIECE) != ARCHIVE_OK)
		return damaged(u, archive_error_string(a));
	if (zip)
		return find_image(u);
	return archive_read_next_header(a, &e) == ARCHIVE_OK ? 0
							     : damaged(u, archive_error_string(a));
}

static int
open_gzip(struct unpack *u, int fd)
{
	int own = dup(fd);

	u->buf = malloc(PIECE);
	u->gz = own < 0 || !u->buf ? NULL : gzdopen(own, "rb");
	if (u->gz) {
		gzbuffer(u->gz, PIECE);
		return 0;
	}
	if (own >= 0)
		close(own);
	return -ENOMEM;
}

int
unpack_open(int fd, const char *name, struct unpack **out)
{
	struct unpack *u = calloc(1, sizeof(*u));
	uint8_t head[8];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	int magic = magic_of(head, n > 0 ? (size_t)n : 0), rc = -ENOMEM;

	if (!u)
		return -ENOMEM;
	u->name = strdup(name);
	if (u->name)
		rc = magic == MAGIC_GZIP ? open_gzip(u, fd)
					 : open_archive(u, fd, magic == MAGIC_ZIP);
	if (rc < 0)
		unpack_close(u);
	else
		*out = u;
	return rc;
}

void
unpack_close(struct unpack *u)
{
	if (!u)
		return;
	if (u->archive)
		archive_read_free(u->archive);
	if (u->gz)
		gzclose_r(u->gz);
	free(u->buf);
	free(u->name);
	free(u);
}

ssize_t
unpack_next(struct unpack *u, const void **out)
{
	size_t n;
	int64_t off;
	int rc;

	if (u->gz) {
		int got = gzread(u->gz, u->buf, PIECE), err;
		const char *why = gzerror(u->gz, &err);

		*out = u->buf;
		return got < 0 || err == Z_BUF_ERROR ? damaged(u, why) : got;
	}
	rc = archive_read_data_block(u->archive, out, &n, &off);
	return rc == ARCHIVE_EOF  ? 0
	       : rc == ARCHIVE_OK ? (ssize_t)n
				  : damaged(u, archive_error_string(u->archive));
}

uint64_t
unpack_taken(const struct unpack *u)
{
	return u->gz ? (uint64_t)gzoffset(u->gz) : (uint64_t)archive_filter_bytes(u->archive, -1);
}

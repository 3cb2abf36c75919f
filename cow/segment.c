/* One segment file: made once, appended to, and read. */
#include "cow/segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cow/err.h"

static void
pack_head(uint8_t head[FORMAT_SEGMENT_HEAD], const struct id *store_id, const struct segment *s)
{
	memset(head, 0, FORMAT_SEGMENT_HEAD);
	memcpy(head, FORMAT_SEGMENT_MAGIC, 8);
	put_le32(head + 8, FORMAT_SEGMENT_VERSION);
	memcpy(head + FORMAT_SEGMENT_STORE, store_id->b, ID_SIZE);
	put_le32(head + FORMAT_SEGMENT_SEQ, s->seq);
	put_le32(head + FORMAT_SEGMENT_EPOCH, s->epoch);
	put_le64(head + FORMAT_SEGMENT_CHECK, hash_bytes(head, FORMAT_SEGMENT_CHECK, 0));
}

/* Opens the file by its name; the head that it has or must get goes to head. */
static int
open_named(struct files *files, const struct id *store_id, int flags, struct segment *s,
    uint8_t head[FORMAT_SEGMENT_HEAD])
{
	snprintf(s->name, sizeof(s->name), FORMAT_SEGMENTS_DIR "/" FORMAT_SEGMENT_NAME, s->seq,
	    s->epoch);
	pack_head(head, store_id, s);
	s->seed = get_le64(head + FORMAT_SEGMENT_CHECK);
	s->fd = file_open(files, s->name, flags, 0600);
	return s->fd < 0 ? s->fd : 0;
}

static struct segment *
segment_new(uint32_t seq, uint32_t epoch)
{
	struct segment *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(ENOMEM, "segment %u: out of memory", seq);
		return NULL;
	}
	*s = (struct segment){ .seq = seq, .epoch = epoch, .fd = -1 };
	return s;
}

int
segment_create(struct files *files, const struct id *store_id, uint32_t seq, uint32_t epoch,
    struct segment **out)
{
	struct segment *s = segment_new(seq, epoch);
	uint8_t head[FORMAT_SEGMENT_HEAD];
	int err;

	if (!s)
		return -ENOMEM;
	err = open_named(files, store_id, O_RDWR | O_CREAT | O_EXCL, s, head);
	if (err == 0) {
		err = file_pwrite(files, s->fd, s->name, head, sizeof(head), 0);
		if (err < 0 && file_unlink(files, s->name) < 0)
			err = err_set(-err, "%s: can't be written, nor removed", s->name);
	}
	if (err < 0) {
		segment_close(s);
		return err;
	}
	s->end = sizeof(head);
	*out = s;
	return 0;
}

int
segment_open(struct files *files, const struct id *store_id, uint32_t seq, uint32_t epoch,
    struct segment **out)
{
	struct segment *s = segment_new(seq, epoch);
	uint8_t want[FORMAT_SEGMENT_HEAD], head[FORMAT_SEGMENT_HEAD];
	int err;

	if (!s)
		return -ENOMEM;
	err = open_named(files, store_id, O_RDONLY, s, want);
	if (err == 0)
		err = file_pread(s->fd, s->name, head, sizeof(head), 0);
	if (err == 0 && memcmp(head, want, sizeof(head)) != 0)
		err = err_set(EIO, "%s: its head is not that of a segment of this store", s->name);
	if (err < 0) {
		segment_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void
segment_close(struct segment *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

uint64_t
segment_room(uint32_t stored)
{
	return FORMAT_BLOCK_HEAD + ROUND_UP((uint64_t)stored, FORMAT_BLOCK_ALIGN);
}

uint64_t
segment_neighbour(const struct block_loc *loc)
{
	return loc->off + segment_room(loc->stored);
}

int
segment_append(struct files *files, struct segment *s, const struct id *id, const void *p,
    uint32_t n, struct block_loc *loc)
{
	static const uint8_t zeros[FORMAT_BLOCK_ALIGN];
	uint8_t head[FORMAT_BLOCK_HEAD];
	struct iovec iov[3] = { { head, sizeof(head) }, { .iov_len = n },
		{ .iov_len = ROUND_UP(n, FORMAT_BLOCK_ALIGN) - n } };
	const void *pad = zeros;
	int err;

	assert(n > 0 && n <= FORMAT_BLOCK_MAX);
	memcpy(&iov[1].iov_base, &p, sizeof(p));
	memcpy(&iov[2].iov_base, &pad, sizeof(pad));
	put_le32(head, FORMAT_BLOCK_MAGIC);
	put_le32(head + FORMAT_BLOCK_STORED, n);
	memcpy(head + FORMAT_BLOCK_ID, id->b, ID_SIZE);
	put_le64(head + FORMAT_BLOCK_CHECK,
	    hash_bytes(p, n, hash_bytes(head, FORMAT_BLOCK_CHECK, s->seed + s->end)));

	err = file_pwritev(files, s->fd, s->name, iov, ARRAY_SIZE(iov), s->end);
	if (err < 0) {
		/* What can't be cut off is written over by the next block, or skipped by a scan. */
		if (file_truncate(files, s->fd, s->name, s->end) < 0)
			return err_set(-err, "%s: can't be written, nor cut back", s->name);
		return err;
	}
	*loc = (struct block_loc){ s->seq, n, s->end + FORMAT_BLOCK_HEAD };
	s->end += segment_room(n);
	return 0;
}

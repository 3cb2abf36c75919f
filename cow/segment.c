/* One segment file: made once, appended to, and read. */
#include "cow/segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cow/cleanup.h"
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
	*s = (struct segment){ .seq = seq, .epoch = epoch, .fd = -1, .written = UINT64_MAX };
	pthread_mutex_init(&s->tail, NULL);
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
	s->end = s->written = sizeof(head);
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
	pthread_mutex_destroy(&s->tail);
	free(s->gathered);
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

bool
segment_takes(struct segment *s, uint32_t stored, uint64_t max)
{
	SCOPED_LOCK(&s->tail);

	return s->end == FORMAT_SEGMENT_HEAD || s->end + segment_room(stored) <= max;
}

/* A block as it lies in the file. */
static void
pack_block(const struct segment *s, const struct id *id, const void *p, uint32_t n, uint8_t *to)
{
	put_le32(to, FORMAT_BLOCK_MAGIC);
	put_le32(to + FORMAT_BLOCK_STORED, n);
	memcpy(to + FORMAT_BLOCK_ID, id->b, ID_SIZE);
	put_le64(to + FORMAT_BLOCK_CHECK,
	    hash_bytes(p, n, hash_bytes(to, FORMAT_BLOCK_CHECK, s->seed + s->end)));
	memcpy(to + FORMAT_BLOCK_HEAD, p, n);
	memset(to + FORMAT_BLOCK_HEAD + n, 0, ROUND_UP(n, FORMAT_BLOCK_ALIGN) - n);
}

/* tail is held. */
static int
flush(struct files *files, struct segment *s)
{
	uint64_t at = s->written;
	int err;

	if (at >= s->end)
		return 0;
	err = file_pwrite(files, s->fd, s->name, s->gathered, s->end - at, at);
	if (err < 0) {
		/* What can't be cut off is written over by the next try, or skipped by a scan. */
		if (file_truncate(files, s->fd, s->name, at) < 0)
			return err_set(-err, "%s: can't be written, nor cut back", s->name);
		return err;
	}
	__atomic_store_n(&s->written, s->end, __ATOMIC_RELEASE);
	return 0;
}

int
segment_append(struct files *files, struct segment *s, const struct id *id, const void *p,
    uint32_t n, struct block_loc *loc)
{
	SCOPED_LOCK(&s->tail);
	uint64_t room = segment_room(n);

	assert(n > 0 && n <= FORMAT_BLOCK_MAX);
	if (!s->gathered && !(s->gathered = malloc(SEGMENT_GATHER)))
		return err_set(ENOMEM, "segment %u: out of memory", s->seq);
	if (s->end - s->written + room > SEGMENT_GATHER) {
		int err = flush(files, s);

		if (err < 0)
			return err;
	}
	pack_block(s, id, p, n, s->gathered + (s->end - s->written));
	*loc = (struct block_loc){ s->seq, n, s->end + FORMAT_BLOCK_HEAD };
	s->end += room;
	return 0;
}

int
segment_flush(struct files *files, struct segment *s)
{
	SCOPED_LOCK(&s->tail);

	return flush(files, s);
}

void
segment_discard(struct segment *s, uint64_t *from)
{
	SCOPED_LOCK(&s->tail);

	*from = s->end;
	if (s->written < s->end)
		*from = s->end = s->written;
}

void
segment_end(struct segment *s)
{
	SCOPED_LOCK(&s->tail);

	assert(s->written >= s->end);
	__atomic_store_n(&s->written, UINT64_MAX, __ATOMIC_RELEASE);
	free(s->gathered);
	s->gathered = NULL;
}

/* tail is held; off + n is beyond what is written. */
static int
read_gathered(struct segment *s, uint8_t *p, size_t n, uint64_t off)
{
	uint64_t at = s->written;
	size_t file = off < at ? (at - off < n ? at - off : n) : 0;
	int err = file ? file_pread(s->fd, s->name, p, file, off) : 0;

	if (err < 0 || file == n)
		return err;
	off += file;
	n -= file;
	if (off > s->end || n > s->end - off)
		return err_set(EIO, "%s: ends at %llu, before what is wanted of it", s->name,
		    (unsigned long long)s->end);
	memcpy(p + file, s->gathered + (off - at), n);
	return 0;
}

int
segment_read(struct segment *s, struct iovec *iov, int n, uint64_t off)
{
	uint64_t end = off;
	int err = 0;

	for (int i = 0; i < n; i++)
		end += iov[i].iov_len;
	if (end <= __atomic_load_n(&s->written, __ATOMIC_ACQUIRE))
		return file_preadv(s->fd, s->name, iov, n, off);
	pthread_mutex_lock(&s->tail);
	if (end <= s->written) {
		pthread_mutex_unlock(&s->tail);
		return file_preadv(s->fd, s->name, iov, n, off);
	}
	for (int i = 0; i < n && err == 0; i++) {
		err = read_gathered(s, iov[i].iov_base, iov[i].iov_len, off);
		off += iov[i].iov_len;
	}
	pthread_mutex_unlock(&s->tail);
	return err;
}

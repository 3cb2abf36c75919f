/* What the collector and the check need of the block store: which blocks are used anew while it
 * looks for those that nobody uses, and the end of those. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cow/block_priv.h"
#include "cow/err.h"

#define TOUCHED_MAX 500000u /* 16 MB */

void
blocks_touch(struct blocks *b, const struct id *id)
{
	static const struct block_loc somewhere = { .stored = 1 };

	if (!b->collecting || b->overflow)
		return;
	if (b->touched.used >= TOUCHED_MAX || idmap_set(&b->touched, id, &somewhere) < 0)
		b->overflow = true;
}

/* The open segment takes no more: it can then be collected, too. */
static int
retire_open(struct blocks *b)
{
	SCOPED_LOCK(&b->appending);
	int err = b->open ? segment_flush(b->env.files, b->open) : 0;

	if (err < 0 || !b->open)
		return err;
	segment_end(b->open);
	SCOPED_LOCK(&b->lock);
	b->open->next = b->retired;
	b->retired = b->open;
	b->open = NULL;
	return 0;
}

int
blocks_collect_begin(struct blocks *b)
{
	pthread_mutex_lock(&b->lock);
	if (b->collecting) {
		pthread_mutex_unlock(&b->lock);
		return err_set(EBUSY, "a collection is running already");
	}
	b->collecting = true;
	b->overflow = false;
	pthread_mutex_unlock(&b->lock);
	return retire_open(b);
}

void
blocks_collect_end(struct blocks *b)
{
	SCOPED_LOCK(&b->lock);

	b->collecting = false;
	idmap_free(&b->touched);
}

int
blocks_forget(struct blocks *b, struct id *ids, uint32_t *n)
{
	static const struct block_loc somewhere = { .stored = 1 };
	SCOPED_LOCK(&b->lock);
	uint32_t left = 0;
	int err = 0;

	if (b->overflow)
		return err_set(
		    ENOSPC, "too much was written while unused blocks were looked for: try later");
	for (uint32_t i = 0; i < *n; i++)
		if (!idmap_find(&b->touched, &ids[i]) && !blocks_recall_new(b, &ids[i]))
			ids[left++] = ids[i];
	*n = left;
	for (uint32_t i = 0; i < left && err == 0; i++)
		err = idmap_set(&b->dying, &ids[i], &somewhere);
	if (err < 0)
		idmap_free(&b->dying);
	return err;
}

void
blocks_forgotten(struct blocks *b, const struct id *ids, uint32_t n, bool deleted)
{
	SCOPED_LOCK(&b->lock);

	for (uint32_t i = 0; i < n && deleted; i++)
		idcache_drop(b->cache, &ids[i]);
	b->deletions += deleted;
	idmap_free(&b->dying);
	pthread_cond_broadcast(&b->buried);
}

/* Both turns, since one may read the turn before this, and be counted under it after. */
int
blocks_await_readers(struct blocks *b, int (*still)(void *arg), void *arg)
{
	static const struct timespec a_while = { .tv_nsec = 2000000 };
	int rc = 0;

	for (int i = 0; i < 2 && rc >= 0; i++) {
		unsigned turn = b->turn;

		b->turn = !turn;
		while (b->readers[turn] && (rc = still(arg)) >= 0)
			nanosleep(&a_while, NULL);
	}
	return rc < 0 ? rc : 0;
}

int
block_verify(struct blocks *b, const struct id *id, const struct block_loc *loc, bool bytes)
{
	uint32_t n = FORMAT_BLOCK_HEAD + (bytes ? loc->stored : 0);
	CLEANUP_FREE uint8_t *buf = NULL;
	struct segment *s;
	struct iovec iov;
	uint8_t last;
	int err;

	if (loc->off < FORMAT_SEGMENT_HEAD + FORMAT_BLOCK_HEAD || loc->stored == 0 ||
	    loc->stored > b->env.block_size)
		return 0;
	if (!(buf = malloc(n)))
		return -ENOMEM;
	err = segments_get(b->segments, loc->segment, &s);
	if (err < 0)
		return err;
	iov = (struct iovec){ buf, n };
	err = segment_read(s, &iov, 1, loc->off - FORMAT_BLOCK_HEAD);
	iov = (struct iovec){ &last, 1 };
	if (err == 0 && !bytes)
		err = segment_read(s, &iov, 1, loc->off + loc->stored - 1);
	/* Its length first: as many bytes as that says are looked at then. */
	if (err == 0)
		err = get_le32(buf + FORMAT_BLOCK_STORED) == loc->stored &&
		      memcmp(buf + FORMAT_BLOCK_ID, id->b, ID_SIZE) == 0 &&
		      segment_is_block(s, loc->off - FORMAT_BLOCK_HEAD, buf, bytes);
	segments_release(b->segments, s);
	return err;
}

int
blocks_scan(struct blocks *b, uint32_t seq, block_scan_fn *fn, void *arg)
{
	struct segment *s;
	int err = segments_get(b->segments, seq, &s);

	if (err < 0)
		return err;
	err = segment_scan(s, fn, arg, NULL);
	segments_release(b->segments, s);
	return err;
}

static bool
in_list(const struct segment *s, uint32_t seq)
{
	while (s && s->seq != seq)
		s = s->next;
	return s != NULL;
}

bool
blocks_writing(struct blocks *b, uint32_t seq)
{
	SCOPED_LOCK(&b->lock);

	return (b->open && b->open->seq == seq) || in_list(b->retired, seq);
}

int
blocks_punch(struct blocks *b, uint32_t seq, uint64_t off, uint64_t n)
{
	struct segment *s;
	int fd, err = segments_get(b->segments, seq, &s);

	if (err < 0)
		return err;
	fd = file_open(b->env.files, s->name, O_RDWR, 0);
	if (fd < 0) {
		segments_release(b->segments, s);
		return fd;
	}
	err = file_punch(b->env.files, fd, s->name, off, n);
	close(fd);
	segments_release(b->segments, s);
	return err;
}

int
blocks_drop_segment(struct blocks *b, uint32_t seq)
{
	char name[SEGMENT_NAME_SIZE];
	int err = segments_forget(b->segments, seq, name);

	return err < 0 ? err : file_unlink(b->env.files, name);
}

/* Storing a block that is new: the open segment, and the next one when it is full. */
#include <errno.h>

#include "cow/block_priv.h"
#include "cow/err.h"

#define LOOK ((uint64_t)256 << 10)

/* Makes a segment and appends to it from now on. appending is held. */
static int
begin_segment(struct blocks *b)
{
	struct segment *s;
	int err = b->open ? segment_flush(b->env.files, b->open) : 0;

	if (err == 0 && !b->next_seq)
		err = b->env.next_segment(b->env.arg, &b->next_seq);
	if (err == 0)
		err = file_mkdir(b->env.files, FORMAT_SEGMENTS_DIR, 0700);
	if (err == 0)
		err = segment_create(b->env.files, &b->env.store_id, b->next_seq, b->env.epoch, &s);
	if (err == -EEXIST)
		b->next_seq = 0;
	if (err < 0)
		return err;
	b->next_seq = 0;
	segments_add(b->segments, s);
	if (b->open)
		segment_end(b->open);

	SCOPED_LOCK(&b->lock);
	if (b->open) {
		b->open->next = b->retired;
		b->retired = b->open;
	}
	b->open = s;
	b->dirty = b->new_names = true;
	return 0;
}

static bool
is_full(const struct blocks *b, uint32_t stored)
{
	return !b->open || !segment_takes(b->open, stored, b->env.segment_max);
}

/* 0: id is still new; -EAGAIN: another thread may have put it. */
static int
check_new(struct blocks *b, const struct id *id, uint64_t commits, uint64_t *discards)
{
	SCOPED_LOCK(&b->lock);

	if (b->failed)
		return err_set(EIO, "the block store has failed before");
	*discards = b->discards;
	return b->commits != commits || blocks_recall(b, id) ? -EAGAIN : 0;
}

/* Whether more than `keep` bytes of the disk are left, as it was at most LOOK bytes ago. *unlooked:
 * how many may still come before it is looked at again. appending is held. */
static int
check_space(struct blocks *b, uint64_t keep, uint64_t bytes, uint64_t *unlooked)
{
	struct file_space space;
	int err = 0;

	if (*unlooked >= bytes) {
		*unlooked -= bytes;
		return 0;
	}
	*unlooked = 0;
	if (keep)
		err = files_space(b->env.files, &space);
	if (err == 0 && keep && space.avail < keep)
		err = err_set(ENOSPC, "%s: the disk is full", files_path(b->env.files));
	if (err == 0)
		*unlooked = LOOK;
	return err;
}

int
block_room(struct blocks *b, uint64_t bytes)
{
	SCOPED_LOCK(&b->appending);

	return check_space(b, b->env.keep_free / 2, bytes, &b->rows_unlooked);
}

int
block_append(struct blocks *b, const struct id *id, const void *p, uint32_t stored,
    uint64_t commits, struct block_loc *loc)
{
	SCOPED_LOCK(&b->appending);
	uint64_t discards = 0;
	int err = check_new(b, id, commits, &discards);

	if (err == 0)
		err = check_space(b, b->env.keep_free, stored, &b->unlooked);
	if (err == 0 && is_full(b, stored))
		err = begin_segment(b);
	if (err == 0)
		err = segment_append(b->env.files, b->open, id, p, stored, loc);
	if (err < 0)
		return err;
	BLOCK_COUNT(b, stored, 1);
	BLOCK_COUNT(b, bytes_stored, stored);

	SCOPED_LOCK(&b->lock);
	if (b->discards != discards)
		return err_set(ENOSPC, "what had gathered with this block can't be written");
	b->dirty = true;
	blocks_touch(b, id);
	return idmap_set(&b->pending, id, loc);
}

/* Reading and writing. A write that fills a block goes straight into the block store; its row waits
 * for the commit. What is golden is read with the view's lock let go, and so is the rest where no
 * piece is waiting. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"

#define READ_MAX   (1u << 20)
#define PIECES_MAX (4u << 20) /* bytes of waiting pieces that a view may hold */

static int
may_read(const struct inode *i, const struct view_op *op)
{
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (perm_owner(i, op) || perm_may(i, op, PERM_READ) || perm_may(i, op, PERM_EXEC))
		return 0;
	return -EACCES;
}

/* Bytes [off, off + n) from the blocks at locs, the first of which is that of off. */
static int
read_locs(struct view *v, const struct block_loc *locs, uint64_t off, uint8_t *p, uint32_t n)
{
	uint32_t bs = v->block_size, at = (uint32_t)(off % bs);
	int err = 0;

	if (at || n < bs) {
		uint32_t k = bs - at < n ? bs - at : n;

		err = block_read(v->blocks, locs++, at, p, k);
		p += k;
		n -= k;
	}
	if (!err && n / bs) {
		err = block_read_run(v->blocks, locs, n / bs, p);
		locs += n / bs;
		p += n / bs * bs;
		n %= bs;
	}
	return err || !n ? err : block_read(v->blocks, locs, 0, p, n);
}

/* Whose lock is held: looked at what must be read; the reading itself comes after. */
static int
look(struct view *v, struct view_op *op, uint32_t ino, struct inode *i, struct node **n)
{
	int err = 0;

	*n = NULL;
	if (node_golden(v, ino))
		err = image_inode(v->image, ino, i);
	else if (!(err = node_get(v, ino, n)))
		*i = (*n)->i;
	return err ? err : may_read(i, op);
}

static int
prepare(const struct inode *i, uint64_t off, uint32_t *len, struct view_data *out)
{
	*out = (struct view_data){ 0 };
	if (*len > READ_MAX)
		*len = READ_MAX;
	if (off >= i->size)
		*len = 0;
	else if (*len > i->size - off)
		*len = (uint32_t)(i->size - off);
	out->len = *len;
	out->eof = off >= i->size || off + *len >= i->size;
	if (!*len)
		return 0;
	if (!(out->buf = malloc(*len)))
		return err_set(ENOMEM, "no memory for a read");
	out->one = (struct iovec){ out->buf, *len };
	out->n = 1;
	return 0;
}

int
view_read(struct view *v, struct view_op *op, uint32_t ino, uint64_t off, uint32_t len,
    struct view_data *out, struct view_attr *attr)
{
	CLEANUP_FREE struct block_loc *locs = NULL;
	struct inode i;
	struct node *n;
	uint32_t count;
	unsigned reader;
	bool waiting = false;
	int err = view_begin(v);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	reader = blocks_read_begin(v->blocks);
	err = look(v, op, ino, &i, &n);
	if (!err)
		err = prepare(&i, off, &len, out);
	if (!err && len) {
		count = (uint32_t)((off + len - 1) / v->block_size - off / v->block_size + 1);
		locs = malloc(count * sizeof(*locs));
		err = !locs ? -ENOMEM
			    : run_locs(v, ino, n, (uint32_t)(off / v->block_size), count, locs);
		waiting = n && piece_any(n);
		if (!err && waiting) {
			err = read_locs(v, locs, off, out->buf, len);
			piece_overlay(v, n, off, out->buf, len);
		}
	}
	view_end(v);
	if (!err && len && !waiting)
		err = read_locs(v, locs, off, out->buf, len);
	blocks_read_end(v->blocks, reader);
	out->iov = &out->one;
	if (err)
		view_data_release(out);
	else
		view_attr_of(&i, attr);
	return err;
}

void
view_data_release(struct view_data *d)
{
	free(d->buf);
	d->buf = NULL;
	d->n = 0;
}

static int
may_write(const struct inode *i, const struct view_op *op)
{
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	return perm_owner(i, op) || perm_may(i, op, PERM_WRITE) ? 0 : -EACCES;
}

/* A block that was put for a write. */
struct put {
	struct id id;
	struct block_loc loc;
};

/* First all that a full disk can stop, then what can't fail: whole blocks are put, then take their
 * places; the ends wait as pieces. */
static int
put_blocks(struct view *v, const uint8_t *p, uint32_t count, struct put **out)
{
	struct put *puts = count ? malloc(count * sizeof(*puts)) : NULL;
	int err = count && !puts ? -ENOMEM : 0;

	for (uint32_t i = 0; i < count && !err; i++)
		err = block_put(v->blocks, p + (size_t)i * v->block_size, v->block_size,
		    &puts[i].id, &puts[i].loc);
	*out = puts;
	return err;
}

static int
place_blocks(struct view *v, struct node *n, uint32_t block, const struct put *puts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int err = run_set(v, n, block + i, &puts[i].id, &puts[i].loc);

		if (err)
			return err;
		piece_drop(v, n, block + i);
	}
	return 0;
}

static int
write_blocks(struct view *v, struct node *n, uint64_t off, const uint8_t *p, uint32_t len)
{
	uint32_t bs = v->block_size, block = (uint32_t)(off / bs), at = (uint32_t)(off % bs);
	uint32_t head = at || len < bs ? (bs - at < len ? bs - at : len) : 0;
	uint32_t count = (len - head) / bs, tail = (len - head) % bs;
	CLEANUP_FREE struct put *puts = NULL;
	int err = put_blocks(v, p + head, count, &puts);

	if (!err && head)
		err = piece_write(v, n, block, at, at + head, p);
	if (err)
		return err;
	block += head != 0;
	err = place_blocks(v, n, block, puts, count);
	if (!err && tail)
		err = piece_write(v, n, block + count, 0, tail, p + len - tail);
	return err ? view_broken(v, err) : 0;
}

int
data_flush(struct view *v, struct node *n)
{
	int err = piece_flush(v, n);

	if (err)
		return err; /* nothing was gathered yet */
	if (n->orphan) {
		node_set_dirty(v, n, false);
		return 0;
	}
	err = run_rows(v, n);
	if (!err)
		err = node_changed(v, n);
	if (err)
		return view_broken(v, err);
	node_set_dirty(v, n, false);
	return 0;
}

/* Of all files: a full disk refuses the next write instead of letting pieces gather without end. */
static int
flush_pieces(struct view *v)
{
	int err = 0;

	for (uint32_t b = 0; b < v->nbuckets && v->piece_bytes && !err; b++)
		for (struct node *n = v->buckets[b]; n && !err; n = n->chain)
			err = piece_flush(v, n);
	return err;
}

static int
apply_write(struct view *v, struct view_op *op, struct node *n, uint64_t off, const void *p,
    uint32_t len, enum view_stable want)
{
	int err = v->piece_bytes >= PIECES_MAX ? flush_pieces(v) : 0;

	if (!err)
		err = write_blocks(v, n, off, p, len);
	/* A full disk may stop a write half-way: what was written counts, the rest didn't happen.
	 */
	if (err)
		return err;
	if (off + len > n->i.size)
		n->i.size = off + len;
	if (op->uid != 0)
		perm_clear_set_id(&n->i, op);
	view_touch(n, true);
	node_set_dirty(v, n, true);
	if (want == VIEW_UNSTABLE)
		return 0;
	err = data_flush(v, n);
	return err ? err : view_finish(v, op);
}

/* Does it change only what the head has of the file already? Then it takes no more room. */
static bool
rewrites(const struct node *n, uint64_t off, uint32_t len)
{
	return off + len <= n->i.size && n->i.own >= n->i.size;
}

int
view_write(struct view *v, struct view_op *op, uint32_t ino, uint64_t off, const void *p,
    uint32_t len, enum view_stable want, enum view_stable *got, struct view_wcc *wcc)
{
	struct node *n;
	int err = view_begin_change(v);

	wcc->have = false;
	if (err)
		return err;
	err = node_get(v, ino, &n);
	if (!err) {
		wcc->have = true;
		view_attr_of(&n->i, &wcc->before);
		err = may_write(&n->i, op);
		if (!err && (off > VIEW_FILE_MAX || len > VIEW_FILE_MAX - off))
			err = -EFBIG;
		if (!err && len && !rewrites(n, off, len) && !(err = view_room(v, len)))
			err = view_rows_room(v, 0);
		if (!err && len)
			err = apply_write(v, op, n, off, p, len, want);
		view_attr_of(&n->i, &wcc->after);
	}
	*got = want == VIEW_UNSTABLE ? VIEW_UNSTABLE : VIEW_FILE_SYNC;
	view_end(v);
	return err;
}

int
view_commit(struct view *v, struct view_op *op, uint32_t ino, struct view_wcc *wcc)
{
	struct inode i;
	struct node *n;
	int err = view_begin_change(v);

	wcc->have = false;
	if (err)
		return err;
	err = node_attr(v, ino, &i);
	if (!err) {
		wcc->have = true;
		view_attr_of(&i, &wcc->before);
		if (!node_golden(v, ino) && !(err = node_get(v, ino, &n))) {
			if (n->dirty && !(err = data_flush(v, n)))
				err = view_finish(v, op);
			else if (!err && !v->later && n->ticket > batch_durable(v->batch))
				op->ticket = n->ticket; /* on its way: the reply waits for it */
			view_attr_of(&n->i, &wcc->after);
		} else {
			wcc->after = wcc->before;
		}
	}
	view_end(v);
	return err;
}

/* The block that a new end of file cuts through keeps only what is before it. */
static int
cut_block(struct view *v, struct node *n, uint64_t size)
{
	uint32_t block = (uint32_t)(size / v->block_size);
	uint32_t keep = (uint32_t)(size % v->block_size);
	CLEANUP_FREE uint8_t *buf = NULL;
	struct block_loc loc;
	struct id id;
	int err;

	if (!keep)
		return 0;
	err = run_locs(v, n->i.ino, n, block, 1, &loc);
	if (err || loc.stored <= keep)
		return err;
	if (!(buf = malloc(v->block_size)))
		return -ENOMEM;
	err = block_read(v->blocks, &loc, 0, buf, keep);
	if (!err)
		err = block_put(v->blocks, buf, keep, &id, &loc);
	return err ? err : run_set(v, n, block, &id, &loc);
}

int
data_truncate(struct view *v, struct node *n, uint64_t size)
{
	uint32_t bs = v->block_size;
	int err = size ? piece_flush(v, n) : 0;

	if (err)
		return err;
	if (size >= n->i.size) {
		n->i.size = size;
		return 0;
	}
	err = cut_block(v, n, size);
	if (err)
		return err;
	piece_cut(v, n, size);
	err = run_cut(v, n, (uint32_t)((size + bs - 1) / bs));
	if (err)
		return view_broken(v, err);
	n->i.size = size;
	return 0;
}

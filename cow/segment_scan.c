/* Finds the whole blocks of a segment without the index, whatever a crash left between them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/segment.h"

#define WINDOW (256u * 1024) /* must hold a block with its head */

_Static_assert(WINDOW >= FORMAT_BLOCK_HEAD + FORMAT_BLOCK_MAX, "a whole block fits the window");

/* A part of the file in memory that moves forward. */
struct window {
	const struct segment *segment;
	uint64_t size; /* of the file */
	uint64_t off;  /* of the window */
	uint32_t n;    /* bytes in it */
	uint8_t *buf;
};

/* 1: *out are the n bytes at off; 0: the file ends before; -errno. */
static int
window_at(struct window *w, uint64_t off, uint32_t n, const uint8_t **out)
{
	if (off > w->size || n > w->size - off)
		return 0;
	if (off < w->off || off + n > w->off + w->n) {
		uint32_t fill = w->size - off < WINDOW ? (uint32_t)(w->size - off) : WINDOW;
		int err = file_pread(w->segment->fd, w->segment->name, w->buf, fill, off);

		w->off = off;
		w->n = err < 0 ? 0 : fill;
		if (err < 0)
			return err;
	}
	*out = w->buf + (off - w->off);
	return 1;
}

bool
segment_is_block(const struct segment *s, uint64_t off, const uint8_t *p, bool bytes)
{
	uint32_t stored = get_le32(p + FORMAT_BLOCK_STORED);
	uint64_t seed;

	if (get_le32(p) != FORMAT_BLOCK_MAGIC || stored == 0 || stored > FORMAT_BLOCK_MAX)
		return false;
	if (!bytes)
		return true;
	seed = hash_bytes(p, FORMAT_BLOCK_CHECK, s->seed + off);
	return hash_bytes(p + FORMAT_BLOCK_HEAD, stored, seed) == get_le64(p + FORMAT_BLOCK_CHECK);
}

/* The same for the whole block whose head is at off; *out is its head. */
static int
block_at(struct window *w, uint64_t off, const uint8_t **out)
{
	int found = window_at(w, off, FORMAT_BLOCK_HEAD, out);

	if (found <= 0 || !segment_is_block(w->segment, off, *out, false))
		return found < 0 ? found : 0;
	found = window_at(w, off, FORMAT_BLOCK_HEAD + get_le32(*out + FORMAT_BLOCK_STORED), out);
	return found <= 0 ? found : segment_is_block(w->segment, off, *out, true);
}

static int
scan_window(struct window *w, segment_scan_fn *fn, void *arg, struct segment_scan *sum)
{
	for (uint64_t off = FORMAT_SEGMENT_HEAD; off < w->size;) {
		struct block_loc loc = { .segment = w->segment->seq,
			.off = off + FORMAT_BLOCK_HEAD };
		const uint8_t *head;
		struct id id;
		int found = block_at(w, off, &head);

		if (found < 0)
			return found;
		if (found == 0) {
			off += FORMAT_BLOCK_ALIGN;
			continue;
		}
		loc.stored = get_le32(head + FORMAT_BLOCK_STORED);
		memcpy(id.b, head + FORMAT_BLOCK_ID, ID_SIZE);
		found = fn(arg, &id, &loc, head + FORMAT_BLOCK_HEAD);
		if (found < 0)
			return found;
		sum->blocks++;
		sum->skipped += off - sum->end;
		off = sum->end = off + segment_room(loc.stored);
	}
	return 0;
}

int
segment_scan(const struct segment *s, segment_scan_fn *fn, void *arg, struct segment_scan *out)
{
	CLEANUP_FREE uint8_t *buf = malloc(WINDOW);
	struct segment_scan sum = { .end = FORMAT_SEGMENT_HEAD };
	struct window w = { .segment = s, .buf = buf };
	struct stat st;
	int err;

	if (!buf)
		return err_set(ENOMEM, "%s: out of memory", s->name);
	if (fstat(s->fd, &st) < 0)
		return err_errno("%s", s->name);
	w.size = (uint64_t)st.st_size;
	err = scan_window(&w, fn, arg, &sum);
	sum.torn = w.size > sum.end ? w.size - sum.end : 0;
	if (out)
		*out = sum;
	return err;
}

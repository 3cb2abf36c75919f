/* Files' bytes to blocks, and the ids of the blocks to a file without a name. */
#include "cow/image_content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/extent.h"

#define PAGE       4096u /* what the content's hash is made of, whatever the block size */
#define NOTES_SIZE (1u << 16)
#define NOTE_HEAD  8u /* run, number of ids */
#define NOTE_MAX   (NOTE_HEAD + EXTENT_RUN * ID_SIZE)

struct image_contents {
	struct files *files;
	struct blocks *blocks;
	uint32_t block_size;

	/* The present file. */
	struct hash_stream *hash;
	struct image_content now;
	uint64_t page, pages; /* the run of pages that were hashed last */
	uint8_t *block;       /* the block that is being filled */
	uint32_t fill;
	struct id ids[EXTENT_RUN];
	uint32_t count; /* ids up to the last that isn't zero */

	/* The notes: written up to done, the rest in buf. */
	int fd;
	uint64_t done;
	uint32_t held;
	uint8_t buf[NOTES_SIZE];
};

static const char notes_name[] = "images/notes";

static int
notes_flush(struct image_contents *c)
{
	int err = c->held ? file_pwrite(c->files, c->fd, notes_name, c->buf, c->held, c->done) : 0;

	if (err)
		return err;
	c->done += c->held;
	c->held = 0;
	return 0;
}

/* Notes the ids of the run that the last block was in. */
static int
note_run(struct image_contents *c, uint64_t run)
{
	uint8_t *to;
	int err;

	if (c->count == 0)
		return 0;
	if (c->held + NOTE_MAX > NOTES_SIZE) {
		err = notes_flush(c);
		if (err)
			return err;
	}
	to = c->buf + c->held;
	put_le32(to, (uint32_t)run);
	put_le32(to + 4, c->count);
	memcpy(to + NOTE_HEAD, c->ids, c->count * ID_SIZE);
	c->held += NOTE_HEAD + c->count * ID_SIZE;
	c->count = 0;
	memset(c->ids, 0, sizeof(c->ids));
	return 0;
}

static void
hash_run_end(struct image_contents *c)
{
	uint8_t run[16];

	if (c->pages == 0)
		return;
	put_le64(run, c->page);
	put_le64(run + 8, c->pages);
	hash_stream_add(c->hash, run, sizeof(run));
	c->pages = 0;
}

/* Adds the pages that aren't zeros, and behind each run of them its place: so holes cost nothing,
 * and are as good as zeros. */
static void
hash_block_pages(struct image_contents *c, const uint8_t *p, uint32_t n)
{
	uint64_t page = c->now.size / PAGE;
	uint32_t from = 0, at, take;

	for (at = 0; at < n; at += take, page++) {
		take = n - at < PAGE ? n - at : PAGE;
		if (!bytes_are_zeros(p + at, take)) {
			if (c->pages == 0)
				c->page = page;
			c->pages++;
			continue;
		}
		if (at > from)
			hash_stream_add(c->hash, p + from, at - from);
		hash_run_end(c);
		from = at + take;
	}
	if (n > from)
		hash_stream_add(c->hash, p + from, n - from);
}

/* Stores a whole block, or the file's last. */
static int
put(struct image_contents *c, const void *p, uint32_t n)
{
	uint64_t index = c->now.size / c->block_size;
	uint32_t slot = (uint32_t)(index % EXTENT_RUN);
	struct block_loc loc;
	int err = block_put(c->blocks, p, n, &c->ids[slot], &loc);

	if (err)
		return err;
	hash_block_pages(c, p, n);
	if (!id_is_zero(&c->ids[slot]))
		c->count = slot + 1;
	c->now.used += extent_used(&loc);
	c->now.size += n;
	return slot == EXTENT_RUN - 1 ? note_run(c, index / EXTENT_RUN) : 0;
}

static int
fill(struct image_contents *c, const void *p, uint32_t n)
{
	if (p)
		memcpy(c->block + c->fill, p, n);
	else
		memset(c->block + c->fill, 0, n);
	c->fill += n;
	if (c->fill < c->block_size)
		return 0;
	c->fill = 0;
	return put(c, c->block, c->block_size);
}

/* How many of n bytes go into the block that is being filled. */
static uint32_t
room(const struct image_contents *c, uint64_t n)
{
	uint32_t left = c->block_size - c->fill;

	return n < left ? (uint32_t)n : left;
}

int
image_contents_data(struct image_contents *c, const void *from, size_t n)
{
	const uint8_t *p = from;
	int err = 0;

	while (!err && n) {
		uint32_t take = room(c, n);

		if (take == c->block_size)
			err = put(c, p, take);
		else
			err = fill(c, p, take);
		p += take;
		n -= take;
	}
	return err;
}

/* Goes over whole blocks, which are zeros in c->ids already. */
static int
skip(struct image_contents *c, uint64_t blocks)
{
	uint64_t index = c->now.size / c->block_size;
	int err = 0;

	if (blocks == 0)
		return 0;
	if ((index + blocks) / EXTENT_RUN != index / EXTENT_RUN)
		err = note_run(c, index / EXTENT_RUN);
	hash_run_end(c);
	c->now.size += blocks * c->block_size;
	return err;
}

int
image_contents_hole(struct image_contents *c, uint64_t n)
{
	uint32_t take = c->fill ? room(c, n) : 0;
	int err = take ? fill(c, NULL, take) : 0;

	n -= take;
	if (!err)
		err = skip(c, n / c->block_size);
	n %= c->block_size;
	return err || !n ? err : fill(c, NULL, (uint32_t)n);
}

static int
begin(struct image_contents *c)
{
	hash_stream_close(c->hash);
	c->hash = NULL;
	c->now = (struct image_content){ .at = c->done + c->held };
	c->fill = c->count = 0;
	c->pages = 0;
	memset(c->ids, 0, sizeof(c->ids));
	return hash_stream_open(&c->hash);
}

int
image_contents_end(struct image_contents *c, struct image_content *out)
{
	int err = c->fill ? put(c, c->block, c->fill) : 0;

	if (!err)
		err = note_run(c, c->now.size ? (c->now.size - 1) / c->block_size / EXTENT_RUN : 0);
	if (err)
		return err;
	hash_run_end(c);
	c->now.hash = hash_stream_end(c->hash);
	c->now.n = c->done + c->held - c->now.at;
	*out = c->now;
	return begin(c);
}

int
image_contents_drop(struct image_contents *c)
{
	return begin(c);
}

int
image_contents_runs(
    struct image_contents *c, const struct image_content *content, image_run_fn *fn, void *arg)
{
	uint8_t note[NOTE_MAX];
	uint64_t at = content->at, end = content->at + content->n;
	int err = content->n ? notes_flush(c) : 0;

	while (!err && at < end) {
		size_t n = end - at < NOTE_MAX ? end - at : NOTE_MAX;
		uint32_t bytes;

		err = file_pread(c->fd, notes_name, note, n, at);
		if (err)
			break;
		bytes = get_le32(note + 4) * ID_SIZE;
		if (bytes > n - NOTE_HEAD)
			return err_set(EIO, "%s: damaged", notes_name);
		err = fn(arg, get_le32(note), (struct str){ (char *)note + NOTE_HEAD, bytes });
		at += NOTE_HEAD + bytes;
	}
	return err;
}

/* A file without a name vanishes with its maker. Where the file system can't make one, a name is
 * taken for a moment. */
static int
notes_open(struct files *files)
{
	char name[sizeof("images/.tmp") + ID_HEX_SIZE] = "images/", hex[ID_HEX_SIZE];
	struct id id;
	int fd = file_open(files, "images", O_TMPFILE | O_RDWR, 0600), err;

	if (fd != -EOPNOTSUPP && fd != -EISDIR)
		return fd;
	err = id_random(&id);
	if (err)
		return err;
	id_hex(&id, hex);
	snprintf(name, sizeof(name), "images/%s.tmp", hex);
	fd = file_open(files, name, O_RDWR | O_CREAT | O_EXCL, 0600);
	err = fd < 0 ? fd : file_unlink(files, name);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int
image_contents_open(struct files *files, struct blocks *blocks, struct image_contents **out)
{
	struct image_contents *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->files = files;
	c->blocks = blocks;
	c->block_size = blocks_size(blocks);
	c->block = malloc(c->block_size);
	c->fd = notes_open(files);
	err = c->fd < 0 ? c->fd : c->block ? begin(c) : -ENOMEM;
	if (err)
		image_contents_close(c);
	else
		*out = c;
	return err;
}

void
image_contents_close(struct image_contents *c)
{
	if (!c)
		return;
	cleanup_fd(&c->fd);
	hash_stream_close(c->hash);
	free(c->block);
	free(c);
}

/*
 * Walks the image folder by folder, in the order of names. A file's blocks go by their ids; those
 * that the receiver doesn't have go with their bytes.
 */
#include "cow/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/image.h"
#include "cow/store_priv.h"

#define HAVE_MAX  (16u << 20) /* so many blocks of the receiver are kept in mind */
#define DEPTH_MAX 4096

struct send {
	struct store *store;
	struct image *image;
	struct stream *stream;
	const struct send_options *options;
	struct send_result *result;
	uint32_t block_size;
	uint64_t *have; /* sorted */
	uint32_t nhave, have_size;
	uint8_t *seen;  /* bits: inodes with several names, one of which was sent */
	uint8_t *block; /* block_size bytes */
	char *path;     /* of the entry at hand */
	size_t n, size;
};

static struct str
raw(const void *p, uint32_t n)
{
	return (struct str){ p, n };
}

/* --- what the receiver has --- */

static int
keep_prefixes(struct send *s, struct str frame)
{
	uint64_t *more;

	for (uint32_t at = 0; at + SEND_PREFIX <= frame.n; at += SEND_PREFIX) {
		if (s->nhave == HAVE_MAX)
			return 0;
		if (s->nhave == s->have_size) {
			s->have_size = s->have_size ? s->have_size * 2 : 65536;
			more = realloc(s->have, s->have_size * sizeof(*more));
			if (!more)
				return -ENOMEM;
			s->have = more;
		}
		s->have[s->nhave++] = get_le64((const uint8_t *)frame.p + at);
	}
	return 0;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Frames of prefixes, ended by an empty one. */
static int
read_have(struct send *s)
{
	struct str frame;
	char kind;
	int rc;

	if ((rc = stream_flush(s->stream)) < 0)
		return rc;
	while ((rc = stream_get(s->stream, &kind, &frame)) == 1 && kind == SEND_HAVE && frame.n) {
		s->result->incremental = true;
		if ((rc = keep_prefixes(s, frame)) < 0)
			return rc;
	}
	if (rc == 0)
		return err_set(EPIPE, "the receiver ended before it said what it has");
	if (rc == 1 && kind != SEND_HAVE)
		rc = err_set(EPIPE, "what answers is no rubus image receive");
	if (rc == 1 && s->nhave)
		qsort(s->have, s->nhave, sizeof(*s->have), compare);
	return rc < 0 ? rc : 0;
}

static bool
has(const struct send *s, const struct id *id)
{
	uint64_t prefix = get_le64(id->b);

	return s->nhave && bsearch(&prefix, s->have, s->nhave, sizeof(prefix), compare);
}

/* --- a file's bytes --- */

static int
send_block(struct send *s, const struct block_loc *loc)
{
	struct str bytes = raw(s->block, loc->stored);
	int rc = block_read(store_blocks(s->store), loc, 0, s->block, loc->stored);

	if (rc < 0 || (rc = stream_put(s->stream, SEND_BLOCK, &bytes, 1)) < 0)
		return rc;
	s->result->blocks++;
	return s->options->progress ? s->options->progress(s->options->arg, stream_sent(s->stream))
				    : 0;
}

static int
send_run(struct send *s, const struct extent *e, uint32_t n)
{
	char marks[EXTENT_RUN];
	struct str pieces[] = { raw(e->ids, n * ID_SIZE), raw(marks, n) };
	int rc;

	for (uint32_t i = 0; i < n; i++)
		marks[i] = id_is_zero(&e->ids[i]) || has(s, &e->ids[i]) ? SEND_KNOWN : SEND_NAMES;
	rc = stream_put(s->stream, SEND_RUN, pieces, 2);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		if (marks[i] == SEND_NAMES)
			rc = send_block(s, &e->locs[i]);
	return rc;
}

static int
send_zeros(struct send *s, uint64_t *zeros)
{
	uint8_t n[8];
	struct str frame = raw(n, 8);

	if (*zeros == 0)
		return 0;
	put_le64(n, *zeros);
	*zeros = 0;
	return stream_put(s->stream, SEND_ZEROS, &frame, 1);
}

static int
send_contents(struct send *s, const struct inode *i)
{
	uint64_t blocks = (i->size + s->block_size - 1) / s->block_size, zeros = 0;
	struct extent e;
	int rc = 0;

	for (uint64_t at = 0; at < blocks && rc == 0; at += EXTENT_RUN) {
		uint32_t n = blocks - at < EXTENT_RUN ? (uint32_t)(blocks - at) : EXTENT_RUN;

		rc = image_extent(s->image, i->ino, (uint32_t)(at / EXTENT_RUN), &e);
		if (rc < 0)
			break;
		if (extent_length(&e) == 0) {
			zeros += n;
			rc = 0;
		} else {
			rc = send_zeros(s, &zeros);
			if (rc == 0)
				rc = send_run(s, &e, n);
		}
	}
	return rc < 0 ? rc : send_zeros(s, &zeros);
}

/* --- entries --- */

static int
send_xattr(void *arg, struct str name, struct str value)
{
	struct send *s = arg;
	uint8_t n[4];
	struct str pieces[] = { raw(n, 4), name, value };

	put_le32(n, name.n);
	return stream_put(s->stream, SEND_XATTR, pieces, 3);
}

/* A bit for each inode that has several names. */
static bool
was_sent(struct send *s, uint32_t ino)
{
	uint8_t *at = &s->seen[ino / 8], bit = (uint8_t)(1u << ino % 8);
	bool was = *at & bit;

	*at |= bit;
	return was;
}

static int
send_entry(struct send *s, uint32_t ino, struct inode *out, bool *again_out)
{
	char target[TARGET_BYTES_MAX + 1];
	uint8_t head[76], n[2][4];
	int rc = image_inode(s->image, ino, out), ntarget = 0;
	bool again = rc == 0 && !S_ISDIR(out->mode) && out->nlink > 1 && was_sent(s, ino);
	uint32_t numbers[] = { ino, out->mode, out->nlink, out->uid, out->gid, out->rdev[0],
		out->rdev[1] };
	uint64_t wide[] = { out->size, out->used, (uint64_t)out->atime, (uint64_t)out->mtime,
		(uint64_t)out->ctime, again ? SEND_AGAIN : 0 };

	if (rc < 0)
		return rc;
	if (S_ISLNK(out->mode) && (ntarget = image_target(s->image, ino, target)) < 0)
		return ntarget;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		put_le32(head + 4 * i, numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		put_le64(head + 28 + 8 * i, wide[i]);
	put_le32(n[0], (uint32_t)s->n);
	put_le32(n[1], (uint32_t)ntarget);
	s->result->entries++;
	*again_out = again;
	return stream_put(s->stream, SEND_ENTRY,
	    (struct str[]){ raw(head, sizeof(head)), raw(n[0], 4), raw(s->path, (uint32_t)s->n),
		raw(n[1], 4), raw(target, (uint32_t)ntarget) },
	    5);
}

static int send_folder(struct send *, uint32_t ino, int depth);

/* A file that has several names comes with each; the receiver knows it by its number. */
static int
send_file(struct send *s, uint32_t ino, int depth)
{
	struct inode i;
	bool again;
	int rc = send_entry(s, ino, &i, &again);

	if (rc < 0 || again)
		return rc;
	rc = image_xattrs(s->image, ino, send_xattr, s);
	if (rc == 0 && S_ISREG(i.mode))
		rc = send_contents(s, &i);
	return rc == 0 && S_ISDIR(i.mode) ? send_folder(s, ino, depth + 1) : rc;
}

static int
send_name(struct send *s, const struct image_name *name, int depth)
{
	size_t old = s->n, need = s->n + name->name.n + 1;
	char *more;
	int rc;

	if (need > s->size) {
		if (!(more = realloc(s->path, need * 2)))
			return -ENOMEM;
		s->path = more;
		s->size = need * 2;
	}
	if (s->n)
		s->path[s->n++] = '/';
	memcpy(s->path + s->n, name->name.p, name->name.n);
	s->n += name->name.n;
	rc = send_file(s, name->ino, depth);
	s->n = old;
	return rc;
}

static int
send_folder(struct send *s, uint32_t ino, int depth)
{
	const struct image_dir *dir;
	int rc = depth < DEPTH_MAX ? image_dir(s->image, ino, &dir)
				   : err_set(ELOOP, "/%.100s...: too deep", s->path);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < dir->count && rc == 0; i++)
		rc = send_name(s, &dir->names[i], depth);
	image_dir_release(s->image, dir);
	return rc;
}

/* Of one that image commit made, the id tells of the way it was made, too. */
static int
is_exact(struct send *s, const struct id *id, bool *out)
{
	static const char sql[] = "SELECT 1 FROM meta WHERE key = 'commit'";
	struct db *db;
	int rc = store_image_db(s->store, id, &db);

	if (rc < 0)
		return rc;
	rc = db_step(db, db_stmt(db, sql));
	db_close(db);
	*out = rc == 0;
	return rc < 0 ? rc : 0;
}

static int
send_head(struct send *s, const struct image_info *info)
{
	uint8_t head[12], secret[HASH_SECRET_SIZE], totals[16], n[4];
	bool exact;
	int rc = is_exact(s, &info->id, &exact);

	if (rc == 0)
		rc = store_secret(s->store, secret);
	if (rc < 0)
		return rc;
	put_le32(head, SEND_VERSION);
	put_le32(head + 4, (s->options->ask ? SEND_ASK : 0) | (exact ? SEND_EXACT : 0));
	put_le32(head + 8, s->block_size);
	put_le64(totals, info->entries);
	put_le64(totals + 8, info->bytes);
	put_le32(n, (uint32_t)strlen(info->name));
	return stream_put(s->stream, SEND_HEAD,
	    (struct str[]){ raw(head, sizeof(head)), raw(info->id.b, ID_SIZE),
		raw(secret, sizeof(secret)), raw(totals, sizeof(totals)), raw(n, 4),
		str_of(info->name) },
	    6);
}

static int
send_all(struct send *s, const struct image_info *info)
{
	int rc = send_head(s, info);

	if (rc == 0 && s->options->ask)
		rc = read_have(s);
	if (rc == 0)
		rc = send_file(s, INO_ROOT, 0);
	if (rc == 0)
		rc = stream_put(s->stream, SEND_END, NULL, 0);
	return rc < 0 ? rc : stream_flush(s->stream);
}

int
image_send(struct store *store, const struct image_info *info, struct stream *stream,
    const struct send_options *options, struct send_result *out)
{
	struct send s = { .store = store,
		.stream = stream,
		.options = options,
		.result = out,
		.block_size = blocks_size(store_blocks(store)) };
	int rc;

	*out = (struct send_result){ .bytes = info->bytes };
	s.block = malloc(s.block_size);
	s.path = malloc(s.size = 256);
	rc = s.block && s.path ? store_image(store, &info->id, &s.image) : -ENOMEM;
	if (rc == 0) {
		s.seen = calloc(1, image_last_ino(s.image) / 8 + 1);
		rc = s.seen ? send_all(&s, info) : -ENOMEM;
		image_release(s.image);
	}
	out->sent = stream_sent(stream);
	free(s.have);
	free(s.seen);
	free(s.block);
	free(s.path);
	return rc;
}

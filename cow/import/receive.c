/* Frames, in the order in which the importer asks for what is in them. */
#include "cow/import/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/send.h"
#include "cow/store_priv.h"
#include "cow/xattr.h"

#define HAVE_FRAME 4096u /* prefixes in one */
#define XATTRS_MAX 1024

struct receive {
	struct source source; /* first */
	struct store *store;
	struct stream *stream;
	const struct receive_head *head;
	bool told, ended;
	uint8_t *block; /* head->block_size bytes */
	/* The frame that was looked at, and not taken yet. */
	bool waiting;
	char kind;
	struct str frame;
	/* The present entry: copies, since its frame is gone when the next is looked at. */
	char *texts;
	size_t texts_size;
	uint64_t size, at; /* of its bytes */
	struct id ids[EXTENT_RUN];
	char marks[EXTENT_RUN];
	uint32_t nids, id; /* of the present run */
	uint64_t zeros;    /* blocks of zeros that come next */
	struct xattr_copy {
		char *name_value;
		uint32_t n, value;
	} * xattrs;
	uint32_t nxattrs;
};

static int
broken(const char *what)
{
	return err_set(EPIPE, "what was sent makes no sense: %s", what);
}

int
receive_head(struct stream *s, struct receive_head *out)
{
	struct stream_fields f = { 0 };
	uint32_t version, flags;
	struct str name, bytes;
	char kind;
	int rc = stream_get(s, &kind, &f.left);

	if (rc <= 0)
		return rc < 0 ? rc : err_set(EPIPE, "nothing was sent");
	if (kind != SEND_HEAD)
		return broken("it doesn't begin at its beginning");
	memset(out, 0, sizeof(*out));
	version = (uint32_t)stream_number(&f, 4);
	if (version != SEND_VERSION)
		return err_set(EPIPE, "the sender speaks version %u of this stream, not %u",
		    version, SEND_VERSION);
	flags = (uint32_t)stream_number(&f, 4);
	out->ask = flags & SEND_ASK;
	out->exact = flags & SEND_EXACT;
	out->block_size = (uint32_t)stream_number(&f, 4);
	bytes = stream_bytes(&f, ID_SIZE);
	memcpy(out->id.b, bytes.p, bytes.n);
	bytes = stream_bytes(&f, HASH_SECRET_SIZE);
	memcpy(out->secret, bytes.p, bytes.n);
	out->entries = stream_number(&f, 8);
	out->bytes = stream_number(&f, 8);
	name = stream_text(&f);
	if (f.bad || f.left.n || name.n >= sizeof(out->name) || memchr(name.p, '\0', name.n))
		return broken("its head");
	if (out->block_size < 4096 || out->block_size > 65536 ||
	    (out->block_size & (out->block_size - 1)))
		return broken("the size of its blocks");
	memcpy(out->name, name.p, name.n);
	return name_check("an image", out->name);
}

/* --- telling what we have --- */

/* Ids mean the same in both stores only if they are made with the same secret, of blocks of one
 * size. */
static int
is_comparable(struct receive *r, bool *out)
{
	uint8_t secret[HASH_SECRET_SIZE];
	int rc = store_secret(r->store, secret);

	*out = rc == 0 && memcmp(secret, r->head->secret, sizeof(secret)) == 0 &&
	       blocks_size(store_blocks(r->store)) == r->head->block_size;
	return rc;
}

static int
put_have(struct stream *s, const uint8_t *prefixes, uint32_t n)
{
	struct str frame = { (const char *)prefixes, n * SEND_PREFIX };

	return stream_put(s, SEND_HAVE, &frame, 1);
}

static int
tell_blocks(struct receive *r, struct db *db)
{
	sqlite3_stmt *stmt = db_stmt(db, "SELECT id FROM block");
	uint8_t *prefixes CLEANUP_FREE = malloc(HAVE_FRAME * SEND_PREFIX);
	uint32_t n = 0;
	int rc = prefixes ? 0 : -ENOMEM, more = 1;
	struct id id;

	while (rc == 0 && (more = db_step(db, stmt)) == 1) {
		rc = db_column_id(stmt, 0, &id);
		memcpy(prefixes + (size_t)n++ * SEND_PREFIX, id.b, SEND_PREFIX);
		if (rc == 0 && n == HAVE_FRAME) {
			rc = put_have(r->stream, prefixes, n);
			n = 0;
		}
	}
	db_reset(stmt);
	if (rc == 0 && more < 0)
		rc = more;
	return rc == 0 && n ? put_have(r->stream, prefixes, n) : rc;
}

static int
tell(struct receive *r)
{
	bool comparable;
	struct db *db;
	int rc = is_comparable(r, &comparable);

	r->told = true;
	if (rc < 0 || !r->head->ask)
		return rc;
	if (comparable) {
		db = db_lend(store_readers(r->store));
		rc = db ? tell_blocks(r, db) : -EIO;
		db_return(store_readers(r->store), db);
	}
	if (rc == 0)
		rc = put_have(r->stream, NULL, 0);
	return rc < 0 ? rc : stream_flush(r->stream);
}

/* --- frames --- */

/* Looks at the next frame. 1, or -EPIPE. */
static int
look(struct receive *r)
{
	int rc;

	if (r->waiting)
		return 1;
	rc = stream_get(r->stream, &r->kind, &r->frame);
	if (rc == 0)
		rc = err_set(EPIPE, "what was sent ends too early");
	r->waiting = rc == 1;
	r->source.done = stream_received(r->stream);
	return rc;
}

static void
drop_xattrs(struct receive *r)
{
	for (uint32_t i = 0; i < r->nxattrs; i++)
		free(r->xattrs[i].name_value);
	r->nxattrs = 0;
}

static bool
has_nul(struct str s)
{
	return s.n && memchr(s.p, '\0', s.n);
}

static bool
is_type(uint32_t mode)
{
	static const uint32_t types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO,
		S_IFSOCK };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((mode & ~(uint32_t)07777) == types[i])
			return true;
	return false;
}

static int
take_xattr(struct receive *r)
{
	struct stream_fields f = { .left = r->frame };
	struct str name = stream_text(&f);
	struct xattr_copy *x = &r->xattrs[r->nxattrs];

	if (f.bad || r->nxattrs == XATTRS_MAX || name.n == 0 || name.n > XATTR_NAME_BYTES_MAX ||
	    f.left.n > XATTR_VALUE_BYTES_MAX || has_nul(name))
		return broken("an extended attribute");
	x->name_value = malloc((size_t)name.n + f.left.n + 1);
	if (!x->name_value)
		return -ENOMEM;
	memcpy(x->name_value, name.p, name.n);
	if (f.left.n)
		memcpy(x->name_value + name.n, f.left.p, f.left.n);
	x->n = name.n;
	x->value = f.left.n;
	r->nxattrs++;
	r->waiting = false;
	return 0;
}

/* The path and target, kept. */
static int
keep_texts(struct receive *r, struct str path, struct str target, struct source_entry *out)
{
	size_t need = (size_t)path.n + target.n + 1;
	char *more;

	if (need > r->texts_size) {
		if (!(more = realloc(r->texts, need)))
			return -ENOMEM;
		r->texts = more;
		r->texts_size = need;
	}
	memcpy(r->texts, path.p, path.n);
	memcpy(r->texts + path.n, target.p, target.n);
	out->path = (struct str){ r->texts, path.n };
	out->target = (struct str){ r->texts + path.n, target.n };
	return 0;
}

static int
take_entry(struct receive *r, struct source_entry *out)
{
	struct stream_fields f = { .left = r->frame };
	struct inode *i = &out->attr;
	struct str path, target;
	uint32_t ino;
	bool again;
	int rc;

	*out = (struct source_entry){ 0 };
	ino = (uint32_t)stream_number(&f, 4);
	i->mode = (uint32_t)stream_number(&f, 4);
	i->nlink = (uint32_t)stream_number(&f, 4);
	i->uid = (uint32_t)stream_number(&f, 4);
	i->gid = (uint32_t)stream_number(&f, 4);
	i->rdev[0] = (uint32_t)stream_number(&f, 4);
	i->rdev[1] = (uint32_t)stream_number(&f, 4);
	i->size = stream_number(&f, 8);
	i->used = stream_number(&f, 8);
	i->atime = (int64_t)stream_number(&f, 8);
	i->mtime = (int64_t)stream_number(&f, 8);
	i->ctime = (int64_t)stream_number(&f, 8);
	again = stream_number(&f, 8) & SEND_AGAIN;
	path = stream_text(&f);
	target = stream_text(&f);
	if (f.bad || f.left.n || !is_type(i->mode) || has_nul(path) || has_nul(target))
		return broken("an entry");
	if (!S_ISDIR(i->mode) && i->nlink > 1) {
		out->same[0] = ino;
		out->same[1] = 1;
	}
	r->size = S_ISREG(i->mode) && !again ? i->size : 0;
	r->at = r->nids = r->id = 0;
	r->zeros = 0;
	rc = keep_texts(r, path, target, out);
	r->waiting = false;
	return rc;
}

static int
take_run(struct receive *r)
{
	uint32_t n = r->frame.n / (ID_SIZE + 1);

	if (n == 0 || n > EXTENT_RUN || r->frame.n != n * (ID_SIZE + 1))
		return broken("blocks of a file");
	memcpy(r->ids, r->frame.p, (size_t)n * ID_SIZE);
	memcpy(r->marks, r->frame.p + (size_t)n * ID_SIZE, n);
	r->nids = n;
	r->id = 0;
	r->waiting = false;
	return 0;
}

static int
take_zeros(struct receive *r)
{
	struct stream_fields f = { .left = r->frame };

	r->zeros = stream_number(&f, 8);
	if (f.bad || f.left.n || r->zeros == 0 || r->zeros > UINT32_MAX)
		return broken("blocks of zeros");
	r->waiting = false;
	return 0;
}

/* The file's next blocks. */
static int
take_blocks(struct receive *r)
{
	int rc = look(r);

	if (rc < 0)
		return rc;
	return r->kind == SEND_RUN     ? take_run(r)
	       : r->kind == SEND_ZEROS ? take_zeros(r)
				       : broken("blocks of a file are due");
}

/* --- as a source --- */

static int
receive_next(struct source *source, struct source_entry *out)
{
	struct receive *r = (struct receive *)source;
	struct source_piece skipped;
	int rc = r->told ? 0 : tell(r);

	while (rc == 0 && r->at < r->size) /* of an entry that the importer didn't want */
		rc = source->ops->read(source, &skipped);
	drop_xattrs(r);
	if (rc < 0 || r->ended)
		return rc;
	if ((rc = look(r)) < 0)
		return rc;
	if (r->kind == SEND_END) {
		r->ended = true;
		return 0;
	}
	if (r->kind != SEND_ENTRY)
		return broken("an entry is due");
	rc = take_entry(r, out);
	while (rc == 0 && (rc = look(r)) == 1 && r->kind == SEND_XATTR)
		rc = take_xattr(r);
	return rc < 0 ? rc : 1;
}

/* What the sender leaves out is here. */
static int
read_own(struct receive *r, uint32_t n)
{
	struct blocks *blocks = store_blocks(r->store);
	struct block_loc loc;
	int rc = block_find(blocks, &r->ids[r->id], 1, &loc);

	if (rc == 0)
		rc = block_read(blocks, &loc, 0, r->block, n);
	return rc < 0 ? err_set(EPIPE, "a block that was left out isn't here: %s", err_text(rc))
		      : 0;
}

static int
read_sent(struct receive *r, uint32_t n)
{
	int rc = look(r);

	if (rc < 0)
		return rc;
	if (r->kind != SEND_BLOCK || r->frame.n > n)
		return broken("a block is due");
	memcpy(r->block, r->frame.p, r->frame.n);
	memset(r->block + r->frame.n, 0, n - r->frame.n);
	r->waiting = false;
	return 0;
}

static int
receive_read(struct source *source, struct source_piece *out)
{
	struct receive *r = (struct receive *)source;
	uint64_t left = r->size - r->at;
	uint32_t n = left < r->head->block_size ? (uint32_t)left : r->head->block_size;
	int rc;

	*out = (struct source_piece){ 0 };
	if (n == 0)
		return 0;
	if (r->id == r->nids && r->zeros == 0 && (rc = take_blocks(r)) < 0)
		return rc;
	if (r->zeros) {
		uint64_t bytes = r->zeros * r->head->block_size;

		out->n = bytes < left ? bytes : left;
		r->at += out->n;
		r->zeros = 0;
		return 0;
	}
	out->n = n;
	r->at += n;
	if (r->marks[r->id] == SEND_KNOWN && id_is_zero(&r->ids[r->id])) {
		r->id++;
		return 0;
	}
	rc = r->marks[r->id] == SEND_KNOWN ? read_own(r, n) : read_sent(r, n);
	out->p = r->block;
	r->id++;
	return rc;
}

static int
receive_xattrs(struct source *source, source_xattr_fn *fn, void *arg)
{
	struct receive *r = (struct receive *)source;
	int rc = 0;

	for (uint32_t i = 0; i < r->nxattrs && rc == 0; i++) {
		struct xattr_copy *x = &r->xattrs[i];

		rc = fn(arg, (struct str){ x->name_value, x->n },
		    (struct str){ x->name_value + x->n, x->value });
	}
	return rc;
}

static void
receive_close(struct source *source)
{
	struct receive *r = (struct receive *)source;

	drop_xattrs(r);
	free(r->xattrs);
	free(r->texts);
	free(r->block);
	free(r);
}

int
receive_open(struct store *store, struct stream *stream, const struct receive_head *head,
    struct source **out)
{
	static const struct source_ops ops = { receive_next, receive_read, receive_xattrs,
		receive_close };
	struct receive *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct receive){ .source.ops = &ops, .store = store, .stream = stream, .head = head };
	r->block = malloc(head->block_size);
	r->xattrs = calloc(XATTRS_MAX, sizeof(*r->xattrs));
	if (!r->block || !r->xattrs) {
		receive_close(&r->source);
		return -ENOMEM;
	}
	*out = &r->source;
	return 0;
}

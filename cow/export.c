/* Walks the view folder by folder, in the order of names, and hands each entry to libarchive. */
#include "cow/export.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/export_acl.h"
#include "cow/format.h"
#include "cow/listing.h"

#define PIECE       (1u << 20)
#define HOLE        4096u /* what is zeros in pieces of this size is a hole */
#define DEPTH_MAX   4096
#define XATTR_BYTES 65536u

/* The name under which a file with several comes first. */
struct link {
	uint32_t ino;
	char path[];
};

struct export
{
	struct view *view;
	struct archive *tar;
	const struct export_options *options;
	struct export_result *result;
	void *links;          /* tsearch(3)'s: struct link, files with more than one name */
	char *xattrs, *value; /* XATTR_BYTES each */
	/* The path of the entry at hand, from the root, without a slash before it. */
	char *path;
	size_t n, size;
};

static int
fail(struct export *x, const char *what)
{
	int err = archive_errno(x->tar);
	const char *why = archive_error_string(x->tar);

	return err_set(err > 0 && err < 4096 ? err : EIO, "%s: %s", what,
	    why ? why : "the tar can't be written");
}

static void
problem(struct export *x, const char *why)
{
	char sentence[500];

	x->result->skipped++;
	snprintf(sentence, sizeof(sentence), "/%.400s: %s", x->path, why);
	if (x->options->problem)
		x->options->problem(x->options->arg, sentence);
}

/* --- paths --- */

/* Appends /NAME; *old is where to cut it off again. */
static int
path_push(struct export *x, struct str name, size_t *old)
{
	size_t need = x->n + name.n + 2;
	char *p;

	*old = x->n;
	if (need > x->size) {
		p = realloc(x->path, need * 2);
		if (!p)
			return -ENOMEM;
		x->path = p;
		x->size = need * 2;
	}
	if (x->n)
		x->path[x->n++] = '/';
	memcpy(x->path + x->n, name.p, name.n);
	x->n += name.n;
	x->path[x->n] = '\0';
	return 0;
}

static void
path_pop(struct export *x, size_t old)
{
	x->n = old;
	x->path[old] = '\0';
}

static int
by_ino(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The first path of a file with several, or NULL: this is the first, and is kept. */
static int
first_path(struct export *x, uint32_t ino, const char **out)
{
	struct link *new = malloc(sizeof(*new) + x->n + 1), **at;

	*out = NULL;
	if (!new)
		return -ENOMEM;
	new->ino = ino;
	memcpy(new->path, x->path, x->n + 1);
	at = tsearch(new, &x->links, by_ino);
	if (at && *at == new)
		return 0;
	free(new);
	if (!at)
		return -ENOMEM;
	*out = (*at)->path;
	return 0;
}

/* --- what an entry has besides its data --- */

static int
put_xattrs(struct export *x, uint32_t ino, struct archive_entry *e)
{
	struct view_op op = { 0 };
	int n = view_listxattr(x->view, ino, x->xattrs, XATTR_BYTES);

	for (int at = 0; at < n; at += (int)strlen(x->xattrs + at) + 1) {
		const char *name = x->xattrs + at;
		int got = view_getxattr(x->view, &op, ino, str_of(name), x->value, XATTR_BYTES);

		if (got < 0)
			return got;
		if (!export_acl(e, name, x->value, (uint32_t)got))
			archive_entry_xattr_add_entry(e, name, x->value, (size_t)got);
	}
	return n < 0 ? n : 0;
}

static void
put_attr(struct archive_entry *e, const struct view_attr *a)
{
	archive_entry_set_mode(e, a->mode);
	archive_entry_set_uid(e, a->uid);
	archive_entry_set_gid(e, a->gid);
	archive_entry_set_mtime(e, a->mtime.tv_sec, a->mtime.tv_nsec);
	archive_entry_set_size(e, S_ISREG(a->mode) ? (int64_t)a->size : 0);
	if (S_ISCHR(a->mode) || S_ISBLK(a->mode)) {
		archive_entry_set_rdevmajor(e, a->rdev[0]);
		archive_entry_set_rdevminor(e, a->rdev[1]);
	}
}

/* --- data --- */

typedef int piece_fn(void *arg, const char *p, size_t n, uint64_t at);

/* Calls fn for the file's bytes, in pieces of at most HOLE bytes, each within one of that size. */
static int
each_piece(struct export *x, const struct view_attr *a, piece_fn *fn, void *arg)
{
	struct view_op op = { 0 };
	struct view_attr now;
	uint64_t at = 0;
	int rc = 0;

	while (rc == 0 && at < a->size) {
		struct view_data data;
		uint32_t n = a->size - at < PIECE ? (uint32_t)(a->size - at) : PIECE;

		if ((rc = view_read(x->view, &op, a->ino, at, n, &data, &now)) < 0)
			return rc;
		if (data.len == 0)
			rc = err_set(EIO, "/%s became shorter", x->path);
		for (int i = 0; i < data.n && rc == 0; i++) {
			const char *p = data.iov[i].iov_base;
			size_t left = data.iov[i].iov_len;

			while (left && rc == 0) {
				size_t take = HOLE - at % HOLE < left ? HOLE - at % HOLE : left;

				rc = fn(arg, p, take, at);
				p += take;
				left -= take;
				at += take;
			}
		}
		view_data_release(&data);
	}
	return rc;
}

struct sparse {
	struct archive_entry *entry;
	uint64_t from, to; /* data that isn't told yet */
};

static int
find_hole(void *arg, const char *p, size_t n, uint64_t at)
{
	struct sparse *s = arg;

	if (bytes_are_zeros((const uint8_t *)p, n))
		return 0;
	if (s->to != at) {
		if (s->to > s->from)
			archive_entry_sparse_add_entry(
			    s->entry, (int64_t)s->from, (int64_t)(s->to - s->from));
		s->from = at;
	}
	s->to = at + n;
	return 0;
}

/* Only a file that takes less room than its size says can have holes that are worth it. */
static int
put_holes(struct export *x, const struct view_attr *a, struct archive_entry *e)
{
	struct sparse s = { e, 0, 0 };
	int rc = 0;

	if (!S_ISREG(a->mode) || a->size < HOLE || a->used + HOLE >= a->size)
		return 0;
	rc = each_piece(x, a, find_hole, &s);
	if (rc == 0 && s.to > s.from)
		archive_entry_sparse_add_entry(e, (int64_t)s.from, (int64_t)(s.to - s.from));
	if (rc == 0 && s.to == 0) /* nothing but a hole */
		archive_entry_sparse_add_entry(e, (int64_t)a->size, 0);
	return rc;
}

static int
write_piece(void *arg, const char *p, size_t n, uint64_t at)
{
	struct export *x = arg;

	(void)at;
	x->result->bytes += n;
	if (archive_write_data(x->tar, p, n) != (la_ssize_t)n)
		return fail(x, x->path);
	return x->result->bytes % PIECE < n && x->options->progress
		   ? x->options->progress(x->options->arg, x->result->entries, x->result->bytes)
		   : 0;
}

/* --- entries --- */

static int
put_target(struct export *x, uint32_t ino, struct archive_entry *e)
{
	char target[TARGET_BYTES_MAX + 1];
	struct view_op op = { 0 };
	struct view_attr attr;
	uint32_t n;
	int rc = view_readlink(x->view, &op, ino, target, &n, &attr);

	if (rc < 0)
		return rc;
	target[n] = '\0';
	archive_entry_set_symlink(e, target);
	return 0;
}

/* All of one entry but where its data come from; 1: its data follow. */
static int
fill_entry(struct export *x, const struct view_attr *a, struct archive_entry *e)
{
	const char *first = NULL;
	int rc = 0;

	archive_entry_set_pathname(e, x->n ? x->path : ".");
	put_attr(e, a);
	if (!S_ISDIR(a->mode) && a->nlink > 1)
		rc = first_path(x, a->ino, &first);
	if (rc < 0)
		return rc;
	if (first) {
		archive_entry_set_hardlink(e, first);
		archive_entry_set_size(e, 0);
		return 0;
	}
	if (S_ISLNK(a->mode) && (rc = put_target(x, a->ino, e)) < 0)
		return rc;
	if ((rc = put_xattrs(x, a->ino, e)) < 0 || (rc = put_holes(x, a, e)) < 0)
		return rc;
	return S_ISREG(a->mode) && a->size;
}

static int
put_entry(struct export *x, const struct view_attr *a)
{
	struct archive_entry *e;
	int rc;

	if (S_ISSOCK(a->mode)) {
		problem(x, "a tar can't hold a socket");
		return 0;
	}
	if (!(e = archive_entry_new2(x->tar)))
		return -ENOMEM;
	rc = fill_entry(x, a, e);
	if (rc >= 0 && archive_write_header(x->tar, e) < ARCHIVE_WARN)
		rc = fail(x, x->path);
	archive_entry_free(e);
	if (rc == 1)
		rc = each_piece(x, a, write_piece, x);
	if (rc == 0 && ++x->result->entries % 64 == 0 && x->options->progress)
		rc = x->options->progress(x->options->arg, x->result->entries, x->result->bytes);
	return rc;
}

static int put_folder(struct export *x, uint32_t dir, int depth);

static int
put_name(struct export *x, uint32_t dir, struct str name, int depth)
{
	struct view_op op = { 0 };
	struct view_attr attr, parent;
	size_t old;
	int rc = path_push(x, name, &old);

	if (rc < 0)
		return rc;
	rc = view_lookup(x->view, &op, dir, name, &attr, &parent);
	if (rc == 0)
		rc = put_entry(x, &attr);
	if (rc == 0 && S_ISDIR(attr.mode))
		rc = put_folder(x, attr.ino, depth + 1);
	path_pop(x, old);
	return rc;
}

static int
put_folder(struct export *x, uint32_t dir, int depth)
{
	struct listing listing CLEANUP(listing_free) = { 0 };
	int rc = depth < DEPTH_MAX ? listing_read(x->view, dir, &listing)
				   : err_set(ELOOP, "/%.100s...: too deep", x->path);

	for (size_t i = 0; i < listing.n && rc == 0; i++)
		rc = put_name(x, dir, listing_str(&listing.all[i]), depth);
	return rc;
}

static int
open_tar(struct export *x, int fd, const char *compress)
{
	int rc = ARCHIVE_OK;

	if (!(x->tar = archive_write_new()))
		return -ENOMEM;
	archive_write_set_format_pax(x->tar);
	/* The other way to write them, which libarchive has too, only makes GNU tar complain. */
	archive_write_set_options(x->tar, "pax:xattrheader=SCHILY");
	if (strcmp(compress, "gz") == 0)
		rc = archive_write_add_filter_gzip(x->tar);
	else if (strcmp(compress, "xz") == 0)
		rc = archive_write_add_filter_xz(x->tar);
	else if (strcmp(compress, "zst") == 0)
		rc = archive_write_add_filter_zstd(x->tar);
	if (rc < ARCHIVE_WARN || archive_write_open_fd(x->tar, fd) != ARCHIVE_OK)
		return fail(x, "the tar");
	return 0;
}

static int
put_all(struct export *x)
{
	struct view_attr root;
	int rc = view_getattr(x->view, INO_ROOT, &root);

	if (rc == 0)
		rc = put_entry(x, &root);
	return rc < 0 ? rc : put_folder(x, INO_ROOT, 0);
}

static void
export_free(struct export *x)
{
	if (x->tar)
		archive_write_free(x->tar);
	tdestroy(x->links, free);
	free(x->xattrs);
	free(x->value);
	free(x->path);
}

int
export_tar(struct view *view, int fd, const char *compress, const struct export_options *options,
    struct export_result *out)
{
	struct export x = { .view = view, .options = options, .result = out };
	/* Names that are UTF-8 are told as such, other ones as bytes. */
	locale_t utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0), old = (locale_t)0;
	int rc;

	*out = (struct export_result){ 0 };
	if (utf8)
		old = uselocale(utf8);
	x.xattrs = malloc(XATTR_BYTES);
	x.value = malloc(XATTR_BYTES);
	x.path = calloc(1, x.size = 256);
	rc = x.xattrs && x.value && x.path ? open_tar(&x, fd, compress) : -ENOMEM;
	if (rc == 0)
		rc = put_all(&x);
	if (rc == 0 && archive_write_close(x.tar) != ARCHIVE_OK)
		rc = fail(&x, "the tar");
	export_free(&x);
	if (utf8) {
		uselocale(old);
		freelocale(utf8);
	}
	return rc;
}

/*
 * Folders are read whole, one for each level of the walk. A file's blocks are looked up first, as
 * runs, and then read from the image itself; what lies in no run is a hole. Nothing that the file
 * system says of itself is believed further than the image reaches.
 */
#include "cow/import/ext.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/import/path.h"

#define PIECE     (256u << 10)
#define NANO      1000000000ll
#define DEPTH_MAX 2000
#define RUNS_MAX  (4u << 20)
#define NAMES_MAX (64u << 20) /* bytes of names of one folder */
#define BIG_INODE 256

struct name {
	char *text;
	uint32_t n, ino;
};

struct level {
	struct name *names;
	uint32_t n, size, next;
	uint64_t bytes;
	bool broken; /* it has more names than fit into memory */
	size_t path; /* where the path was before it */
};

/* Blocks of a file that lie one after the other. */
struct run {
	uint64_t first, at; /* in the file, in the file system; in blocks */
	uint32_t n;
};

struct ext {
	struct source source; /* first */
	char *name;
	int fd;
	struct disk_part part;
	ext2_filsys fs;
	uint32_t block;
	uint8_t *folders; /* bits: folders that were entered: none twice */
	struct level *levels;
	uint32_t depth, levels_size;
	bool begun;
	char *path;
	size_t npath, path_size;
	/* The present entry. */
	uint32_t ino;
	union {
		struct ext2_inode small;
		struct ext2_inode_large large;
		uint8_t bytes[BIG_INODE];
	} inode;
	char target[TARGET_BYTES_MAX + 1];
	uint64_t size, at; /* of its bytes */
	struct run *runs;
	uint32_t nruns, runs_size, run;
	uint64_t room; /* bytes that files may still take: there can't be more than the image has */
	bool is_inline;
	uint8_t *buf; /* PIECE */
};

static struct ext *
ext_of(struct source *s)
{
	return (struct ext *)s;
}

/* A fault of the present entry. */
static int
entry_fault(const struct ext *x, int err, const char *what)
{
	char shown[PATH_SHOWN];

	return err_set(
	    err, "%s: %s", path_show((struct str){ x->path, (uint32_t)x->npath }, shown), what);
}

/* The file system as a whole. */
static int
damaged(const struct ext *x, const char *what, errcode_t code)
{
	return err_set(EPIPE, "%s: its root file system is damaged: %s%s%s", x->name, what,
	    code ? ": " : "", code ? error_message(code) : "");
}

/* --- folders --- */

static void
level_free(struct level *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->names[i].text);
	free(l->names);
	*l = (struct level){ 0 };
}

static int
add_name(struct ext2_dir_entry *e, int offset, int blocksize, char *buf, void *arg)
{
	struct level *l = arg;
	uint32_t n = (uint32_t)ext2fs_dirent_name_len(e);
	struct name *names;

	(void)offset;
	(void)blocksize;
	(void)buf;
	if (e->inode == 0 || n == 0 || (n == 1 && e->name[0] == '.') ||
	    (n == 2 && e->name[0] == '.' && e->name[1] == '.'))
		return 0;
	if (l->n == l->size) {
		l->size = l->size ? l->size * 2 : 32;
		names = realloc(l->names, l->size * sizeof(*names));
		if (!names) {
			l->broken = true;
			return DIRENT_ABORT;
		}
		l->names = names;
	}
	l->bytes += n;
	l->names[l->n] = (struct name){ malloc(n + 1), n, e->inode };
	if (!l->names[l->n].text || l->bytes > NAMES_MAX) {
		free(l->names[l->n].text);
		l->broken = true; /* the walk itself ends as if all were well */
		return DIRENT_ABORT;
	}
	memcpy(l->names[l->n].text, e->name, n);
	l->names[l->n++].text[n] = '\0';
	return 0;
}

static int
enter(struct ext *x, uint32_t ino)
{
	uint8_t *at = &x->folders[ino / 8], bit = (uint8_t)(1u << ino % 8);
	struct level *levels;
	errcode_t code;

	if (*at & bit)
		return damaged(x, "a folder that has two names", 0);
	*at |= bit;
	if (x->depth == DEPTH_MAX)
		return damaged(x, "folders in folders without end", 0);
	if (x->depth == x->levels_size) {
		x->levels_size = x->levels_size ? x->levels_size * 2 : 16;
		levels = realloc(x->levels, x->levels_size * sizeof(*levels));
		if (!levels)
			return -ENOMEM;
		x->levels = levels;
	}
	x->levels[x->depth] = (struct level){ .path = x->npath };
	code = ext2fs_dir_iterate(x->fs, ino, 0, NULL, add_name, &x->levels[x->depth]);
	x->depth++;
	if (!code && x->levels[x->depth - 1].broken)
		return damaged(x, "a folder has too many names", 0);
	return code ? damaged(x, "a folder can't be read", code) : 0;
}

/* The next name of the walk; 0: none is left. */
static int
step(struct ext *x, struct name **out)
{
	while (x->depth) {
		struct level *l = &x->levels[x->depth - 1];

		x->npath = l->path;
		if (l->next < l->n) {
			*out = &l->names[l->next++];
			return 1;
		}
		level_free(l);
		x->depth--;
	}
	return 0;
}

static int
push_name(struct ext *x, const struct name *name)
{
	size_t need = x->npath + name->n + 2;
	char *p;

	if (need > x->path_size) {
		if (!(p = realloc(x->path, need * 2)))
			return -ENOMEM;
		x->path = p;
		x->path_size = need * 2;
	}
	if (x->npath)
		x->path[x->npath++] = '/';
	memcpy(x->path + x->npath, name->text, name->n);
	x->npath += name->n;
	return 0;
}

/* --- attributes --- */

/* Seconds to 2446 and nanoseconds, where the inode has room for them. */
static int64_t
time_of(const struct ext *x, uint32_t seconds, uint32_t extra, size_t end)
{
	bool wide = EXT2_INODE_SIZE(x->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
		    end <= (size_t)EXT2_GOOD_OLD_INODE_SIZE + x->inode.large.i_extra_isize;
	int64_t s = (int32_t)seconds;

	return wide ? (s + ((int64_t)(extra & 3) << 32)) * NANO + (extra >> 2) % NANO : s * NANO;
}

#define TIME(x, field)                                                     \
	time_of(x, (x)->inode.small.field, (x)->inode.large.field##_extra, \
	    offsetof(struct ext2_inode_large, field##_extra) + 4)

static void
fill_attr(struct ext *x, struct inode *out)
{
	const struct ext2_inode *i = &x->inode.small;
	uint32_t dev = i->i_block[0] ? i->i_block[0] : i->i_block[1];

	out->mode = i->i_mode;
	out->nlink = i->i_links_count;
	out->uid = inode_uid(*i);
	out->gid = inode_gid(*i);
	out->size = EXT2_I_SIZE(i);
	out->atime = TIME(x, i_atime);
	out->mtime = TIME(x, i_mtime);
	out->ctime = TIME(x, i_ctime);
	if (S_ISDIR(out->mode))
		out->used = out->size;
	if (!S_ISCHR(out->mode) && !S_ISBLK(out->mode))
		return;
	/* The old form has 16 bits; the new one as the kernel packs them. */
	out->rdev[0] = i->i_block[0] ? dev >> 8 & 0xff : (dev & 0xfff00) >> 8;
	out->rdev[1] = i->i_block[0] ? dev & 0xff : (dev & 0xff) | (dev >> 12 & 0xfff00);
}

static int
read_target(struct ext *x, uint64_t size)
{
	struct ext2_inode *i = &x->inode.small;
	ext2_file_t file;
	unsigned got = 0;
	errcode_t code;

	if (size == 0 || size > TARGET_BYTES_MAX)
		return entry_fault(x, EINVAL, "a symlink's target of no good length");
	if (ext2fs_is_fast_symlink(i)) {
		if (size > sizeof(i->i_block))
			return entry_fault(x, EINVAL, "a symlink's target of no good length");
		memcpy(x->target, i->i_block, size);
		return 0;
	}
	code = ext2fs_file_open2(x->fs, x->ino, i, 0, &file);
	if (code)
		return damaged(x, "a symlink can't be read", code);
	code = ext2fs_file_read(file, x->target, (unsigned)size, &got);
	ext2fs_file_close(file);
	return code || got != size ? damaged(x, "a symlink can't be read", code) : 0;
}

/* --- where a file's bytes are --- */

static int
add_run(struct ext *x, uint64_t first, uint64_t at, uint32_t n)
{
	struct run *last = x->nruns ? &x->runs[x->nruns - 1] : NULL, *runs;
	uint64_t all = x->part.n / x->block;

	if (at == 0 || at >= all || n > all - at)
		return damaged(x, "a file lies outside of it", 0);
	if (last && (first < last->first + last->n))
		return damaged(x, "two blocks of a file in one place", 0);
	if (last && last->first + last->n == first && last->at + last->n == at) {
		last->n += n;
		return 0;
	}
	if (x->nruns == RUNS_MAX)
		return damaged(x, "a file in too many pieces", 0);
	if (x->nruns == x->runs_size) {
		x->runs_size = x->runs_size ? x->runs_size * 2 : 64;
		if (!(runs = realloc(x->runs, x->runs_size * sizeof(*runs))))
			return -ENOMEM;
		x->runs = runs;
	}
	x->runs[x->nruns++] = (struct run){ first, at, n };
	return 0;
}

static int
find_extents(struct ext *x)
{
	ext2_extent_handle_t handle;
	struct ext2fs_extent e;
	int op = EXT2_EXTENT_ROOT, rc = 0;
	errcode_t code = ext2fs_extent_open2(x->fs, x->ino, &x->inode.small, &handle);

	if (code)
		return damaged(x, "the extents of a file", code);
	while (rc == 0 && (code = ext2fs_extent_get(handle, op, &e)) == 0) {
		op = EXT2_EXTENT_NEXT;
		/* A part that was never written reads as zeros: a hole. */
		if (e.e_flags & EXT2_EXTENT_FLAGS_LEAF && !(e.e_flags & EXT2_EXTENT_FLAGS_UNINIT) &&
		    !(e.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT))
			rc = add_run(x, e.e_lblk, e.e_pblk, e.e_len);
	}
	ext2fs_extent_free(handle);
	if (rc == 0 && code != EXT2_ET_EXTENT_NO_NEXT && code != EXT2_ET_NO_CURRENT_NODE)
		rc = damaged(x, "the extents of a file", code);
	return rc;
}

struct blocks_walk {
	struct ext *x;
	int rc;
};

static int
add_block(ext2_filsys fs, blk64_t *at, e2_blkcnt_t block, blk64_t ref, int offset, void *arg)
{
	struct blocks_walk *w = arg;

	(void)fs;
	(void)ref;
	(void)offset;
	if (block < 0)
		return 0;
	w->rc = add_run(w->x, (uint64_t)block, *at, 1);
	return w->rc ? BLOCK_ABORT : 0;
}

static int
find_blocks(struct ext *x)
{
	struct blocks_walk w = { x, 0 };
	errcode_t code =
	    ext2fs_block_iterate3(x->fs, x->ino, BLOCK_FLAG_READ_ONLY, NULL, add_block, &w);

	return w.rc ? w.rc : code ? damaged(x, "the blocks of a file", code) : 0;
}

static int
find_bytes(struct ext *x)
{
	uint64_t bytes = 0;
	int rc;

	x->at = 0;
	x->nruns = x->run = 0;
	x->is_inline = x->inode.small.i_flags & EXT4_INLINE_DATA_FL;
	if (x->inode.small.i_flags & EXT4_ENCRYPT_FL)
		return entry_fault(x, EINVAL, "it is encrypted");
	if (x->is_inline)
		return x->size <= x->block ? 0 : damaged(x, "a file within its inode", 0);
	rc = x->inode.small.i_flags & EXT4_EXTENTS_FL ? find_extents(x) : find_blocks(x);
	for (uint32_t i = 0; i < x->nruns; i++)
		bytes += (uint64_t)x->runs[i].n * x->block;
	if (rc == 0 && bytes > x->room)
		rc = damaged(x, "its files have more bytes than it has", 0);
	x->room -= rc == 0 ? bytes : 0;
	return rc;
}

/* --- as a source --- */

static int
fill_entry(struct ext *x, struct source_entry *out)
{
	int rc = 0;

	*out = (struct source_entry){ 0 };
	fill_attr(x, &out->attr);
	x->size = S_ISREG(out->attr.mode) ? out->attr.size : 0;
	if (S_ISLNK(out->attr.mode))
		rc = read_target(x, out->attr.size);
	else if (S_ISREG(out->attr.mode))
		rc = find_bytes(x);
	out->path = (struct str){ x->path, (uint32_t)x->npath };
	if (S_ISLNK(out->attr.mode))
		out->target = (struct str){ x->target, (uint32_t)out->attr.size };
	if (!S_ISDIR(out->attr.mode) && out->attr.nlink > 1) {
		out->same[0] = x->ino;
		out->same[1] = 1;
	}
	return rc;
}

static int
look_at(struct ext *x, uint32_t ino, struct source_entry *out)
{
	errcode_t code;
	int rc;

	if (ino < EXT2_ROOT_INO || ino > x->fs->super->s_inodes_count)
		return damaged(x, "a name of a file that there isn't", 0);
	x->ino = ino;
	memset(&x->inode, 0, sizeof(x->inode));
	code = ext2fs_read_inode_full(x->fs, ino, &x->inode.small, sizeof(x->inode));
	if (code)
		return damaged(x, "an inode", code);
	if (x->inode.small.i_links_count == 0)
		return damaged(x, "a name of a file that was removed", 0);
	rc = fill_entry(x, out);
	if (rc == 0 && S_ISDIR(out->attr.mode))
		rc = enter(x, ino);
	return rc < 0 ? rc : 1;
}

static bool
is_lost_and_found(const struct ext *x)
{
	return x->npath == 10 && memcmp(x->path, "lost+found", 10) == 0;
}

static int
ext_next(struct source *s, struct source_entry *out)
{
	struct ext *x = ext_of(s);
	struct name *name;
	int rc;

	if (!x->begun) {
		x->begun = true;
		x->npath = 0;
		return look_at(x, EXT2_ROOT_INO, out);
	}
	do {
		if ((rc = step(x, &name)) <= 0 || (rc = push_name(x, name)) < 0)
			return rc;
	} while (is_lost_and_found(x));
	return look_at(x, name->ino, out);
}

static int
read_inline(struct ext *x, struct source_piece *out)
{
	size_t n = x->block;
	errcode_t code = ext2fs_inline_data_get(x->fs, x->ino, &x->inode.small, x->buf, &n);

	if (code || n < x->size)
		return damaged(x, "a file within its inode", code);
	*out = (struct source_piece){ x->buf, x->size };
	x->at = x->size;
	return 0;
}

/* The rest of a run, or the hole before it. */
static int
ext_read(struct source *s, struct source_piece *out)
{
	struct ext *x = ext_of(s);
	const struct run *r = &x->runs[x->run];
	uint64_t begin, left = x->size - x->at, skip, n;

	*out = (struct source_piece){ 0 };
	if (left == 0)
		return 0;
	if (x->is_inline)
		return read_inline(x, out);
	begin = x->run < x->nruns ? r->first * x->block : UINT64_MAX;
	if (x->at < begin) {
		out->n = begin - x->at < left ? begin - x->at : left;
		x->at += out->n;
		return 0;
	}
	skip = x->at - begin;
	n = (uint64_t)r->n * x->block - skip;
	n = n < left ? n : left;
	n = n < PIECE ? n : PIECE;
	if (pread(x->fd, x->buf, n, (off_t)(x->part.off + r->at * x->block + skip)) != (ssize_t)n)
		return damaged(x, "it is cut off", 0);
	x->at += n;
	if (skip + n == (uint64_t)r->n * x->block)
		x->run++;
	*out = (struct source_piece){ x->buf, n };
	x->source.done += n;
	return 0;
}

struct xattr_call {
	source_xattr_fn *fn;
	void *arg;
	int rc;
};

static int
give_xattr(char *name, char *value, size_t n, void *arg)
{
	struct xattr_call *c = arg;

	if (strcmp(name, "system.data") == 0) /* the bytes of a small file */
		return 0;
	c->rc = c->fn(c->arg, str_of(name), (struct str){ value, (uint32_t)n });
	return c->rc ? XATTR_ABORT : 0;
}

static int
ext_xattrs(struct source *s, source_xattr_fn *fn, void *arg)
{
	struct ext *x = ext_of(s);
	struct ext2_xattr_handle *handle;
	struct xattr_call call = { fn, arg, 0 };
	errcode_t code = ext2fs_xattrs_open(x->fs, x->ino, &handle);

	if (code)
		return damaged(x, "extended attributes", code);
	code = ext2fs_xattrs_read(handle);
	if (code == 0)
		ext2fs_xattrs_iterate(handle, give_xattr, &call);
	ext2fs_xattrs_close(&handle);
	return code ? damaged(x, "extended attributes", code) : call.rc;
}

static void
ext_close(struct source *s)
{
	struct ext *x = ext_of(s);

	while (x->depth)
		level_free(&x->levels[--x->depth]);
	if (x->fs)
		ext2fs_free(x->fs);
	free(x->levels);
	free(x->folders);
	free(x->runs);
	free(x->path);
	free(x->name);
	free(x->buf);
	free(x);
}

/* Is what it says of itself possible? */
static int
check_super(struct ext *x)
{
	const struct ext2_super_block *s = x->fs->super;
	uint64_t blocks = ext2fs_blocks_count(x->fs->super);

	x->block = x->fs->blocksize;
	if (ext2fs_has_feature_journal_needs_recovery(x->fs->super))
		return err_set(EINVAL,
		    "%s: its root file system wasn't unmounted cleanly, so that its journal isn't "
		    "done:"
		    " run e2fsck on it first",
		    x->name);
	if (x->block < 1024 || x->block > 65536 || blocks > x->part.n / x->block)
		return err_set(EINVAL, "%s is cut off: its root file system has %llu bytes of %llu",
		    x->name, (unsigned long long)x->part.n,
		    (unsigned long long)blocks * (unsigned long long)x->block);
	if ((uint64_t)s->s_inodes_count * EXT2_INODE_SIZE(x->fs->super) > x->part.n)
		return damaged(x, "it has more inodes than room for them", 0);
	return 0;
}

static int
open_fs(struct ext *x)
{
	char path[64], options[64];
	errcode_t code;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", x->fd);
	snprintf(options, sizeof(options), "offset=%llu", (unsigned long long)x->part.off);
	code = ext2fs_open2(path, options, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0,
	    unix_io_manager, &x->fs);
	if (code)
		return err_set(EINVAL, "%s: its root file system can't be read: %s", x->name,
		    error_message(code));
	return check_super(x);
}

int
source_ext_open(int fd, const char *name, const struct disk_part *part, struct source **out)
{
	static const struct source_ops ops = { ext_next, ext_read, ext_xattrs, ext_close };
	struct ext *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	*x = (struct ext){ .source.ops = &ops, .fd = fd, .part = *part, .room = part->n };
	initialize_ext2_error_table();
	x->name = strdup(name);
	x->buf = malloc(PIECE);
	rc = x->name && x->buf ? open_fs(x) : -ENOMEM;
	if (rc == 0) {
		x->folders = calloc(1, x->fs->super->s_inodes_count / 8 + 1);
		rc = x->folders ? 0 : -ENOMEM;
	}
	if (rc < 0)
		ext_close(&x->source);
	else
		*out = &x->source;
	return rc;
}

bool
source_ext_has_folder(struct source *s, const char *path)
{
	struct ext *x = ext_of(s);
	ext2_ino_t ino;

	return ext2fs_namei(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino) == 0 &&
	       ext2fs_check_directory(x->fs, ino) == 0;
}

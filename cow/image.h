/*
 * Image: a sealed golden tree, one immutable SQLite file. Its inodes, folders and extents are kept
 * in bounded memory, once for all clients. Thread-safe.
 */
#ifndef COW_IMAGE_H
#define COW_IMAGE_H

#include "cow/extent.h"
#include "cow/inode.h"

struct image;

/* Opens images/<id>.db. The caller owns one reference. memory: bytes that its caches may take. */
int image_open(
    struct files *, struct blocks *, const struct id *, uint64_t memory, struct image **out);
struct image *image_hold(struct image *);
void image_release(struct image *);

const struct id *image_id(const struct image *);
/* Its inodes are from INO_ROOT to this; of a committed one, some in between are not there. */
uint32_t image_last_ino(const struct image *);
uint64_t image_memory(struct image *); /* bytes that its caches take now */

/* -ESTALE: no such inode. */
int image_inode(struct image *, uint32_t ino, struct inode *out);
/* A symlink's target into buf; its length or -errno. */
int image_target(struct image *, uint32_t ino, char buf[TARGET_BYTES_MAX + 1]);
/* The places (and ids) of run `run` of the file's blocks. */
int image_extent(struct image *, uint32_t ino, uint32_t run, struct extent *out);

/* The file's runs with blocks end before run *end; 0: it has none. */
int image_runs(struct image *, uint32_t ino, uint32_t *end);

/* A folder's names, sorted by bytes; name i has cookie i + COOKIE_FIRST. */
struct image_name {
	struct str name;
	uint32_t ino;
};
struct image_dir {
	uint32_t count;
	const struct image_name *names;
};
/* *out is pinned until image_dir_release. -ENOTDIR is not checked: no rows, no names. */
int image_dir(struct image *, uint32_t ino, const struct image_dir **out);
void image_dir_release(struct image *, const struct image_dir *);
/* Its index in names, or -1. */
int image_dir_find(const struct image_dir *, struct str name);

/* Calls fn for each xattr of the inode. */
typedef int image_xattr_fn(void *arg, struct str name, struct str value);
int image_xattrs(struct image *, uint32_t ino, image_xattr_fn *, void *arg);

#endif

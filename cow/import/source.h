/*
 * Source: where an image comes from. One kind a file; the importer knows only this.
 */
#ifndef COW_IMPORT_SOURCE_H
#define COW_IMPORT_SOURCE_H

#include "cow/inode.h"

/* One entry; everything borrowed until the next one. */
struct source_entry {
	struct str path;   /* from the root, as the source has it: may begin with ./ or / */
	struct inode attr; /* mode, uid, gid, rdev, times, size; used of folders */
	struct str target; /* symlinks */
	struct str link;  /* a hard link to this path, which came or comes elsewhere; else n == 0 */
	uint64_t same[2]; /* not both 0: entries with the same numbers are one file (hard links) */
};

/* A piece of a file: data, or a hole when p is NULL. */
struct source_piece {
	const void *p;
	uint64_t n; /* 0: the end */
};

struct source;

typedef int source_xattr_fn(void *arg, struct str name, struct str value);

/* All fail with a sentence that names the entry. -EPIPE and -ENOMEM: the source as a whole can't be
 * read on; any other -errno: this entry can't, but the next one may. */
struct source_ops {
	/* 1: *out is the next entry; 0: no more. */
	int (*next)(struct source *, struct source_entry *out);
	/* The next piece of the present entry's bytes (regular files). Pieces add up to its size.
	 */
	int (*read)(struct source *, struct source_piece *out);
	/* Calls fn for each xattr of the present entry, in any order. */
	int (*xattrs)(struct source *, source_xattr_fn *, void *arg);
	void (*close)(struct source *);
};

struct source {
	const struct source_ops *ops;
	uint64_t done, total; /* bytes, for progress; total 0: not known */
	/* Called now and then by a source whose next takes long; not 0: stop. NULL: nobody asks. */
	int (*tick)(void *arg);
	void *tick_arg;
};

/* A folder of this machine; follows no symlink, stays on one file system unless cross is set. */
int source_dir_open(const char *path, bool cross, struct source **out);
/* A tar: plain, gz, xz, zst, bz2; "-" is standard input. -EINVAL: not a tar. */
int source_tar_open(const char *path, struct source **out);

/* A disk image with an ext4 root, as it is or gz, xz, zst or zip: 1: the file is one, 0: it isn't.
 */
int source_image_knows(const char *path);
/* scratch: a folder for a nameless file into which it is unpacked. */
int source_image_open(const char *path, const char *scratch, struct source **out);

#endif

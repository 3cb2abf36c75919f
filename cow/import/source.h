/*
 * Source: where an image comes from. One kind a file; the importer knows only this.
 */
#ifndef COW_IMPORT_SOURCE_H
#define COW_IMPORT_SOURCE_H

#include "cow/inode.h"

/* One entry; everything borrowed until the source's next call. */
struct source_entry {
	struct str
	    path; /* from the root, without leading or trailing '/'; empty: the root itself */
	struct inode attr; /* mode, uid, gid, rdev, times, size */
	struct str target; /* symlinks */
	struct str
	    link;      /* a hard link to this path, which came (or comes) elsewhere; else n == 0 */
	uint64_t same; /* not 0: entries with the same number are one file (hard links) */
};

/* A piece of a file: data, or a hole when p is NULL. */
struct source_piece {
	const void *p;
	uint64_t n; /* 0: the end */
};

struct source;

struct source_ops {
	/* 1: *out is the next entry; 0: no more; -errno: this entry can't be read (the sentence
	 * names it): call again for the next one; -EPIPE: the source as a whole is damaged. */
	int (*next)(struct source *, struct source_entry *out);
	/* The next piece of the present entry's bytes (regular files). */
	int (*read)(struct source *, struct source_piece *out);
	/* Calls fn for each xattr of the present entry. */
	int (*xattrs)(
	    struct source *, int (*fn)(void *arg, struct str name, struct str value), void *arg);
	void (*close)(struct source *);
};

struct source {
	const struct source_ops *ops;
	bool sorted;          /* folders are walked whole, names in byte order (a folder source) */
	uint64_t total_bytes; /* 0: not known; for progress */
	uint64_t done_bytes;
};

/* A folder of this machine; follows no symlink, stays on one file system unless cross is set. */
int source_dir_open(const char *path, bool cross, struct source **out);
/* A tar: plain, gz, xz, zst; "-" is standard input. */
int source_tar_open(const char *path, struct source **out);

#endif

/*
 * Image writer: makes a new image's file, entry by entry in walk order, and publishes it whole or
 * not at all. One thread. The order of calls is the order of inode numbers.
 *
 * It writes to images/<uuid>.tmp, locked (flock) while its maker lives; the import row in store.db
 * names the uuid and the segments made for it, so that whoever opens the store next can remove
 * what a dead import left (store_sweep).
 */
#ifndef COW_IMAGE_WRITER_H
#define COW_IMAGE_WRITER_H

#include "cow/inode.h"
#include "cow/store.h"

struct image_writer;

struct image_totals {
	uint64_t entries, bytes,
	    stored; /* names; bytes of files; bytes that were new to the store */
	uint32_t files, folders, symlinks, others, hardlinks;
};

int image_writer_open(struct store *, struct image_writer **out);
/* Gives everything back that was not published. NULL is fine. */
void image_writer_close(struct image_writer *);

/* A new inode; its number is given in *ino (INO_ROOT first, which must be the root folder).
 * in: mode, uid, gid, rdev, times, size (folders); the rest is the writer's. target: symlinks. */
int image_writer_inode(
    struct image_writer *, const struct inode *in, struct str target, uint32_t *ino);
/* A name in a folder. All names of one folder come in byte order (str_cmp), else -EINVAL. */
int image_writer_name(struct image_writer *, uint32_t dir, struct str name, uint32_t ino);
int image_writer_xattr(struct image_writer *, uint32_t ino, struct str name, struct str value);
/* The bytes of the file made last, in order; holes by image_writer_hole. Any lengths. */
int image_writer_data(struct image_writer *, const void *p, size_t n);
int image_writer_hole(struct image_writer *, uint64_t n);

void image_writer_totals(const struct image_writer *, struct image_totals *out);

/* Counts links, seals, syncs, and publishes under the name; *out is the image's id. -EEXIST: the
 * name is taken. The same source gives the same id; an image that is there already is used. */
int image_writer_publish(struct image_writer *, const char *name, struct id *out);

#endif

/*
 * Image writer: makes a new image's file in walk order and publishes it whole or not at all. One
 * thread. The order of calls is the order of inode numbers, and makes the image's id: who wants
 * the same id for the same tree calls in an order that depends on the tree alone.
 */
#ifndef COW_IMAGE_WRITER_H
#define COW_IMAGE_WRITER_H

#include "cow/image_content.h"
#include "cow/inode.h"
#include "cow/store.h"

struct image_writer;

struct image_totals {
	uint64_t entries; /* names */
	uint64_t bytes;   /* of files */
	uint64_t stored;  /* bytes that were new to the store */
	uint32_t files, folders, symlinks, others,
	    hardlinks; /* hardlinks: names beyond the first */
};

int image_writer_open(struct store *, struct image_writer **out);
/* Gives everything back that was not published. NULL is fine. */
void image_writer_close(struct image_writer *);

/* The bytes of files go in here, each file before its inode; in any order. */
struct image_contents *image_writer_contents(struct image_writer *);

/* A new inode; its number is given in *ino (INO_ROOT first, which must be the root folder).
 * in: mode, nlink, uid, gid, rdev, times; of folders size, used, parent and cookie, too; the rest
 * is the writer's. target: symlinks. content: files. */
int image_writer_inode(struct image_writer *, const struct inode *in, struct str target,
    const struct image_content *content, uint32_t *ino);
/* An xattr of the inode made last; names in byte order (str_cmp). */
int image_writer_xattr(struct image_writer *, struct str name, struct str value);
/* A name in a folder. All names of one folder come one after the other in byte order. */
int image_writer_name(struct image_writer *, uint32_t dir, struct str name, uint32_t ino);

void image_writer_totals(const struct image_writer *, struct image_totals *out);

/* Seals, syncs, and publishes under the name; *out is the image's id, which depends on all that was
 * given but atime, ctime and what folders weigh. -EEXIST: the name is taken. An image that is
 * there already under another name is used. */
void image_writer_expect(struct image_writer *, const struct id *); /* another id: -EPIPE */
int image_writer_publish(struct image_writer *, const char *name, struct id *out);

#endif

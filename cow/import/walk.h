/*
 * Walk: every name below a folder of this machine, folder by folder, names in byte order. Folders
 * wait in a list and are opened by walking down from the root's own descriptor, so that neither a
 * symlink put in the way nor the depth of the tree (open files) matters.
 */
#ifndef COW_IMPORT_WALK_H
#define COW_IMPORT_WALK_H

#include <sys/stat.h>

#include "cow/bytes.h"

struct walk_folder;

/* What the caller reads after walk_next: fd, name, path, dev; the rest is walk's. */
struct walk {
	int fd;           /* of the folder that the name is in */
	const char *name; /* for the *at calls; the root's is "." */
	struct str path;  /* from the root; the root's is empty; with a NUL behind it */
	dev_t dev;        /* of that folder */

	int root;
	struct walk_folder *here;
	struct walk_folder *waiting; /* a stack; the next folder is on top */
	struct walk_folder *found;   /* in the present one, last first */
	char *names;                 /* of here, each with its NUL */
	size_t *order;               /* offsets in names, sorted */
	size_t names_n, names_room;
	uint32_t count, order_room, at;
	char *path_buf;
	uint32_t path_room;
};

/* The first name will be the root itself. Fails with a sentence; walk_close is due only after 0. */
int walk_open(const char *path, struct walk *out);
void walk_close(struct walk *);
/* 1; 0: no name is left; -errno: a folder can't be read (the sentence names it; the next call goes
 * on behind it). */
int walk_next(struct walk *);
/* The present name is a folder with this inode: its names will come too. */
int walk_into(struct walk *, const struct stat *);

#endif

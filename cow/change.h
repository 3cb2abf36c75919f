/*
 * Change: rows of layers that an operation writes or drops, in order. An operation fills one; a
 * batch gathers those of many, where a later row of the same key takes the earlier one's place.
 */
#ifndef COW_CHANGE_H
#define COW_CHANGE_H

#include "cow/extent.h"
#include "cow/inode.h"

enum change_kind {
	CHANGE_INODE,
	CHANGE_DROP_INODE, /* with its extents and xattrs */
	CHANGE_NAME,
	CHANGE_DROP_NAME,
	CHANGE_EXTENT,
	CHANGE_DROP_EXTENTS, /* of runs >= run */
	CHANGE_XATTR,
	CHANGE_DROP_XATTR,
	CHANGE_LAYER,
	CHANGE_CALL,
};

struct change_row {
	struct change_row *next;  /* in order */
	struct change_row *chain; /* in the table */
	enum change_kind kind;
	bool dead; /* a later row took its place */
	uint64_t layer;
	uint32_t ino; /* the inode's, or the folder's of a name */
	uint32_t run;
	struct str bytes; /* name, target, or ids: the change's */
	union {
		struct inode inode;
		struct {
			uint32_t ino, cookie;
		} name;
		struct {
			struct str value; /* the change's */
			bool whiteout;
		} xattr;
		struct {
			uint32_t next_ino;
			uint64_t files, bytes;
		} counters;
		struct {
			int (*fn)(struct db *, void *arg);
			void *arg;
		} call;
	};
};

struct change;

struct change *change_new(void);
void change_free(struct change *);
/* Keeps its memory for the next use. */
void change_clear(struct change *);
/* Rows in order, dead ones included; NULL when there are none. */
const struct change_row *change_rows(const struct change *);
uint32_t change_count(const struct change *);

/* Each returns 0 or -ENOMEM. Bytes are copied. target: symlinks only. */
int change_inode(struct change *, uint64_t layer, const struct inode *, struct str target);
int change_drop_inode(struct change *, uint64_t layer, uint32_t ino);
/* ino 0: a whiteout. */
int change_name(
    struct change *, uint64_t layer, uint32_t dir, struct str name, uint32_t ino, uint32_t cookie);
int change_drop_name(struct change *, uint64_t layer, uint32_t dir, struct str name);
int change_extent(
    struct change *, uint64_t layer, uint32_t ino, uint32_t run, const struct extent *);
int change_drop_extents(struct change *, uint64_t layer, uint32_t ino, uint32_t run);
/* value NULL: a whiteout. */
int change_xattr(
    struct change *, uint64_t layer, uint32_t ino, struct str name, const struct str *value);
int change_drop_xattr(struct change *, uint64_t layer, uint32_t ino, struct str name);
/* The layer's own counters. */
int change_layer(
    struct change *, uint64_t layer, uint32_t next_ino, uint64_t files, uint64_t bytes);

/* Calls fn in its place among the rows, in the same transaction: for a change of the catalogue that
 * must fall between two operations. It should fail for the disk's sake only, since its batch fails
 * with it. arg must live until the batch is decided. */
int change_call(struct change *, int (*fn)(struct db *, void *arg), void *arg);

/* Appends all rows of `from`, replacing those of the same key. */
int change_merge(struct change *to, const struct change *from);

/* Writes the rows in db's open transaction (change_apply.c). */
int change_apply(const struct change *, struct db *);

#endif

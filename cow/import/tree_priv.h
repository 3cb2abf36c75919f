/*
 * What tree.c (gathering) and tree_write.c (writing) share.
 */
#ifndef COW_IMPORT_TREE_PRIV_H
#define COW_IMPORT_TREE_PRIV_H

#include "cow/import/tree.h"

struct tree_xattr {
	struct tree_xattr *next; /* in byte order of the names */
	struct str name, value;
};

struct tree_name {
	struct tree_name *next;  /* in its folder, last first */
	struct tree_name *chain; /* in the table */
	const struct tree_file *folder;
	struct tree_file *file; /* NULL: nothing is here (yet) */
	uint32_t n;
	char text[];
};

struct tree_file {
	struct inode attr; /* ino: 0 until it is written */
	union {
		struct image_content content;
		struct str target;
		struct {
			struct tree_name *names;
			uint32_t count, folders; /* names with a file, and those of folders */
			struct tree_file *next;  /* to be written next */
		};
	};
	struct tree_xattr *xattrs;
	uint32_t links; /* names */
};

struct tree_wait {
	struct tree_wait *next;
	struct tree_name *name;
	struct tree_file *folder;
	struct str path, target;
};

struct tree_chunk;

struct tree {
	struct tree_chunk *chunks; /* all memory of entries, the newest first */
	struct tree_file *root;
	struct tree_file same; /* a folder aside: its names are the source's numbers */
	struct tree_name **table;
	uint64_t count, in_table, size;
	bool put;
	struct tree_wait *waits, **waits_end;
};

#endif

/*
 * Imported: a store in a temporary folder, imports into it, and looking into what they made.
 */
#ifndef TESTS_LIB_IMPORTED_H
#define TESTS_LIB_IMPORTED_H

#include "cow/import/import.h"
#include "tests/lib/tmpdir.h"

struct imported {
	struct tmpdir dir;
	struct store *store; /* dir's "store" */
	struct image *image; /* of the last import that succeeded */
	struct import_options options;
	struct import_result result;
	unsigned problems;
	char sentences[4096]; /* all problems' */
};

/* block_size 0: the default. */
void imported_open(struct imported *, uint32_t block_size);
void imported_close(struct imported *);

/* As import_run; forgets the problems of the last. */
int imported_run(struct imported *, const char *source, const char *name);
/* The same, and it must succeed; returns the id. */
struct id imported_id(struct imported *, const char *source, const char *name);

/* The inode at path ("" is the root); 0: nothing is there. */
uint32_t imported_find(struct imported *, const char *path);
/* Its attributes; it must be there. */
struct inode imported_inode(struct imported *, const char *path);
/* Fails the test unless the file's n bytes at off are these. */
void imported_expect(struct imported *, const char *path, uint64_t off, const void *p, size_t n);
void imported_expect_target(struct imported *, const char *path, const char *target);
/* The xattr's value into buf; its length, or -1. */
int imported_xattr(struct imported *, const char *path, const char *name, char buf[256]);
/* Fails the test unless the store's folder holds nothing of an import. */
void imported_expect_nothing(struct imported *);

#endif

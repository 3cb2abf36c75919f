/*
 * Tarball: a tar written by hand, so that tests need neither root for its device nodes nor the
 * library under test. Each entry has a pax header with what ustar can't say.
 */
#ifndef TESTS_LIB_TARBALL_H
#define TESTS_LIB_TARBALL_H

#include <stdbool.h>
#include <stdio.h>

#include "cow/bytes.h"

struct tarball_entry {
	const char *path;
	uint32_t mode; /* with the type; 0: a hard link to `link` */
	uint32_t uid, gid, rdev[2];
	int64_t mtime;    /* nanoseconds */
	const char *link; /* a symlink's target */
	struct str data;  /* a file's bytes */
	const char *pax;  /* the key of one more pax record, as SCHILY.xattr.user.x */
	struct str value; /* and its value */
	bool binary;      /* says hdrcharset=BINARY */
};

struct tarball {
	FILE *file;
};

/* All fail the test when they can't. */
void tarball_open(struct tarball *, const char *path);
void tarball_add(struct tarball *, const struct tarball_entry *);
/* With the end mark. */
void tarball_close(struct tarball *);
/* All at once. */
void tarball_write(const char *path, const struct tarball_entry *, size_t n);

#endif

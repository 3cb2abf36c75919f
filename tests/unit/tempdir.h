/*
 * Tempdir: a folder for one test, removed with all that is in it.
 */
#ifndef TESTS_UNIT_TEMPDIR_H
#define TESTS_UNIT_TEMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define TEMPDIR_SIZE 256

static inline void
tempdir_make(char out[TEMPDIR_SIZE])
{
	const char *base = getenv("TMPDIR");

	snprintf(out, TEMPDIR_SIZE, "%s/rubus-test.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(out)) {
		perror(out);
		abort();
	}
}

static inline int
tempdir_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void
tempdir_remove(const char *path)
{
	nftw(path, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif

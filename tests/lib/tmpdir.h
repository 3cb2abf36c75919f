/*
 * Tmpdir: a folder for one test under ${TMPDIR:-/tmp}, and looking into it.
 */
#ifndef TESTS_LIB_TMPDIR_H
#define TESTS_LIB_TMPDIR_H

#include <stdbool.h>

struct tmpdir {
	char path[256];
};

/* Makes it, fails the test if it can't. */
void tmpdir_make(struct tmpdir *);
/* Removes it with all that is in it. */
void tmpdir_remove(struct tmpdir *);

/* The path of name in it; valid until the next but three calls. */
const char *tmpdir_path(const struct tmpdir *, const char *name);
/* Writes a small file. */
void tmpdir_write(const struct tmpdir *, const char *name, const char *text);
bool tmpdir_has(const struct tmpdir *, const char *name);
/* How many names in a folder (name "": the folder itself) end with suffix. */
int tmpdir_count(const struct tmpdir *, const char *name, const char *suffix);

#endif

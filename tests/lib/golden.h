/*
 * Golden: a store of one test in a temporary folder, with a small golden image of most kinds of
 * file. Whatever fails here fails the test.
 */
#ifndef TESTS_LIB_GOLDEN_H
#define TESTS_LIB_GOLDEN_H

#include "cow/client.h"
#include "tests/lib/tmpdir.h"

#define GOLDEN_MANY 300        /* files "many/000" to "many/299" */
#define GOLDEN_TIME 1600000000 /* every file's mtime, in seconds */

struct golden {
	struct tmpdir dir; /* holds golden.tar and store */
	struct store *store;
};

/* A new store with an image named "golden" and no client. */
void golden_open(struct golden *);
/* As after a restart of the server: the store is closed and opened for a start. */
void golden_reopen(struct golden *);
void golden_close(struct golden *); /* removes the folder */
/* address NULL: none. */
void golden_client(struct golden *, const char *name, const char *address, bool any_address);

/* Fails the test with the kept sentence unless r >= 0; gives r back. */
int must(int r);

#endif

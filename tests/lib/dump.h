/*
 * Dump: all that a client can see in a view, as text, so that two states can be compared.
 */
#ifndef TESTS_LIB_DUMP_H
#define TESTS_LIB_DUMP_H

#include "cow/view.h"

/* A line for each name, in the order of cookies: path, cookie, attributes, target, the hash of the
 * bytes, and xattrs; with `times` the times, too. free(3). */
char *dump_view(struct view *, bool times);
/* Fails with the first line that differs. */
void dump_assert_equal(const char *a, const char *b);

#endif

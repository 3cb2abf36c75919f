/*
 * Served: a golden store's clients "one" and "two", served on a port of 127.0.0.1 by threads of the
 * test's own process. Names no type of the wire, so that a client library's own fit beside it.
 */
#ifndef TESTS_LIB_SERVED_H
#define TESTS_LIB_SERVED_H

#include "tests/lib/golden.h"

struct served_inside;

struct served {
	struct golden golden;
	uint16_t port; /* the same after a restart */
	struct served_inside *inside;
};

void served_open(struct served *);
/* Stops and starts again; who was connected must connect anew. */
void served_restart(struct served *);
void served_close(struct served *);

#endif

/*
 * Hostile: a real rubusd, a client that lives well, and others that don't mean well. What the first
 * one's calls take, and what the server keeps in memory, is told for each attack.
 */
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "tests/crash/wire.h"
#include "tests/lib/daemon.h"

#define HOSTILE_NAMES 100000 /* in the folder "many" of the client "big" */

struct hostile {
	char top[200], store[256];
	struct daemon daemon;
	struct wire_fh big, many; /* a root and its folder, of the client "big" */
};

/* Makes the store and starts rubusd; what fails ends the process. */
void hostile_open(struct hostile *);
/* Ends rubusd, which must be alive and end well, and removes the store. */
void hostile_close(struct hostile *);

/* One attack, that runs in a thread of its own. */
struct attack {
	const struct hostile *hostile;
	atomic_bool stop;
	atomic_uint opened, refused, ended, answered; /* connections, connections, .., calls */
};

/* A connection from 127.0.0.N (N from 10 up, so not the one of who lives well), not waiting; -1: it
 * is refused. */
int attack_dial(struct attack *, unsigned n);
/* Sends as much as goes without waiting; -1: the connection has ended. */
int attack_send(int fd, const void *p, size_t n);
/* Throws away what has come; -1: the connection has ended. */
int attack_drain(struct attack *, int fd);
void attack_sleep(unsigned ms);

typedef void attack_fn(struct attack *);
attack_fn attack_huge_marks, attack_endless_fragments, attack_slow_bytes, attack_idle,
    attack_never_read, attack_listings, attack_garbage, attack_handles;

#endif

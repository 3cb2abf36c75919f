/*
 * Caller: RPC calls made by hand over a socket, so that a test decides how their bytes travel.
 */
#ifndef TESTS_LIB_CALLER_H
#define TESTS_LIB_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CALLER_CALL 48 /* bytes of a call with its mark: AUTH_NONE, one word of arguments */

/* A socket connected to a port of 127.0.0.1; waits at most ten seconds in each call. */
int caller_connect(uint16_t port, int type);
/* A call as a record with its mark, for TCP; a datagram is all but the first 4 bytes. */
void caller_pack(
    uint8_t out[CALLER_CALL], uint32_t xid, uint32_t prog, uint32_t proc, uint32_t arg);
void caller_send(int fd, const void *p, size_t n);
void caller_call(int fd, uint32_t xid, uint32_t prog, uint32_t proc, uint32_t arg);

struct caller_reply {
	uint32_t xid, accept; /* accept_stat */
	uint32_t n;           /* bytes of results */
	uint8_t *results;     /* free(3) */
};
/* The next reply, which must be an accepted one; false: the connection has ended. */
bool caller_receive(int fd, struct caller_reply *out);
/* The same of a reply without any results or with one word, which is returned (else 0). */
uint32_t caller_expect(int fd, uint32_t xid, uint32_t accept);
/* Has the other side closed? */
bool caller_ended(int fd);

#endif

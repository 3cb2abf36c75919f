/*
 * Wire: a small NFS client of our own, for one thread, that goes on as a Linux client does: a call
 * that was not answered is sent again, the same bytes, over the next connection.
 */
#ifndef TESTS_CRASH_WIRE_H
#define TESTS_CRASH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX 32768

struct wire_fh {
	uint32_t n;
	uint8_t bytes[64];
};

/* How a call is ill-treated on its way. */
enum wire_ill {
	WIRE_WELL,
	WIRE_TWICE,      /* sent on two connections at once */
	WIRE_REPLY_LOST, /* sent, and the connection closed before the answer */
	WIRE_CUT,        /* the connection closed in the middle of the record */
};

struct wire {
	uint16_t port;
	int fd; /* or -1 */
	uint32_t xid;
	uint64_t resent;
	uint8_t out[WIRE_MAX], in[WIRE_MAX];
	uint32_t nout, nin, at;
	bool once; /* the call changes names or attributes: both answers to it are the same */
	bool bad;  /* what was taken is not what was there */
};

void wire_open(struct wire *, uint16_t port, uint32_t xid);
void wire_close(struct wire *);
/* A connection, or -1. */
int wire_connect(uint16_t port);

/* A call: begin, put what it takes, send; then take what was answered. */
void wire_begin(struct wire *, uint32_t program, uint32_t procedure);
void wire_put(struct wire *, uint32_t);
void wire_put64(struct wire *, uint64_t);
void wire_put_bytes(struct wire *, const void *, uint32_t n); /* with their length */
void wire_put_fh(struct wire *, const struct wire_fh *);
void wire_put_name(struct wire *, const char *);
/* Until it is answered, however long that takes (a minute at most). The first word of the result:
 * its status. */
uint32_t wire_send(struct wire *, enum wire_ill);
/* One try, without sending again: 0, or -1. */
int wire_try(struct wire *, uint32_t *status);
uint32_t wire_take(struct wire *);
uint64_t wire_take64(struct wire *);
const uint8_t *wire_take_bytes(struct wire *, uint32_t *n);
void wire_take_fh(struct wire *, struct wire_fh *);
void wire_skip(struct wire *, uint32_t words);
/* Attributes that may be there; and those before and after a change. */
void wire_skip_post(struct wire *);
void wire_skip_wcc(struct wire *);

#endif

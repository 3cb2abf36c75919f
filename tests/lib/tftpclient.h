/*
 * Tftpclient: a client of TFTP for tests, which can lose, repeat and delay packets. Whatever the
 * library of the server has is not used here.
 */
#ifndef TESTS_LIB_TFTPCLIENT_H
#define TESTS_LIB_TFTPCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tftpclient {
	const char *from;   /* the address to come from; NULL: any, but 127.0.0.1 to there */
	const char *server; /* NULL: 127.0.0.1 */
	uint16_t port;
	unsigned blksize, window, timeout; /* 0: not asked for */
	bool tsize;
	unsigned lose;   /* each so many-th DATA that arrives is lost; 0: none */
	unsigned repeat; /* each so many-th ACK is sent twice; 0: none */
	bool early;      /* end after the first answer, as a bootloader that only looks */
	/* What came. */
	uint64_t told_size; /* by tsize */
	unsigned granted;   /* blksize of the OACK, 0: there was none */
	unsigned data;      /* DATA packets that arrived, lost ones too */
	char error[128];    /* the text of an ERROR */
};

/* Fetches a file: its length, *out to be freed; -1 - code: an ERROR came; -100: no answer. */
long tftpclient_get(struct tftpclient *, const char *path, uint8_t **out);
/* Sends any bytes and waits for an answer: its length, or -100. */
long tftpclient_send(
    struct tftpclient *, const void *packet, size_t n, uint8_t *answer, size_t size);

#endif

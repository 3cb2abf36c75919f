/*
 * Tftp_msg: packets of TFTP (RFC 1350) with options (RFC 2347 to 2349, 7440), read and written.
 */
#ifndef SERVER_BOOT_TFTP_MSG_H
#define SERVER_BOOT_TFTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tftp_op { TFTP_RRQ = 1, TFTP_WRQ, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OACK };

/* Error codes (RFC 1350 section 5, RFC 2347). */
enum tftp_error {
	TFTP_E_OTHER,
	TFTP_E_NOT_FOUND,
	TFTP_E_ACCESS,
	TFTP_E_FULL,
	TFTP_E_ILLEGAL,
	TFTP_E_UNKNOWN_ID,
	TFTP_E_EXISTS,
	TFTP_E_NO_USER,
	TFTP_E_OPTION,
};

#define TFTP_HEAD      4u   /* bytes of DATA and ACK before the data */
#define TFTP_BLOCK     512u /* bytes of a block where nothing is said */
#define TFTP_BLOCK_MIN 8u
#define TFTP_BLOCK_MAX 1468u /* what an Ethernet frame takes: larger ones would be fragmented */
#define TFTP_WINDOW    64u   /* at most so many blocks without an ACK */

/* A request; 0: the option wasn't given, or is one that is to be ignored. */
struct tftp_request {
	const char *path; /* borrowed */
	bool octet, tsize;
	uint32_t blksize, window, timeout; /* bytes; blocks; seconds */
};

/* What a packet is: an op, or -EBADMSG. */
int tftp_op(const void *packet, size_t n);
/* An RRQ or WRQ. -EBADMSG: malformed. */
int tftp_read_request(const void *packet, size_t n, struct tftp_request *out);
/* The block number of a DATA or an ACK. -EBADMSG. */
int tftp_read_block(const void *packet, size_t n, uint16_t *out);
/* An ERROR: its code, and its text, cut and printable. -EBADMSG. */
int tftp_read_error(const void *packet, size_t n, char text[80]);

void tftp_write_head(uint8_t head[TFTP_HEAD], enum tftp_op, uint16_t block);
/* Each returns the packet's length; size is enough for a few options or a sentence: 128. */
size_t tftp_write_error(uint8_t packet[128], enum tftp_error, const char *text);
/* The options that are granted; tsize: the file's size, where it was asked for. 0: none is. */
size_t tftp_write_oack(uint8_t packet[128], const struct tftp_request *, uint64_t tsize);

#endif

/* Tftp: any datagram. What is read out of it lies within it and within its bounds. */
#include <string.h>

#include "server/boot/tftp_msg.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tftp_request r;
	uint8_t packet[128];
	char text[80];
	uint16_t block;
	int op = tftp_op(data, size);

	if (tftp_read_request(data, size, &r) == 0) {
		size_t n = tftp_write_oack(packet, &r, UINT64_MAX);

		PROMISE(op == TFTP_RRQ || op == TFTP_WRQ);
		PROMISE((const uint8_t *)r.path == data + 2);
		PROMISE(strlen(r.path) < size);
		PROMISE(
		    r.blksize == 0 || (r.blksize >= TFTP_BLOCK_MIN && r.blksize <= TFTP_BLOCK_MAX));
		PROMISE(r.window <= TFTP_WINDOW && r.timeout <= 255 && n <= sizeof(packet));
		PROMISE(n == 0 || packet[n - 1] == '\0');
		n = tftp_write_error(packet, TFTP_E_NOT_FOUND, r.path);
		PROMISE(n <= sizeof(packet) && packet[n - 1] == '\0');
	}
	if (tftp_read_block(data, size, &block) == 0)
		PROMISE(size >= TFTP_HEAD);
	if (tftp_read_error(data, size, text) >= 0)
		for (const char *p = text; *p; p++)
			PROMISE(*p >= ' ' && *p <= '~');
	return 0;
}

/* tftpget PORT PATH [FILE]: fetches a file from 127.0.0.1's or $TFTP_SERVER's TFTP as a Pi does. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/tftpclient.h"

int
main(int argc, char **argv)
{
	struct tftpclient c = { .blksize = 1024,
		.tsize = true,
		.server = getenv("TFTP_SERVER"),
		.from = getenv("TFTP_FROM") };
	FILE *out = stdout;
	uint8_t *bytes;
	long n;

	if (argc < 3 || argc > 4)
		return 2;
	c.port = (uint16_t)atoi(argv[1]);
	n = tftpclient_get(&c, argv[2], &bytes);
	if (n < 0) {
		fprintf(stderr, "tftpget: %s: %s\n", argv[2], n == -100 ? "no answer" : c.error);
		return 1;
	}
	if (argc == 4)
		out = fopen(argv[3], "w");
	if (!out || fwrite(bytes, 1, (size_t)n, out) != (size_t)n || fclose(out) != 0) {
		perror("tftpget");
		return 1;
	}
	free(bytes);
	return 0;
}

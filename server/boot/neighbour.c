/* Lines of /proc/self/net/arp: address, type, flags, MAC, mask, device. */
#include "server/boot/neighbour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cow/err.h"

#define COMPLETE 2u /* the flag of an entry that was answered */

int
neighbour_mac(const char *table, const uint8_t address[16], char out[18])
{
	FILE *f = fopen(table, "re");
	int rc = -ENOENT;
	char line[256], text[INET_ADDRSTRLEN], ip[INET_ADDRSTRLEN], mac[18];
	unsigned flags;

	if (!f)
		return err_errno("%s", table);
	inet_ntop(AF_INET, address + 12, text, sizeof(text));
	while (rc < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%15s 0x%*x 0x%x %17s", ip, &flags, mac) == 3 &&
		    flags & COMPLETE && strcmp(ip, text) == 0) {
			memcpy(out, mac, sizeof(mac));
			rc = 0;
		}
	}
	fclose(f);
	return rc;
}

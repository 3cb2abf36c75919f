/* Lines of /proc/self/net/arp: address, type, flags, MAC, mask, device. */
#include "server/boot/neighbour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cow/err.h"
#include "server/peer.h"

#define COMPLETE 2u /* the flag of an entry that was answered */

int
neighbour_mac(const char *table, const uint8_t address[16], char out[18])
{
	/* The table is IPv4's; an address of IPv6 isn't in it, whatever its last bytes are. */
	FILE *f = peer_address_is_four(address) ? fopen(table, "re") : NULL;
	int rc = -ENOENT;
	char line[256], text[INET_ADDRSTRLEN], ip[INET_ADDRSTRLEN], mac[18];
	unsigned flags;

	if (!peer_address_is_four(address))
		return -ENOENT;
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

bool
neighbour_is_self(const uint8_t address[16])
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (!peer_address_is_four(address) || getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		const struct sockaddr_in *in = (const void *)i->ifa_addr;

		found = in && in->sin_family == AF_INET &&
			memcmp(&in->sin_addr, address + 12, sizeof(in->sin_addr)) == 0;
	}
	freeifaddrs(all);
	return found;
}

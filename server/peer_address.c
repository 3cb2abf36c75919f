/* Addresses of callers, and what they give a right to. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "server/config.h"
#include "server/peer_priv.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
peer_address_is_four(const uint8_t address[16])
{
	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

bool
peer_address_is_loopback(const uint8_t address[16])
{
	static const uint8_t six[16] = { [15] = 1 };

	return peer_address_is_four(address) ? address[12] == 127
					     : memcmp(address, six, sizeof(six)) == 0;
}

void
peer_address_text(const uint8_t address[16], char out[46])
{
	if (peer_address_is_four(address))
		inet_ntop(AF_INET, address + 12, out, 46);
	else
		inet_ntop(AF_INET6, address, out, 46);
}

void
peer_from_sockaddr(const struct sockaddr_storage *ss, struct peer *out)
{
	const struct sockaddr_in *four = (const void *)ss;
	const struct sockaddr_in6 *six = (const void *)ss;

	memset(out, 0, sizeof(*out));
	if (ss->ss_family == AF_INET) {
		memcpy(out->address, mapped, sizeof(mapped));
		memcpy(out->address + 12, &four->sin_addr, 4);
		out->port = ntohs(four->sin_port);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(out->address, &six->sin6_addr, 16);
		out->port = ntohs(six->sin6_port);
	}
	out->loopback = peer_address_is_loopback(out->address);
	peer_address_text(out->address, out->text);
}

bool
peer_port_ok(const struct service *service, const struct peer *peer)
{
	return peer->port < 1024 || peer->loopback || service->config->insecure_ports;
}

void
peer_address_parse(const char *text, uint8_t out[16])
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, out + 12) == 1)
		memcpy(out, mapped, sizeof(mapped));
	else
		inet_pton(AF_INET6, text, out);
}

int
peer_slot(const struct peer_entry *e, const uint8_t address[16])
{
	for (int i = 0; i < e->client.info.naddresses; i++)
		if (memcmp(e->addresses[i], address, 16) == 0)
			return i;
	if (peer_address_is_loopback(address))
		return PEER_SLOT_LOOPBACK;
	return e->client.info.any_address ? PEER_SLOT_ANY : -EACCES;
}

bool
peer_may_use(const struct peer *peer, const struct client *client)
{
	uint8_t address[16];

	for (int i = 0; i < client->naddresses; i++) {
		peer_address_parse(client->addresses[i], address);
		if (memcmp(address, peer->address, sizeof(address)) == 0)
			return true;
	}
	return client->any_address || peer->loopback;
}

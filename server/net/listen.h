/*
 * Listen: the sockets on which a server is reached.
 */
#ifndef SERVER_NET_LISTEN_H
#define SERVER_NET_LISTEN_H

#include <stdint.h>

struct listen {
	int tcp, udp;
	uint16_t port;    /* which both got */
	char address[64]; /* as bound: "::" covers IPv4, too, where address was empty */
};

/* Binds TCP (listening) and UDP to one port; port 0: any that is free for both. address: numeric;
 * empty: all addresses, IPv6 and IPv4, or IPv4 where there is no IPv6. */
int listen_open(const char *address, uint16_t port, struct listen *out);

#endif

/*
 * Ether: one station on an Ethernet, with a MAC and a small IPv4 stack of its own: ARP, UDP. Many
 * of them live on one interface. What the kernel has is not used, so a station may be as odd as the
 * bootloaders that it stands for.
 */
#ifndef TESTS_LIB_ETHER_H
#define TESTS_LIB_ETHER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETHER_FRAME 1600 /* bytes of a frame, and some */

struct ether {
	int fd;
	int interface;
	uint8_t mac[6];
	struct in_addr address; /* 0: none yet */
	bool deaf;              /* answers no ARP */
	/* The machine that it speaks to. */
	struct in_addr peer;
	uint8_t peer_mac[6];
	uint8_t frame[ETHER_FRAME]; /* what came last */
};

struct ether_udp {
	struct in_addr from, to;
	uint16_t from_port, to_port;
	const uint8_t *data; /* in the frame: till something else comes */
	size_t n;
};

int64_t ether_now(void); /* milliseconds that never go back */

/* -errno. */
int ether_open(struct ether *, const char *interface, const uint8_t mac[6]);
/* Asks who has the address, some times: -ETIMEDOUT. From now on it is the peer. */
int ether_resolve(struct ether *, struct in_addr);
/* To the peer, or with to_all to everybody. */
int ether_send(
    struct ether *, bool to_all, uint16_t from_port, uint16_t to_port, const void *p, size_t n);
/* The next datagram to this port. -ETIMEDOUT: none till then. ARP is answered meanwhile. */
int ether_receive(struct ether *, uint16_t port, int64_t till, struct ether_udp *out);

#endif

/*
 * Dnsmasq: the text of a configuration for dnsmasq, which does the DHCP that Pis boot by: beside a
 * router's (proxy), or alone. It serves neither names nor files.
 */
#ifndef SERVER_BOOT_DNSMASQ_H
#define SERVER_BOOT_DNSMASQ_H

#include <stdio.h>

/* One client whose MAC is known. */
struct dnsmasq_host {
	const char *mac, *address, *name; /* address "": any of the range */
};

struct dnsmasq {
	const char *interface;
	const char *address, *network, *netmask; /* ours on it: numeric IPv4 */
	const char *from, *to;                   /* what is given out; NULL: a router does that */
	const char *router;                      /* NULL: none is told */
	int nhosts;
	const struct dnsmasq_host *hosts;
};

/* -EINVAL: an interface's name or an address that is none, a range or a router that isn't of the
 * network, a router without a range; nothing was written then. */
int dnsmasq_write(FILE *, const struct dnsmasq *);

#endif

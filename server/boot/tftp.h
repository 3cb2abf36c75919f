/*
 * Tftp: read-only TFTP over a client's boot files (bootfiles.h). IPv4, as bootloaders speak it.
 *
 * A request's path may begin with the serial number or the MAC of the machine; else its address
 * tells who it is. Each transfer has a socket of its own and at most one window of blocks on its
 * way, so transfers share the network evenly. Missing files are refused at once, and so is whoever
 * isn't known.
 */
#ifndef SERVER_BOOT_TFTP_H
#define SERVER_BOOT_TFTP_H

#include "server/boot/pis.h"

struct tftp_options {
	const char *listen; /* numeric IPv4 address; NULL or empty: all */
	uint16_t port;      /* 0: any that is free */
	unsigned threads;   /* 0: 2 */
	uint16_t nfs_port;  /* where NFS is served, for the kernel's command line */
	/* Whose machine it is, as pis_recognise. NULL: pis_recognise itself. */
	int (*client_of)(struct service *, const struct pi_sighting *, struct client *out);
};

struct tftp;

/* The service has its peers, and pis unless client_of is given. */
int tftp_start(struct service *, const struct tftp_options *, struct tftp **out);
void tftp_stop(struct tftp *); /* NULL is fine */
uint16_t tftp_port(const struct tftp *);

#endif

/*
 * Bootloader: what the bootloaders of the Pi 3, 4 and 5 do on the network, as far as it is known
 * from their documentation and from what people have recorded: bootloader.c has the order of the
 * files, bootloader_dhcp.c and bootloader_tftp.c the rest.
 */
#ifndef TESTS_SYS_BOOTLOADER_H
#define TESTS_SYS_BOOTLOADER_H

#include "tests/lib/ether.h"

enum model { PI_3B, PI_3BPLUS, PI_4, PI_5 };

struct pi {
	enum model model;
	uint32_t serial;
	const char *out; /* the folder for what it gets; NULL: nothing is kept */
	bool loud;       /* tells each step */
	bool stubborn;   /* a Pi 3 that asks whoever gave its address, whatever else was said */
	unsigned slow;   /* microseconds before each ACK */
	struct ether ether;
	struct in_addr server; /* where the files are */
	uint16_t port;         /* where its transfers come from */
	char why[160];         /* what went wrong */
	unsigned files, refused, probed;
	uint64_t bytes;
	unsigned worst_refusal; /* milliseconds */
};

/* Each: 0, or -1 with the reason in pi->why. */
int fail(struct pi *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An address, and who has the files. */
int dhcp_boot(struct pi *);
/* As a kernel (its client id is the MAC) and a system (an id of its own) do: the address, which
 * should be the same. */
enum dhcp_who { DHCP_KERNEL, DHCP_SYSTEM };
int dhcp_lease(struct pi *, enum dhcp_who, struct in_addr *out);

enum tftp_how {
	TFTP_PLAIN = 1, /* no options */
	TFTP_PROBE = 2, /* asks, and ends early */
};
/* 1: it is there; 0: it was refused; -1. */
int tftp_get(struct pi *, const char *path, unsigned how);

#endif

/*
 * What tftp.c (threads and requests) and tftp_transfer.c (one file on its way) share. A worker and
 * its transfers belong to one thread.
 */
#ifndef SERVER_BOOT_TFTP_PRIV_H
#define SERVER_BOOT_TFTP_PRIV_H

#include <netinet/in.h>
#include <pthread.h>

#include "server/boot/bootfiles.h"
#include "server/boot/tftp.h"
#include "server/boot/tftp_msg.h"
#include "server/peer.h"

struct transfer {
	struct transfer *next;
	int fd; /* connected to the machine */
	struct sockaddr_in from;
	uint64_t asked; /* a hash of what was asked for */
	/* Whose view the file is in. It is held only while it is read: a machine that was switched
	 * off must not keep a client from being reset, or booted from another address. */
	struct peer peer;
	struct id client;
	struct bootfile *file;
	char who[80], path[100];
	struct tftp_request request; /* its path isn't there any more */
	uint32_t blksize, window;
	uint64_t blocks, acked, sent; /* DATA packets: all, acknowledged, on their way */
	bool granting;                /* an OACK waits for its ACK */
	bool again;                   /* the window was sent anew since the last new ACK */
	int tries;
	int64_t began, due, pause; /* milliseconds; due: to send again */
	uint8_t *buf;              /* BUF_BYTES from buf_at on, of which buf_n are there */
	uint64_t buf_at;
	uint32_t buf_n;
};

struct worker {
	struct tftp *tftp;
	pthread_t thread;
	bool started;
	int fd, epoll; /* the socket where requests come */
	struct transfer *transfers;
	uint32_t n;
};

struct tftp {
	struct service *service;
	struct tftp_options options;
	uint16_t port;
	int stop; /* eventfd */
	unsigned nworkers;
	struct worker workers[];
};

int64_t tftp_now(void); /* milliseconds that never go back */

/* Begins: the first packet leaves. Takes over all that is in *t. -errno: it can't be sent. */
int transfer_begin(struct service *, struct transfer *);
/* Something came: true: it goes on. */
bool transfer_ready(struct service *, struct transfer *);
/* It is due: true: it goes on. */
bool transfer_late(struct service *, struct transfer *);
void transfer_free(struct transfer *);

#endif

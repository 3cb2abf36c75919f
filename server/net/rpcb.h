/*
 * Rpcb: registration with the port mapper, which klibc's nfsmount and old clients ask.
 */
#ifndef SERVER_NET_RPCB_H
#define SERVER_NET_RPCB_H

#include <stdbool.h>
#include <stdint.h>

struct rpcb_row {
	uint32_t prog, vers;
	bool udp; /* else TCP */
};

/* 0; -ENOENT: rpcbind doesn't run; -EACCES: it refused (the sentence says what). Entries of the
 * same kind that are there are replaced. */
int rpcb_register(const struct rpcb_row *, int n, uint16_t port);
void rpcb_unregister(const struct rpcb_row *, int n);

#endif

/*
 * Address: where the control socket is, and sending all of a text there.
 */
#ifndef SERVER_CTL_ADDRESS_H
#define SERVER_CTL_ADDRESS_H

#include <stddef.h>
#include <sys/un.h>

/* The socket's address, good while the descriptor that this returns is open (the caller closes it):
 * the store's path may be longer than an address can be. */
int address_of(const char *store, struct sockaddr_un *out);
/* Sends all of it, waiting. */
int address_send(int fd, const char *p, size_t n);

#endif

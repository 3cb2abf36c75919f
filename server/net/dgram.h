/*
 * Dgram: calls that come as UDP datagrams. Each is answered to where it came from, from the address
 * that it was sent to.
 */
#ifndef SERVER_NET_DGRAM_H
#define SERVER_NET_DGRAM_H

#include "server/net/loop.h"
#include "server/serve.h"

struct dgram;

/* Takes fd over and begins to read. */
int dgram_open(
    struct loop *, struct serve *, const struct serve_programs *, int fd, struct dgram **out);
/* Reads no more; replies that are still to come can leave until the last is gone. */
void dgram_close(struct dgram *);

#endif

/*
 * Ctl: the control socket STORE/rubusd.sock, by which the command line talks to rubusd. Mode 0600;
 * the peer must be root or the daemon's own user.
 */
#ifndef SERVER_CTL_CTL_H
#define SERVER_CTL_CTL_H

#include "server/ctl/proto.h"
#include "server/service.h"

#define CTL_SOCKET "rubusd.sock"

struct ctl;

/* Listens and answers, in threads of its own. The caller owns the store: a socket that is there is
 * a dead one's and is replaced. */
int ctl_open(struct service *, const char *store, struct ctl **out);
void ctl_close(struct ctl *);

/* The other side: a connected socket. -ENOENT: nobody listens there. */
int ctl_connect(const char *store);
/* Sends the request and reads the whole answer. */
int ctl_call(int fd, const struct proto_request *, struct proto_answer *out);

#endif

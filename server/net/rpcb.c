/* rpcbind is asked by libtirpc, over its local socket. That waits for long where nobody listens, so
 * we look first. */
#include "server/net/rpcb.h"

#include <errno.h>
#include <netconfig.h>
#include <netinet/in.h>
#include <rpc/rpc.h>
#include <rpc/rpcb_clnt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"

#define RPCBIND_SOCKET "/run/rpcbind.sock"

static bool
rpcbind_runs(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = RPCBIND_SOCKET };
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static const char *const netids[2][2] = { { "tcp", "tcp6" }, { "udp", "udp6" } };

/* The wildcard address with this port, as rpcbind keeps it. */
static bool
set_one(const struct rpcb_row *e, const char *netid, uint16_t port)
{
	struct netconfig *nc = getnetconfigent(netid);
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = netid[3] == '6';
	struct netbuf addr = { v6 ? sizeof(a6) : sizeof(a4), v6 ? sizeof(a6) : sizeof(a4),
		v6 ? (void *)&a6 : (void *)&a4 };
	bool ok;

	if (!nc)
		return false;
	rpcb_unset(e->prog, e->vers, nc);
	ok = rpcb_set(e->prog, e->vers, nc, &addr);
	freenetconfigent(nc);
	return ok;
}

int
rpcb_register(const struct rpcb_row *e, int n, uint16_t port)
{
	if (!rpcbind_runs())
		return err_set(ENOENT, "rpcbind doesn't run");
	for (int i = 0; i < n; i++) {
		if (!set_one(&e[i], netids[e[i].udp][0], port))
			return err_set(
			    EACCES, "rpcbind refused program %u version %u", e[i].prog, e[i].vers);
		set_one(&e[i], netids[e[i].udp][1], port); /* a machine may be without IPv6 */
	}
	return 0;
}

void
rpcb_unregister(const struct rpcb_row *e, int n)
{
	if (!rpcbind_runs())
		return;
	for (int i = 0; i < n; i++) {
		for (int v = 0; v < 2; v++) {
			struct netconfig *nc = getnetconfigent(netids[e[i].udp][v]);

			if (nc) {
				rpcb_unset(e[i].prog, e[i].vers, nc);
				freenetconfigent(nc);
			}
		}
	}
}

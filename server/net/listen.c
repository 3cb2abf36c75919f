/* Sockets of one port for both transports. */
#include "server/net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cow/err.h"

#define TRIES 16 /* for a port that is free for both */

static void
set_flag(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

/* A bound socket or -errno. */
static int
bind_socket(const struct addrinfo *ai, int type, uint16_t port)
{
	struct sockaddr_storage to = { 0 };
	int fd = socket(ai->ai_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	memcpy(&to, ai->ai_addr, ai->ai_addrlen);
	if (ai->ai_family == AF_INET6) {
		((struct sockaddr_in6 *)&to)->sin6_port = htons(port);
		set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
		set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, type == SOCK_DGRAM);
	} else {
		((struct sockaddr_in *)&to)->sin_port = htons(port);
		set_flag(fd, IPPROTO_IP, IP_PKTINFO, type == SOCK_DGRAM);
	}
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR, type == SOCK_STREAM);
	if (bind(fd, (struct sockaddr *)&to, ai->ai_addrlen) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, SOMAXCONN) == 0))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);

	getsockname(fd, (struct sockaddr *)&a, &n);
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
					     : ((struct sockaddr_in *)&a)->sin_port);
}

static int
bind_both(const struct addrinfo *ai, uint16_t port, struct listen *out)
{
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		out->tcp = bind_socket(ai, SOCK_STREAM, port);
		if (out->tcp < 0)
			return out->tcp;
		out->port = port_of(out->tcp);
		out->udp = bind_socket(ai, SOCK_DGRAM, out->port);
		if (out->udp >= 0)
			return 0;
		err = out->udp;
		close(out->tcp);
		if (port || err != -EADDRINUSE)
			break;
	}
	return err;
}

static int
resolve(const char *address, struct addrinfo **out)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	int err = getaddrinfo(address, "0", &hints, out);

	return err ? err_set(EINVAL, "can't listen on %s: %s", address, gai_strerror(err)) : 0;
}

static int
listen_on(const char *address, uint16_t port, struct listen *out)
{
	struct addrinfo *ai;
	int err = resolve(address, &ai);

	if (err < 0)
		return err;
	err = bind_both(ai, port, out);
	freeaddrinfo(ai);
	snprintf(out->address, sizeof(out->address), "%s", address);
	if (err == -EADDRINUSE)
		return err_set(EADDRINUSE,
		    "port %u of %s is in use already: is another NFS server running? (see --port)",
		    port, address);
	return err < 0
		   ? err_set(-err, "can't listen on %s port %u: %s", address, port, strerror(-err))
		   : 0;
}

int
listen_open(const char *address, uint16_t port, struct listen *out)
{
	int err;

	if (*address)
		return listen_on(address, port, out);
	err = listen_on("::", port, out);
	if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)
		err = listen_on("0.0.0.0", port, out);
	return err;
}

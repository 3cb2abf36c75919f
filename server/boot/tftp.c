/* Requests, and the threads that carry transfers. Each thread has a socket of its own on the port,
 * so that they share nothing. */
#include "server/boot/tftp.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/boot/atboot.h"
#include "server/boot/tftp_priv.h"
#include "server/boot/trace.h"
#include "server/log.h"

#define PROVE_MS      2000 /* in which a machine has answered that really asked */
#define TIMEOUT_MAX   10   /* seconds that a machine may ask for between two packets */
#define DISCARD_PORT  9
#define THREADS       2
#define THREADS_MAX   8
#define TRANSFERS_MAX 512 /* of one thread */
#define ADDRESS_MAX   16  /* of one machine */
#define REQUEST_MAX   1024
#define TICK_MS       100
#define EVENTS        64
#define SOCKET_BYTES  (1 << 20)
#define REBOOT_MS     30000 /* so long after its last file, a machine that asks has begun anew */

/* --- who asks for what --- */

static bool
is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	return true;
}

/* dc-a6-32-01-02-03 */
static bool
is_mac(const char *p, size_t n)
{
	if (n != 17)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i % 3 == 2 ? p[i] != '-' : !isxdigit((unsigned char)p[i]))
			return false;
	return true;
}

/* Takes the machine's mark off the path, if it begins with one. */
static const char *
take_mark(const char *path, struct pi_sighting *pi)
{
	size_t n;

	path += strspn(path, "/");
	n = strcspn(path, "/");
	if (path[n] != '/')
		return path;
	if ((n == 8 || n == 16) && is_hex(path, n))
		snprintf(pi->serial, sizeof(pi->serial), "%.*s", (int)n, path);
	else if (is_mac(path, n))
		for (size_t i = 0; i <= n; i++)
			pi->mac[i] = path[i] == '-'
					 ? ':'
					 : (char)(i == n ? '\0' : tolower((unsigned char)path[i]));
	else
		return path;
	if (*pi->serial)
		for (char *p = pi->serial; *p; p++)
			*p = (char)tolower((unsigned char)*p);
	return path + n + 1;
}

/* A prefix that the machine was set to says nothing about who it is. */
static int
open_file(struct transfer *t, struct peer_client *held, const struct boot_server *server,
    const char *path)
{
	const char *client = held->info.name, *rest = strchr(path, '/');
	int rc = bootfile_open(held->view, client, server, path, &t->file);

	return rc == -ENOENT && rest ? bootfile_open(held->view, client, server, rest + 1, &t->file)
				     : rc;
}

/* A machine whose last file was long ago has been switched on. */
static void
begin_boot(struct service *service, const struct client *c)
{
	struct timespec now;
	int64_t last = trace_last(service->trace, c->name, TRACE_TFTP);

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec * 1000 - last >= REBOOT_MS)
		atboot_run(service, c->name);
}

static int
find_file(struct worker *w, struct transfer *t, struct in_addr local, const char *asked)
{
	const struct tftp_options *o = &w->tftp->options;
	struct service *service = w->tftp->service;
	char address[INET_ADDRSTRLEN];
	struct boot_server server = { address, o->nfs_port };
	struct pi_sighting pi = { .have_address = true };
	struct sockaddr_storage ss = { 0 };
	struct peer_client *held;
	struct client c;
	const char *path;
	int rc;

	memcpy(&ss, &t->from, sizeof(t->from));
	peer_from_sockaddr(&ss, &t->peer);
	t->peer.port = 0; /* a bootloader's is as it comes */
	memcpy(pi.address, t->peer.address, sizeof(pi.address));
	inet_ntop(AF_INET, &local, address, sizeof(address));
	path = take_mark(asked, &pi);
	snprintf(t->path, sizeof(t->path), "%s", path);
	pi_name(&pi, t->who);
	rc = o->client_of ? o->client_of(service, &pi, &c) : pis_recognise(service, &pi, &c);
	if (rc < 0)
		return rc == -ENOENT ? -ENXIO : rc;
	snprintf(t->who, sizeof(t->who), "%s", c.name);
	begin_boot(service, &c);
	t->client = c.id;
	rc = peer_by_id(service->peers, &t->peer, &c.id, &held);
	if (rc < 0)
		return rc;
	rc = open_file(t, held, &server, path);
	peer_release(service->peers, held);
	return rc;
}

/* --- requests --- */

static void
refuse(struct worker *w, const struct sockaddr_in *to, enum tftp_error code, const char *text)
{
	uint8_t packet[128];
	size_t n = tftp_write_error(packet, code, text);

	sendto(w->fd, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const void *)to, sizeof(*to));
}

static void
refuse_file(struct worker *w, const struct transfer *t, int err)
{
	bool unknown = err == -ENXIO;
	const char *why = unknown          ? "this Pi isn't known: see rubus pending"
			  : err == -ENOENT ? "no such file"
			  : err == -EACCES ? "not allowed"
			  : err == -EBUSY  ? "in use elsewhere: later"
					   : err_text(err);
	struct trace *trace = w->tftp->service->trace;

	refuse(w, &t->from,
	    unknown || err == -ENOENT || err == -EISDIR ? TFTP_E_NOT_FOUND
	    : err == -EACCES                            ? TFTP_E_ACCESS
							: TFTP_E_OTHER,
	    why);
	/* Bootloaders try many names that aren't there. */
	trace_note(trace, t->who, TRACE_TFTP, err != -ENOENT, 0, "%s: %s", t->path, why);
}

static int
open_socket(const struct transfer *t, struct in_addr local)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = local };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const void *)&at, sizeof(at)) < 0 ||
	    connect(fd, (const void *)&t->from, sizeof(t->from)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* The transfer is in the list and watched, or gone. */
static void
begin(struct worker *w, struct transfer *t, struct in_addr local)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = t };
	int rc = open_socket(t, local);

	t->fd = rc;
	if (rc >= 0)
		rc = epoll_ctl(w->epoll, EPOLL_CTL_ADD, t->fd, &e) < 0 ? -errno : 0;
	if (rc == 0)
		rc = transfer_begin(w->tftp->service, t);
	if (rc < 0) {
		refuse_file(w, t, rc);
		transfer_free(t);
		return;
	}
	t->next = w->transfers;
	w->transfers = t;
	w->n++;
}

/* Takes it out of the list. */
static void
end(struct worker *w, struct transfer *t)
{
	struct transfer **at = &w->transfers;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	w->n--;
	transfer_free(t);
}

/* The transfer that goes to this very port, or NULL; and how many others go to this address. */
static struct transfer *
find_transfer(const struct worker *w, const struct sockaddr_in *from, uint32_t *of_address)
{
	struct transfer *found = NULL;

	*of_address = 0;
	for (struct transfer *t = w->transfers; t; t = t->next) {
		if (t->from.sin_addr.s_addr != from->sin_addr.s_addr)
			continue;
		if (t->from.sin_port == from->sin_port)
			found = t;
		else
			++*of_address;
	}
	return found;
}

/* A request that was sent again is being answered already; one for something else means that the
 * machine has given up what was before. What it said of that before it asked, such as that it is
 * done, comes first. */
static bool
is_answered(struct worker *w, const struct sockaddr_in *from, uint64_t asked, uint32_t *of_address)
{
	struct transfer *t = find_transfer(w, from, of_address);

	if (t && (!transfer_ready(w->tftp->service, t) || t->asked != asked)) {
		end(w, t);
		t = NULL;
	}
	return t != NULL;
}

/* One that was asked for in somebody else's name gets no answer: when there is no room, the oldest
 * of those that never had one goes. */
static bool
make_room(struct worker *w)
{
	struct transfer *oldest = NULL;

	for (struct transfer *t = w->transfers; t; t = t->next)
		if (t->acked == 0 && tftp_now() - t->began > PROVE_MS &&
		    (!oldest || t->began < oldest->began))
			oldest = t;
	if (oldest)
		end(w, oldest);
	return oldest != NULL;
}

/* The kernel finds out the machine's MAC, for when it asks again: by whatever is sent to it. */
static void
nudge(struct worker *w, const struct transfer *t)
{
	struct sockaddr_in to = t->from;

	to.sin_port = htons(DISCARD_PORT);
	sendto(w->fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (const void *)&to, sizeof(to));
	trace_note(w->tftp->service->trace, t->who, TRACE_TFTP, false, 0,
	    "%s: its MAC can't be seen yet", t->path);
}

static void
take_request(struct worker *w, const struct sockaddr_in *from, struct in_addr local,
    const uint8_t *packet, size_t n)
{
	struct tftp_request request;
	struct transfer *t;
	uint64_t asked;
	uint32_t busy;
	int rc, op = tftp_op(packet, n);

	if (op == TFTP_ERROR || op == TFTP_ACK)
		return;
	if (tftp_read_request(packet, n, &request) < 0) {
		refuse(w, from, TFTP_E_ILLEGAL, "this is no request");
		return;
	}
	if (op == TFTP_WRQ || !request.octet) {
		refuse(w, from, op == TFTP_WRQ ? TFTP_E_ACCESS : TFTP_E_ILLEGAL,
		    op == TFTP_WRQ ? "nothing can be written here"
				   : "only mode octet is spoken here");
		return;
	}
	asked = hash_bytes(request.path, strlen(request.path), 0);
	if (is_answered(w, from, asked, &busy))
		return;
	if (request.timeout > TIMEOUT_MAX)
		request.timeout = 0; /* not granted */
	if (busy >= ADDRESS_MAX || (w->n >= TRANSFERS_MAX && !make_room(w)) ||
	    !(t = calloc(1, sizeof(*t)))) {
		refuse(w, from, TFTP_E_OTHER, "too many transfers: later");
		return;
	}
	t->fd = -1;
	t->from = *from;
	t->request = request;
	t->asked = asked;
	rc = find_file(w, t, local, request.path);
	if (rc == 0) {
		begin(w, t, local);
	} else {
		if (rc == -EAGAIN)
			nudge(w, t);
		else
			refuse_file(w, t, rc);
		transfer_free(t);
	}
}

static void
read_requests(struct worker *w)
{
	uint8_t packet[REQUEST_MAX];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;

	for (int i = 0; i < EVENTS; i++) {
		struct sockaddr_in from;
		struct iovec iov = { packet, sizeof(packet) };
		struct msghdr msg = { .msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control) };
		struct in_addr local = { INADDR_ANY };
		ssize_t n = recvmsg(w->fd, &msg, MSG_DONTWAIT);

		if (n < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
			if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
				local = ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_spec_dst;
		take_request(w, &from, local, packet, (size_t)n);
	}
}

/* --- threads --- */

static void
send_late(struct worker *w, int64_t now)
{
	struct transfer *next;

	for (struct transfer *t = w->transfers; t; t = next) {
		next = t->next;
		if (t->due <= now && !transfer_late(w->tftp->service, t))
			end(w, t);
	}
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	struct epoll_event events[EVENTS];
	int64_t ticked = 0, now;
	bool stop = false;

	while (!stop) {
		int n = epoll_wait(w->epoll, events, EVENTS, w->transfers ? TICK_MS : -1);
		bool requests = false;

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (what == w->tftp)
				stop = true;
			else if (what == w)
				requests = true;
			else if (!transfer_ready(w->tftp->service, what))
				end(w, what);
		}
		if (requests) /* last: they end transfers, which other events may name */
			read_requests(w);
		now = tftp_now();
		if (now - ticked >= TICK_MS) {
			ticked = now;
			send_late(w, now);
		}
	}
	while (w->transfers)
		end(w, w->transfers);
	return NULL;
}

static int
listen_on(const struct tftp_options *o, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1,
	    bytes = SOCKET_BYTES, err;

	if (fd < 0)
		return err_errno("no socket for TFTP");
	if (o->listen && *o->listen && inet_pton(AF_INET, o->listen, &at.sin_addr) != 1) {
		close(fd);
		return err_set(EINVAL, "TFTP needs an IPv4 address, not %s", o->listen);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (bind(fd, (const void *)&at, sizeof(at)) == 0)
		return fd;
	err = err_errno("TFTP, port %u%s", port,
	    errno == EADDRINUSE ? " (another TFTP server, such as dnsmasq's?)" : "");
	close(fd);
	return err;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t n = sizeof(at);

	getsockname(fd, (void *)&at, &n);
	return ntohs(at.sin_port);
}

static int
start_worker(struct tftp *t, struct worker *w)
{
	struct epoll_event requests = { .events = EPOLLIN, .data.ptr = w },
			   stop = { .events = EPOLLIN, .data.ptr = t };

	w->tftp = t;
	w->fd = listen_on(&t->options, t->port);
	if (w->fd < 0)
		return w->fd;
	t->port = port_of(w->fd);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->fd, &requests) < 0 ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, t->stop, &stop) < 0)
		return err_errno("no epoll for TFTP");
	if (pthread_create(&w->thread, NULL, run, w) != 0)
		return err_set(EAGAIN, "can't start a thread for TFTP");
	pthread_setname_np(w->thread, "tftp");
	w->started = true;
	return 0;
}

int
tftp_start(struct service *service, const struct tftp_options *o, struct tftp **out)
{
	unsigned n = o->threads ? o->threads : THREADS;
	struct tftp *t;
	int rc = 0;

	n = n < THREADS_MAX ? n : THREADS_MAX;
	t = calloc(1, sizeof(*t) + n * sizeof(t->workers[0]));
	if (!t)
		return -ENOMEM;
	t->service = service;
	t->options = *o;
	t->port = o->port;
	t->nworkers = n;
	t->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (unsigned i = 0; i < n; i++)
		t->workers[i].fd = t->workers[i].epoll = -1;
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = start_worker(t, &t->workers[i]);
	if (rc < 0)
		tftp_stop(t);
	else
		*out = t;
	return rc;
}

void
tftp_stop(struct tftp *t)
{
	if (!t)
		return;
	eventfd_write(t->stop, 1);
	for (unsigned i = 0; i < t->nworkers; i++) {
		struct worker *w = &t->workers[i];

		if (w->started)
			pthread_join(w->thread, NULL);
		cleanup_fd(&w->fd);
		cleanup_fd(&w->epoll);
	}
	close(t->stop);
	free(t);
}

uint16_t
tftp_port(const struct tftp *t)
{
	return t->port;
}

/*
 * limits - what this machine allows, whatever the server: an RPC server that does nothing, a TCP
 * stream over loopback, and the disk's fdatasync. Prints JSON, but for the echo, which serves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define SYNCS  400
#define STREAM (UINT64_C(4) << 30)

static int
listening(uint16_t port, struct sockaddr_in *at)
{
	socklen_t n = sizeof(*at);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)at, n) < 0 || listen(fd, 256) < 0)
		die("port %u: %s", port, strerror(errno));
	getsockname(fd, (struct sockaddr *)at, &n);
	return fd;
}

/* --- Echo: one thread, epoll, all calls that came together answered together. */

struct peer {
	int fd;
	size_t n;
	uint8_t in[64 << 10];
};

static void
echo_records(struct peer *p)
{
	uint8_t out[64 << 10], *q = out;
	size_t at = 0, length;

	while (p->n - at >= 8) {
		length = 4 + (get32(p->in + at) & 0x7fffffff);
		if (length > sizeof(p->in))
			die("echo: a record of %zu bytes", length);
		if (p->n - at < length)
			break;
		q = put32(put32(q, 0x80000000u | 24), get32(p->in + at + 4));
		q = put64(put64(put32(q, 1), 0), 0);
		at += length;
	}
	p->n -= at;
	memmove(p->in, p->in + at, p->n);
	if (q > out && send(p->fd, out, (size_t)(q - out), MSG_NOSIGNAL) != q - out)
		die("echo: send: %s", strerror(errno));
}

static void
echo_ready(struct peer *p)
{
	ssize_t n = recv(p->fd, p->in + p->n, sizeof(p->in) - p->n, 0);

	if (n <= 0) {
		close(p->fd);
		free(p);
		return;
	}
	p->n += (size_t)n;
	echo_records(p);
}

static void
echo_accept(int epoll, int listener)
{
	struct peer *p = must_alloc(1, sizeof(*p));
	struct epoll_event e = { EPOLLIN, { .ptr = p } };
	int one = 1;

	p->fd = accept(listener, NULL, NULL);
	if (p->fd < 0)
		die("accept: %s", strerror(errno));
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &e);
}

_Noreturn static void
echo(uint16_t port)
{
	struct sockaddr_in at;
	struct epoll_event events[64], e = { EPOLLIN, { .ptr = NULL } };
	int i, n, epoll = epoll_create1(EPOLL_CLOEXEC), listener = listening(port, &at);

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		n = epoll_wait(epoll, events, 64, -1);
		for (i = 0; i < n; i++)
			if (events[i].data.ptr)
				echo_ready(events[i].data.ptr);
			else
				echo_accept(epoll, listener);
	}
}

/* --- A stream: one process sends, another receives as the load generator does. */

static double
cpu_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

_Noreturn static void
stream_send(const struct sockaddr_in *to)
{
	char *piece = must_alloc(1, 1 << 20);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t sent = 0;
	ssize_t n;

	memset(piece, 1, 1 << 20);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect: %s", strerror(errno));
	while (sent < STREAM) {
		n = send(fd, piece, 1 << 20, 0);
		if (n < 0)
			die("send: %s", strerror(errno));
		sent += (uint64_t)n;
	}
	_exit(0);
}

static void
stream(void)
{
	static char buffer[LOAD_IN_BYTES];
	struct sockaddr_in at;
	int fd, listener = listening(0, &at);
	pid_t child = fork();
	uint64_t begin, got = 0;
	double seconds;
	ssize_t n;

	if (child == 0)
		stream_send(&at);
	fd = accept(listener, NULL, NULL);
	begin = load_microseconds();
	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
		got += (uint64_t)n;
	seconds = (double)(load_microseconds() - begin) / 1e6;
	waitpid(child, NULL, 0);
	if (got < STREAM)
		die("the stream ended early");
	printf("{\"stream_mb_s\":%.1f,\"sender_us_mib\":%.1f,\"receiver_us_mib\":%.1f}\n",
	    (double)got / 1e6 / seconds, cpu_of(RUSAGE_CHILDREN) * 1e6 / ((double)got / (1 << 20)),
	    cpu_of(RUSAGE_SELF) * 1e6 / ((double)got / (1 << 20)));
}

/* --- The disk. */

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The median of 4 KiB written and synced; step 0: always over the same. */
static uint64_t
synced(int fd, off_t step)
{
	static const char page[4096] = "x";
	uint64_t took[SYNCS];
	int i;

	for (i = 0; i < SYNCS; i++) {
		took[i] = load_microseconds();
		if (pwrite(fd, page, sizeof(page), i * step) != sizeof(page) || fdatasync(fd) < 0)
			die("fdatasync: %s", strerror(errno));
		took[i] = load_microseconds() - took[i];
	}
	qsort(took, SYNCS, sizeof(took[0]), by_size);
	return took[SYNCS / 2];
}

static void
sync_in(const char *folder)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/sync.XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	unlink(path);
	printf("{\"append_us\":%llu,", (unsigned long long)synced(fd, 4096));
	printf("\"overwrite_us\":%llu}\n", (unsigned long long)synced(fd, 0));
	close(fd);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "echo"))
		echo((uint16_t)atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "stream"))
		stream();
	else if (argc == 3 && !strcmp(argv[1], "sync"))
		sync_in(argv[2]);
	else {
		fputs("Usage: limits echo PORT | stream | sync FOLDER\n", stderr);
		return 2;
	}
	return 0;
}

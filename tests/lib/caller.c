/* Calls by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/caller.h"

static void
put(uint8_t *at, uint32_t v)
{
	v = htonl(v);
	memcpy(at, &v, 4);
}

static uint32_t
get(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, 4);
	return ntohl(v);
}

int
caller_connect(uint16_t port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { 10, 0 };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

void
caller_pack(uint8_t out[CALLER_CALL], uint32_t xid, uint32_t prog, uint32_t proc, uint32_t arg)
{
	const uint32_t words[CALLER_CALL / 4] = { 0x80000000 | (CALLER_CALL - 4), xid, 0, 2, prog,
		1, proc, 0, 0, 0, 0, arg };

	for (size_t i = 0; i < CALLER_CALL / 4; i++)
		put(out + 4 * i, words[i]);
}

void
caller_send(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);

		assert_true(k > 0);
		at += k;
		n -= (size_t)k;
	}
}

void
caller_call(int fd, uint32_t xid, uint32_t prog, uint32_t proc, uint32_t arg)
{
	uint8_t call[CALLER_CALL];

	caller_pack(call, xid, prog, proc, arg);
	caller_send(fd, call, sizeof(call));
}

static bool
receive_all(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = recv(fd, p, n, 0);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

bool
caller_receive(int fd, struct caller_reply *out)
{
	uint8_t head[28];
	uint32_t mark;

	if (!receive_all(fd, head, sizeof(head)))
		return false;
	mark = get(head);
	assert_true(mark & 0x80000000);
	assert_true((mark & 0x7fffffff) >= 24);
	out->xid = get(head + 4);
	assert_int_equal(get(head + 8), 1);  /* a reply */
	assert_int_equal(get(head + 12), 0); /* accepted */
	out->accept = get(head + 24);
	out->n = (mark & 0x7fffffff) - 24;
	out->results = malloc(out->n + 1);
	assert_non_null(out->results);
	assert_true(receive_all(fd, out->results, out->n));
	return true;
}

uint32_t
caller_expect(int fd, uint32_t xid, uint32_t accept)
{
	struct caller_reply reply;
	uint32_t word;

	assert_true(caller_receive(fd, &reply));
	word = reply.n >= 4 ? get(reply.results) : 0;
	free(reply.results);
	assert_int_equal(reply.xid, xid);
	assert_int_equal(reply.accept, accept);
	return word;
}

bool
caller_ended(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == 0;
}

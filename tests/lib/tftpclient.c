/* A lock-step reader with a window. */
#include "tests/lib/tftpclient.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_MS 6000

static int
open_socket(const struct tftpclient *c)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct timeval limit = { WAIT_MS / 1000, 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, c->from ? c->from : c->server ? "0.0.0.0" : "127.0.0.1", &at.sin_addr);
	if (fd < 0 || bind(fd, (void *)&at, sizeof(at)) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void
send_to(const struct tftpclient *c, int fd, const void *p, size_t n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(c->port) };

	inet_pton(AF_INET, c->server ? c->server : "127.0.0.1", &to.sin_addr);
	sendto(fd, p, n, 0, (void *)&to, sizeof(to));
}

static size_t
put(uint8_t *to, size_t at, const char *name, unsigned value)
{
	if (value == 0)
		return at;
	at += (size_t)sprintf((char *)to + at, "%s", name) + 1;
	return at + (size_t)sprintf((char *)to + at, "%u", value) + 1;
}

static size_t
write_request(const struct tftpclient *c, const char *path, uint8_t *to)
{
	size_t at = 2;

	to[0] = 0;
	to[1] = 1;
	at += (size_t)sprintf((char *)to + at, "%s", path) + 1;
	at += (size_t)sprintf((char *)to + at, "octet") + 1;
	if (c->tsize) {
		memcpy(to + at,
		    "tsize\0"
		    "0",
		    8);
		at += 8;
	}
	at = put(to, at, "blksize", c->blksize);
	at = put(to, at, "timeout", c->timeout);
	return put(to, at, "windowsize", c->window);
}

static void
read_oack(struct tftpclient *c, const char *p, const char *end)
{
	while (p < end) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, "tsize") == 0)
			c->told_size = strtoull(value, NULL, 10);
		if (strcmp(p, "blksize") == 0)
			c->granted = (unsigned)atoi(value);
		p = value + strlen(value) + 1;
	}
}

static void
ack(const struct tftpclient *c, int fd, const struct sockaddr_in *to, unsigned block, unsigned n)
{
	uint8_t packet[4] = { 0, 4, (uint8_t)(block >> 8), (uint8_t)block };
	unsigned times = c->repeat && n % c->repeat == 0 ? 2 : 1;

	while (times--)
		sendto(fd, packet, sizeof(packet), 0, (const void *)to, sizeof(*to));
}

/* As bootloaders do: the request is sent again while nobody answers. */
static ssize_t
receive(struct tftpclient *c, int fd, const uint8_t *request, size_t n, uint8_t *packet,
    size_t size, struct sockaddr_in *from)
{
	struct timeval second = { 1, 0 }, limit = { WAIT_MS / 1000, 0 };
	socklen_t length = sizeof(*from);
	ssize_t got;

	if (!n)
		return recvfrom(fd, packet, size, 0, (void *)from, &length);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	got = recvfrom(fd, packet, size, 0, (void *)from, &length);
	for (int i = 0; got < 0 && i < 10; i++) {
		send_to(c, fd, request, n);
		got = recvfrom(fd, packet, size, 0, (void *)from, &length);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return got;
}

static long
fetch(struct tftpclient *c, int fd, const uint8_t *request, size_t asked, uint8_t **out)
{
	uint8_t packet[70000];
	unsigned size = 512, window = c->window ? c->window : 1, in_window = 0;
	uint64_t last = 0, n = 0, room = 0;
	struct sockaddr_in from = { 0 };
	ssize_t got;

	*out = NULL;
	while ((got = receive(c, fd, request, asked, packet, sizeof(packet), &from)) >= 4) {
		unsigned block = (unsigned)packet[2] << 8 | packet[3];

		asked = 0;
		if (packet[1] == 5) {
			snprintf(
			    c->error, sizeof(c->error), "%.*s", (int)got - 4, (char *)packet + 4);
			return -1 - (long)block;
		}
		if (packet[1] == 6) {
			read_oack(c, (char *)packet + 2, (char *)packet + got);
			size = c->granted ? c->granted : size;
			if (!c->early)
				ack(c, fd, &from, 0, 1);
		}
		if (c->early) {
			static const uint8_t stop[] = "\0\5\0\0Early terminate";

			sendto(fd, stop, sizeof(stop), 0, (void *)&from, sizeof(from));
			return (long)c->told_size;
		}
		if (packet[1] != 3)
			continue;
		if (c->lose && ++c->data % c->lose == 0)
			continue;
		c->data += !c->lose;
		if (block != (uint16_t)(last + 1)) {
			if (in_window)
				ack(c, fd, &from, (unsigned)last & 0xffff, 1);
			in_window = 0;
			continue;
		}
		last++;
		if (n + (uint64_t)got > room) {
			room = (room + (uint64_t)got) * 2;
			*out = realloc(*out, room);
		}
		memcpy(*out + n, packet + 4, (size_t)got - 4);
		n += (uint64_t)got - 4;
		if (++in_window == window || (unsigned)got - 4 < size) {
			ack(c, fd, &from, block, (unsigned)last);
			in_window = 0;
		}
		if ((unsigned)got - 4 < size)
			return (long)n;
	}
	return -100;
}

long
tftpclient_get(struct tftpclient *c, const char *path, uint8_t **out)
{
	uint8_t request[2048];
	size_t n = write_request(c, path, request);
	int fd = open_socket(c);
	long rc;

	c->told_size = 0;
	c->granted = c->data = 0;
	c->error[0] = '\0';
	if (fd < 0)
		return -100;
	send_to(c, fd, request, n);
	rc = fetch(c, fd, request, n, out);
	if (rc < 0) {
		free(*out);
		*out = NULL;
	}
	close(fd);
	return rc;
}

long
tftpclient_send(struct tftpclient *c, const void *packet, size_t n, uint8_t *answer, size_t size)
{
	struct timeval limit = { 0, 300000 };
	int fd = open_socket(c);
	ssize_t got;

	if (fd < 0)
		return -100;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	send_to(c, fd, packet, n);
	got = recv(fd, answer, size, 0);
	close(fd);
	return got < 0 ? -100 : got;
}

/* A lock-step reader without hurry: what isn't answered is said again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sys/bootloader.h"

#define AGAIN_MS 1000
#define FILE_MS  30000 /* TFTP_FILE_TIMEOUT */
#define ROM_PORT 49152

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };

struct get {
	struct pi *pi;
	const char *path;
	unsigned how;
	uint8_t last[560]; /* what was sent last */
	size_t nlast;
	uint16_t to; /* the port of the answers; 0: none came yet */
	unsigned blksize, block;
	uint64_t n;
	FILE *file;
};

static void
send_last(const struct get *g)
{
	ether_send(&g->pi->ether, false, g->pi->port, g->to ? g->to : 69, g->last, g->nlast);
}

static void
send_request(struct get *g)
{
	static const char options[] = "tsize\0"
				      "0\0"
				      "blksize\0"
				      "1024";
	uint8_t *p = g->last;

	p[0] = 0;
	p[1] = RRQ;
	g->nlast = 2 + (size_t)sprintf((char *)p + 2, "%.500s", g->path) + 1;
	memcpy(p + g->nlast, "octet", 6);
	g->nlast += 6;
	if (!(g->how & TFTP_PLAIN)) {
		memcpy(p + g->nlast, options, sizeof(options));
		g->nlast += sizeof(options);
	}
	send_last(g);
}

static void
send_ack(struct get *g, unsigned block)
{
	uint8_t *p = g->last;

	p[0] = 0;
	p[1] = ACK;
	p[2] = (uint8_t)(block >> 8);
	p[3] = (uint8_t)block;
	g->nlast = 4;
	send_last(g);
}

static void
end_early(struct get *g)
{
	static const char stop[] = "\0\5\0\0Early terminate";

	memcpy(g->last, stop, sizeof(stop));
	g->nlast = sizeof(stop);
	send_last(g);
}

static FILE *
open_file(const struct pi *pi, const char *path)
{
	const char *name = strrchr(path, '/');
	char to[700];

	snprintf(to, sizeof(to), "%s/%s", pi->out, name ? name + 1 : path);
	return fopen(to, "w");
}

static int
take_refusal(struct get *g, const struct ether_udp *u, int64_t began)
{
	unsigned code = (unsigned)u->data[2] << 8 | u->data[3],
		 ms = (unsigned)(ether_now() - began);

	snprintf(g->pi->why, sizeof(g->pi->why), "%.60s: %.*s", g->path, (int)u->n - 5,
	    (const char *)u->data + 4);
	g->pi->refused++;
	if (ms > g->pi->worst_refusal)
		g->pi->worst_refusal = ms;
	return code == 1 ? 0 : -1;
}

static void
take_options(struct get *g, const struct ether_udp *u)
{
	const char *p = (const char *)u->data + 2, *end = (const char *)u->data + u->n;

	while (p < end) {
		const char *value = p + strnlen(p, (size_t)(end - p)) + 1;

		if (value < end && strcmp(p, "blksize") == 0)
			g->blksize = (unsigned)atoi(value);
		p = value + (value < end ? strnlen(value, (size_t)(end - value)) : 0) + 1;
	}
}

/* 1: that was the last block; 0: there is more. */
static int
take_data(struct get *g, const struct ether_udp *u)
{
	unsigned block = (unsigned)u->data[2] << 8 | u->data[3];
	size_t n = u->n - 4;

	if (block != ((g->block + 1) & 0xffff))
		return 0;
	g->block++;
	g->n += n;
	if (g->file && fwrite(u->data + 4, 1, n, g->file) != n)
		return fail(g->pi, "%s can't be kept", g->path);
	if (g->pi->slow)
		usleep(g->pi->slow);
	send_ack(g, block);
	return n < g->blksize;
}

/* 2: nothing that ends it; else as tftp_get. */
static int
take(struct get *g, const struct ether_udp *u, int64_t began)
{
	unsigned op = u->n >= 4 ? u->data[1] : 0;
	int rc;

	if (op == ERROR && u->n >= 5)
		return take_refusal(g, u, began);
	if (op != OACK && op != DATA)
		return 2;
	if (g->to && g->to != u->from_port)
		return 2;
	g->to = u->from_port;
	if (g->how & TFTP_PROBE) {
		end_early(g);
		g->pi->probed++;
		return 1;
	}
	if (op == OACK) {
		take_options(g, u);
		send_ack(g, 0);
		return 2;
	}
	rc = take_data(g, u);
	return rc == 0 ? 2 : rc;
}

static int
transfer(struct get *g)
{
	int64_t began = ether_now(), heard = began;
	struct ether_udp u;
	int rc = 2;

	send_request(g);
	while (rc == 2) {
		if (ether_receive(&g->pi->ether, g->pi->port, ether_now() + AGAIN_MS, &u) == 0) {
			if (u.from.s_addr != g->pi->server.s_addr)
				continue;
			heard = ether_now();
			rc = take(g, &u, began);
		} else if (ether_now() - heard > FILE_MS) {
			rc = fail(g->pi, "%s: no answer%s", g->path, g->n ? " any more" : "");
		} else {
			send_last(g);
		}
	}
	return rc;
}

/* The ROM and its bootcode.bin ask from one port, whatever was before; the EEPROM from a new one.
 */
static uint16_t
next_port(const struct pi *pi)
{
	return pi->model <= PI_3BPLUS   ? ROM_PORT
	       : pi->port < ROM_PORT    ? ROM_PORT
	       : pi->port == UINT16_MAX ? ROM_PORT
					: (uint16_t)(pi->port + 1);
}

int
tftp_get(struct pi *pi, const char *path, unsigned how)
{
	struct get g = { .pi = pi, .path = path, .how = how, .blksize = 512 };
	int64_t began = ether_now();
	int rc;

	pi->port = next_port(pi);
	if (pi->out && !(how & TFTP_PROBE) && !(g.file = open_file(pi, path)))
		return fail(pi, "%s can't be kept: %s", path, strerror(errno));
	rc = transfer(&g);
	if (g.file)
		fclose(g.file);
	if (rc == 1 && !(how & TFTP_PROBE)) {
		pi->files++;
		pi->bytes += g.n;
	}
	if (pi->loud)
		printf("%s %s %llu bytes %lld ms\n",
		    rc != 1              ? "refused"
		    : (how & TFTP_PROBE) ? "probed"
					 : "got",
		    path, (unsigned long long)g.n, (long long)(ether_now() - began));
	return rc;
}

/* Records over TCP, by hand: no code of the server's is shared. */
#include "tests/crash/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/world.h"

#define PATIENCE    60 /* seconds */
#define NFS_PROGRAM 100003
#define NFS_SETATTR 2
#define NFS_CREATE  8 /* the first that makes or takes names */
#define NFS_LINK    15

void
wire_open(struct wire *w, uint16_t port, uint32_t xid)
{
	memset(w, 0, sizeof(*w));
	w->port = port;
	w->xid = xid;
	w->fd = -1;
}

void
wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

int
wire_connect(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* --- encoding --- */

static void
put_raw(struct wire *w, const void *p, uint32_t n)
{
	if (w->nout + n + 4 > sizeof(w->out))
		die("a call of more than %u bytes", WIRE_MAX);
	memcpy(w->out + w->nout, p, n);
	w->nout += n;
	while (w->nout % 4)
		w->out[w->nout++] = 0;
}

void
wire_put(struct wire *w, uint32_t word)
{
	uint32_t be = htonl(word);

	put_raw(w, &be, 4);
}

void
wire_put64(struct wire *w, uint64_t n)
{
	wire_put(w, (uint32_t)(n >> 32));
	wire_put(w, (uint32_t)n);
}

void
wire_put_bytes(struct wire *w, const void *p, uint32_t n)
{
	wire_put(w, n);
	put_raw(w, p, n);
}

void
wire_put_fh(struct wire *w, const struct wire_fh *fh)
{
	wire_put_bytes(w, fh->bytes, fh->n);
}

void
wire_put_name(struct wire *w, const char *name)
{
	wire_put_bytes(w, name, (uint32_t)strlen(name));
}

void
wire_begin(struct wire *w, uint32_t program, uint32_t procedure)
{
	/* AUTH_SYS of root on a machine without a name, and no verifier. */
	const uint32_t head[] = { ++w->xid, 0, 2, program, 3, procedure, 1, 20, 1, 0, 0, 0, 0, 0,
		0 };

	w->once = program == NFS_PROGRAM &&
		  (procedure == NFS_SETATTR || (procedure >= NFS_CREATE && procedure <= NFS_LINK));
	w->nout = 4; /* the mark */
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		wire_put(w, head[i]);
}

/* --- sending --- */

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int
read_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = recv(fd, p, n, 0);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static void
mark(struct wire *w)
{
	uint32_t be = htonl(0x80000000u | (w->nout - 4));

	memcpy(w->out, &be, 4);
}

static int
send_out(const struct wire *w, int fd, uint32_t n)
{
	return fd < 0 ? -1 : write_all(fd, w->out, n);
}

/* The answer to our call; older ones are passed over. */
static int
read_reply(struct wire *w, int fd)
{
	uint32_t be, xid;

	do {
		if (read_all(fd, (uint8_t *)&be, 4) < 0)
			return -1;
		w->nin = ntohl(be) & 0x7fffffff;
		if (w->nin < 24 || w->nin > sizeof(w->in))
			die("an answer of %u bytes", w->nin);
		if (read_all(fd, w->in, w->nin) < 0)
			return -1;
		memcpy(&xid, w->in, 4);
	} while (ntohl(xid) != w->xid);
	w->at = 0;
	w->bad = false;
	return 0;
}

static uint32_t
take_head(struct wire *w)
{
	static const uint32_t fine[] = { 1, 0, 0, 0, 0 };

	wire_take(w);
	for (int i = 0; i < 5; i++) {
		uint32_t word = wire_take(w);

		if (word != fine[i])
			die("word %d of an answer's head is %u", i + 1, word);
	}
	return wire_take(w);
}

int
wire_try(struct wire *w, uint32_t *status)
{
	mark(w);
	if (w->fd < 0)
		w->fd = wire_connect(w->port);
	if (send_out(w, w->fd, w->nout) < 0 || read_reply(w, w->fd) < 0) {
		wire_close(w);
		return -1;
	}
	*status = take_head(w);
	return 0;
}

/* The call on a second connection, before and after the first one's answer. */
static void
send_twice(struct wire *w)
{
	int other = wire_connect(w->port);
	static _Thread_local uint8_t first[WIRE_MAX];
	uint32_t n;

	if (w->fd < 0)
		w->fd = wire_connect(w->port);
	if (send_out(w, other, w->nout) == 0 && send_out(w, w->fd, w->nout) == 0 &&
	    read_reply(w, other) == 0) {
		n = w->nin;
		memcpy(first, w->in, n);
		if (read_reply(w, w->fd) == 0 && w->once &&
		    (w->nin != n || memcmp(first, w->in, n) != 0))
			die("one call sent on two connections got two answers");
	}
	if (other >= 0)
		close(other);
}

static void
treat_ill(struct wire *w, enum wire_ill ill)
{
	mark(w);
	if (w->fd < 0)
		w->fd = wire_connect(w->port);
	if (ill == WIRE_TWICE)
		send_twice(w);
	if (ill == WIRE_REPLY_LOST)
		send_out(w, w->fd, w->nout);
	if (ill == WIRE_CUT)
		send_out(w, w->fd, w->nout / 2);
	if (ill != WIRE_WELL)
		wire_close(w);
}

uint32_t
wire_send(struct wire *w, enum wire_ill ill)
{
	struct timespec pause = { .tv_nsec = 5000000 };
	time_t end = time(NULL) + PATIENCE;
	uint32_t status;

	treat_ill(w, ill);
	while (wire_try(w, &status) < 0) {
		if (time(NULL) > end)
			die("no answer for %d seconds", PATIENCE);
		w->resent++;
		nanosleep(&pause, NULL);
	}
	return status;
}

/* --- decoding --- */

uint32_t
wire_take(struct wire *w)
{
	uint32_t be = 0;

	if (w->at + 4 > w->nin)
		w->bad = true;
	else
		memcpy(&be, w->in + w->at, 4);
	w->at += 4;
	return ntohl(be);
}

uint64_t
wire_take64(struct wire *w)
{
	uint64_t high = wire_take(w);

	return high << 32 | wire_take(w);
}

const uint8_t *
wire_take_bytes(struct wire *w, uint32_t *n)
{
	const uint8_t *p;

	*n = wire_take(w);
	p = w->in + w->at;
	if (*n > w->nin || w->at > w->nin - *n) {
		w->bad = true;
		*n = 0;
		return w->in;
	}
	w->at += (*n + 3) / 4 * 4;
	return p;
}

void
wire_take_fh(struct wire *w, struct wire_fh *fh)
{
	const uint8_t *p = wire_take_bytes(w, &fh->n);

	if (fh->n > sizeof(fh->bytes))
		die("a handle of %u bytes", fh->n);
	memcpy(fh->bytes, p, fh->n);
}

void
wire_skip(struct wire *w, uint32_t words)
{
	w->at += 4 * words;
}

void
wire_skip_post(struct wire *w)
{
	if (wire_take(w))
		wire_skip(w, 21);
}

void
wire_skip_wcc(struct wire *w)
{
	if (wire_take(w))
		wire_skip(w, 6);
	wire_skip_post(w);
}

/* The attacks. Each goes on until it is stopped, and opens anew what is closed upon it. */
#include "tests/hostile/hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NFS 100003

int
attack_dial(struct attack *a, unsigned n)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000000u + 10 + n) };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(a->hostile->daemon.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		atomic_fetch_add(&a->refused, 1);
		return -1;
	}
	atomic_fetch_add(&a->opened, 1);
	return fd;
}

int
attack_send(int fd, const void *p, size_t n)
{
	ssize_t sent = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent < 0 && errno != EAGAIN ? -1 : 0;
}

int
attack_drain(struct attack *a, int fd)
{
	char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		atomic_fetch_add(&a->answered, 1);
	return n == 0 || (n < 0 && errno != EAGAIN) ? -1 : 0;
}

void
attack_sleep(unsigned ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void
lose(struct attack *a, int *fd)
{
	close(*fd);
	*fd = -1;
	atomic_fetch_add(&a->ended, 1);
}

/* Keeps n connections going, of one address or of many: each is handed to step, until that says -1.
 */
static void
keep_going(struct attack *a, int *fds, unsigned n, bool spread, unsigned pause_ms,
    int (*step)(struct attack *, int fd, unsigned i))
{
	for (unsigned i = 0; i < n; i++)
		fds[i] = -1;
	while (!atomic_load(&a->stop)) {
		for (unsigned i = 0; i < n && !atomic_load(&a->stop); i++) {
			if (fds[i] < 0)
				fds[i] = attack_dial(a, spread ? i % 200 : 0);
			if (fds[i] >= 0 && step(a, fds[i], i) < 0)
				lose(a, &fds[i]);
		}
		attack_sleep(pause_ms);
	}
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int
step_huge_mark(struct attack *a, int fd, unsigned i)
{
	static const uint8_t last[4] = { 0xff, 0xff, 0xff, 0xff };
	static const uint8_t more[4] = { 0x7f, 0xff, 0xff, 0xff };
	static const char bytes[65536];

	if (attack_send(fd, i % 2 ? last : more, 4) < 0 ||
	    attack_send(fd, bytes, sizeof(bytes)) < 0)
		return -1;
	return attack_drain(a, fd);
}

void
attack_huge_marks(struct attack *a)
{
	int fds[32];

	keep_going(a, fds, 32, true, 1, step_huge_mark);
}

/* Fragments of nothing, of a byte, of a kilobyte, none of them the last. */
static int
step_fragments(struct attack *a, int fd, unsigned i)
{
	static const uint32_t sizes[] = { 0, 1, 1024 };
	uint32_t n = sizes[i % 3], mark = htonl(n);
	uint8_t buf[16 * (1024 + 4)];
	size_t at = 0;

	for (int k = 0; k < 16; k++) {
		memcpy(buf + at, &mark, 4);
		memset(buf + at + 4, 0, n);
		at += 4 + n;
	}
	return attack_send(fd, buf, at) < 0 ? -1 : attack_drain(a, fd);
}

void
attack_endless_fragments(struct attack *a)
{
	int fds[33];

	keep_going(a, fds, 33, true, 1, step_fragments);
}

/* A record of 1,000 bytes, one byte at a time. */
static int
step_slow(struct attack *a, int fd, unsigned i)
{
	static const uint8_t mark[4] = { 0x80, 0, 0x03, 0xe8 };

	return attack_send(fd, mark + i % 4, 1) < 0 ? -1 : attack_drain(a, fd);
}

void
attack_slow_bytes(struct attack *a)
{
	int fds[500];

	keep_going(a, fds, 500, true, 1000, step_slow);
}

static int
step_idle(struct attack *a, int fd, unsigned i)
{
	(void)i;
	return attack_drain(a, fd);
}

void
attack_idle(struct attack *a)
{
	static int fds[5000];

	keep_going(a, fds, 5000, true, 50, step_idle);
}

/* --- calls --- */

static size_t
put(uint8_t *to, size_t at, uint32_t word)
{
	word = htonl(word);
	memcpy(to + at, &word, 4);
	return at + 4;
}

static size_t
put_fh(uint8_t *to, size_t at, const struct wire_fh *fh)
{
	at = put(to, at, fh->n);
	memcpy(to + at, fh->bytes, fh->n);
	return at + (fh->n + 3) / 4 * 4;
}

/* The head of a call by root with AUTH_SYS; its mark is set by end. */
static size_t
begin(uint8_t *to, uint32_t xid, uint32_t procedure)
{
	static const uint32_t head[] = { 0, 2, NFS, 3 }, cred[] = { 1, 20, 0, 0, 0, 0, 0, 0, 0 };
	size_t at = put(to, 4, xid);

	for (size_t i = 0; i < 4; i++)
		at = put(to, at, head[i]);
	at = put(to, at, procedure);
	for (size_t i = 0; i < 9; i++)
		at = put(to, at, cred[i]);
	return at;
}

static size_t
end(uint8_t *to, size_t at)
{
	put(to, 0, 0x80000000u | (uint32_t)(at - 4));
	return at;
}

/* Listings of the large folder, whose answers nobody takes. */
static int
step_never_read(struct attack *a, int fd, unsigned i)
{
	uint8_t call[200];
	size_t at = begin(call, i, 17);

	at = put_fh(call, at, &a->hostile->many);
	at = put(call, put(call, put(call, put(call, at, 0), 0), 0), 0); /* cookie, verifier */
	at = put(call, put(call, at, 1 << 20), 1 << 20);
	return attack_send(fd, call, end(call, at));
}

void
attack_never_read(struct attack *a)
{
	int fds[64];

	keep_going(a, fds, 64, true, 1, step_never_read);
}

/* The same, taken, with budgets of all kinds from places all over the folder. */
static int
step_listing(struct attack *a, int fd, unsigned i)
{
	static const uint32_t budgets[] = { 0, 1, 100, 512, 4096, 32768, 65536, 1u << 20,
		0x7fffffff, 0xffffffff };
	uint8_t call[200];
	size_t at = begin(call, i, 17);
	uint32_t budget = budgets[(i + atomic_load(&a->answered)) % 10];

	at = put_fh(call, at, &a->hostile->many);
	at = put(call, put(call, at, 0), atomic_load(&a->answered) * 7919u % HOSTILE_NAMES);
	at = put(call, put(call, at, 0), 0);
	at = put(call, put(call, at, budget), budget);
	if (attack_send(fd, call, end(call, at)) < 0)
		return -1;
	return attack_drain(a, fd);
}

void
attack_listings(struct attack *a)
{
	int fds[4];

	keep_going(a, fds, 4, false, 0, step_listing);
}

/* Records of random bytes, some of which begin as a call does. */
static int
step_garbage(struct attack *a, int fd, unsigned i)
{
	uint8_t call[600];
	size_t n = 40 + (size_t)rand() % 500, at = begin(call, i, (uint32_t)rand() % 30);

	if (i % 2)
		at = 4;
	for (; at < n; at++)
		call[at] = (uint8_t)rand();
	return attack_send(fd, call, end(call, at)) < 0 ? -1 : attack_drain(a, fd);
}

void
attack_garbage(struct attack *a)
{
	int fds[16];

	keep_going(a, fds, 16, false, 1, step_garbage);
}

/* Writes to handles that are one bit beside a good one. */
static int
step_handles(struct attack *a, int fd, unsigned i)
{
	struct wire_fh fh = a->hostile->big;
	uint8_t call[300];
	size_t at;
	uint32_t bit = (uint32_t)rand() % (fh.n * 8);

	fh.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	at = begin(call, i, 1 + (uint32_t)rand() % 21);
	at = put_fh(call, at, &fh);
	at = put(call, put(call, put(call, at, 0), 0), 0);
	return attack_send(fd, call, end(call, at)) < 0 ? -1 : attack_drain(a, fd);
}

void
attack_handles(struct attack *a)
{
	int fds[16];

	keep_going(a, fds, 16, false, 1, step_handles);
}

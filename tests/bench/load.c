/* Slots are ucontexts: a call costs two switches, which is less than keeping a state by hand saves.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (64u << 10)
#define NFS         100003
#define MOUNT       100005
#define SLOT_BITS   12 /* of an xid: which slot it is of */

/* --- Latencies: 64 linear steps up to 64 us, then 64 for each power of two. */

static unsigned
bucket_of(uint64_t us)
{
	unsigned power;

	if (us < 128)
		return (unsigned)us;
	power = 63 - (unsigned)__builtin_clzll(us) - 6;
	if (power > LOAD_LATENCIES / 64 - 2)
		return LOAD_LATENCIES - 1;
	return power * 64 + (unsigned)(us >> power);
}

static void
count_latency(struct latency *h, uint64_t us)
{
	h->n++;
	h->buckets[bucket_of(us)]++;
}

double
latency_of(const struct latency *h, double part)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < LOAD_LATENCIES; i++) {
		sum += h->buckets[i];
		if (sum && (double)sum >= part * (double)h->n)
			break;
	}
	if (!h->n || i < 128)
		return h->n ? i : 0;
	return (double)((uint64_t)(i % 64 + 64) << (i / 64 - 1));
}

void
load_reset(struct load *l)
{
	l->calls = l->ops = l->bytes = 0;
	memset(&l->prompt, 0, sizeof(l->prompt));
	memset(&l->durable, 0, sizeof(l->durable));
}

/* --- Calls */

static uint8_t *
out_room(struct client *c, size_t n)
{
	if (c->out_n + n > c->out_room) {
		c->out_room = (c->out_n + n) * 2;
		c->out = realloc(c->out, c->out_room);
		if (!c->out)
			die("no memory");
	}
	return c->out + c->out_n;
}

static uint8_t *
begin_program(struct slot *s, uint32_t program, uint32_t procedure, size_t room)
{
	struct client *c = s->client;
	struct load *l = c->load;
	uint8_t *p = out_room(c, room + sizeof(c->cred) + 64);

	s->mark = c->out_n;
	s->xid = (l->sequence++ << SLOT_BITS) | (c->index * l->options.depth + s->index);
	p = put32(p + 4, s->xid);
	p = put32(p, 0);
	p = put32(p, 2);
	p = put32(p, program);
	p = put32(p, 3);
	p = put32(p, procedure);
	memcpy(p, c->cred, c->cred_n);
	return p + c->cred_n;
}

uint8_t *
slot_begin(struct slot *s, uint32_t procedure, size_t room)
{
	return begin_program(s, NFS, procedure, room);
}

static void
slot_yield(struct slot *s)
{
	swapcontext(&s->context, &s->client->load->main);
}

static void
call_and_wait(struct slot *s, uint8_t *end, bool drops)
{
	struct client *c = s->client;
	uint32_t verifier;

	put32(c->out + s->mark, 0x80000000u | (uint32_t)(end - (c->out + s->mark) - 4));
	c->out_n = (size_t)(end - c->out);
	s->waits = true;
	s->drops = drops;
	s->sent_at = c->load->now;
	slot_yield(s);
	if (s->end - s->p < 24 || get32(s->p + 4) != 1 || get32(s->p + 8) != 0)
		die("%s: client %u: the call was denied", c->load->doing, c->index);
	verifier = get32(s->p + 16);
	if (get32(s->p + 20 + verifier) != 0)
		die("%s: accept_stat %u", c->load->doing, get32(s->p + 20 + verifier));
	s->p += 24 + verifier;
}

uint32_t
slot_call(struct slot *s, uint8_t *end, bool drops)
{
	call_and_wait(s, end, drops);
	if (s->end - s->p < 4)
		die("%s: a reply without a status", s->client->load->doing);
	s->p += 4;
	return get32(s->p - 4);
}

void
slot_call_null(struct slot *s)
{
	call_and_wait(s, slot_begin(s, 0, 0), false);
}

void
slot_park(struct slot *s)
{
	s->parked = true;
	s->client->parked++;
	slot_yield(s);
}

static void
slot_enter(unsigned high, unsigned low)
{
	struct slot *s = (struct slot *)(((uintptr_t)high << 32) | low);

	s->run(s);
	s->client->load->active--;
}

static void
slot_resume(struct slot *s)
{
	swapcontext(&s->client->load->main, &s->context);
}

static void
slot_start(struct slot *s, slot_fn *run)
{
	s->run = run;
	s->waits = s->parked = false;
	if (!s->stack)
		s->stack = must_alloc(1, STACK_BYTES);
	getcontext(&s->context);
	s->context.uc_stack.ss_sp = s->stack;
	s->context.uc_stack.ss_size = STACK_BYTES;
	s->context.uc_link = &s->client->load->main;
	makecontext(&s->context, (void (*)(void))(void *)slot_enter, 2,
	    (unsigned)((uintptr_t)s >> 32), (unsigned)(uintptr_t)s);
	s->client->load->active++;
	slot_resume(s);
}

/* --- Connections */

static void
client_watch(struct client *c, int how, bool out)
{
	struct epoll_event e = { EPOLLIN | (out ? EPOLLOUT : 0u), { .ptr = c } };

	if (epoll_ctl(c->load->epoll, how, c->fd, &e) < 0)
		die("epoll_ctl: %s", strerror(errno));
	c->wants_out = out;
}

static void
client_flush(struct client *c)
{
	ssize_t n;

	while (c->out_sent < c->out_n) {
		n = send(c->fd, c->out + c->out_sent, c->out_n - c->out_sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			die("%s: send: %s", c->load->doing, strerror(errno));
		c->out_sent += (size_t)n;
	}
	if (c->out_sent == c->out_n)
		c->out_sent = c->out_n = 0;
	if (c->wants_out != (c->out_n > 0))
		client_watch(c, EPOLL_CTL_MOD, c->out_n > 0);
}

static struct slot *
slot_of(struct client *c, const uint8_t *reply)
{
	uint32_t xid = get32(reply), n = xid & ((1u << SLOT_BITS) - 1);
	unsigned depth = c->load->options.depth;

	if (n / depth != c->index || !c->slots[n % depth].waits || c->slots[n % depth].xid != xid)
		die("%s: a reply to a call that wasn't made", c->load->doing);
	return &c->slots[n % depth];
}

static void
deliver(struct client *c, struct slot *s, const uint8_t *p, size_t n)
{
	struct load *l = c->load;

	l->calls++;
	count_latency(s->durable ? &l->durable : &l->prompt, l->now - s->sent_at);
	s->durable = false;
	s->waits = false;
	s->p = p;
	s->end = p + n;
	slot_resume(s);
}

/* Takes one record off the n bytes at p; returns how many bytes are done with, 0: more are needed.
 */
static size_t
take_record(struct client *c, const uint8_t *p, size_t n)
{
	size_t length, have;
	struct slot *s;

	if (c->drop_left) {
		have = n < c->drop_left ? n : c->drop_left;
		c->drop_left -= (uint32_t)have;
		if (!c->drop_left)
			deliver(c, slot_of(c, c->head), c->head, c->head_n);
		return have;
	}
	if (n < 8)
		return 0;
	if (!(get32(p) & 0x80000000u))
		die("a reply in fragments");
	length = get32(p) & 0x7fffffff;
	s = slot_of(c, p + 4);
	if (s->drops && length > LOAD_HEAD_BYTES) {
		if (n < 4 + LOAD_HEAD_BYTES)
			return 0;
		memcpy(c->head, p + 4, LOAD_HEAD_BYTES);
		c->head_n = LOAD_HEAD_BYTES;
		c->drop_left = (uint32_t)length - LOAD_HEAD_BYTES;
		return 4 + LOAD_HEAD_BYTES;
	}
	if (4 + length > LOAD_IN_BYTES)
		die("a reply of %zu bytes", length);
	if (n < 4 + length)
		return 0;
	deliver(c, s, p + 4, length);
	return 4 + length;
}

static void
resume_parked(struct client *c)
{
	unsigned i;

	for (i = 0; i < c->load->options.depth && c->parked; i++) {
		if (!c->slots[i].parked)
			continue;
		c->slots[i].parked = false;
		c->parked--;
		slot_resume(&c->slots[i]);
	}
}

static void
client_ready(struct client *c)
{
	size_t at = 0, done;
	ssize_t n = recv(c->fd, c->in + c->in_n, LOAD_IN_BYTES - c->in_n, 0);

	if (n < 0 && errno == EAGAIN) {
		client_flush(c);
		return;
	}
	if (n <= 0)
		die("%s: client %u: the server closed the connection", c->load->doing, c->index);
	c->in_n += (size_t)n;
	while (at < c->in_n && (done = take_record(c, c->in + at, c->in_n - at)))
		at += done;
	c->in_n -= at;
	memmove(c->in, c->in + at, c->in_n);
	if (c->parked)
		resume_parked(c);
	client_flush(c);
}

void
load_run(struct load *l, slot_fn *fn, unsigned depth)
{
	struct epoll_event events[64];
	unsigned c, i;
	int n;

	l->now = load_microseconds();
	for (c = 0; c < l->options.clients; c++) {
		for (i = 0; i < depth; i++)
			slot_start(&l->clients[c].slots[i], fn);
		client_flush(&l->clients[c]);
	}
	while (l->active) {
		n = epoll_wait(l->epoll, events, 64, 60000);
		if (n == 0)
			die("%s: no answer in a minute", l->doing);
		l->now = load_microseconds();
		for (i = 0; n > 0 && i < (unsigned)n; i++)
			client_ready(events[i].data.ptr);
	}
}

/* --- Setting up */

static void
client_connect(struct client *c, uint16_t port)
{
	struct sockaddr_in to = c->load->options.server;
	int one = 1;

	to.sin_port = htons(port);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("port %u: %s", port, strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	client_watch(c, EPOLL_CTL_ADD, false);
}

static void
mount_root(struct slot *s)
{
	struct client *c = s->client;
	char path[4096];
	uint8_t *p;

	snprintf(path, sizeof(path), "%s%u", c->load->options.exports, c->index);
	p = begin_program(s, MOUNT, 1, sizeof(path) + 8);
	if (slot_call(s, put_opaque(p, path, (uint32_t)strlen(path)), false))
		die("MNT %s: mountstat3 %u", path, get32(s->p - 4));
	c->root.n = get32(s->p);
	if (!c->root.n || c->root.n > sizeof(c->root.bytes))
		die("MNT %s: a handle of %u bytes", path, c->root.n);
	memcpy(c->root.bytes, s->p + 4, c->root.n);
}

static void
client_init(struct load *l, struct client *c, unsigned index)
{
	uint8_t *p = c->cred;
	char name[16];
	unsigned i;

	c->load = l;
	c->index = index;
	c->in = must_alloc(1, LOAD_IN_BYTES);
	c->slots = must_alloc(l->options.depth, sizeof(*c->slots));
	for (i = 0; i < l->options.depth; i++) {
		c->slots[i].client = c;
		c->slots[i].index = i;
	}
	snprintf(name, sizeof(name), "pi-%05u", index % 100000);
	p = put32(p, 1); /* AUTH_SYS: stamp, name, uid, gid, groups */
	p = put32(p, 32);
	p = put32(p, index);
	p = put_opaque(p, name, 8);
	p = put32(put32(p, 0), 0);
	p = put32(put32(p, 1), 0);
	p = put32(put32(p, 0), 0);
	c->cred_n = (uint32_t)(p - c->cred);
}

struct load *
load_open(const struct load_options *options)
{
	struct load *l = must_alloc(1, sizeof(*l));
	unsigned i;

	if ((uint64_t)options->clients * options->depth > 1u << SLOT_BITS)
		die("at most %u calls in flight", 1u << SLOT_BITS);
	l->options = *options;
	l->doing = "mount";
	l->nonce = load_microseconds();
	l->sequence = (uint32_t)l->nonce;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->clients = must_alloc(options->clients, sizeof(*l->clients));
	for (i = 0; i < options->clients; i++)
		client_init(l, &l->clients[i], i);
	if (options->exports) {
		for (i = 0; i < options->clients; i++)
			client_connect(&l->clients[i], options->mount_port);
		load_run(l, mount_root, 1);
		for (i = 0; i < options->clients; i++)
			close(l->clients[i].fd);
	}
	for (i = 0; i < options->clients; i++)
		client_connect(&l->clients[i], ntohs(options->server.sin_port));
	load_reset(l);
	return l;
}

void
load_close(struct load *l)
{
	unsigned i, j;

	for (i = 0; i < l->options.clients; i++) {
		struct client *c = &l->clients[i];

		close(c->fd);
		for (j = 0; j < l->options.depth; j++)
			free(c->slots[j].stack);
		free(c->slots);
		free(c->in);
		free(c->out);
		free(c->dirs);
		free(c->files);
		free(c->state);
	}
	close(l->epoll);
	free(l->clients);
	free(l);
}

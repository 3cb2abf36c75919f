/*
 * One connection. Its lock covers the queue of replies and the state; the read buffer belongs to
 * the worker that set `running`. Replies are freed outside the lock, as that may take a view's.
 */
#include "server/net/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "rpc/record.h"
#include "server/log.h"

#define SEND_IOV 64
#define SECOND   1000000u

struct conn {
	struct source source; /* first */
	struct sink sink;
	struct conn_env env;
	struct peer peer;
	struct rpc_stream stream; /* the running worker's */

	pthread_mutex_t lock;
	bool running; /* a worker is in conn_ready */
	bool resumed; /* its turn came before it waited for it */
	bool closed;
	bool broken;    /* sending failed */
	bool backlog;   /* the read buffer may hold whole records */
	bool gathering; /* worker's replies are sent together */
	pthread_t worker;
	struct out *first, **end; /* unsent */
	uint32_t first_sent;      /* bytes of the first that left */
	uint64_t unsent;          /* bytes in the queue */
	uint64_t held;            /* what env.memory knows of it: unsent and buffered */
	uint32_t buffered;        /* size of the read buffer after the last turn */
	uint64_t gathered_at;     /* microseconds: the oldest that waits to be gathered */
	unsigned inflight;
	bool ran;       /* a record, in this turn */
	uint64_t moved; /* microseconds: when a record or reply last began or ended */
};

#define FROM_SINK(s) ((struct conn *)(void *)((char *)(s)-offsetof(struct conn, sink)))

static void
free_chain(struct out *out)
{
	struct out *next;

	for (; out; out = next) {
		next = out->next;
		out_free(out);
	}
}

/* Under the lock: tells env.memory what is held now; a reply is until it has left as a whole. */
static void
account(struct conn *c)
{
	uint64_t now = c->first_sent + c->unsent + c->buffered;

	atomic_fetch_add(&c->env.memory->held, now - c->held);
	c->held = now;
}

static bool
is_crowded(const struct conn *c)
{
	return atomic_load(&c->env.memory->held) > c->env.memory->max;
}

static bool
overloaded(const struct conn *c)
{
	return c->inflight >= CONN_INFLIGHT || c->unsent >= CONN_UNSENT ||
	       (c->unsent && atomic_load(&c->env.memory->held) > c->env.memory->max / 4);
}

/* Under the lock, when nobody runs: waits for what can be done next. Writable stands for "at once"
 * when records are in the buffer already. */
static void
rearm(struct conn *c)
{
	uint32_t events = 0;

	if (c->running || c->closed)
		return;
	if (c->first)
		events |= EPOLLOUT;
	if (!overloaded(c))
		events |= c->backlog ? EPOLLOUT : EPOLLIN;
	source_arm(&c->source, events);
}

/* Under the lock: takes n sent bytes off the queue; gives back what is done with. */
static struct out *
take_sent(struct conn *c, size_t n)
{
	struct out *done = NULL, **end = &done;

	c->unsent -= n;
	n += c->first_sent;
	while (c->first && n >= rpc_reply_length(&c->first->reply)) {
		struct out *out = c->first;

		n -= rpc_reply_length(&out->reply);
		c->first = out->next;
		out->next = NULL;
		*end = out;
		end = &out->next;
	}
	if (!c->first)
		c->end = &c->first;
	c->first_sent = (uint32_t)n;
	return done;
}

/* The queue's beginning as pieces. */
static int
gather_iov(const struct conn *c, struct iovec *iov)
{
	size_t skip = c->first_sent;
	int n = 0;

	for (struct out *out = c->first; out && n + RPC_REPLY_IOV <= SEND_IOV; out = out->next)
		n += rpc_reply_iov(&out->reply, 0, iov + n);
	for (int i = 0; skip && i < n; i++) {
		size_t cut = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		iov[i].iov_base = (char *)iov[i].iov_base + cut;
		iov[i].iov_len -= cut;
		skip -= cut;
	}
	return n;
}

/* Under the lock: sends what the socket takes. Gives back replies to be freed without it. */
static struct out *
flush(struct conn *c)
{
	struct out *done = NULL, **end = &done;

	while (c->first && !c->broken && !c->closed) {
		struct iovec iov[SEND_IOV];
		struct msghdr msg = { .msg_iov = iov };
		ssize_t n;

		msg.msg_iovlen = (size_t)gather_iov(c, iov);
		n = sendmsg(c->source.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->broken = errno != EAGAIN && errno != ENOBUFS;
			break;
		}
		*end = take_sent(c, (size_t)n);
		if (*end)
			c->moved = loop_microseconds();
		while (*end)
			end = &(*end)->next;
	}
	account(c);
	return done;
}

static void
conn_send(struct sink *sink, struct out *out)
{
	struct conn *c = FROM_SINK(sink);
	struct out *done = NULL;
	bool broken = false, crowded;

	pthread_mutex_lock(&c->lock);
	if (c->closed || c->broken || rpc_reply_length(&out->reply) <= 4) {
		pthread_mutex_unlock(&c->lock);
		out_free(out);
		return;
	}
	if (!c->first)
		c->moved = loop_microseconds();
	out->next = NULL;
	*c->end = out;
	c->end = &out->next;
	c->unsent += rpc_reply_length(&out->reply);
	account(c);
	if (!(c->gathering && pthread_equal(c->worker, pthread_self()))) {
		done = flush(c);
		if (c->first)
			rearm(c);
		broken = c->broken && !c->running;
	}
	crowded = c->unsent && is_crowded(c);
	pthread_mutex_unlock(&c->lock);
	free_chain(done);
	if (broken)
		conn_close(c);
	if (crowded)
		c->env.crowded(c->env.arg);
}

static void
conn_sink_hold(struct sink *sink)
{
	struct conn *c = FROM_SINK(sink);
	SCOPED_LOCK(&c->lock);

	c->inflight++;
	source_hold(&c->source);
}

static void
conn_sink_drop(struct sink *sink)
{
	struct conn *c = FROM_SINK(sink);

	pthread_mutex_lock(&c->lock);
	if (c->inflight-- == CONN_INFLIGHT)
		rearm(c);
	pthread_mutex_unlock(&c->lock);
	source_drop(&c->source);
}

/* Sends what was gathered if it is much or old, or now. */
static void
flush_gathered(struct conn *c, bool now)
{
	struct out *done = NULL;

	pthread_mutex_lock(&c->lock);
	if (now || c->unsent >= CONN_GATHER ||
	    loop_microseconds() - c->gathered_at >= CONN_GATHER_US) {
		done = flush(c);
		c->gathered_at = loop_microseconds();
	}
	pthread_mutex_unlock(&c->lock);
	free_chain(done);
}

static bool
may_go_on(struct conn *c)
{
	SCOPED_LOCK(&c->lock);

	return !c->closed && !c->broken && !overloaded(c);
}

/* Runs the whole records in the buffer. 1: none is left; 0: stopped before; -errno. */
static int
run_records(struct conn *c, unsigned worker)
{
	const uint8_t *record;
	uint32_t n;

	while (may_go_on(c)) {
		int got = rpc_stream_next(&c->stream, &record, &n);

		if (got <= 0)
			return got < 0 ? got : 1;
		serve_record(
		    c->env.serve, c->env.programs, worker + 1, &c->sink, &c->peer, record, n);
		c->ran = true;
		flush_gathered(c, false);
	}
	return 0;
}

/* Reads once. The number of bytes; 0: nothing is there; -errno; -EPIPE: the end. */
static int
read_some(struct conn *c)
{
	uint8_t *where;
	uint32_t room;
	ssize_t n;
	int err = rpc_stream_room(&c->stream, &where, &room);

	if (err < 0)
		return err;
	n = recv(c->source.fd, where, room, MSG_DONTWAIT);
	if (n == 0)
		return -EPIPE;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	rpc_stream_filled(&c->stream, (uint32_t)n);
	return (int)n;
}

/* One turn of the worker: what is buffered, then what can be read. */
static int
turn(struct conn *c, unsigned worker)
{
	bool begins = c->stream.end == c->stream.start;
	int done = c->backlog ? run_records(c, worker) : 1;
	int n = 0;

	if (done == 1) {
		n = read_some(c);
		if (n < 0)
			return n;
		done = n ? run_records(c, worker) : 1;
	}
	if (c->ran || (begins && n)) {
		SCOPED_LOCK(&c->lock);

		c->moved = loop_microseconds();
	}
	c->ran = false;
	c->backlog = done == 0;
	return done < 0 ? done : 0;
}

static void
conn_ready(struct source *s, uint32_t events, unsigned worker)
{
	struct conn *c = (struct conn *)s;
	bool go, waits, broken, crowded;
	int err = 0;

	pthread_mutex_lock(&c->lock);
	if (c->running || c->closed) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	c->running = c->gathering = true;
	c->worker = pthread_self();
	c->gathered_at = loop_microseconds();
	c->broken |= (events & (EPOLLERR | EPOLLHUP)) != 0;
	go = !c->broken && !overloaded(c) && (c->backlog || (events & EPOLLIN));
	pthread_mutex_unlock(&c->lock);
	if (events & EPOLLOUT)
		flush_gathered(c, true);
	waits = go && !c->env.enter(c->env.arg, c);
	if (go && !waits)
		err = turn(c, worker);
	flush_gathered(c, true);
	pthread_mutex_lock(&c->lock);
	c->running = c->gathering = false;
	c->buffered = c->stream.size;
	account(c);
	crowded = is_crowded(c);
	broken = c->broken || err < 0;
	if (!broken && (!waits || c->resumed))
		rearm(c);
	c->resumed = false;
	pthread_mutex_unlock(&c->lock);
	if (go && !waits)
		c->env.leave(c->env.arg, c);
	if (crowded)
		c->env.crowded(c->env.arg);
	if (broken) {
		log_debug(c->env.log, LOG_NET, "connection ends: %s peer=%s",
		    err == -EPIPE || !err ? "closed by the peer" : strerror(-err), c->peer.text);
		conn_close(c);
	}
}

static void
conn_free(struct source *s)
{
	struct conn *c = (struct conn *)s;

	free_chain(c->first);
	rpc_stream_free(&c->stream);
	atomic_fetch_sub(&c->env.memory->held, c->held);
	pthread_mutex_destroy(&c->lock);
	close(s->fd);
	free(c);
}

static void
set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 15 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

int
conn_new(const struct conn_env *env, int fd, const struct sockaddr_storage *from, struct conn **out)
{
	static const struct source_ops source_ops = { conn_ready, conn_free };
	static const struct sink_ops sink_ops = { conn_send, conn_sink_hold, conn_sink_drop };
	struct conn *c = calloc(1, sizeof(*c));

	if (!c || rpc_stream_init(&c->stream, CONN_RECORD_MAX) < 0) {
		free(c);
		close(fd);
		return -ENOMEM;
	}
	set_options(fd);
	source_init(&c->source, env->loop, &source_ops, fd);
	c->sink.ops = &sink_ops;
	c->env = *env;
	peer_from_sockaddr(from, &c->peer);
	pthread_mutex_init(&c->lock, NULL);
	c->end = &c->first;
	c->moved = loop_microseconds();
	*out = c;
	return 0;
}

int
conn_start(struct conn *c)
{
	return source_watch(&c->source, EPOLLIN);
}

void
conn_resume(struct conn *c)
{
	SCOPED_LOCK(&c->lock);

	if (c->running) /* it is just about to wait */
		c->resumed = true;
	else
		rearm(c);
}

void
conn_hold(struct conn *c)
{
	source_hold(&c->source);
}

void
conn_drop(struct conn *c)
{
	source_drop(&c->source);
}

const struct peer *
conn_peer(const struct conn *c)
{
	return &c->peer;
}

void
conn_close(struct conn *c)
{
	struct out *lost;

	pthread_mutex_lock(&c->lock);
	if (c->closed) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	c->closed = true;
	lost = c->first;
	c->first = NULL;
	c->end = &c->first;
	c->unsent = c->first_sent = 0;
	account(c);
	pthread_mutex_unlock(&c->lock);
	free_chain(lost);
	shutdown(c->source.fd, SHUT_RDWR);
	source_unwatch(&c->source);
	c->env.closed(c->env.arg, c);
}

/* Under the lock, when nobody runs: the read buffer, if nothing is in it. */
static void
give_back(struct conn *c)
{
	if (c->stream.end > c->stream.start)
		return;
	rpc_stream_idle(&c->stream);
	c->buffered = c->stream.size;
	account(c);
}

int
conn_tick(struct conn *c, uint64_t now)
{
	SCOPED_LOCK(&c->lock);
	bool partial, stuck;

	if (c->running || c->closed)
		return 0;
	partial = !c->backlog && c->stream.end > c->stream.start;
	stuck = now > c->moved + CONN_STUCK * SECOND && (c->first || (partial && !overloaded(c)));
	if (now > c->moved + CONN_IDLE_BUFFER * SECOND)
		give_back(c);
	return stuck;
}

uint64_t
conn_idle_since(struct conn *c)
{
	SCOPED_LOCK(&c->lock);

	return c->running || c->inflight || c->first ? UINT64_MAX : c->moved;
}

uint64_t
conn_slow_since(struct conn *c, uint64_t *held)
{
	SCOPED_LOCK(&c->lock);

	if (!c->running && !c->closed)
		give_back(c);
	*held = c->closed ? 0 : c->held;
	return c->moved;
}

void
conn_linger(struct conn *c, int ms)
{
	struct pollfd p = { c->source.fd, POLLOUT, 0 };
	uint64_t end = loop_microseconds() + (uint64_t)ms * 1000;

	for (;;) {
		struct out *done;
		bool more;

		pthread_mutex_lock(&c->lock);
		done = flush(c);
		more = c->first && !c->broken && !c->closed;
		pthread_mutex_unlock(&c->lock);
		free_chain(done);
		if (!more || loop_microseconds() >= end || poll(&p, 1, ms) < 1)
			return;
	}
}

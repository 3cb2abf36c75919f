/* The list of connections. Where a limit is reached, whoever has been idle for longest goes: an NFS
 * client connects again by itself. */
#include "server/net/conns.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/log.h"
#include "server/net/lanes.h"
#include "server/stats.h"

#define ACCEPTS 64 /* at one event */

struct listener {
	struct source source; /* first */
	struct conns *conns;
	bool starved; /* not armed: there were no descriptors; under the lock of conns */
};

struct conns {
	struct conns_options options;
	struct conn_env env;
	struct conn_memory memory;
	struct lanes *lanes;
	pthread_mutex_t making_room; /* one thread is enough */
	pthread_mutex_t lock;
	struct conn **list; /* room for max; each held */
	unsigned n;
	struct listener *listener;
};

static void
forget(void *arg, struct conn *conn)
{
	struct conns *cs = arg;
	bool found = false;

	pthread_mutex_lock(&cs->lock);
	for (unsigned i = 0; i < cs->n && !found; i++) {
		if (cs->list[i] == conn) {
			cs->list[i] = cs->list[--cs->n];
			found = true;
		}
	}
	pthread_mutex_unlock(&cs->lock);
	if (found)
		conn_drop(conn);
}

/* The one that has been at its record or reply for longest, held; NULL: all hold little. */
static struct conn *
slowest(struct conns *cs)
{
	struct conn *best = NULL;
	uint64_t best_since = UINT64_MAX, held;
	SCOPED_LOCK(&cs->lock);

	for (unsigned i = 0; i < cs->n; i++) {
		uint64_t since = conn_slow_since(cs->list[i], &held);

		if (held > CONN_SMALL && since < best_since) {
			best = cs->list[i];
			best_since = since;
		}
	}
	if (best)
		conn_hold(best);
	return best;
}

static void
make_memory(void *arg)
{
	struct conns *cs = arg;
	struct conn *conn;

	if (pthread_mutex_trylock(&cs->making_room) != 0)
		return;
	while (atomic_load(&cs->memory.held) > cs->memory.max && (conn = slowest(cs))) {
		stats_count(cs->options.service->stats, 0, STATS_REFUSED);
		log_debug(cs->options.service->log, LOG_NET,
		    "closed the slowest connection: too much is unsent peer=%s",
		    conn_peer(conn)->text);
		conn_close(conn);
		conn_drop(conn);
	}
	pthread_mutex_unlock(&cs->making_room);
}

static bool
enter(void *arg, struct conn *conn)
{
	return lanes_enter(((struct conns *)arg)->lanes, conn);
}

static void
leave(void *arg, struct conn *conn)
{
	lanes_leave(((struct conns *)arg)->lanes, conn);
}

int
conns_open(const struct conns_options *options, struct conns **out)
{
	struct conns *cs = calloc(1, sizeof(*cs));

	if (cs)
		cs->list = calloc(options->max, sizeof(struct conn *));
	if (!cs || !cs->list || lanes_open(options->max_running, &cs->lanes) < 0) {
		if (cs)
			free(cs->list);
		free(cs);
		return -ENOMEM;
	}
	cs->options = *options;
	cs->memory.max = options->memory;
	cs->env = (struct conn_env){ .loop = options->loop,
		.serve = options->serve,
		.programs = &cs->options.programs,
		.log = options->service->log,
		.memory = &cs->memory,
		.enter = enter,
		.leave = leave,
		.crowded = make_memory,
		.closed = forget,
		.arg = cs };
	pthread_mutex_init(&cs->making_room, NULL);
	pthread_mutex_init(&cs->lock, NULL);
	*out = cs;
	return 0;
}

/* The connection that has been idle for longest, held; of this address, if one is given. */
static struct conn *
idlest(struct conns *cs, const uint8_t *address)
{
	struct conn *best = NULL;
	uint64_t best_since = UINT64_MAX;
	SCOPED_LOCK(&cs->lock);

	for (unsigned i = 0; i < cs->n; i++) {
		uint64_t since = conn_idle_since(cs->list[i]);

		if (address && memcmp(conn_peer(cs->list[i])->address, address, 16) != 0)
			continue;
		if (since < best_since) {
			best = cs->list[i];
			best_since = since;
		}
	}
	if (best)
		conn_hold(best);
	return best;
}

static bool
close_idlest(struct conns *cs, const uint8_t *address)
{
	struct conn *conn = idlest(cs, address);

	if (!conn)
		return false;
	log_debug(cs->options.service->log, LOG_NET, "closed the idlest connection peer=%s",
	    conn_peer(conn)->text);
	conn_close(conn);
	conn_drop(conn);
	return true;
}

static unsigned
count_address(struct conns *cs, const struct peer *peer)
{
	unsigned n = 0;
	SCOPED_LOCK(&cs->lock);

	for (unsigned i = 0; i < cs->n; i++)
		n += memcmp(conn_peer(cs->list[i])->address, peer->address, 16) == 0;
	return n;
}

/* Makes room under both limits; false: there is none. */
static bool
make_room(struct conns *cs, const struct peer *peer)
{
	if (!peer->loopback && count_address(cs, peer) >= cs->options.max_address &&
	    !close_idlest(cs, peer->address))
		return false;
	return conns_count(cs) < cs->options.max || close_idlest(cs, NULL);
}

static bool
list_add(struct conns *cs, struct conn *conn)
{
	SCOPED_LOCK(&cs->lock);

	if (cs->n == cs->options.max)
		return false;
	conn_hold(conn);
	cs->list[cs->n++] = conn;
	return true;
}

static void
accepted(struct conns *cs, int fd, const struct sockaddr_storage *from)
{
	struct service *service = cs->options.service;
	struct conn *conn;

	if (conn_new(&cs->env, fd, from, &conn) < 0)
		return;
	if (!make_room(cs, conn_peer(conn)) || !list_add(cs, conn)) {
		stats_count(service->stats, 0, STATS_REFUSED);
		log_debug(service->log, LOG_NET, "refused: too many connections peer=%s",
		    conn_peer(conn)->text);
	} else if (conn_start(conn) < 0) {
		conn_close(conn);
	} else {
		log_debug(service->log, LOG_NET, "connected peer=%s port=%u", conn_peer(conn)->text,
		    conn_peer(conn)->port);
	}
	conn_drop(conn);
}

/* 1: took one; 0: none is there; -EMFILE or the like: can't. */
static int
accept_one(struct conns *cs, int listener)
{
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof(from);
	int fd = accept4(listener, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		accepted(cs, fd, &from);
		return 1;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return -errno;
	case EAGAIN:
		return 0;
	default:
		return 1; /* this one died before it was taken */
	}
}

static void
listener_ready(struct source *s, uint32_t events, unsigned worker)
{
	struct listener *l = (struct listener *)s;
	struct conns *cs = l->conns;
	int got = 1;

	(void)events;
	(void)worker;
	for (int i = 0; i < ACCEPTS && got > 0; i++) {
		got = accept_one(cs, s->fd);
		if (got < 0 && close_idlest(cs, NULL))
			got = 1;
	}
	if (got < 0) {
		SCOPED_LOCK(&cs->lock);

		l->starved = true; /* the tick arms it */
		return;
	}
	source_arm(s, EPOLLIN);
}

static void
listener_free(struct source *s)
{
	close(s->fd);
	free(s);
}

int
conns_listen(struct conns *cs, int fd)
{
	static const struct source_ops ops = { listener_ready, listener_free };
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	source_init(&l->source, cs->options.loop, &ops, fd);
	l->conns = cs;
	cs->listener = l;
	return source_watch(&l->source, EPOLLIN);
}

/* The connections as of now, each held; the caller frees the array. */
static struct conn **
snapshot(struct conns *cs, unsigned *n)
{
	SCOPED_LOCK(&cs->lock);
	struct conn **all = calloc(cs->n + 1, sizeof(struct conn *));

	*n = all ? cs->n : 0;
	for (unsigned i = 0; i < *n; i++) {
		all[i] = cs->list[i];
		conn_hold(all[i]);
	}
	return all;
}

static void
arm_starved(struct conns *cs)
{
	bool arm;

	pthread_mutex_lock(&cs->lock);
	arm = cs->listener && cs->listener->starved;
	if (arm)
		cs->listener->starved = false;
	pthread_mutex_unlock(&cs->lock);
	if (arm)
		source_arm(&cs->listener->source, EPOLLIN);
}

void
conns_tick(struct conns *cs)
{
	CLEANUP_FREE struct conn **all;
	uint64_t now = loop_microseconds();
	unsigned n;

	all = snapshot(cs, &n);
	for (unsigned i = 0; i < n; i++) {
		if (conn_tick(all[i], now)) {
			log_debug(cs->options.service->log, LOG_NET, "stuck, closed peer=%s",
			    conn_peer(all[i])->text);
			conn_close(all[i]);
		}
		conn_drop(all[i]);
	}
	arm_starved(cs);
}

unsigned
conns_count(struct conns *cs)
{
	SCOPED_LOCK(&cs->lock);

	return cs->n;
}

void
conns_close(struct conns *cs)
{
	CLEANUP_FREE struct conn **all = NULL;
	uint64_t end = loop_microseconds() + 1000000, now;
	unsigned n;

	if (!cs)
		return;
	if (cs->listener) {
		source_unwatch(&cs->listener->source);
		source_drop(&cs->listener->source);
	}
	all = snapshot(cs, &n);
	for (unsigned i = 0; i < n; i++) {
		now = loop_microseconds();
		conn_linger(all[i], now < end ? (int)((end - now) / 1000) : 0);
		conn_close(all[i]);
		conn_drop(all[i]);
	}
	lanes_close(cs->lanes);
	pthread_mutex_destroy(&cs->making_room);
	pthread_mutex_destroy(&cs->lock);
	free(cs->list);
	free(cs);
}

/* The server put together: sockets, connections, workers, the tick; and their end in order. */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cow/err.h"
#include "server/boot/pis.h"
#include "server/config.h"
#include "server/log.h"
#include "server/mount3/mount3.h"
#include "server/net/conns.h"
#include "server/net/dgram.h"
#include "server/net/listen.h"
#include "server/net/rpcb.h"
#include "server/nfs3/nfs3.h"
#include "server/watchdog.h"

#define REGISTERED_MAX (2 * SERVER_PROGRAMS_MAX)

struct server {
	struct service *service;
	struct serve *serve;
	struct loop *loop;
	struct conns *conns;
	struct dgram *dgram;
	struct watchdog *watchdog; /* NULL: nobody asks */
	struct listen listen;
	struct rpc_program cut[SERVER_PROGRAMS_MAX];
	const struct rpc_program *udp[SERVER_PROGRAMS_MAX];
	struct rpcb_row registered[REGISTERED_MAX];
	int nregistered;
};

void
server_programs(struct server_options *o)
{
	static const struct rpc_program *const list[] = { &nfs3_program, &mount3_program };

	o->programs = (struct serve_programs){ list, ARRAY_SIZE(list) };
	o->udp = 1u << 1; /* MOUNT */
}

/* Over UDP: whole programs, and those that are cut down to their first row. */
static struct serve_programs
udp_programs(struct server *s, const struct server_options *o)
{
	for (int i = 0; i < o->programs.n && i < SERVER_PROGRAMS_MAX; i++) {
		s->cut[i] = *o->programs.list[i];
		s->cut[i].nprocs = 1;
		s->udp[i] = o->udp & 1u << i ? o->programs.list[i] : &s->cut[i];
	}
	return (struct serve_programs){ s->udp, o->programs.n };
}

static void
tick(void *arg)
{
	struct server *s = arg;

	conns_tick(s->conns);
	if (s->service->peers)
		peers_tick(s->service->peers);
	pis_tick(s->service);
	watchdog_tick(s->watchdog);
}

/* The sockets, handed over to those who read them. */
static int
open_sockets(struct server *s, const struct server_options *o)
{
	struct serve_programs udp = udp_programs(s, o);
	int err = listen_open(o->listen ? o->listen : "", o->port, &s->listen);

	if (err < 0)
		return err;
	err = dgram_open(s->loop, s->serve, &udp, s->listen.udp, &s->dgram);
	if (err < 0) {
		close(s->listen.tcp);
		return err;
	}
	return conns_listen(s->conns, s->listen.tcp);
}

static void
register_ports(struct server *s, const struct server_options *o)
{
	int n = 0, err;

	for (int i = 0; i < o->programs.n && i < SERVER_PROGRAMS_MAX; i++) {
		const struct rpc_program *p = o->programs.list[i];

		s->registered[n++] = (struct rpcb_row){ p->prog, p->vers, false };
		if (o->udp & 1u << i)
			s->registered[n++] = (struct rpcb_row){ p->prog, p->vers, true };
	}
	s->nregistered = n;
	err = rpcb_register(s->registered, n, s->listen.port);
	if (err < 0) {
		log_warning(s->service->log, LOG_NET,
		    "not registered with rpcbind: %s; clients must be told the port",
		    err_text(err));
		s->nregistered = 0;
	}
}

static int
start(struct server *s, const struct server_options *o)
{
	struct config defaults;
	struct conns_options co = { .service = s->service, .programs = o->programs };
	int err;

	config_default(&defaults);
	co.max = o->max_connections ? o->max_connections : (unsigned)defaults.max_connections;
	co.max_running = (o->threads ? o->threads : (unsigned)defaults.threads) / 2;
	co.max_address = o->address_connections ? o->address_connections
						: (unsigned)defaults.address_connections;
	co.memory = o->memory ? o->memory : defaults.memory;
	err = serve_open(s->service, &s->serve);
	if (err == 0)
		err = loop_open(o->threads ? o->threads : (unsigned)defaults.threads, &s->loop);
	co.loop = s->loop;
	co.serve = s->serve;
	if (err == 0)
		err = conns_open(&co, &s->conns);
	if (err == 0)
		err = open_sockets(s, o);
	if (err == 0)
		err = watchdog_open(s->service, s->loop, &s->watchdog);
	if (err == 0)
		err = loop_every(s->loop, 1000, tick, s);
	if (err == 0)
		err = loop_start(s->loop, "rubusd");
	return err;
}

int
server_start(struct service *service, const struct server_options *o, struct server **out)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->service = service;
	err = start(s, o);
	if (err < 0) {
		server_stop(s);
		return err;
	}
	if (o->rpcbind)
		register_ports(s, o);
	service->server = s;
	*out = s;
	return 0;
}

void
server_stop(struct server *s)
{
	if (!s)
		return;
	if (s->nregistered)
		rpcb_unregister(s->registered, s->nregistered);
	if (s->loop)
		loop_stop(s->loop);
	if (s->service->store && store_batch(s->service->store))
		batch_flush(store_batch(s->service->store));
	if (s->serve)
		serve_drain(s->serve);
	conns_close(s->conns);
	dgram_close(s->dgram);
	loop_close(s->loop);
	watchdog_close(s->watchdog);
	serve_close(s->serve);
	s->service->server = NULL;
	free(s);
}

uint16_t
server_port(const struct server *s)
{
	return s->listen.port;
}

const char *
server_address(const struct server *s)
{
	return s->listen.address;
}

unsigned
server_connections(const struct server *s)
{
	return conns_count(s->conns);
}

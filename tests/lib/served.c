/* The server of tests: what rubusd does at its start, in a test's process. */
#include "tests/lib/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/drc.h"
#include "server/config.h"
#include "server/server.h"
#include "server/stats.h"

#define THREADS 2

struct served_inside {
	struct config config;
	struct service service;
	struct server *server;
};

static void
start(struct served *s)
{
	struct served_inside *in = s->inside;
	struct server_options options = {
		.listen = "127.0.0.1", .port = s->port, .threads = THREADS
	};

	server_programs(&options);
	config_default(&in->config);
	in->service = (struct service){ .config = &in->config, .store = s->golden.store };
	must(drc_open(1024, 1 << 20, serve_waiter, &in->service.drc));
	must(serve_load(&in->service));
	must(
	    stats_open(options.programs.list, options.programs.n, THREADS + 1, &in->service.stats));
	must(peers_open(&in->service, &in->service.peers));
	must(server_start(&in->service, &options, &in->server));
	s->port = server_port(in->server);
}

static void
stop(struct served *s)
{
	struct served_inside *in = s->inside;

	server_stop(in->server);
	peers_close(in->service.peers);
	drc_close(in->service.drc);
	stats_close(in->service.stats);
}

void
served_open(struct served *s)
{
	*s = (struct served){ .inside = calloc(1, sizeof(*s->inside)) };
	assert_non_null(s->inside);
	golden_open(&s->golden);
	golden_client(&s->golden, "one", NULL, false);
	golden_client(&s->golden, "two", NULL, false);
	start(s);
}

void
served_restart(struct served *s)
{
	stop(s);
	golden_reopen(&s->golden);
	start(s);
}

void
served_close(struct served *s)
{
	stop(s);
	golden_close(&s->golden);
	free(s->inside);
}

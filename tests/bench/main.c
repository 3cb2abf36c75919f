/*
 * load - one work, by simulated NFS clients, against a server that runs; prints JSON.
 *
 * Server CPU is user and system time of all its threads, those that ended included, by the
 * process's CPU clock: exact to a microsecond, where /proc/PID/stat counts in ticks of 10 ms.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/work.h"

struct run {
	struct load_options load;
	const struct work *work;
	const char *tree;
	pid_t server;
	double seconds;
};

struct usage {
	double wall, server, self;
};

static double
seconds_of(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		die("the server is gone");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct usage
usage_now(pid_t server)
{
	struct usage u = { seconds_of(CLOCK_MONOTONIC), 0, seconds_of(CLOCK_PROCESS_CPUTIME_ID) };
	clockid_t clock;

	if (server && clock_getcpuclockid(server, &clock) != 0)
		die("no process %d", (int)server);
	if (server)
		u.server = seconds_of(clock);
	return u;
}

/* Waits until the server does nothing more for the work: at most 5 seconds. */
static void
settle(pid_t server)
{
	double was, is = usage_now(server).server;
	int i = 0;

	do {
		was = is;
		usleep(250000);
		is = usage_now(server).server;
	} while (is - was > 0.0025 && ++i < 20);
}

/* A field of /proc/PID/status, in KiB. */
static unsigned long
status_of(pid_t server, const char *field)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
	f = server ? fopen(path, "re") : NULL;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kib = strtoul(line + strlen(field) + 1, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

static void
report(
    const struct run *r, const struct load *l, struct usage from, struct usage to, double settled)
{
	printf("{\"work\":\"%s\",\"clients\":%u,\"depth\":%u,\"ops\":%llu,\"calls\":%llu,"
	       "\"bytes\":%llu,\"seconds\":%.6f,\"server_cpu\":%.6f,\"client_cpu\":%.6f,"
	       "\"p50_us\":%.0f,\"p99_us\":%.0f,\"durable_p50_us\":%.0f,\"durable_p99_us\":%.0f,"
	       "\"peak_kib\":%lu,\"anon_kib\":%lu}\n",
	    r->work->name, r->load.clients, r->load.depth, (unsigned long long)l->ops,
	    (unsigned long long)l->calls, (unsigned long long)l->bytes, to.wall - from.wall,
	    settled - from.server, to.self - from.self, latency_of(&l->prompt, 0.5),
	    latency_of(&l->prompt, 0.99), latency_of(&l->durable, 0.5),
	    latency_of(&l->durable, 0.99), status_of(r->server, "VmHWM"),
	    status_of(r->server, "RssAnon"));
}

static void
measure(const struct run *r)
{
	struct load *l = load_open(&r->load);
	const struct work *w = r->work;
	struct usage from, to;
	struct tree *tree = NULL;
	double settled;

	l->doing = w->name;
	l->random = 2463534242u;
	if (!(w->flags & WORK_NO_MOUNT))
		l->tree = tree = tree_read(r->tree);
	if (w->nfiles)
		sample_take(tree, w->nfiles, w->least, w->bytes, &l->sample);
	if (w->ready)
		load_run(l, w->ready, 1);
	l->deadline = load_microseconds() + 300000;
	if (w->flags & WORK_WARMED)
		load_run(l, w->run, r->load.depth);
	load_reset(l);
	settle(r->server);
	from = usage_now(r->server);
	l->deadline = load_microseconds() + (uint64_t)(r->seconds * 1e6);
	load_run(l, w->run, r->load.depth);
	to = usage_now(r->server);
	if (w->flags & WORK_SETTLES)
		settle(r->server);
	settled = w->flags & WORK_SETTLES ? usage_now(r->server).server : to.server;
	report(r, l, from, to, settled);
	if (w->nfiles)
		sample_free(&l->sample);
	load_close(l);
	if (tree)
		tree_free(tree);
}

static void
usage(FILE *f)
{
	fputs(
	    "Usage: load --work NAME --port N [--mount-port N] [--exports PREFIX] [--tree FOLDER]\n"
	    "            [--pid SERVER] [--clients N] [--depth N] [--seconds S] | --list\n",
	    f);
}

static const struct option options[] = {
	{ "work", required_argument, NULL, 'w' },
	{ "port", required_argument, NULL, 'p' },
	{ "mount-port", required_argument, NULL, 'm' },
	{ "exports", required_argument, NULL, 'e' },
	{ "tree", required_argument, NULL, 't' },
	{ "pid", required_argument, NULL, 'P' },
	{ "clients", required_argument, NULL, 'c' },
	{ "depth", required_argument, NULL, 'd' },
	{ "seconds", required_argument, NULL, 's' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void
take_option(struct run *r, int c)
{
	unsigned long n = optarg ? strtoul(optarg, NULL, 10) : 0;

	switch (c) {
	case 'w':
		r->work = work_find(optarg);
		break;
	case 'p':
		r->load.server.sin_port = htons((uint16_t)n);
		break;
	case 'm':
		r->load.mount_port = (uint16_t)n;
		break;
	case 'e':
		r->load.exports = optarg;
		break;
	case 't':
		r->tree = optarg;
		break;
	case 'P':
		r->server = (pid_t)n;
		break;
	case 'c':
		r->load.clients = (unsigned)n;
		break;
	case 'd':
		r->load.depth = (unsigned)n;
		break;
	case 's':
		r->seconds = strtod(optarg, NULL);
		break;
	case 'l':
		work_list();
		exit(0);
	case 'h':
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct run r = { .load.server = { .sin_family = AF_INET }, .seconds = 2 };
	int c;

	inet_pton(AF_INET, "127.0.0.1", &r.load.server.sin_addr);
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		take_option(&r, c);
	if (!r.work || !r.load.server.sin_port || optind != argc) {
		usage(stderr);
		return 2;
	}
	if (!r.load.mount_port)
		r.load.mount_port = ntohs(r.load.server.sin_port);
	if (!r.load.clients)
		r.load.clients = r.work->clients;
	if (!r.load.depth)
		r.load.depth = r.work->depth;
	if (r.work->flags & WORK_NO_MOUNT)
		r.load.exports = NULL;
	else if (!r.load.exports || !r.tree)
		die("%s takes --exports and --tree", r.work->name);
	measure(&r);
	return 0;
}

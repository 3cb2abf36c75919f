/* rubusd: options, configuration, start and stop in order; nothing else. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "rpc/drc.h"
#include "server/boot/pis.h"
#include "server/boot/tftp.h"
#include "server/boot/trace.h"
#include "server/collector.h"
#include "server/config.h"
#include "server/ctl/ctl.h"
#include "server/log.h"
#include "server/sandbox.h"
#include "server/server.h"
#include "server/stats.h"
#include <config.h>

#define DRC_ENTRIES 16384
#define DRC_BYTES   (16u << 20) /* or a sixteenth of the memory */
#define ARENAS      2           /* of malloc: what one thread frees is used by others */
#define EXIT_FATAL  70          /* the store failed; what is on disk is whole: start again */

#define SYSTEM_STORE  "/var/lib/rubus"
#define SYSTEM_CONFIG SYSCONFDIR "/rubus/rubus.conf" /* of that store only */

struct options {
	const char *store, *config;
	const char *listen, *port; /* NULL: the configuration's */
};

struct rubusd {
	struct config config;
	char config_file[PATH_MAX]; /* "": none */
	struct service service;
	struct server *server;
	struct ctl *ctl;
	struct tftp *tftp; /* NULL: not served */
	struct collector *collector;
	int fatal; /* eventfd: the store can't go on */
};

static const char usage_text[] =
    "Usage: rubusd [--store DIR] [--listen ADDR] [--port N] [--config FILE]\n"
    "\n"
    "Serves the store's clients over NFSv3, in the foreground; makes the store if there is none.\n"
    "\n"
    "  --store DIR     the store (default: $RUBUS_STORE, else " SYSTEM_STORE ")\n"
    "  --listen ADDR   listen on this address only\n"
    "  --port N        port of NFS and MOUNT (default 2049; 0: any); not told to rpcbind\n"
    "  --config FILE   configuration (default: rubus.conf in the store; without it,\n"
    "                  of the store " SYSTEM_STORE ", " SYSTEM_CONFIG ")\n"
    "  --help, --version\n";

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },
	{ "listen", required_argument, NULL, 'l' },
	{ "port", required_argument, NULL, 'p' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL },
};

/* -1: go on; else the exit status. */
static int
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 's':
			o->store = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'p':
			o->port = optarg;
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		case 'v':
			puts("rubusd " PACKAGE_VERSION);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "rubusd: %s: takes options only\n%s", argv[optind], usage_text);
	return 2;
}

/* The file to be read; "": none. */
static void
find_config(const struct options *o, char out[PATH_MAX])
{
	if (o->config) {
		snprintf(out, PATH_MAX, "%s", o->config);
		return;
	}
	snprintf(out, PATH_MAX, "%s/rubus.conf", o->store);
	if (access(out, F_OK) < 0 && strcmp(o->store, SYSTEM_STORE) == 0)
		snprintf(out, PATH_MAX, "%s", SYSTEM_CONFIG);
	if (access(out, F_OK) < 0)
		out[0] = '\0';
}

static int
configure(struct rubusd *r, const struct options *o)
{
	int err = 0;

	config_default(&r->config);
	find_config(o, r->config_file);
	if (r->config_file[0])
		err = config_read(&r->config, r->config_file);
	if (err == 0 && o->listen)
		err = config_set(&r->config, "listen", o->listen);
	if (err == 0 && o->port)
		err = config_set(&r->config, "port", o->port);
	return err;
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* From the committer's thread, which can't stop the server that waits for it. */
static void
on_fatal(void *arg, const char *why)
{
	struct rubusd *r = arg;

	log_error(r->service.log, LOG_STORE, "the store can't go on: %s", why);
	if (eventfd_write(r->fatal, 1) < 0)
		_exit(EXIT_FATAL);
}

static int
open_store(struct rubusd *r, const char *path)
{
	struct store_options so = { .mode = STORE_OWN,
		.create = true,
		.start = true,
		.image_memory = r->config.memory / 2 };
	struct server_options programs;
	int err = store_open(path, &so, &r->service.store);

	if (err < 0)
		return err;
	store_on_fatal(r->service.store, on_fatal, r);
	err = drc_open(DRC_ENTRIES,
	    r->config.memory / 16 < DRC_BYTES ? (uint32_t)(r->config.memory / 16) : DRC_BYTES,
	    serve_waiter, &r->service.drc);
	if (err == 0)
		err = serve_load(&r->service);
	server_programs(&programs);
	if (err == 0)
		err = stats_open(programs.programs.list, programs.programs.n,
		    (unsigned)r->config.threads + 1, &r->service.stats);
	return err;
}

static int
start(struct rubusd *r, const struct options *o)
{
	struct server_options so = { .listen = r->config.listen,
		.port = (uint16_t)r->config.port,
		.rpcbind = !o->port && r->config.port,
		.threads = (unsigned)r->config.threads,
		.max_connections = (unsigned)r->config.max_connections,
		.address_connections = (unsigned)r->config.address_connections,
		.memory = r->config.memory };
	int err = log_open(r->config.log_level, r->config.debug, &r->service.log);

	if (err < 0)
		return err;
	r->service.config = &r->config;
	r->service.started = (uint64_t)time(NULL);
	server_programs(&so);
	err = open_store(r, o->store);
	if (err == 0)
		err = peers_open(&r->service, &r->service.peers);
	if (err == 0)
		err = trace_open(&r->service.trace);
	if (err == 0)
		err = pis_open(&r->service, NULL, &r->service.pis);
	if (err == 0)
		err = server_start(&r->service, &so, &r->server);
	if (err == 0 && r->config.tftp)
		err = tftp_start(&r->service,
		    &(struct tftp_options){ .listen = r->config.listen,
			.port = (uint16_t)r->config.tftp_port,
			.nfs_port = server_port(r->server) },
		    &r->tftp);
	if (err == 0)
		err = ctl_open(&r->service, o->store, &r->ctl);
	if (err == 0)
		err = collector_start(&r->service, &r->collector);
	return err;
}

/* In the reverse order. Views are flushed by peers_close. */
static void
stop(struct rubusd *r)
{
	ctl_close(r->ctl);
	collector_stop(r->collector);
	tftp_stop(r->tftp);
	server_stop(r->server);
	if (r->service.peers)
		peers_close(r->service.peers);
	pis_close(r->service.pis);
	trace_close(r->service.trace);
	drc_close(r->service.drc);
	store_close(r->service.store);
	stats_close(r->service.stats);
	log_close(r->service.log);
}

/* Till a signal (0) or the store's end. */
static int
wait_for_end(struct rubusd *r, const sigset_t *signals)
{
	CLEANUP_FD int fd = signalfd(-1, signals, SFD_CLOEXEC);
	struct pollfd p[] = { { fd, POLLIN, 0 }, { r->fatal, POLLIN, 0 } };
	struct signalfd_siginfo info = { 0 };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents)
		return EXIT_FATAL;
	if (read(fd, &info, sizeof(info)) < 0)
		info.ssi_signo = 0;
	log_info(r->service.log, LOG_MAIN, "stops: %s", strsignal((int)info.ssi_signo));
	return 0;
}

static bool
port_is_low(const struct config *config)
{
	return (config->port && config->port < IPPORT_RESERVED) ||
	       (config->tftp && config->tftp_port && config->tftp_port < IPPORT_RESERVED);
}

static int
run(const struct options *o)
{
	struct rubusd r = { .fatal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	sigset_t signals;
	int status = 1;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of the write, not an end */
	raise_file_limit();
	mallopt(M_ARENA_MAX, ARENAS);
	int err = configure(&r, o);

	if (err == 0)
		err = sandbox_enter(o->store, port_is_low(&r.config) ? SANDBOX_LOW_PORTS : 0);
	if (err == 0)
		err = start(&r, o);
	if (err < 0) {
		fprintf(stderr, "rubusd: %s\n", err_text(err));
	} else {
		if (r.config_file[0])
			log_info(r.service.log, LOG_MAIN, "configuration file=%s", r.config_file);
		log_info(r.service.log, LOG_MAIN,
		    "serves store=%s address=%s port=%u threads=%u version=" PACKAGE_VERSION,
		    o->store, server_address(r.server), server_port(r.server),
		    (unsigned)r.config.threads);
		if (r.tftp)
			log_info(r.service.log, LOG_BOOT, "serves boot files by TFTP port=%u",
			    tftp_port(r.tftp));
		sd_notify(0, "READY=1");
		status = wait_for_end(&r, &signals);
		sd_notify(0, "STOPPING=1");
	}
	stop(&r);
	close(r.fatal);
	return status;
}

int
main(int argc, char **argv)
{
	const char *env = getenv("RUBUS_STORE");
	struct options o = { .store = env && *env ? env : SYSTEM_STORE };
	int status = read_options(argc, argv, &o);

	return status >= 0 ? status : run(&o);
}

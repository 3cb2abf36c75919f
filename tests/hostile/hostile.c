/* The store, the server as a process, and what it takes. */
#include "tests/hostile/hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/view.h"
#include "tests/crash/world.h"

#define MOUNT 100005

static int
must(int r)
{
	if (r < 0)
		die("%s", err_text(r));
	return r;
}

static void
add_client(struct store *store, const char *name)
{
	struct client_options o = { .name = name, .image = "golden", .any_address = true };

	must(client_add(store, &o));
}

static void
fill(struct store *store)
{
	struct view_set none = { 0 };
	struct view_op op = { 0 };
	struct view_attr dir, attr;
	struct view_wcc wcc;
	struct client c;
	struct view *v;
	char name[32];

	must(client_find(store, "big", &c));
	must(view_open(store, &c, &v));
	must(view_mkdir(v, &op, 2, STR("many"), &none, &dir, &wcc));
	for (int i = 0; i < HOSTILE_NAMES; i++) {
		snprintf(name, sizeof(name), "a-name-of-some-length-%06d", i);
		must(view_create(
		    v, &op, dir.ino, str_of(name), VIEW_GUARDED, &none, 0, &attr, &wcc));
	}
	view_close(v);
}

static uint16_t
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die("no port: %m");
	close(fd);
	return ntohs(a.sin_port);
}

static void
make_store(struct hostile *h)
{
	struct store_options o = { .mode = STORE_OWN };
	const char *tmp = getenv("TMPDIR"), *build = getenv("RUBUS_BUILDDIR");
	struct store *store;
	char source[256];

	snprintf(h->top, sizeof(h->top), "%.150s/rubus-hostile-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(h->top))
		die("%s: %m", h->top);
	snprintf(h->store, sizeof(h->store), "%s/store", h->top);
	snprintf(h->log, sizeof(h->log), "%s/log", h->top);
	snprintf(source, sizeof(source), "%s/source", h->top);
	snprintf(h->program, sizeof(h->program), "%.200s/rubusd", build && *build ? build : ".");
	mkdir(h->store, 0700);
	mkdir(source, 0700);
	world_make(h->store, source);
	must(store_open(h->store, &o, &store));
	add_client(store, "well");
	add_client(store, "big");
	fill(store);
	store_close(store);
}

static void
start(struct hostile *h)
{
	struct timespec pause = { 0, 10000000 };
	struct wire wire;
	uint32_t status;

	h->port = free_port();
	snprintf(h->port_text, sizeof(h->port_text), "%u", h->port);
	h->pid = fork();
	if (h->pid == 0) {
		int log = open(h->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(log, 1);
		dup2(log, 2);
		execl(h->program, "rubusd", "--store", h->store, "--listen", "127.0.0.1", "--port",
		    h->port_text, (char *)NULL);
		_exit(127);
	}
	wire_open(&wire, h->port, 1);
	do {
		if (waitpid(h->pid, NULL, WNOHANG) != 0)
			die("rubusd doesn't start: %s", h->log);
		nanosleep(&pause, NULL);
		wire_begin(&wire, MOUNT, 1);
		wire_put_name(&wire, "/big");
	} while (wire_try(&wire, &status) < 0);
	wire_take_fh(&wire, &h->big);
	wire_begin(&wire, 100003, 3);
	wire_put_fh(&wire, &h->big);
	wire_put_name(&wire, "many");
	if (wire_send(&wire, WIRE_WELL) != 0)
		die("no folder of many names");
	wire_take_fh(&wire, &h->many);
	wire_close(&wire);
}

void
hostile_open(struct hostile *h)
{
	memset(h, 0, sizeof(*h));
	make_store(h);
	start(h);
}

void
hostile_memory(const struct hostile *h, uint64_t *now, uint64_t *peak)
{
	char path[64], line[256];
	unsigned long kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", h->pid);
	f = fopen(path, "re");
	*now = *peak = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			*now = kib;
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			*peak = kib;
	}
	if (!f)
		die("rubusd is gone: %s", h->log);
	fclose(f);
}

static void
check_log(const struct hostile *h)
{
	FILE *f = fopen(h->log, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "Sanitizer") || strstr(line, "runtime error"))
			die("%s: %s", h->log, line);
	if (f)
		fclose(f);
}

void
hostile_close(struct hostile *h)
{
	char command[300];
	int status;

	kill(h->pid, SIGTERM);
	waitpid(h->pid, &status, 0);
	if (status != 0)
		die("rubusd ended with %x: %s", (unsigned)status, h->log);
	check_log(h);
	snprintf(command, sizeof(command), "rm -rf '%s'", h->top);
	if (system(command) != 0)
		die("%s", command);
}

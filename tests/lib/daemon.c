/* Starting, asking and ending a rubusd. */
#include "tests/lib/daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/wire.h"
#include "tests/crash/world.h"

#define MOUNT 100005
#define TRIES 4000 /* of 10 ms */

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
run(const struct daemon *d, const char *store, const char *config)
{
	const char *build = getenv("RUBUS_BUILDDIR");
	char program[256];
	int log = open(d->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	snprintf(program, sizeof(program), "%.200s/rubusd", build && *build ? build : ".");
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it doesn't outlive a test that fails */
	dup2(log, 1);
	dup2(log, 2);
	execl(program, "rubusd", "--store", store, "--listen", "127.0.0.1", "--port", d->port_text,
	    config ? "--config" : NULL, config, NULL);
	_exit(127);
}

void
daemon_start(struct daemon *d, const char *folder, const char *store, const char *config)
{
	struct timespec pause = { 0, 10000000 };
	struct wire wire;
	uint32_t status;

	memset(d, 0, sizeof(*d));
	snprintf(d->log, sizeof(d->log), "%.200s/log", folder);
	d->port = free_port();
	snprintf(d->port_text, sizeof(d->port_text), "%u", d->port);
	d->pid = fork();
	if (d->pid == 0)
		run(d, store, config);
	wire_open(&wire, d->port, 1);
	for (int i = 0; i < TRIES; i++) {
		if (waitpid(d->pid, NULL, WNOHANG) != 0)
			die("rubusd doesn't start: %s", d->log);
		nanosleep(&pause, NULL);
		wire_begin(&wire, MOUNT, 1);
		wire_put_name(&wire, "/nobody");
		if (wire_try(&wire, &status) == 0) {
			wire_close(&wire);
			return;
		}
	}
	die("rubusd doesn't answer: %s", d->log);
}

void
daemon_memory(const struct daemon *d, uint64_t *now, uint64_t *peak)
{
	char path[64], line[256];
	unsigned long kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", d->pid);
	f = fopen(path, "re");
	*now = *peak = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			*now = kib;
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			*peak = kib;
	}
	if (!f)
		die("rubusd is gone: %s", d->log);
	fclose(f);
}

static void
check_log(const struct daemon *d)
{
	FILE *f = fopen(d->log, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "Sanitizer") || strstr(line, "runtime error"))
			die("%s: %s", d->log, line);
	if (f)
		fclose(f);
}

void
daemon_stop(struct daemon *d)
{
	int status;

	kill(d->pid, SIGTERM);
	waitpid(d->pid, &status, 0);
	if (status != 0)
		die("rubusd ended with %x: %s", (unsigned)status, d->log);
	check_log(d);
}

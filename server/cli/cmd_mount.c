/* rubus mount and umount. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/localmount.h"

#define FUSE         "rubus-fuse"
#define WAIT_SECONDS 60

/* --- mount --- */

/* rubusd keeps a view open for a while after its client has gone. A client that it serves is
 * refused here, one that it doesn't know by rubus-fuse. */
static int
let_go(const struct cli *cli, const char *name)
{
	struct proto_request request = { .verb = "client-let-go" };
	struct proto_answer answer;
	int status = 0;

	if (strncmp(name, "client:", 7) == 0)
		name += 7;
	proto_add(&request, "name", name);
	if (cli->given & CLI_NOW)
		proto_add(&request, "now", "yes");
	if (cli_ask_daemon(cli, &request, &answer) < 0)
		return 0; /* there is none */
	if (answer.err && answer.err != -ENOENT) {
		fprintf(stderr, "rubus: %s\n", answer.sentence);
		status = 1;
	}
	proto_answer_free(&answer);
	return status;
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
run_fuse(struct cli *cli, bool write)
{
	char name[] = FUSE, store[] = "--store", writes[] = "--write", end[] = "--";
	CLEANUP_FREE char *path = strdup(cli->store);
	char *argv[8];
	pid_t pid;
	int n = 0;

	argv[n++] = name;
	argv[n++] = store;
	argv[n++] = path;
	if (write)
		argv[n++] = writes;
	argv[n++] = end;
	argv[n++] = cli->args[0];
	argv[n++] = cli->args[1];
	argv[n] = NULL;
	pid = fork();
	if (pid == 0) {
		cli_exec(argv);
		_exit(1);
	}
	return pid > 0 ? wait_for(pid) : 1;
}

int
cli_mount_quietly(struct cli *cli)
{
	bool write = cli->given & CLI_WRITE;
	int status = write ? let_go(cli, cli->args[0]) : 0;

	return status ? status : run_fuse(cli, write);
}

int
cli_mount(struct cli *cli)
{
	bool write = cli->given & CLI_WRITE;
	int status = cli_mount_quietly(cli);

	if (status)
		return status;
	if (cli->json)
		return print_json(json_pack("{s:s, s:s, s:b}", "mounted", cli->args[0], "on",
				      cli->args[1], "write", (int)write),
		    false);
	printf("Mounted %s on %s, %s.\n", cli->args[0], cli->args[1],
	    write ? "to be changed" : "as it is now, to be looked at");
	return 0;
}

/* --- umount --- */

/* Also where a dead process is in the way. */
static char *
absolute(const char *dir)
{
	CLEANUP_FREE char *copy = strdup(dir), *above = NULL;
	char *path = realpath(dir, NULL), *slash;

	if (path || !copy)
		return path;
	while ((slash = strrchr(copy, '/')) && slash != copy && !slash[1])
		*slash = '\0';
	if (slash)
		*slash = '\0';
	above = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (above && asprintf(&path, "%s/%s", strcmp(above, "/") == 0 ? "" : above,
			 slash ? slash + 1 : copy) < 0)
		path = NULL;
	return path;
}

/* -1: it isn't, or no more. */
static int
open_process(pid_t pid)
{
	char path[64], comm[32] = "";
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fd >= 0 ? fopen(path, "r") : NULL;
	if (f && !fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	if (f)
		fclose(f);
	if (fd >= 0 && strcmp(comm, FUSE "\n") != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Before it is unmounted, for then nobody could be told that something was lost. */
static int
sync_all(const char *dir, const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) == 0 || errno == ENOTCONN)
		return 0;
	fprintf(stderr, "rubus: %s: what was written is not on disk: %s; it stays mounted\n", dir,
	    strerror(errno));
	return 1;
}

static int
unmount(const char *dir, char *path)
{
	char program[] = "fusermount3", u[] = "-u", end[] = "--";
	char *argv[] = { program, u, end, path, NULL };
	pid_t pid;
	int err;

	if (geteuid() == 0) {
		if (umount2(path, UMOUNT_NOFOLLOW) == 0)
			return 0;
		fprintf(stderr, "rubus: %s: %s\n", dir,
		    errno == EBUSY ? "somebody is using what is in it" : strerror(errno));
		return 1;
	}
	err = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	if (err) {
		fprintf(stderr, "rubus: fusermount3: %s\n", strerror(err));
		return 1;
	}
	return wait_for(pid);
}

/* Till what was written is on disk, and the client is anybody's again. */
static int
wait_for_end(int process, const char *dir, pid_t pid)
{
	struct pollfd p = { process, POLLIN, 0 };

	if (process < 0 || poll(&p, 1, WAIT_SECONDS * 1000) != 0)
		return 0;
	fprintf(stderr, "rubus: %s is unmounted, but process %d still writes\n", dir, (int)pid);
	return 1;
}

int
cli_umount_quietly(const char *dir)
{
	CLEANUP_FREE char *path = absolute(dir);
	CLEANUP_FD int process = -1;
	pid_t pid = 0;
	int status;

	if (!path || localmount_find(path, &pid) < 0) {
		fprintf(stderr, "rubus: %s: no client and no image is mounted there\n", dir);
		return 1;
	}
	process = open_process(pid);
	status = process >= 0 ? sync_all(dir, path) : 0;
	if (status == 0)
		status = unmount(dir, path);
	return status ? status : wait_for_end(process, dir, pid);
}

int
cli_umount(struct cli *cli)
{
	const char *dir = cli->args[0];
	int status = cli_umount_quietly(dir);

	if (status)
		return status;
	if (cli->json)
		return print_json(json_pack("{s:s}", "unmounted", dir), false);
	printf("Unmounted %s.\n", dir);
	return 0;
}

/* rubus edit: a client for as long as a shell runs in its view; what it has become is then sealed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

#define NO_PROGRAM 126 /* as shells have it: there, but not to be run here */

struct edit {
	struct cli *cli;
	const char *image, *new;
	char client[32], dir[PATH_MAX];
};

static int
ask(const struct edit *e, const char *verb, const char *const pairs[][2], size_t n)
{
	struct proto_request request = { .verb = verb };
	struct proto_answer answer;
	int status;

	for (size_t i = 0; i < n; i++)
		proto_add(&request, pairs[i][0], pairs[i][1]);
	status = cli_ask(e->cli, &request, &answer);
	if (status == 0)
		proto_answer_free(&answer);
	return status;
}

static int
add_client(struct edit *e)
{
	const char *const pairs[][2] = { { "name", e->client }, { "image", e->image } };

	snprintf(e->client, sizeof(e->client), "edit-%ld", (long)getpid());
	return ask(e, "client-add", pairs, 2);
}

static int
remove_client(const struct edit *e)
{
	const char *const pairs[][2] = { { "name", e->client } };

	return ask(e, "client-remove", pairs, 1);
}

static int
commit(const struct edit *e)
{
	const char *const pairs[][2] = { { "from", e->client }, { "name", e->new } };

	return ask(e, "image-commit", pairs, 2);
}

/* Before anybody works for nothing. */
static int
check_new(const struct edit *e)
{
	struct proto_request request = { .verb = "image-show" };
	struct proto_answer answer;

	proto_add(&request, "name", e->new);
	if (cli_ask_quietly(e->cli, &request, &answer) != 0)
		return 0;
	proto_answer_free(&answer);
	fprintf(stderr, "rubus: there is an image %s already\n", e->new);
	return 1;
}

/* --- the shell ---
 *
 * The image's programs may be a pupil's (its view, committed), and this machine's root runs them.
 * So they get namespaces of their own, where of this machine only the network can be reached, no
 * devices but the harmless ones, and few capabilities: those for changing files and users. */

static const int kept_capabilities[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER,
	CAP_SETGID, CAP_SETUID, CAP_SETFCAP, CAP_SYS_CHROOT, CAP_KILL, CAP_AUDIT_WRITE };

/* What exec gives to root is bounded from now on. */
static int
bound_capabilities(void)
{
	for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++) {
		bool kept = false;

		for (size_t i = 0; i < ARRAY_SIZE(kept_capabilities); i++)
			kept |= kept_capabilities[i] == c;
		if (!kept && prctl(PR_CAPBSET_DROP, c) < 0)
			return -1;
	}
	return 0;
}

/* A few devices of this machine, in a folder of memory. */
static int
mount_devices(void)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom", "tty" };
	char from[32], to[32];

	if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m") < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd;

		snprintf(from, sizeof(from), "/dev/%s", names[i]);
		snprintf(to, sizeof(to), "dev/%s", names[i]);
		fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0)
			return -1;
		close(fd);
		if (mount(from, to, NULL, MS_BIND, NULL) < 0)
			return -1;
	}
	return mkdir("dev/shm", 0) < 0 || chmod("dev/shm", 01777) < 0 ||
		       symlink("/proc/self/fd", "dev/fd") < 0
		   ? -1
		   : 0;
}

/* The view is all that there is, in this mount namespace. Where it has a symlink in place of proc
 * or dev, nothing is mounted. */
static int
enter_view(const char *dir)
{
	struct stat st;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(dir, dir, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_NODEV | MS_NOSUID, NULL) < 0 ||
	    chdir(dir) < 0)
		return -1;
	if (lstat("proc", &st) == 0 && S_ISDIR(st.st_mode) &&
	    mount("proc", "proc", "proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -1;
	if (lstat("dev", &st) == 0 && S_ISDIR(st.st_mode) && mount_devices() < 0)
		return -1;
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -1;
	return bound_capabilities();
}

/* Runs the script (NULL: a shell) in the view, as the first process of a namespace, which ends with
 * it. */
static int
run_inside(const char *dir, const char *script)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return NO_PROGRAM;
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || enter_view(dir) < 0)
			_exit(NO_PROGRAM);
		setenv("HOME", "/root", 1);
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
		if (script)
			execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		else
			execl("/bin/bash", "bash", (char *)NULL);
		execl("/bin/sh", "sh", (char *)NULL);
		_exit(NO_PROGRAM);
	}
	signal(SIGINT, SIG_IGN);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NO_PROGRAM;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : NO_PROGRAM;
}

static void
run_outside(const char *dir)
{
	const char *shell = getenv("SHELL");

	if (chdir(dir) < 0)
		return;
	if (shell && *shell)
		execl(shell, shell, (char *)NULL);
	execl("/bin/sh", "sh", (char *)NULL);
}

static int
run_shell(const char *dir, bool inside)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		if (inside)
			_exit(run_inside(dir, NULL));
		run_outside(dir);
		_exit(NO_PROGRAM);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool
runs_here(const char *dir)
{
	int status;
	pid_t pid = geteuid() == 0 ? fork() : -1;

	if (pid == 0)
		_exit(run_inside(dir, ":"));
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int
shell(const struct edit *e)
{
	bool inside = runs_here(e->dir), terminal = isatty(STDIN_FILENO);
	void (*before)(int) = signal(SIGINT, SIG_IGN);
	int status;

	if (terminal)
		printf("A shell %s. exit keeps it as the image %s, exit 1 keeps nothing.\n",
		    inside ? "in the image" : "of this machine, in the image's folder", e->new);
	else if (!inside)
		fputs("rubus: its programs don't run here: the shell is this machine's, in its "
		      "folder\n",
		    stderr);
	status = run_shell(e->dir, inside);
	signal(SIGINT, before);
	return status;
}

/* --- the whole --- */

static int
mount_it(struct edit *e)
{
	const char *tmp = getenv("TMPDIR");
	char *args[] = { e->client, e->dir };
	struct cli sub = *e->cli;

	snprintf(e->dir, sizeof(e->dir), "%s/rubus-edit.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(e->dir)) {
		fprintf(stderr, "rubus: %s: %s\n", e->dir, strerror(errno));
		return 1;
	}
	sub.given = CLI_WRITE;
	sub.nargs = 2;
	sub.args = args;
	if (cli_mount_quietly(&sub) == 0)
		return 0;
	rmdir(e->dir);
	return 1;
}

/* The client stays if the disk didn't take all: it can then still be looked at. */
static int
finish(struct edit *e, int ended)
{
	int status = cli_umount_quietly(e->dir);

	if (status) {
		fprintf(stderr, "rubus: client %s has what was changed\n", e->client);
		return status;
	}
	rmdir(e->dir);
	if (ended == 0 && (status = commit(e)) != 0) {
		fprintf(stderr, "rubus: client %s has what was changed\n", e->client);
		return status;
	}
	status = remove_client(e);
	if (status)
		return status;
	if (ended) {
		fprintf(stderr, "rubus: the shell ended with %d: nothing was kept\n", ended);
		return 1;
	}
	if (e->cli->json)
		return print_json(json_pack("{s:s,s:s}", "image", e->new, "from", e->image), false);
	printf("Image %s: %s with what was changed.\n", e->new, e->image);
	return 0;
}

int
cli_edit(struct cli *cli)
{
	struct edit e = { .cli = cli, .image = cli->args[0], .new = cli->args[1] };
	int status = check_new(&e);

	if (status == 0)
		status = add_client(&e);
	if (status)
		return status;
	if (mount_it(&e)) {
		remove_client(&e);
		return 1;
	}
	return finish(&e, shell(&e));
}

/* rubus edit: a client for as long as a shell runs in its view; what it has become is then sealed.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
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

/* --- the shell --- */

/* What programs expect, in a mount namespace of the shell's own. */
static void
mount_system(const char *dir)
{
	static const char *const folders[] = { "proc", "sys", "dev" };
	char path[PATH_MAX + 8], from[8];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		snprintf(from, sizeof(from), "/%s", folders[i]);
		if (mount(from, path, NULL, MS_BIND | MS_REC, NULL) < 0 && errno != ENOENT)
			fprintf(stderr, "rubus: no /%s in the shell: %s\n", folders[i],
			    strerror(errno));
	}
}

static void
run_inside(const char *dir)
{
	mount_system(dir);
	if (chroot(dir) < 0 || chdir("/") < 0)
		return;
	setenv("HOME", "/root", 1);
	execl("/bin/bash", "bash", (char *)NULL);
	execl("/bin/sh", "sh", (char *)NULL);
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
			run_inside(dir);
		else
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

	if (pid == 0) {
		if (chroot(dir) == 0 && chdir("/") == 0)
			execl("/bin/sh", "sh", "-c", ":", (char *)NULL);
		_exit(NO_PROGRAM);
	}
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

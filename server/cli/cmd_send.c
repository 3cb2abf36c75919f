/* rubus image send, rubus image receive. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/send.h"
#include "server/cli/cli.h"
#include "server/cli/outfile.h"
#include "server/cli/print.h"
#include "server/size.h"

#define IMPORTER "rubus-import"

static int
progress(void *arg, uint64_t sent)
{
	return outfile_progress_show(arg, sent);
}

/* The command at the other end: what it reads and what it says. */
struct remote {
	pid_t pid;
	int in, out;
};

static int
remote_start(const char *command, struct remote *r)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return err_errno("no pipe to %s", command);
	r->pid = fork();
	if (r->pid < 0)
		return err_errno("can't run %s", command);
	if (r->pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		if (dup2(to[0], STDIN_FILENO) >= 0 && dup2(from[1], STDOUT_FILENO) >= 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	r->in = to[1];
	r->out = from[0];
	return 0;
}

/* What it says at the end is for whoever called us. 0, or -EPIPE: it failed. */
static int
remote_end(struct remote *r, const char *command)
{
	char text[4096];
	ssize_t n;
	int status;

	close(r->in);
	while ((n = read(r->out, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	close(r->out);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		   ? 0
		   : err_set(EPIPE, "%s failed: nothing was received", command);
}

static int
send_over(struct cli *cli, int in, int out, bool ask, struct send_result *r)
{
	struct store_options so = { .mode = STORE_LOOK };
	struct outfile_progress p;
	struct send_options o = { .ask = ask, .progress = progress, .arg = &p };
	struct image_info info;
	struct stream *stream;
	struct store *store;
	int err = store_open(cli->store, &so, &store);

	if (err < 0)
		return err;
	outfile_progress_begin(&p);
	err = store_image_find(store, cli->args[0], &info);
	if (err == 0)
		err = stream_open(in, out, &stream);
	if (err == 0) {
		err = image_send(store, &info, stream, &o, r);
		stream_close(stream);
	}
	outfile_progress_end(&p);
	store_close(store);
	return err;
}

/* On standard error: what the receiver says is on standard output. */
static void
tell(const struct cli *cli, const struct send_result *r)
{
	char bytes[SIZE_TEXT], sent[SIZE_TEXT];

	if (!cli->json)
		fprintf(stderr, "Sent %s: %llu entries, %s of files, by %s%s.\n", cli->args[0],
		    (unsigned long long)r->entries, size_text(r->bytes, bytes),
		    size_text(r->sent, sent),
		    r->incremental || !(cli->given & CLI_TO)
			? ""
			: " (all of it: the other store has no blocks yet, or names them in"
			  " another way)");
}

static int
send_to(struct cli *cli)
{
	struct send_result r;
	struct remote remote = { -1, -1, -1 };
	int err = remote_start(cli->to, &remote), ended;

	if (err < 0)
		return outfile_fail(err);
	err = send_over(cli, remote.out, remote.in, true, &r);
	if (err < 0) {
		int status = outfile_fail(err);

		remote_end(&remote, cli->to);
		return status;
	}
	ended = remote_end(&remote, cli->to);
	if (ended < 0)
		return outfile_fail(ended);
	tell(cli, &r);
	return fflush(stdout) ? 1 : 0;
}

int
cli_image_send(struct cli *cli)
{
	struct outfile file;
	struct send_result r;
	int err = cli->given & CLI_TO ? 0 : outfile_open(&file, "-", "an image");

	if (err < 0)
		return outfile_fail(err);
	if (cli->given & CLI_TO) {
		outfile_catch();
		return send_to(cli);
	}
	err = send_over(cli, -1, STDOUT_FILENO, false, &r);
	if (err < 0)
		return outfile_fail(err);
	tell(cli, &r);
	return 0;
}

int
cli_image_receive(struct cli *cli)
{
	char name[] = IMPORTER, store[] = "--store", receive[] = "--receive", as[] = "--name",
	     json[] = "--json";
	char *argv[8];
	int n = 0;

	argv[n++] = name;
	argv[n++] = receive;
	argv[n++] = store;
	argv[n++] = strdup(cli->store);
	if (cli->given & CLI_NAME) {
		argv[n++] = as;
		argv[n++] = strdup(cli->name);
	}
	if (cli->json)
		argv[n++] = json;
	argv[n] = NULL;
	cli_exec(argv);
	return 1;
}

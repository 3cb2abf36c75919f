/* One question to rubusd, or to the store itself. The verbs are the same on both ways. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/cli/cli.h"
#include "server/ctl/ctl.h"
#include "server/ctl/verbs.h"

#define BUSY_TRIES 60 /* 50 ms each: a rubusd that starts owns the store before it listens */

int
cli_ask_daemon(const struct cli *cli, const struct proto_request *request, struct proto_answer *out)
{
	CLEANUP_FD int fd = ctl_connect(cli->store);

	return fd < 0 ? fd : ctl_call(fd, request, out);
}

static int
run_here(const struct cli *cli, const struct proto_request *request, struct proto_answer *out)
{
	struct store_options options = { .mode =
					     verbs_reads(request->verb) ? STORE_LOOK : STORE_OWN };
	struct service service = { 0 };
	struct proto_text text = { 0 };
	int err = store_open(cli->store, &options, &service.store);

	if (err < 0)
		return err;
	verbs_run(&service, request, &text);
	store_close(service.store);
	if (text.failed) {
		proto_text_free(&text);
		return err_set(ENOMEM, "out of memory");
	}
	return proto_read_answer(text.p, out);
}

static int
ask(const struct cli *cli, const struct proto_request *request, struct proto_answer *out)
{
	struct timespec pause = { 0, 50000000 };
	int err = -EBUSY;

	for (int i = 0; i < BUSY_TRIES && err == -EBUSY; i++) {
		if (i)
			nanosleep(&pause, NULL);
		err = cli_ask_daemon(cli, request, out);
		if (err == -ENOENT)
			err = run_here(cli, request, out);
	}
	return err;
}

int
cli_ask(const struct cli *cli, const struct proto_request *request, struct proto_answer *out)
{
	int err = ask(cli, request, out);

	if (err == 0 && out->err == 0)
		return 0;
	if (err == 0) {
		fprintf(stderr, "rubus: %s\n", out->sentence);
		proto_answer_free(out);
		return 1;
	}
	fprintf(stderr, "rubus: %s%s\n", err_text(err),
	    err == -ENOENT ? " (--store DIR names another; rubusd or an import makes one)" : "");
	return 1;
}

int
cli_ask_quietly(
    const struct cli *cli, const struct proto_request *request, struct proto_answer *out)
{
	if (ask(cli, request, out) < 0)
		return 1;
	if (out->err == 0)
		return 0;
	proto_answer_free(out);
	return 1;
}

int
cli_ask_name(const struct cli *cli, const char *verb, const char *name, struct proto_answer *out)
{
	struct proto_request request = { .verb = verb };

	if (name)
		proto_add(&request, "name", name);
	return cli_ask(cli, &request, out);
}

int
cli_confirm(const struct cli *cli, const char *fmt, ...)
{
	char line[16] = "";
	va_list ap;

	if (cli->given & CLI_YES)
		return 0;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (!isatty(STDIN_FILENO)) {
		fputs("\nrubus: nothing was done: --yes does it without asking\n", stderr);
		return 1;
	}
	fputs("\nGo on? [y/N] ", stderr);
	if (fgets(line, sizeof(line), stdin) && (*line == 'y' || *line == 'Y'))
		return 0;
	fputs("Nothing was done.\n", stderr);
	return 1;
}

/* rubus image ... */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

#define IMPORTER "rubus-import"

static const struct print_column columns[] = {
	{ "name", "NAME", PRINT_TEXT },
	{ "id", NULL, PRINT_TEXT },
	{ "entries", "ENTRIES", PRINT_COUNT },
	{ "bytes", "SIZE", PRINT_SIZE },
	{ "stored", "STORED", PRINT_SIZE },
	{ "clients", "CLIENTS", PRINT_COUNT },
	{ "created", "CREATED", PRINT_TIME },
};
static const struct print_column show_columns[] = {
	{ "name", "Name", PRINT_TEXT },
	{ "id", "Id", PRINT_TEXT },
	{ "entries", "Entries", PRINT_COUNT },
	{ "bytes", "Size of its files", PRINT_SIZE },
	{ "stored", "Stored for it", PRINT_SIZE },
	{ "clients", "Clients", PRINT_COUNT },
	{ "created", "Created", PRINT_TIME },
};
static const struct print_rows rows = PRINT_ROWS("image", columns);
static const struct print_rows show_rows = PRINT_ROWS("image", show_columns);

int
cli_image_list(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "image-list", NULL, &answer);

	if (status)
		return status;
	if (cli->json)
		status = print_json(print_array(&answer, &rows), false);
	else
		print_table(&answer, &rows,
		    "There is no image yet: rubus image import SOURCE --name NAME makes one.");
	proto_answer_free(&answer);
	return status;
}

int
cli_image_show(struct cli *cli)
{
	struct proto_answer answer;
	const struct proto_row *row;
	int status = cli_ask_name(cli, "image-show", cli->args[0], &answer);

	if (status)
		return status;
	row = print_first(&answer, rows.kind);
	if (row && cli->json)
		status = print_json(print_object(row, &rows), false);
	else if (row)
		print_lines(row, &show_rows);
	proto_answer_free(&answer);
	return status;
}

int
cli_image_remove(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "image-remove", cli->args[0], &answer);

	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->json)
		return print_json(json_pack("{s:s}", "removed", cli->args[0]), false);
	printf("Removed image %s.\n", cli->args[0]);
	return 0;
}

/* In a process of its own, so that there is something to be done after it. The exit status. */
static int
run_importer(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		perror("rubus");
		return 1;
	}
	if (pid == 0) {
		cli_exec(argv);
		_exit(1);
	}
	signal(SIGINT, SIG_IGN); /* it is the importer's, which ends in order */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, SIG_DFL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Raspberry Pi OS is made ready for a network root; what was done is told. */
static int
prepare(struct cli *cli)
{
	struct proto_answer answer;
	const char *known;
	int status = cli_ask_name(cli, "image-prepare", cli->name, &answer);

	if (status) {
		fprintf(stderr, "rubus: %s was imported as it is\n", cli->name);
		return status;
	}
	known = proto_value(print_first(&answer, "prepared"), "known");
	for (int i = 0; i < answer.nrows && !cli->json; i++)
		if (strcmp(answer.rows[i].kind, "note") == 0)
			printf("  %s\n", proto_value(&answer.rows[i], "text"));
	if (known && strcmp(known, "1") == 0 && !cli->json)
		printf("Raspberry Pi OS, made ready for a network root; as it came: %s.raw.\n",
		    cli->name);
	else if (!cli->json)
		puts("Not recognised as Raspberry Pi OS: it will be served as it is.");
	proto_answer_free(&answer);
	return 0;
}

int
cli_image_import(struct cli *cli)
{
	char name[] = IMPORTER, store[] = "--store", as[] = "--name", skip[] = "--skip-errors",
	     json[] = "--json", end[] = "--";
	bool raw = cli->given & CLI_RAW;
	char *argv[12];
	int n = 0, status;

	argv[n++] = name;
	argv[n++] = store;
	argv[n++] = strdup(cli->store);
	argv[n++] = as;
	argv[n++] = strdup(cli->name);
	if (cli->given & CLI_SKIP_ERRORS)
		argv[n++] = skip;
	if (cli->json)
		argv[n++] = json;
	argv[n++] = end;
	argv[n++] = cli->args[0];
	argv[n] = NULL;
	status = run_importer(argv);
	free(argv[2]);
	free(argv[4]);
	return status || raw ? status : prepare(cli);
}

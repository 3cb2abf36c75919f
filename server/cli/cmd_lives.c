/* rubus snapshot, rollback, undo, reset, cancel. */
#include <stdio.h>
#include <string.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

static const struct print_column columns[] = {
	{ "client", "CLIENT", PRINT_TEXT },
	{ "name", "SNAPSHOT", PRINT_TEXT },
	{ "kind", "KIND", PRINT_TEXT },
	{ "image", "IMAGE", PRINT_TEXT },
	{ "created", "CREATED", PRINT_TIME },
	{ "files", "FILES", PRINT_COUNT },
	{ "bytes", "SIZE", PRINT_SIZE },
	{ "note", "NOTE", PRINT_TEXT },
};
static const struct print_column reverted_columns[] = {
	{ "client", "CLIENT", PRINT_TEXT },
	{ "when", "DONE", PRINT_TEXT },
};
static const struct print_rows rows = PRINT_ROWS("snapshot", columns);
static const struct print_rows reverted_rows = PRINT_ROWS("reverted", reverted_columns);

/* The clients of a command: those named, and --group or --all. */
static void
add_clients(const struct cli *cli, struct proto_request *request, int named)
{
	for (int i = 0; i < named; i++)
		proto_add(request, "client", cli->args[i]);
	if (cli->given & CLI_GROUP)
		proto_add(request, "group", cli->group);
	if (cli->given & CLI_ALL)
		proto_add(request, "all", "yes");
}

/* --- snapshots --- */

int
cli_snapshot_create(struct cli *cli)
{
	struct proto_request request = { .verb = "snapshot-create" };
	bool many = cli->given & (CLI_GROUP | CLI_ALL);
	const char *name = cli->nargs > !many ? cli->args[!many] : NULL;
	struct proto_answer answer;
	int status;

	if (!many && cli->nargs == 0) {
		fputs("rubus: CLIENT is missing (or --group G, or --all)\n", stderr);
		return 2;
	}
	add_clients(cli, &request, !many);
	if (name)
		proto_add(&request, "name", name);
	if (cli->given & CLI_NOTE)
		proto_add(&request, "note", cli->note);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	if (cli->json)
		status = print_json(print_array(&answer, &rows), false);
	for (int i = 0; !cli->json && i < answer.nrows; i++)
		printf("Snapshot %s of client %s.\n", proto_value(&answer.rows[i], "name"),
		    proto_value(&answer.rows[i], "client"));
	proto_answer_free(&answer);
	return status;
}

int
cli_snapshot_list(struct cli *cli)
{
	struct proto_request request = { .verb = "snapshot-list" };
	struct proto_answer answer;
	int status;

	add_clients(cli, &request, cli->nargs);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	if (cli->json)
		status = print_json(print_array(&answer, &rows), false);
	else
		print_table(&answer, &rows,
		    "There is no snapshot yet: rubus snapshot create CLIENT makes one.");
	proto_answer_free(&answer);
	return status;
}

int
cli_snapshot_remove(struct cli *cli)
{
	struct proto_request request = { .verb = "snapshot-show" };
	const struct proto_row *row;
	struct proto_answer answer;
	int status;

	proto_add(&request, "client", cli->args[0]);
	proto_add(&request, "name", cli->args[1]);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	row = print_first(&answer, rows.kind);
	status = cli_confirm(cli,
	    "Snapshot %s of client %s goes for ever: what it alone has of %s changed files.",
	    cli->args[1], cli->args[0], proto_value(row, "files"));
	proto_answer_free(&answer);
	if (status)
		return status;
	request.verb = "snapshot-remove";
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->json)
		return print_json(
		    json_pack("{s:s,s:s}", "client", cli->args[0], "removed", cli->args[1]), false);
	printf("Removed snapshot %s of client %s.\n", cli->args[1], cli->args[0]);
	return 0;
}

/* --- reverts --- */

/* "done" of each client, in a sentence or two. */
static void
print_done(const struct proto_answer *answer, const char *done, const char *waits)
{
	for (int k = 0; k < 2; k++) {
		const char *when = k ? "boot" : "now";
		int n = 0, more = 0;

		for (int i = 0; i < answer->nrows; i++) {
			const struct proto_row *row = &answer->rows[i];

			if (strcmp(proto_value(row, "when"), when) != 0)
				continue;
			if (n < 8)
				printf("%s%s",
				    n   ? ", "
				    : k ? "At the next boot: "
					: "",
				    proto_value(row, "client"));
			else
				more++;
			n++;
		}
		if (more)
			printf(" and %d more", more);
		if (n)
			printf("%s %s.\n", n > 1 ? (k ? " are" : " were") : (k ? " is" : " was"),
			    k ? waits : done);
	}
}

static int
revert(struct cli *cli, struct proto_request *request, const char *done, const char *waits)
{
	struct proto_answer answer;
	int status;

	if (cli->given & CLI_NOW)
		proto_add(request, "when", "now");
	if (cli->given & CLI_AT_BOOT)
		proto_add(request, "when", "boot");
	for (int i = 0; i < cli->nkeep; i++)
		proto_add(request, "keep", cli->keep[i]);
	status = cli_ask(cli, request, &answer);
	if (status)
		return status;
	if (cli->json)
		status = print_json(print_array(&answer, &reverted_rows), false);
	else
		print_done(&answer, done, waits);
	proto_answer_free(&answer);
	return status;
}

int
cli_reset(struct cli *cli)
{
	struct proto_request request = { .verb = "revert" };

	proto_add(&request, "kind", "reset");
	add_clients(cli, &request, cli->nargs);
	return revert(cli, &request, "reset; rubus undo takes it back", "reset");
}

int
cli_rollback(struct cli *cli)
{
	struct proto_request request = { .verb = "revert" };

	proto_add(&request, "kind", "rollback");
	proto_add(&request, "client", cli->args[0]);
	proto_add(&request, "snapshot", cli->args[1]);
	return revert(cli, &request, "rolled back; rubus undo takes it back", "rolled back");
}

int
cli_undo(struct cli *cli)
{
	struct proto_request request = { .verb = "revert" };

	proto_add(&request, "kind", "undo");
	add_clients(cli, &request, cli->nargs);
	return revert(cli, &request, "put back to what it was before", "put back");
}

int
cli_image_update(struct cli *cli)
{
	struct proto_request request = { .verb = "image-update" };

	proto_add(&request, "kind", "update");
	proto_add(&request, "old", cli->args[0]);
	proto_add(&request, "image", cli->args[1]);
	for (int i = 2; i < cli->nargs; i++)
		proto_add(&request, "client", cli->args[i]);
	if (cli->given & CLI_GROUP)
		proto_add(&request, "group", cli->group);
	return revert(cli, &request, "moved to the new image; rubus undo takes it back",
	    "moved to the new image");
}

int
cli_cancel(struct cli *cli)
{
	struct proto_request request = { .verb = "cancel" };
	struct proto_answer answer;
	int status;

	add_clients(cli, &request, cli->nargs);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->json)
		return print_json(json_pack("{s:b}", "cancelled", 1), false);
	puts("What waited for the next boot is cancelled.");
	return 0;
}

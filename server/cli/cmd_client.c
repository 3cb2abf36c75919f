/* rubus client ... */
#include <stdio.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

static const struct print_column columns[] = {
	{ "name", "NAME", PRINT_TEXT },
	{ "image", "IMAGE", PRINT_TEXT },
	{ "view", NULL, PRINT_TEXT },
	{ "addresses", "ADDRESSES", PRINT_LIST },
	{ "any_address", "ANY", PRINT_BOOL },
	{ "mounted_by", "MOUNTED BY", PRINT_LIST },
	{ "since", NULL, PRINT_TIME },
	{ "last", NULL, PRINT_TIME },
	{ "delta_files", NULL, PRINT_COUNT },
	{ "delta_bytes", "DELTA", PRINT_SIZE },
	{ "memory", NULL, PRINT_SIZE },
	{ "created", "CREATED", PRINT_TIME },
};
static const struct print_column show_columns[] = {
	{ "name", "Name", PRINT_TEXT },
	{ "image", "Image", PRINT_TEXT },
	{ "view", "View", PRINT_TEXT },
	{ "addresses", "Addresses", PRINT_LIST },
	{ "any_address", "Any address", PRINT_BOOL },
	{ "mounted_by", "Mounted by", PRINT_LIST },
	{ "since", "Mounted since", PRINT_TIME },
	{ "last", "Last call", PRINT_TIME },
	{ "delta_files", "Files changed", PRINT_COUNT },
	{ "delta_bytes", "Size of delta", PRINT_SIZE },
	{ "memory", "Memory", PRINT_SIZE },
	{ "created", "Created", PRINT_TIME },
};
static const struct print_rows rows = PRINT_ROWS("client", columns);
static const struct print_rows show_rows = PRINT_ROWS("client", show_columns);

int
cli_client_list(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "client-list", NULL, &answer);

	if (status)
		return status;
	if (cli->json)
		status = print_json(print_array(&answer, &rows), false);
	else
		print_table(&answer, &rows,
		    "There is no client yet: rubus client add NAME --image IMAGE makes one.");
	proto_answer_free(&answer);
	return status;
}

int
cli_client_show(struct cli *cli)
{
	struct proto_answer answer;
	const struct proto_row *row;
	int status = cli_ask_name(cli, "client-show", cli->args[0], &answer);

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

/* One client is an object, several are an array. */
static int
print_added(const struct cli *cli, const struct proto_answer *answer)
{
	const struct proto_row *row = print_first(answer, rows.kind);
	bool reachable = cli->naddresses || cli->given & CLI_ANY_ADDRESS;

	if (cli->json)
		return print_json(
		    cli->nargs > 1 ? print_array(answer, &rows) : print_object(row, &rows), false);
	if (cli->nargs > 1)
		printf("Added %d clients: exports /%s to /%s, image %s", cli->nargs, cli->args[0],
		    cli->args[cli->nargs - 1], proto_value(row, "image"));
	else
		printf("Added client %s: export /%s, image %s", cli->args[0], cli->args[0],
		    proto_value(row, "image"));
	printf("%s.\n",
	    reachable ? ""
		      : (cli->nargs > 1 ? "; without --address, this machine alone can mount them"
					: "; without --address, this machine alone can mount it"));
	return 0;
}

int
cli_client_add(struct cli *cli)
{
	struct proto_request request = { .verb = "client-add" };
	struct proto_answer answer;
	int status;

	for (int i = 0; i < cli->nargs; i++)
		proto_add(&request, "name", cli->args[i]);
	proto_add(&request, "image", cli->image);
	for (int i = 0; i < cli->naddresses; i++)
		proto_add(&request, "address", cli->addresses[i]);
	if (cli->given & CLI_ANY_ADDRESS)
		proto_add(&request, "any_address", "yes");
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	status = print_added(cli, &answer);
	proto_answer_free(&answer);
	return status;
}

int
cli_client_remove(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "client-remove", cli->args[0], &answer);

	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->json)
		return print_json(json_pack("{s:s}", "removed", cli->args[0]), false);
	printf("Removed client %s and what it had changed.\n", cli->args[0]);
	return 0;
}

/* rubus client ... */
#include <stdio.h>
#include <string.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

static const struct print_column columns[] = {
	{ "name", "NAME", PRINT_TEXT },
	{ "image", "IMAGE", PRINT_TEXT },
	{ "view", NULL, PRINT_TEXT },
	{ "addresses", "ADDRESSES", PRINT_LIST },
	{ "learned", NULL, PRINT_TEXT },
	{ "serial", "SERIAL", PRINT_TEXT },
	{ "macs", NULL, PRINT_LIST },
	{ "any_address", "ANY", PRINT_BOOL },
	{ "mounted_by", "MOUNTED BY", PRINT_LIST },
	{ "since", NULL, PRINT_TIME },
	{ "last", NULL, PRINT_TIME },
	{ "delta_files", NULL, PRINT_COUNT },
	{ "delta_bytes", "DELTA", PRINT_SIZE },
	{ "memory", NULL, PRINT_SIZE },
	{ "group", "GROUP", PRINT_TEXT },
	{ "snapshots", NULL, PRINT_COUNT },
	{ "quota", NULL, PRINT_SIZE },
	{ "quota_used", NULL, PRINT_SIZE },
	{ "volatile", NULL, PRINT_BOOL },
	{ "keep", NULL, PRINT_LIST },
	{ "pending", "AT BOOT", PRINT_TEXT },
	{ "created", "CREATED", PRINT_TIME },
};
static const struct print_column show_columns[] = {
	{ "name", "Name", PRINT_TEXT },
	{ "image", "Image", PRINT_TEXT },
	{ "view", "View", PRINT_TEXT },
	{ "addresses", "Addresses", PRINT_LIST },
	{ "learned", "Address at its last boot", PRINT_TEXT },
	{ "serial", "Serial number", PRINT_TEXT },
	{ "macs", "MACs", PRINT_LIST },
	{ "any_address", "Any address", PRINT_BOOL },
	{ "mounted_by", "Mounted by", PRINT_LIST },
	{ "since", "Mounted since", PRINT_TIME },
	{ "last", "Last call", PRINT_TIME },
	{ "delta_files", "Files changed", PRINT_COUNT },
	{ "delta_bytes", "Size of delta", PRINT_SIZE },
	{ "memory", "Memory", PRINT_SIZE },
	{ "group", "Group", PRINT_TEXT },
	{ "snapshots", "Snapshots", PRINT_COUNT },
	{ "quota", "Quota", PRINT_SIZE },
	{ "quota_used", "Used of it", PRINT_SIZE },
	{ "volatile", "Volatile", PRINT_BOOL },
	{ "keep", "Keeps", PRINT_LIST },
	{ "pending", "At next boot", PRINT_TEXT },
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
	bool reachable = cli->given & (CLI_ADDRESS | CLI_SERIAL | CLI_MAC | CLI_ANY_ADDRESS |
					  CLI_PENDING | CLI_ALL_PENDING);

	if (cli->json)
		return print_json(answer->nrows > 1 || cli->given & CLI_ALL_PENDING
				      ? print_array(answer, &rows)
				      : print_object(row, &rows),
		    false);
	if (answer->nrows > 1)
		printf("Added %d clients: exports /%s to /%s, image %s", answer->nrows,
		    proto_value(row, "name"), proto_value(&answer->rows[answer->nrows - 1], "name"),
		    proto_value(row, "image"));
	else
		printf("Added client %s: export /%s, image %s", proto_value(row, "name"),
		    proto_value(row, "name"), proto_value(row, "image"));
	printf("%s%s.\n",
	    reachable ? ""
		      : "; without --serial, --mac or --address, this machine alone can mount ",
	    reachable           ? ""
	    : answer->nrows > 1 ? "them"
				: "it");
	return 0;
}

static void
add_marks(const struct cli *cli, struct proto_request *request)
{
	for (int i = 0; i < cli->naddresses; i++)
		proto_add(request, "address", cli->addresses[i]);
	for (int i = 0; i < cli->nserials; i++)
		proto_add(request, "serial", cli->serials[i]);
	for (int i = 0; i < cli->nmacs; i++)
		proto_add(request, "mac", cli->macs[i]);
	if (cli->given & CLI_ANY_ADDRESS)
		proto_add(request, "any_address", "yes");
}

int
cli_client_add(struct cli *cli)
{
	struct proto_request request = { .verb = "client-add" };
	struct proto_answer answer;
	int status;

	if (cli->nargs == 0 && !(cli->given & CLI_ALL_PENDING)) {
		fputs("rubus: NAME is missing\n", stderr);
		return 2;
	}
	if (cli->nargs && cli->given & CLI_ALL_PENDING) {
		fprintf(stderr, "rubus: %s: --all-pending makes names by --prefix\n", cli->args[0]);
		return 2;
	}
	for (int i = 0; i < cli->nargs; i++)
		proto_add(&request, "name", cli->args[i]);
	for (int i = 0; i < cli->npending; i++)
		proto_add(&request, "pending", cli->pending[i]);
	if (cli->given & CLI_ALL_PENDING)
		proto_add(&request, "all_pending", "yes");
	if (cli->given & CLI_PREFIX)
		proto_add(&request, "prefix", cli->prefix);
	proto_add(&request, "image", cli->image);
	if (cli->given & CLI_GROUP)
		proto_add(&request, "group", cli->group);
	add_marks(cli, &request);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	status = print_added(cli, &answer);
	proto_answer_free(&answer);
	return status;
}

/* What would be lost. */
static int
confirm_remove(struct cli *cli)
{
	const char *name = cli->args[0];
	struct proto_answer answer;
	const struct proto_row *row;
	int status = cli_ask_name(cli, "client-show", name, &answer);

	if (status)
		return status;
	row = print_first(&answer, rows.kind);
	if (strcmp(proto_value(row, "delta_files"), "0") != 0 ||
	    strcmp(proto_value(row, "snapshots"), "0") != 0)
		status = cli_confirm(cli,
		    "Client %s goes for ever, with %s files that it changed and %s snapshots.",
		    name, proto_value(row, "delta_files"), proto_value(row, "snapshots"));
	proto_answer_free(&answer);
	return status;
}

int
cli_client_remove(struct cli *cli)
{
	struct proto_answer answer;
	int status = confirm_remove(cli);

	if (status == 0)
		status = cli_ask_name(cli, "client-remove", cli->args[0], &answer);
	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->json)
		return print_json(json_pack("{s:s}", "removed", cli->args[0]), false);
	printf("Removed client %s and what it had changed.\n", cli->args[0]);
	return 0;
}

int
cli_client_clone(struct cli *cli)
{
	struct proto_request request = { .verb = "client-clone" };
	char from[160];
	char *at;
	struct proto_answer answer;
	int status;

	snprintf(from, sizeof(from), "%s", cli->args[0]);
	at = strchr(from, '@');
	if (at) {
		*at++ = '\0';
		proto_add(&request, "snapshot", at);
	}
	proto_add(&request, "from", from);
	proto_add(&request, "name", cli->args[1]);
	add_marks(cli, &request);
	if (cli->given & CLI_GROUP)
		proto_add(&request, "group", cli->group);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->json)
		return print_json(
		    json_pack("{s:s,s:s}", "from", cli->args[0], "added", cli->args[1]), false);
	printf(
	    "Added client %s: export /%s, as %s is.\n", cli->args[1], cli->args[1], cli->args[0]);
	return 0;
}

/* Who is meant: a client, or "@GROUP". */
static void
add_whom(const struct cli *cli, struct proto_request *request)
{
	if (cli->args[0][0] == '@')
		proto_add(request, "group", cli->args[0] + 1);
	else
		proto_add(request, "client", cli->args[0]);
}

static int
set_image(struct cli *cli)
{
	struct proto_request request = { .verb = "revert" };
	struct proto_answer answer;
	int status;

	proto_add(&request, "kind", "update");
	proto_add(&request, "image", cli->image);
	if (cli->given & CLI_NOW)
		proto_add(&request, "when", "now");
	if (cli->given & CLI_AT_BOOT)
		proto_add(&request, "when", "boot");
	add_whom(cli, &request);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	for (int i = 0; i < answer.nrows && !cli->json; i++)
		printf("Client %s: image %s %s.\n", proto_value(&answer.rows[i], "client"),
		    cli->image,
		    strcmp(proto_value(&answer.rows[i], "when"), "now") == 0
			? "from now on"
			: "from its next boot on");
	proto_answer_free(&answer);
	return 0;
}

int
cli_client_set(struct cli *cli)
{
	struct proto_request request = { .verb = "client-set" };
	struct proto_answer answer;
	char quota[24];
	uint64_t bytes;
	int status;

	add_whom(cli, &request);
	if (cli->given & CLI_GROUP)
		proto_add(&request, "to_group", cli->group);
	if (cli->given & CLI_QUOTA) {
		if (size_parse(cli->quota, &bytes) < 0) {
			fprintf(
			    stderr, "rubus: --quota %s: a size is meant, like 2G\n", cli->quota);
			return 2;
		}
		snprintf(quota, sizeof(quota), "%llu", (unsigned long long)bytes);
		proto_add(&request, "quota", quota);
	}
	add_marks(cli, &request);
	if (cli->given & (CLI_VOLATILE | CLI_DURABLE))
		proto_add(&request, "volatile", cli->given & CLI_VOLATILE ? "yes" : "no");
	if (cli->given & CLI_NO_KEEP)
		proto_add(&request, "keep", "");
	for (int i = 0; i < cli->nkeep; i++)
		proto_add(&request, "keep", cli->keep[i]);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	proto_answer_free(&answer);
	if (cli->given & CLI_IMAGE && (status = set_image(cli)))
		return status;
	if (cli->json)
		return print_json(json_pack("{s:s}", "set", cli->args[0]), false);
	printf("%s is set.\n", cli->args[0]);
	return 0;
}

/* rubus gc, rubus df. */
#include <stdio.h>
#include <stdlib.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

static const struct print_column columns[] = {
	{ "layers", "Layers", PRINT_COUNT },
	{ "rows", "Rows", PRINT_COUNT },
	{ "images", "Images", PRINT_COUNT },
	{ "blocks_in_use", "Blocks in use", PRINT_COUNT },
	{ "blocks", "Blocks", PRINT_COUNT },
	{ "bytes", "Bytes", PRINT_SIZE },
	{ "segments", "Segments", PRINT_COUNT },
};
static const struct print_rows rows = PRINT_ROWS("collected", columns);

int
cli_gc(struct cli *cli)
{
	struct proto_request request = { .verb = "gc" };
	bool dry = cli->given & CLI_DRY_RUN;
	const struct proto_row *row;
	struct proto_answer answer;
	char size[SIZE_TEXT];
	int status;

	if (dry)
		proto_add(&request, "dry_run", "yes");
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	row = print_first(&answer, rows.kind);
	if (cli->json)
		status = print_json(print_object(row, &rows), false);
	else
		printf("%s %s: %s blocks that nothing refers to; %s stay in use.\n",
		    dry ? "There is to be given back:" : "Given back:",
		    size_text(strtoull(proto_value(row, "bytes"), NULL, 10), size),
		    proto_value(row, "blocks"), proto_value(row, "blocks_in_use"));
	proto_answer_free(&answer);
	return status;
}

static const struct print_column space_columns[] = {
	{ "blocks", "Blocks", PRINT_SIZE },
	{ "images", "Images' rows", PRINT_SIZE },
	{ "database", "Layers' rows", PRINT_SIZE },
	{ "free", "Free on the disk", PRINT_SIZE },
};
static const struct print_column image_columns[] = {
	{ "name", "IMAGE", PRINT_TEXT },
	{ "bytes", "FILES", PRINT_SIZE },
	{ "stored", "NEW WITH IT", PRINT_SIZE },
	{ "clients", "CLIENTS", PRINT_COUNT },
};
static const struct print_column client_columns[] = {
	{ "name", "CLIENT", PRINT_TEXT },
	{ "image", "IMAGE", PRINT_TEXT },
	{ "files", "FILES CHANGED", PRINT_COUNT },
	{ "bytes", "DELTA", PRINT_SIZE },
};
static const struct print_column snapshot_columns[] = {
	{ "name", "SNAPSHOT", PRINT_TEXT },
	{ "client", "CLIENT", PRINT_TEXT },
	{ "files", "FILES CHANGED", PRINT_COUNT },
	{ "bytes", "DELTA", PRINT_SIZE },
};
static const struct print_rows space_rows = PRINT_ROWS("space", space_columns);
static const struct print_rows image_rows = PRINT_ROWS("image", image_columns);
static const struct print_rows client_rows = PRINT_ROWS("client", client_columns);
static const struct print_rows snapshot_rows = PRINT_ROWS("snapshot", snapshot_columns);

int
cli_df(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "df", NULL, &answer);

	if (status)
		return status;
	if (cli->json) {
		json_t *all = print_object(print_first(&answer, "space"), &space_rows);

		json_object_set_new(all, "image_list", print_array(&answer, &image_rows));
		json_object_set_new(all, "clients", print_array(&answer, &client_rows));
		json_object_set_new(all, "snapshots", print_array(&answer, &snapshot_rows));
		status = print_json(all, false);
	} else {
		print_lines(print_first(&answer, "space"), &space_rows);
		putchar('\n');
		print_table(&answer, &image_rows, "There is no image yet.");
		putchar('\n');
		print_table(&answer, &client_rows, "There is no client yet.");
		putchar('\n');
		print_table(&answer, &snapshot_rows, "There is no snapshot.");
	}
	proto_answer_free(&answer);
	return status;
}

/* rubus gc. */
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

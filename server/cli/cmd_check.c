/* rubus check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

static const struct print_column columns[] = {
	{ "problems", "Problems", PRINT_COUNT },
	{ "images", "Images", PRINT_COUNT },
	{ "layers", "Layers", PRINT_COUNT },
	{ "blocks", "Blocks", PRINT_COUNT },
	{ "bytes", "Bytes read", PRINT_SIZE },
	{ "damaged", "Damaged blocks", PRINT_COUNT },
};
static const struct print_column repair_columns[] = {
	{ "segments", "Segments", PRINT_COUNT },
	{ "found", "Blocks found", PRINT_COUNT },
	{ "added", "Blocks added", PRINT_COUNT },
	{ "dropped", "Rows dropped", PRINT_COUNT },
};
static const struct print_column found_columns[] = { { "what", "WHAT", PRINT_TEXT } };
static const struct print_rows rows = PRINT_ROWS("checked", columns);
static const struct print_rows repair_rows = PRINT_ROWS("repaired", repair_columns);
static const struct print_rows found_rows = PRINT_ROWS("found", found_columns);

/* Everything that was told, each in a line. */
static void
print_found(const struct proto_answer *answer)
{
	for (int i = 0; i < answer->nrows; i++)
		if (strcmp(answer->rows[i].kind, found_rows.kind) == 0)
			puts(proto_value(&answer->rows[i], "what"));
}

static int
repair(struct cli *cli)
{
	struct proto_request request = { .verb = "repair" };
	const struct proto_row *row;
	struct proto_answer answer;
	int status = cli_ask(cli, &request, &answer);

	if (status)
		return status;
	row = print_first(&answer, repair_rows.kind);
	if (!cli->json) {
		print_found(&answer);
		printf("Repaired: %s blocks in %s segments; %s had no place in the index, %s rows "
		       "of it "
		       "were wrong.\n",
		    proto_value(row, "found"), proto_value(row, "segments"),
		    proto_value(row, "added"), proto_value(row, "dropped"));
	}
	proto_answer_free(&answer);
	return 0;
}

/* 1 when something is wrong. */
int
cli_check(struct cli *cli)
{
	struct proto_request request = { .verb = "check" };
	const struct proto_row *row;
	struct proto_answer answer;
	char size[SIZE_TEXT];
	int status;

	if (cli->given & CLI_REPAIR && (status = repair(cli)))
		return status;
	if (cli->given & CLI_ALL_BYTES)
		proto_add(&request, "all_bytes", "yes");
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	row = print_first(&answer, rows.kind);
	status = strcmp(proto_value(row, "problems"), "0") != 0;
	if (cli->json) {
		json_t *all = print_object(row, &rows);

		json_object_set_new(all, "found", print_array(&answer, &found_rows));
		print_json(all, false);
	} else {
		print_found(&answer);
		printf("%s: %s images, %s layers, %s blocks%s%s%s.\n",
		    status ? "The store is damaged" : "The store is whole",
		    proto_value(row, "images"), proto_value(row, "layers"),
		    proto_value(row, "blocks"), cli->given & CLI_ALL_BYTES ? ", " : "",
		    cli->given & CLI_ALL_BYTES
			? size_text(strtoull(proto_value(row, "bytes"), NULL, 10), size)
			: "",
		    cli->given & CLI_ALL_BYTES ? " read" : "; --all-bytes reads every block");
	}
	proto_answer_free(&answer);
	return status;
}

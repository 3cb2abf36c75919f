/* rubus status: who is mounted, since when, and what all of it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

static const struct print_column server_columns[] = {
	{ "running", NULL, PRINT_BOOL },
	{ "version", "Version", PRINT_TEXT },
	{ "pid", "Process", PRINT_COUNT },
	{ "started", "Running since", PRINT_TIME },
	{ "address", "Address", PRINT_TEXT },
	{ "port", "Port", PRINT_COUNT },
	{ "connections", "Connections", PRINT_COUNT },
	{ "mounts", "Mounts", PRINT_COUNT },
	{ "memory", "Memory", PRINT_SIZE },
	{ "view_memory", "  of views", PRINT_SIZE },
	{ "image_memory", "  of images", PRINT_SIZE },
};
static const struct print_column store_columns[] = {
	{ "path", "Store", PRINT_TEXT },
	{ "id", NULL, PRINT_TEXT },
	{ "epoch", NULL, PRINT_COUNT },
	{ "images", "Images", PRINT_COUNT },
	{ "clients", "Clients", PRINT_COUNT },
	{ "delta_bytes", "Deltas", PRINT_SIZE },
	{ "disk_used", "Disk used", PRINT_SIZE },
	{ "disk_free", "Disk free", PRINT_SIZE },
};
static const struct print_column client_columns[] = {
	{ "name", "CLIENT", PRINT_TEXT },
	{ "image", "IMAGE", PRINT_TEXT },
	{ "mounted_by", "MOUNTED BY", PRINT_LIST },
	{ "since", "SINCE", PRINT_TIME },
	{ "last", "LAST CALL", PRINT_AGO },
	{ "delta_files", "FILES CHANGED", PRINT_COUNT },
	{ "delta_bytes", "DELTA", PRINT_SIZE },
	{ "memory", "MEMORY", PRINT_SIZE },
	{ "quota", NULL, PRINT_SIZE },
	{ "quota_used", NULL, PRINT_SIZE },
	{ "pending", "AT BOOT", PRINT_TEXT },
};
static const struct print_column alarm_columns[] = {
	{ "client", "CLIENT", PRINT_TEXT },
	{ "when", "WHEN", PRINT_AGO },
	{ "times", "TIMES", PRINT_COUNT },
	{ "text", "ALARM", PRINT_TEXT },
};
static const struct print_rows server_rows = PRINT_ROWS("server", server_columns);
static const struct print_rows store_rows = PRINT_ROWS("store", store_columns);
static const struct print_rows client_rows = PRINT_ROWS("client", client_columns);
static const struct print_rows alarm_rows = PRINT_ROWS("alarm", alarm_columns);

static int
status_json(const struct proto_answer *answer)
{
	const struct proto_row *server = print_first(answer, server_rows.kind);
	const struct proto_row *store = print_first(answer, store_rows.kind);
	json_t *all = json_object();

	if (server)
		json_object_set_new(all, "server", print_object(server, &server_rows));
	if (store)
		json_object_set_new(all, "store", print_object(store, &store_rows));
	json_object_set_new(all, "clients", print_array(answer, &client_rows));
	json_object_set_new(all, "alarms", print_array(answer, &alarm_rows));
	return print_json(all, false);
}

#define WARN_PERCENT 90

static void
warn_quota(const struct proto_row *row)
{
	const char *quota = proto_value(row, "quota"), *used = proto_value(row, "quota_used");
	double of = quota ? strtod(quota, NULL) : 0,
	       part = used && of > 0 ? strtod(used, NULL) / of : 0;

	if (part * 100 >= WARN_PERCENT)
		printf("\nClient %s has used %.0f%% of its quota.\n", proto_value(row, "name"),
		    part * 100);
}

static void
status_text(const struct proto_answer *answer)
{
	const struct proto_row *server = print_first(answer, server_rows.kind);
	const struct proto_row *store = print_first(answer, store_rows.kind);
	const char *running = server ? proto_value(server, "running") : NULL;

	if (running && strcmp(running, "1") == 0)
		print_lines(server, &server_rows);
	else
		puts("rubusd doesn't run on this store.");
	putchar('\n');
	if (store)
		print_lines(store, &store_rows);
	putchar('\n');
	print_table(answer, &client_rows, "There is no client yet.");
	for (int i = 0; i < answer->nrows; i++)
		if (strcmp(answer->rows[i].kind, client_rows.kind) == 0)
			warn_quota(&answer->rows[i]);
	if (print_first(answer, alarm_rows.kind)) {
		putchar('\n');
		print_table(answer, &alarm_rows, NULL);
	}
}

int
cli_status(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "status", NULL, &answer);

	if (status)
		return status;
	if (cli->json)
		status = status_json(&answer);
	else
		status_text(&answer);
	proto_answer_free(&answer);
	return status;
}

/* rubus stats: counts and latencies; with --watch again each second, and how many a second. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

static const struct print_column proc_columns[] = {
	{ "program", "PROGRAM", PRINT_TEXT },
	{ "name", "PROCEDURE", PRINT_TEXT },
	{ "calls", "CALLS", PRINT_COUNT },
	{ "errors", "ERRORS", PRINT_COUNT },
	{ "bytes_in", "IN", PRINT_SIZE },
	{ "bytes_out", "OUT", PRINT_SIZE },
	{ "p50_us", "P50", PRINT_US },
	{ "p99_us", "P99", PRINT_US },
	{ "max_us", "MAX", PRINT_US },
};
static const struct print_column commit_columns[] = {
	{ "commits", "Commits", PRINT_COUNT },
	{ "rows", "  rows in them", PRINT_COUNT },
	{ "waiters", "  replies that waited", PRINT_COUNT },
	{ "failures", "  failed", PRINT_COUNT },
	{ "commit_us", "  mean time", PRINT_US },
};
static const struct print_column block_columns[] = {
	{ "puts", "Blocks written", PRINT_COUNT },
	{ "zeros", "  only zeros", PRINT_COUNT },
	{ "found", "  there already", PRINT_COUNT },
	{ "stored", "  stored", PRINT_COUNT },
	{ "bytes_stored", "  bytes stored", PRINT_SIZE },
	{ "collisions", "  equal hash, other bytes", PRINT_COUNT },
};
static const struct print_column event_columns[] = {
	{ "rejected", "Rejected calls", PRINT_COUNT },
	{ "duplicates", "Duplicate calls", PRINT_COUNT },
	{ "refused", "Refused connections", PRINT_COUNT },
};
static const struct print_rows proc_rows = PRINT_ROWS("procedure", proc_columns);
static const struct print_rows other_rows[] = {
	PRINT_ROWS("commits", commit_columns),
	PRINT_ROWS("blocks", block_columns),
	PRINT_ROWS("events", event_columns),
};

/* Leaves out what was never called. */
static void
drop_uncalled(struct proto_answer *a)
{
	int kept = 0;

	for (int i = 0; i < a->nrows; i++) {
		const char *calls = proto_value(&a->rows[i], "calls");

		if (calls && strcmp(calls, "0") == 0)
			free(a->rows[i].pairs);
		else
			a->rows[kept++] = a->rows[i];
	}
	a->nrows = kept;
}

static uint64_t
all_calls(const struct proto_answer *a)
{
	uint64_t sum = 0;

	for (int i = 0; i < a->nrows; i++) {
		const char *calls = proto_value(&a->rows[i], "calls");

		sum += calls ? strtoull(calls, NULL, 10) : 0;
	}
	return sum;
}

static int
stats_json(const struct proto_answer *a, bool compact)
{
	json_t *all = json_object();

	json_object_set_new(all, "procedures", print_array(a, &proc_rows));
	for (size_t i = 0; i < ARRAY_SIZE(other_rows); i++) {
		const struct proto_row *row = print_first(a, other_rows[i].kind);

		if (row)
			json_object_set_new(
			    all, other_rows[i].kind, print_object(row, &other_rows[i]));
	}
	return print_json(all, compact);
}

static void
stats_text(struct proto_answer *a)
{
	drop_uncalled(a);
	print_table(a, &proc_rows, "No call has come yet.");
	for (size_t i = 0; i < ARRAY_SIZE(other_rows); i++) {
		const struct proto_row *row = print_first(a, other_rows[i].kind);

		if (row) {
			putchar('\n');
			print_lines(row, &other_rows[i]);
		}
	}
}

static int
stats_once(struct cli *cli, uint64_t *calls, bool first)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "stats", NULL, &answer);
	uint64_t now;

	if (status)
		return status;
	now = all_calls(&answer);
	if (cli->json) {
		status = stats_json(&answer, cli->given & CLI_WATCH);
	} else {
		if (cli->given & CLI_WATCH && isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout);
		if (!first && now >= *calls)
			printf("%" PRIu64 " calls in the last second\n\n", now - *calls);
		stats_text(&answer);
	}
	*calls = now;
	proto_answer_free(&answer);
	return fflush(stdout) ? 1 : status;
}

int
cli_stats(struct cli *cli)
{
	struct timespec second = { 1, 0 };
	uint64_t calls = 0;
	int status = stats_once(cli, &calls, true);

	while (status == 0 && cli->given & CLI_WATCH) {
		nanosleep(&second, NULL);
		if (!cli->json && !isatty(STDOUT_FILENO))
			putchar('\n');
		status = stats_once(cli, &calls, false);
	}
	return status;
}

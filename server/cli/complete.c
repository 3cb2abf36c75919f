/* Asks as the commands do, and keeps quiet about what goes wrong. */
#include "server/cli/complete.h"

#include <stdio.h>
#include <string.h>

/* Prints the values of a key of the rows, each once as far as neighbours are alike. */
static void
print_values(const struct cli *cli, struct proto_request *request, const char *kind,
    const char *key, const char *before, const char *begin)
{
	struct proto_answer answer;
	const char *last = "";

	if (cli_ask_quietly(cli, request, &answer) != 0)
		return;
	for (int i = 0; i < answer.nrows; i++) {
		const char *value = proto_value(&answer.rows[i], key);
		char word[160];

		if (strcmp(answer.rows[i].kind, kind) != 0 || !value || !*value ||
		    strcmp(value, last) == 0)
			continue;
		last = value;
		snprintf(word, sizeof(word), "%s%s", before, value);
		if (strncmp(word, begin, strlen(begin)) == 0)
			puts(word);
	}
	proto_answer_free(&answer);
}

void
complete_clients(const struct cli *cli, const char *begin)
{
	struct proto_request request = { .verb = "client-list" };

	print_values(cli, &request, "client", "name", "", begin);
}

void
complete_groups(const struct cli *cli, const char *begin)
{
	struct proto_request request = { .verb = "client-list" };

	print_values(cli, &request, "client", "group", "", begin);
}

void
complete_images(const struct cli *cli, const char *begin)
{
	struct proto_request request = { .verb = "image-list" };

	print_values(cli, &request, "image", "name", "", begin);
}

void
complete_snapshots(const struct cli *cli, const char *client, bool at, const char *begin)
{
	struct proto_request request = { .verb = "snapshot-list" };
	char before[80] = "";

	if (at)
		snprintf(before, sizeof(before), "%.64s@", client);
	proto_add(&request, "client", client);
	print_values(cli, &request, "snapshot", "name", before, begin);
}

/* CLIENT[@SNAPSHOT]: after the @ the snapshots. */
static void
complete_state(const struct cli *cli, const char *begin)
{
	const char *at = strchr(begin, '@');
	char client[66];

	if (!at) {
		complete_clients(cli, begin);
		return;
	}
	snprintf(client, sizeof(client), "%.*s", (int)(at - begin), begin);
	complete_snapshots(cli, client, true, begin);
}

static bool
is(const char *kind, const char *word)
{
	return strncmp(kind, word, strlen(word)) == 0;
}

void
complete_argument(const struct cli *cli, const char *kind, const char *before, const char *begin)
{
	if (is(kind, "SNAPSHOT"))
		complete_snapshots(cli, before, false, begin);
	else if (is(kind, "CLIENT[@") || is(kind, "FROM[@") || is(kind, "[CLIENT[@"))
		complete_state(cli, begin);
	else if (is(kind, "CLIENT") || is(kind, "[CLIENT"))
		complete_clients(cli, begin);
	if (is(kind, "IMAGE") || is(kind, "OLD") || is(kind, "NEW") || strstr(kind, "|IMAGE"))
		complete_images(cli, begin);
}

/* rubus diff, rubus image commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

static const struct print_column columns[] = {
	{ "kind", "KIND", PRINT_TEXT },
	{ "path", "PATH", PRINT_TEXT },
	{ "type", "TYPE", PRINT_TEXT },
	{ "size", "SIZE", PRINT_COUNT },
	{ "old_size", "BEFORE", PRINT_COUNT },
};
static const struct print_rows rows = PRINT_ROWS("diff", columns);

static uint64_t
count_of(const struct proto_row *row, const char *key)
{
	return strtoull(proto_value(row, key), NULL, 10);
}

/* What is no text for a terminal is written as \\ooo. */
static void
print_path(const char *path)
{
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p < ' ' || *p == 0x7f || *p == '\\')
			printf("\\%03o", *p);
		else
			putchar(*p);
	}
}

static void
print_entry(const struct proto_row *row)
{
	const char *kind = proto_value(row, "kind");
	char size[SIZE_TEXT], before[SIZE_TEXT];
	bool folder = strcmp(proto_value(row, "type"), "folder") == 0;

	printf("%c ", *kind == 'a' && kind[1] == 'd' ? '+'
		      : *kind == 'r'                 ? '-'
		      : *kind == 'c'                 ? '~'
						     : '@');
	print_path(proto_value(row, "path"));
	if (folder)
		puts("/");
	else if (*kind == 'c')
		printf("  %s -> %s\n", size_text(count_of(row, "old_size"), before),
		    size_text(count_of(row, "size"), size));
	else if (*kind == 'r')
		printf("  %s\n", size_text(count_of(row, "old_size"), before));
	else
		printf("  %s\n", size_text(count_of(row, "size"), size));
}

/* --- by folder --- */

#define SUMMARY_MAX 4096

struct folder {
	char path[256];
	uint64_t added, removed, changed, bytes;
};

/* The first two names of the folder that a path is in. */
static void
folder_of(const char *path, char out[256])
{
	const char *end = path, *slash = strrchr(path, '/');

	for (int i = 0; i < 2 && end < slash; i++)
		end += 1 + strcspn(end + 1, "/");
	snprintf(out, 256, "%.*s", end > path ? (int)(end - path) : 1, end > path ? path : "/");
}

static struct folder *
find_folder(struct folder *all, int *n, const char *path)
{
	for (int i = 0; i < *n; i++)
		if (strcmp(all[i].path, path) == 0)
			return &all[i];
	if (*n == SUMMARY_MAX)
		return NULL;
	snprintf(all[*n].path, sizeof(all[*n].path), "%s", path);
	return &all[(*n)++];
}

static int
sum_up(const struct proto_answer *answer, struct folder *all)
{
	char path[256];
	int n = 0;

	for (int i = 0; i < answer->nrows; i++) {
		const struct proto_row *row = &answer->rows[i];
		const char *kind = proto_value(row, "kind");
		struct folder *f;

		if (strcmp(proto_value(row, "type"), "folder") == 0)
			continue;
		folder_of(proto_value(row, "path"), path);
		f = find_folder(all, &n, path);
		if (!f)
			continue;
		f->added += strcmp(kind, "added") == 0;
		f->removed += strcmp(kind, "removed") == 0;
		f->changed += strcmp(kind, "changed") == 0 || strcmp(kind, "attributes") == 0;
		f->bytes += count_of(row, "size");
	}
	return n;
}

static int
print_summary(const struct cli *cli, const struct proto_answer *answer)
{
	struct folder *all = calloc(SUMMARY_MAX, sizeof(*all));
	int n = all ? sum_up(answer, all) : 0;
	json_t *list = json_array();
	char size[SIZE_TEXT];

	for (int i = 0; i < n; i++) {
		const struct folder *f = &all[i];

		json_array_append_new(
		    list, json_pack("{s:s,s:I,s:I,s:I,s:I}", "folder", f->path, "added",
			      (json_int_t)f->added, "changed", (json_int_t)f->changed, "removed",
			      (json_int_t)f->removed, "bytes", (json_int_t)f->bytes));
		if (!cli->json)
			printf("%-40s %6llu added %6llu changed %6llu removed %8s\n", f->path,
			    (unsigned long long)f->added, (unsigned long long)f->changed,
			    (unsigned long long)f->removed, size_text(f->bytes, size));
	}
	free(all);
	if (cli->json)
		return print_json(list, false);
	json_decref(list);
	return 0;
}

int
cli_diff(struct cli *cli)
{
	struct proto_request request = { .verb = "diff" };
	struct proto_answer answer;
	int status;

	proto_add(&request, "name", cli->args[0]);
	if (cli->nargs > 1)
		proto_add(&request, "to", cli->args[1]);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	if (cli->given & CLI_SUMMARY)
		status = print_summary(cli, &answer);
	else if (cli->json)
		status = print_json(print_array(&answer, &rows), false);
	else
		for (int i = 0; i < answer.nrows; i++)
			print_entry(&answer.rows[i]);
	proto_answer_free(&answer);
	return status;
}

int
cli_image_commit(struct cli *cli)
{
	struct proto_request request = { .verb = "image-commit" };
	struct proto_answer answer;
	const struct proto_row *row;
	char size[SIZE_TEXT];
	int status;

	proto_add(&request, "from", cli->args[0]);
	proto_add(&request, "name", cli->args[1]);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	row = print_first(&answer, "image");
	if (cli->json)
		status = print_json(
		    json_pack("{s:s,s:s,s:I,s:I}", "name", proto_value(row, "name"), "id",
			proto_value(row, "id"), "entries", (json_int_t)count_of(row, "entries"),
			"bytes", (json_int_t)count_of(row, "bytes")),
		    false);
	else
		printf("Image %s: %s entries, %s of files, as %s is.\n", cli->args[1],
		    proto_value(row, "entries"), size_text(count_of(row, "bytes"), size),
		    cli->args[0]);
	proto_answer_free(&answer);
	return status;
}

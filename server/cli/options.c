/* The table of options: what each is called and where its value goes. */
#include "server/cli/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cow/bytes.h"

struct row {
	const char *name;
	cli_options bit;
	enum { ROW_FLAG, ROW_TEXT, ROW_LIST } kind;
	size_t to, count; /* where in struct cli the value, or the list and its number, are */
	int most;
};

#define FLAG              ROW_FLAG, 0, 0, 0
#define TEXT(field)       ROW_TEXT, offsetof(struct cli, field), 0, 1
#define LIST(field, n, m) ROW_LIST, offsetof(struct cli, field), offsetof(struct cli, n), m

static const struct row rows[] = {
	{ "name", CLI_NAME, TEXT(name) },
	{ "skip-errors", CLI_SKIP_ERRORS, FLAG },
	{ "image", CLI_IMAGE, TEXT(image) },
	{ "address", CLI_ADDRESS, LIST(addresses, naddresses, CLI_MANY) },
	{ "any-address", CLI_ANY_ADDRESS, FLAG },
	{ "watch", CLI_WATCH, FLAG },
	{ "note", CLI_NOTE, TEXT(note) },
	{ "group", CLI_GROUP, TEXT(group) },
	{ "all", CLI_ALL, FLAG },
	{ "now", CLI_NOW, FLAG },
	{ "at-boot", CLI_AT_BOOT, FLAG },
	{ "keep", CLI_KEEP, LIST(keep, nkeep, CLI_KEEPS) },
	{ "no-keep", CLI_NO_KEEP, FLAG },
	{ "yes", CLI_YES, FLAG },
	{ "dry-run", CLI_DRY_RUN, FLAG },
	{ "summary", CLI_SUMMARY, FLAG },
	{ "repair", CLI_REPAIR, FLAG },
	{ "all-bytes", CLI_ALL_BYTES, FLAG },
	{ "at", CLI_AT, TEXT(at) },
	{ "on", CLI_ON, TEXT(on) },
	{ "write", CLI_WRITE, FLAG },
	{ "raw", CLI_RAW, FLAG },
	{ "quota", CLI_QUOTA, TEXT(quota) },
	{ "volatile", CLI_VOLATILE, FLAG },
	{ "durable", CLI_DURABLE, FLAG },
	{ "pending", CLI_PENDING, LIST(pending, npending, CLI_MANY) },
	{ "all-pending", CLI_ALL_PENDING, FLAG },
	{ "prefix", CLI_PREFIX, TEXT(prefix) },
	{ "follow", CLI_FOLLOW, FLAG },
	{ "to", CLI_TO, TEXT(to) },
	{ "interface", CLI_INTERFACE, TEXT(interface) },
	{ "range", CLI_RANGE, TEXT(range) },
	{ "router", CLI_ROUTER, TEXT(router) },
	{ "serial", CLI_SERIAL, LIST(serials, nserials, CLI_MANY) },
	{ "mac", CLI_MAC, LIST(macs, nmacs, CLI_MANY) },
};

/* Options of every command; getopt gives the letter. */
static const struct option common[] = {
	{ "store", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
};

#define ROW_FIRST 1000 /* what getopt gives for rows[0] */

static void
take(struct cli *cli, const struct row *row, const char *value)
{
	char *base = (char *)cli;

	cli->given |= row->bit;
	if (row->kind == ROW_TEXT)
		*(const char **)(void *)(base + row->to) = value;
	if (row->kind == ROW_LIST) {
		const char **list = (void *)(base + row->to);
		int *n = (void *)(base + row->count);

		if ((*n)++ < row->most)
			list[*n - 1] = value;
	}
}

enum cli_asked
options_read(int argc, char **argv, struct cli *cli)
{
	struct option all[ARRAY_SIZE(common) + ARRAY_SIZE(rows) + 1] = { 0 };
	enum cli_asked asked = ASKED_COMMAND;
	int c;

	memcpy(all, common, sizeof(common));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		all[ARRAY_SIZE(common) + i] = (struct option){ rows[i].name,
			rows[i].kind == ROW_FLAG ? no_argument : required_argument, NULL,
			ROW_FIRST + (int)i };
	while ((c = getopt_long(argc, argv, "", all, NULL)) >= 0) {
		switch (c) {
		case 's':
			cli->store = optarg;
			break;
		case 'j':
			cli->json = true;
			break;
		case 'h':
			asked = ASKED_HELP;
			break;
		case 'v':
			asked = ASKED_VERSION;
			break;
		case '?':
			return ASKED_WRONG;
		default:
			take(cli, &rows[c - ROW_FIRST], optarg);
		}
	}
	return asked;
}

const char *
options_name(cli_options bits)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (bits & rows[i].bit)
			return rows[i].name;
	return "";
}

const char *
options_overfull(const struct cli *cli, int *most)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		*most = rows[i].most;
		if (rows[i].kind == ROW_LIST &&
		    *(const int *)(const void *)((const char *)cli + rows[i].count) > *most)
			return rows[i].name;
	}
	return NULL;
}

static void
print_one(const char *name, const char *begin)
{
	if (strncmp(name, begin, strlen(begin)) == 0)
		printf("--%s\n", name);
}

void
options_print(cli_options taken, bool version, const char *begin)
{
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (common[i].val != 'v' || version)
			print_one(common[i].name, begin);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (taken & rows[i].bit)
			print_one(rows[i].name, begin);
}

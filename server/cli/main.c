/* rubus: a table of commands. Options may stand anywhere; each command says which it takes. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/cli/cli.h"
#include <config.h>

struct command {
	const char *words[2];  /* the second may be NULL */
	int nargs, more_args;  /* needed, and how many more there may be */
	unsigned needs, takes; /* enum cli_option */
	cli_fn *run;
	const char *args, *what;
	const char *more; /* further help, or NULL */
};

static const struct command commands[] = {
	{ { "image", "import" }, 1, 0, CLI_NAME, CLI_NAME | CLI_SKIP_ERRORS, cli_image_import,
	    "SOURCE --name NAME [--skip-errors]", "make an image of a folder or a tar",
	    "SOURCE is a folder, a tar file (plain, gz, xz, zst or bz2), or - for a tar on\n"
	    "standard input. The same tree always gives the same image id. What can't be\n"
	    "imported is named, file by file, and the import fails, unless --skip-errors leaves\n"
	    "it out. Works with and without a running rubusd, whose clients go on being "
	    "served.\n" },
	{ { "image", "list" }, 0, 0, 0, 0, cli_image_list, "", "list the images", NULL },
	{ { "image", "show" }, 1, 0, 0, 0, cli_image_show, "NAME", "show one image", NULL },
	{ { "image", "remove" }, 1, 0, 0, 0, cli_image_remove, "NAME",
	    "remove an image that no client uses", NULL },
	{ { "client", "add" }, 1, CLI_MANY - 1, CLI_IMAGE,
	    CLI_IMAGE | CLI_ADDRESS | CLI_ANY_ADDRESS, cli_client_add,
	    "NAME... --image IMAGE [--address IP]... [--any-address]",
	    "add clients, each with a view of its own",
	    "The client's export is /NAME; who calls from one of its addresses finds it at /, "
	    "too.\n"
	    "A client without an address is reachable from this machine only (loopback), unless\n"
	    "--any-address lets it be mounted from everywhere. Several clients are added\n"
	    "together or not at all; each gets one of the addresses, in the same order.\n" },
	{ { "client", "list" }, 0, 0, 0, 0, cli_client_list, "", "list the clients", NULL },
	{ { "client", "show" }, 1, 0, 0, 0, cli_client_show, "NAME", "show one client", NULL },
	{ { "client", "remove" }, 1, 0, 0, 0, cli_client_remove, "NAME",
	    "remove a client and all that it changed", NULL },
	{ { "status" }, 0, 0, 0, 0, cli_status, "",
	    "who is mounted, size of the deltas, memory, disk", NULL },
	{ { "stats" }, 0, 0, 0, CLI_WATCH, cli_stats, "[--watch]",
	    "counts and latency of each procedure", "--watch shows them again each second.\n" },
};

static const char head_text[] = "Usage: rubus [--store DIR] [--json] COMMAND ...\n\n";
static const char tail_text[] =
    "\n"
    "  --store DIR  the store (default: $RUBUS_STORE, else /var/lib/rubus)\n"
    "  --json       print JSON\n"
    "  --version    print the version\n"
    "\n"
    "rubus help COMMAND tells more. Options may stand before and after the command.\n";

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ "name", required_argument, NULL, CLI_NAME },
	{ "skip-errors", no_argument, NULL, CLI_SKIP_ERRORS },
	{ "image", required_argument, NULL, CLI_IMAGE },
	{ "address", required_argument, NULL, CLI_ADDRESS },
	{ "any-address", no_argument, NULL, CLI_ANY_ADDRESS },
	{ "watch", no_argument, NULL, CLI_WATCH },
	{ NULL },
};

#define FIRST_LETTER 'a' /* above the bits of enum cli_option */

static const char *
option_name(unsigned bits)
{
	for (const struct option *o = long_options; o->name; o++) {
		if (o->val < FIRST_LETTER && bits & (unsigned)o->val)
			return o->name;
	}
	return "";
}

static void
print_usage(FILE *to, const struct command *c)
{
	fprintf(to, "Usage: rubus [--store DIR] [--json] %s%s%s%s%s\n", c->words[0],
	    c->words[1] ? " " : "", c->words[1] ? c->words[1] : "", *c->args ? " " : "", c->args);
}

static int
usage_error(const struct command *c)
{
	if (c)
		print_usage(stderr, c);
	else
		fputs("rubus help lists the commands.\n", stderr);
	return 2;
}

/* How many of the table's words the arguments give: 0 if these are other ones. */
static int
match(const struct command *c, int n, char **words)
{
	if (n == 0 || strcmp(words[0], c->words[0]) != 0)
		return 0;
	if (!c->words[1])
		return 1;
	return n > 1 && strcmp(words[1], c->words[1]) == 0 ? 2 : 0;
}

static const struct command *
find_command(int n, char **words, int *used)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		*used = match(&commands[i], n, words);
		if (*used)
			return &commands[i];
	}
	return NULL;
}

/* Is the word the first (0) or second (1) of a command's, or of any's if c is NULL? */
static bool
has_word(const struct command *c, int which, const char *word)
{
	for (size_t i = 0; !c && i < ARRAY_SIZE(commands); i++)
		if (has_word(&commands[i], which, word))
			return true;
	return c && c->words[which] && strcmp(word, c->words[which]) == 0;
}

/* All commands, or those with this word. Their number. */
static int
list_commands(FILE *to, const char *word)
{
	char line[80];
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (word && !has_word(c, 0, word) && !has_word(c, 1, word))
			continue;
		snprintf(line, sizeof(line), "%s%s%s", c->words[0], c->words[1] ? " " : "",
		    c->words[1] ? c->words[1] : "");
		fprintf(to, "  %-14s  %s\n", line, c->what);
		n++;
	}
	return n;
}

static void
print_all(FILE *to)
{
	fputs(head_text, to);
	list_commands(to, NULL);
	fputs(tail_text, to);
}

static int
unknown_command(int n, char **words)
{
	bool begins;

	if (n == 0) {
		print_all(stderr);
		return 2;
	}
	begins = has_word(NULL, 0, words[0]);
	if (begins && n == 1)
		fprintf(stderr, "rubus: %s: this is not a whole command:\n", words[0]);
	else
		fprintf(stderr, "rubus: there is no command %s%s%s%s\n", words[0],
		    begins ? " " : "", begins ? words[1] : "",
		    begins || has_word(NULL, 1, words[0]) ? "; there are:" : "");
	list_commands(stderr, words[0]);
	return usage_error(NULL);
}

static int
help(int n, char **words)
{
	const struct command *c;
	int used;

	if (n == 0 || strcmp(words[0], "help") == 0) {
		print_all(stdout);
		return 0;
	}
	c = find_command(n, words, &used);
	if (c) {
		print_usage(stdout, c);
		printf("\n%c%s.\n%s%s", c->what[0] - 'a' + 'A', c->what + 1, c->more ? "\n" : "",
		    c->more ? c->more : "");
		return 0;
	}
	if (n == 1 && list_commands(stdout, words[0]) > 0)
		return 0;
	return unknown_command(n, words);
}

/* Do the options and arguments fit the command? Else says what doesn't; 2. */
static int
check_usage(const struct command *c, const struct cli *cli)
{
	unsigned missing = c->needs & ~cli->given, foreign = cli->given & ~c->takes;

	if (foreign)
		fprintf(
		    stderr, "rubus: --%s doesn't belong to this command\n", option_name(foreign));
	else if (cli->nargs > c->nargs + c->more_args)
		fprintf(stderr, "rubus: %s: one argument too many\n",
		    cli->args[c->nargs + c->more_args]);
	else if (cli->nargs < c->nargs)
		fprintf(stderr, "rubus: %.*s is missing\n", (int)strcspn(c->args, " ."), c->args);
	else if (cli->naddresses > CLI_MANY)
		fprintf(stderr, "rubus: more than %d addresses\n", CLI_MANY);
	else if (missing)
		fprintf(stderr, "rubus: --%s is missing\n", option_name(missing));
	else
		return 0;
	return usage_error(c);
}

static void
take_option(struct cli *cli, int option)
{
	cli->given |= (unsigned)option;
	if (option == CLI_NAME)
		cli->name = optarg;
	else if (option == CLI_IMAGE)
		cli->image = optarg;
	else if (option == CLI_ADDRESS && cli->naddresses++ < CLI_MANY)
		cli->addresses[cli->naddresses - 1] = optarg;
}

/* What --help and --version ask for comes before any command. */
enum asked { ASKED_COMMAND, ASKED_HELP, ASKED_VERSION, ASKED_WRONG };

static enum asked
read_options(int argc, char **argv, struct cli *cli)
{
	enum asked asked = ASKED_COMMAND;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
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
			take_option(cli, c);
		}
	}
	return asked;
}

static int
run(struct cli *cli)
{
	int used;
	const struct command *c = find_command(cli->nargs, cli->args, &used);
	int status;

	if (!c)
		return unknown_command(cli->nargs, cli->args);
	cli->nargs -= used;
	cli->args += used;
	status = check_usage(c, cli);
	return status ? status : c->run(cli);
}

int
main(int argc, char **argv)
{
	const char *env = getenv("RUBUS_STORE");
	struct cli cli = { .store = env && *env ? env : "/var/lib/rubus" };
	enum asked asked = read_options(argc, argv, &cli);

	setlocale(LC_TIME, "");
	cli.nargs = argc - optind;
	cli.args = argv + optind;
	if (asked == ASKED_WRONG)
		return usage_error(NULL);
	if (asked == ASKED_VERSION) {
		puts("rubus " PACKAGE_VERSION);
		return 0;
	}
	if (asked == ASKED_HELP)
		return help(cli.nargs, cli.args);
	if (cli.nargs > 0 && strcmp(cli.args[0], "help") == 0)
		return help(cli.nargs - 1, cli.args + 1);
	return run(&cli);
}

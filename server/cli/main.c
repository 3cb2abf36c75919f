/* rubus: finds the command that is meant. Options may stand anywhere; each command says which it
 * takes. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/bytes.h"
#include "server/cli/commands.h"
#include "server/cli/complete.h"
#include "server/cli/options.h"
#include <config.h>

static const char head_text[] = "Usage: rubus [--store DIR] [--json] COMMAND ...\n\n";
static const char tail_text[] =
    "\n"
    "  --store DIR  the store (default: $RUBUS_STORE, else /var/lib/rubus)\n"
    "  --json       print JSON\n"
    "  --version    print the version\n"
    "\n"
    "rubus help COMMAND tells more. Options may stand before and after the command.\n";

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

static void
print_all(FILE *to)
{
	fputs(head_text, to);
	commands_list(to, NULL);
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
	begins = commands_have(NULL, 0, words[0]);
	if (begins && n == 1)
		fprintf(stderr, "rubus: %s: this is not a whole command:\n", words[0]);
	else
		fprintf(stderr, "rubus: there is no command %s%s%s%s\n", words[0],
		    begins ? " " : "", begins ? words[1] : "",
		    begins || commands_have(NULL, 1, words[0]) ? "; there are:" : "");
	commands_list(stderr, words[0]);
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
	c = commands_find(n, words, &used);
	if (c) {
		print_usage(stdout, c);
		printf("\n%c%s.\n%s%s", c->what[0] - 'a' + 'A', c->what + 1, c->more ? "\n" : "",
		    c->more ? c->more : "");
		return 0;
	}
	if (n == 1 && commands_list(stdout, words[0]) > 0)
		return 0;
	return unknown_command(n, words);
}

/* Two options of which only one can be meant, or 0. */
static cli_options
contradiction(cli_options given)
{
	static const cli_options pairs[] = { CLI_NOW | CLI_AT_BOOT, CLI_VOLATILE | CLI_DURABLE,
		CLI_KEEP | CLI_NO_KEEP, CLI_GROUP | CLI_ALL };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if ((given & pairs[i]) == pairs[i])
			return pairs[i];
	return 0;
}

/* Do the options and arguments fit the command? Else says what doesn't; 2. */
static int
check_usage(const struct command *c, const struct cli *cli)
{
	cli_options missing = c->needs & ~cli->given, foreign = cli->given & ~c->takes;
	cli_options twice = contradiction(cli->given);
	const char *overfull;
	int most;

	if (foreign)
		fprintf(
		    stderr, "rubus: --%s doesn't belong to this command\n", options_name(foreign));
	else if (cli->nargs > c->nargs + c->more_args)
		fprintf(stderr, "rubus: %s: one argument too many\n",
		    cli->args[c->nargs + c->more_args]);
	else if (cli->nargs < c->nargs)
		fprintf(stderr, "rubus: %.*s is missing\n", (int)strcspn(c->args, " ."), c->args);
	else if ((overfull = options_overfull(cli, &most)))
		fprintf(stderr, "rubus: --%s: more than %d of them\n", overfull, most);
	else if (twice)
		fprintf(stderr, "rubus: --%s and --%s exclude each other\n",
		    options_name(twice & -twice), options_name(twice & (twice - 1)));
	else if (missing)
		fprintf(stderr, "rubus: --%s is missing\n", options_name(missing));
	else
		return 0;
	return usage_error(c);
}

/* --- completion: rubus complete -- WORDS..., of which the last is to be completed --- */

/* First words, or the second ones of a first. */
static void
complete_words(const char *first, const char *begin)
{
	const char *last = "";

	for (int i = 0; i < commands_n; i++) {
		const char *word = commands[i].words[first ? 1 : 0];

		if ((first && strcmp(commands[i].words[0], first) != 0) || !word ||
		    strcmp(word, last) == 0 || strncmp(word, begin, strlen(begin)) != 0)
			continue;
		puts(word);
		last = word;
	}
}

/* The word of the command's description that tells of its n-th argument, or the last one. */
static const char *
argument_of(const struct command *c, int n)
{
	const char *word = c->args;

	if (c->words[1] && strcmp(c->words[0], "client") == 0 && strcmp(word, "") != 0 && n == 0 &&
	    strcmp(c->words[1], "add") != 0 && strcmp(c->words[1], "clone") != 0)
		return "CLIENT";
	if (c->words[1] && strcmp(c->words[0], "image") == 0 && strncmp(word, "NAME", 4) == 0)
		return "IMAGE";
	while (n-- > 0) {
		const char *next = strchr(word, ' ');

		if (!next || next[1] == '-' || strncmp(next + 1, "[-", 2) == 0)
			break;
		word = next + 1;
	}
	return word;
}

static int
complete(struct cli *cli, int n, char **words)
{
	const char *last = n > 0 ? words[n - 1] : "", *before = n > 1 ? words[n - 2] : "";
	const struct command *c;
	int used = 0;

	if (n == 0)
		return 0;
	c = commands_find(n - 1, words, &used);
	if (strcmp(before, "--group") == 0)
		complete_groups(cli, last);
	else if (strcmp(before, "--image") == 0)
		complete_images(cli, last);
	else if (strncmp(last, "--", 2) == 0)
		options_print(c ? c->takes : 0, !c, last + 2);
	else if (c)
		complete_argument(cli, argument_of(c, n - 1 - used), before, last);
	else if (n == 1)
		complete_words(NULL, last);
	else if (n == 2)
		complete_words(words[0], last);
	return 0;
}

static int
run(struct cli *cli)
{
	int used;
	const struct command *c = commands_find(cli->nargs, cli->args, &used);
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
	enum cli_asked asked;

	if (argc > 2 && strcmp(argv[1], "complete") == 0 && strcmp(argv[2], "--") == 0)
		return complete(&cli, argc - 3, argv + 3);
	asked = options_read(argc, argv, &cli);
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

/* rubus: a table of commands. Options may stand anywhere; each command says which it takes. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/cli/complete.h"
#include <config.h>

struct command {
	const char *words[2];  /* the second may be NULL */
	int nargs, more_args;  /* needed, and how many more there may be */
	unsigned needs, takes; /* enum cli_option */
	cli_fn *run;
	const char *args, *what;
	const char *more; /* further help, or NULL */
};

#define WHEN (CLI_NOW | CLI_AT_BOOT)

static const char when_text[] =
    "A client that is in use is changed at its next boot, another one at once; --now and\n"
    "--at-boot say otherwise. With --now, a running client gets \"stale file handle\" for all\n"
    "its files and must be restarted. What is replaced becomes a snapshot: rubus undo takes\n"
    "it back. Folders given by --keep, here or by rubus client set, come over.\n";

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
	{ { "image", "remove" }, 1, 0, 0, CLI_YES, cli_image_remove, "NAME [--yes]",
	    "remove an image that no client uses", NULL },
	{ { "image", "commit" }, 2, 0, 0, 0, cli_image_commit, "CLIENT[@SNAPSHOT] NAME",
	    "make an image of what a client has become",
	    "The client goes on as it is. rubus image update moves others to the new image.\n" },
	{ { "image", "update" }, 2, CLI_MANY, 0, WHEN | CLI_GROUP | CLI_KEEP, cli_image_update,
	    "OLD NEW [CLIENT... | --group G] [--now | --at-boot] [--keep PATH]...",
	    "move clients from one image to another",
	    "All clients of OLD, or those that are named, begin anew with NEW: at their next\n"
	    "boot if they are running, else at once. What they changed is kept as a snapshot\n"
	    "(rubus undo), and their kept folders come over.\n" },
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
	{ { "client", "remove" }, 1, 0, 0, CLI_YES, cli_client_remove, "NAME [--yes]",
	    "remove a client and all that it changed", NULL },
	{ { "client", "clone" }, 2, 0, 0, CLI_ADDRESS | CLI_ANY_ADDRESS | CLI_GROUP,
	    cli_client_clone, "FROM[@SNAPSHOT] NEW [--address IP]... [--any-address] [--group G]",
	    "add a client that begins as another one is, or was",
	    "The new client has all files of the other one, and addresses of its own.\n" },
	{ { "client", "set" }, 1, 0, 0,
	    CLI_IMAGE | CLI_GROUP | CLI_QUOTA | CLI_KEEP | CLI_NO_KEEP | CLI_VOLATILE |
		CLI_DURABLE | WHEN,
	    cli_client_set,
	    "NAME|@GROUP [--image IMAGE] [--group G] [--quota SIZE] [--keep PATH]...\n"
	    "       [--no-keep] [--volatile | --durable]",
	    "change a client, or all of a group",
	    "  --image    begin anew with another image, as rubus image update does\n"
	    "  --group    put it into a group (\"\": into none)\n"
	    "  --quota    how many bytes it may change, 2G; 0: as many as there is room for\n"
	    "  --keep     folders that stay at a reset, an update and an undo; --no-keep: none\n"
	    "  --volatile don't wait for the disk: what it wrote may be lost when the server\n"
	    "             dies; --durable: wait\n" },
	{ { "snapshot", "create" }, 0, 2, 0, CLI_NOTE | CLI_GROUP | CLI_ALL, cli_snapshot_create,
	    "CLIENT | --group G | --all [NAME] [--note TEXT]",
	    "keep the state of a client under a name",
	    "The time is the name if none is given. A running client goes on meanwhile.\n" },
	{ { "snapshot", "list" }, 0, 1, 0, 0, cli_snapshot_list, "[CLIENT]", "list the snapshots",
	    NULL },
	{ { "snapshot", "remove" }, 2, 0, 0, CLI_YES, cli_snapshot_remove,
	    "CLIENT SNAPSHOT [--yes]", "remove a snapshot", NULL },
	{ { "rollback" }, 2, 0, 0, WHEN, cli_rollback, "CLIENT SNAPSHOT [--now | --at-boot]",
	    "put a client back to a snapshot", when_text },
	{ { "reset" }, 0, CLI_MANY, 0, WHEN | CLI_GROUP | CLI_ALL | CLI_KEEP, cli_reset,
	    "CLIENT... | --group G | --all [--now | --at-boot] [--keep PATH]...",
	    "make clients new, as their image is", when_text },
	{ { "undo" }, 0, CLI_MANY, 0, WHEN | CLI_GROUP | CLI_ALL | CLI_KEEP, cli_undo,
	    "CLIENT... | --group G | --all [--now | --at-boot]",
	    "take back the last reset, rollback or update", when_text },
	{ { "cancel" }, 0, CLI_MANY, 0, CLI_GROUP | CLI_ALL, cli_cancel,
	    "CLIENT... | --group G | --all", "take back what waits for the next boot", NULL },
	{ { "schedule", "add" }, 2, CLI_MANY, CLI_AT,
	    CLI_AT | CLI_ON | CLI_GROUP | CLI_ALL | CLI_KEEP, cli_schedule_add,
	    "NAME reset|snapshot CLIENT... | --group G | --all --at 07:00\n"
	    "       [--on weekdays] [--keep PATH]...",
	    "reset clients, or keep their state, at a time of the day",
	    "--on: daily (if nothing is said), weekdays, weekends, or days such as mon,wed. A\n"
	    "systemd timer does it, also later if the server was off at the time. As root.\n" },
	{ { "schedule", "list" }, 0, 0, 0, 0, cli_schedule_list, "", "list what is scheduled",
	    NULL },
	{ { "schedule", "remove" }, 1, 0, 0, 0, cli_schedule_remove, "NAME", "remove a schedule",
	    NULL },
	{ { "diff" }, 1, 1, 0, CLI_SUMMARY, cli_diff,
	    "CLIENT[@SNAPSHOT] [CLIENT[@SNAPSHOT]|IMAGE] [--summary]",
	    "list what a client has changed",
	    "With one state: what differs from its image. With two: what the second has in place\n"
	    "of what the first has. + added, - removed, ~ changed, @ owner or permissions only.\n"
	    "--summary counts by folder. Times don't count.\n" },
	{ { "check" }, 0, 0, 0, CLI_REPAIR | CLI_ALL_BYTES, cli_check, "[--all-bytes] [--repair]",
	    "look whether the store is whole",
	    "--all-bytes reads every block, and names image, client and path of what is damaged.\n"
	    "--repair makes the index of blocks anew from the segments first; stop rubusd before.\n"
	    "The exit status is 1 if something is damaged.\n" },
	{ { "df" }, 0, 0, 0, 0, cli_df, "", "what takes how much space",
	    "Equal bytes are stored once: what images, clients and snapshots share is counted for\n"
	    "each of them, and once under Blocks. rubus gc --dry-run tells what can be given "
	    "back.\n" },
	{ { "backup" }, 1, 0, 0, 0, cli_backup, "FILE", "write all of the store into a tar",
	    "FILE is a tar (or .tar.gz, .tar.xz, .tar.zst, or - for standard output). The clients\n"
	    "go on being served; all that was acknowledged before is in it.\n" },
	{ { "restore" }, 1, 0, 0, 0, cli_restore, "FILE",
	    "make a store of a backup, in an absent or empty folder",
	    "--store names the folder. Served there, its clients go on with the files that they\n"
	    "have open.\n" },
	{ { "gc" }, 0, 0, 0, CLI_DRY_RUN, cli_gc, "[--dry-run]",
	    "give back the space of what nothing refers to any more",
	    "rubusd does so by itself; --dry-run only counts.\n" },
	{ { "mount" }, 2, 0, 0, CLI_WRITE | CLI_NOW, cli_mount,
	    "CLIENT[@SNAPSHOT]|IMAGE DIR [--write [--now]]",
	    "mount a client, a snapshot or an image on this machine",
	    "DIR shows it as it is on disk now, and stays so, whatever the client does meanwhile.\n"
	    "With --write a client can be changed. rubusd doesn't serve it until it is unmounted,\n"
	    "and one that is in use is refused; --now takes it from one that has just been shut\n"
	    "down, while one that runs is made to wait. A name that a client and an image have is\n"
	    "said as client:NAME or image:NAME. Root's mounts are for all users, with the\n"
	    "permissions of the files, another user's for himself; set-user-id and device nodes\n"
	    "mean nothing there.\n" },
	{ { "edit" }, 2, 0, 0, 0, cli_edit, "IMAGE NEW",
	    "change an image by hand, and keep it as a new one",
	    "Opens a shell in a writable view of IMAGE: with its own programs where they run on\n"
	    "this machine, as root; else with this machine's, in its folder. exit keeps what it "
	    "has\n"
	    "become as the image NEW; exit 1 keeps nothing. Commands may come on standard "
	    "input.\n" },
	{ { "umount" }, 1, 0, 0, 0, cli_umount, "DIR",
	    "unmount it, when all that was written is on disk", NULL },
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
	{ "note", required_argument, NULL, CLI_NOTE },
	{ "group", required_argument, NULL, CLI_GROUP },
	{ "all", no_argument, NULL, CLI_ALL },
	{ "now", no_argument, NULL, CLI_NOW },
	{ "at-boot", no_argument, NULL, CLI_AT_BOOT },
	{ "keep", required_argument, NULL, CLI_KEEP },
	{ "no-keep", no_argument, NULL, CLI_NO_KEEP },
	{ "yes", no_argument, NULL, CLI_YES },
	{ "dry-run", no_argument, NULL, CLI_DRY_RUN },
	{ "summary", no_argument, NULL, CLI_SUMMARY },
	{ "repair", no_argument, NULL, CLI_REPAIR },
	{ "all-bytes", no_argument, NULL, CLI_ALL_BYTES },
	{ "at", required_argument, NULL, CLI_AT },
	{ "on", required_argument, NULL, CLI_ON },
	{ "write", no_argument, NULL, CLI_WRITE },
	{ "quota", required_argument, NULL, CLI_QUOTA },
	{ "volatile", no_argument, NULL, CLI_VOLATILE },
	{ "durable", no_argument, NULL, CLI_DURABLE },
	{ NULL },
};

/* Not one of the options that are letters. */
static bool
is_bit(int option)
{
	return (option & (option - 1)) == 0;
}

static const char *
option_name(unsigned bits)
{
	for (const struct option *o = long_options; o->name; o++) {
		if (is_bit(o->val) && bits & (unsigned)o->val)
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
		fprintf(to, "  %-15s  %s\n", line, c->what);
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

/* Two options of which only one can be meant, or 0. */
static unsigned
contradiction(unsigned given)
{
	static const unsigned pairs[] = { CLI_NOW | CLI_AT_BOOT, CLI_VOLATILE | CLI_DURABLE,
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
	unsigned missing = c->needs & ~cli->given, foreign = cli->given & ~c->takes;
	unsigned twice = contradiction(cli->given);

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
	else if (cli->nkeep > CLI_KEEPS)
		fprintf(stderr, "rubus: more than %d folders to keep\n", CLI_KEEPS);
	else if (twice)
		fprintf(stderr, "rubus: --%s and --%s exclude each other\n",
		    option_name(twice & -twice), option_name(twice & (twice - 1)));
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
	else if (option == CLI_NOTE)
		cli->note = optarg;
	else if (option == CLI_GROUP)
		cli->group = optarg;
	else if (option == CLI_AT)
		cli->at = optarg;
	else if (option == CLI_ON)
		cli->on = optarg;
	else if (option == CLI_QUOTA)
		cli->quota = optarg;
	else if (option == CLI_KEEP && cli->nkeep++ < CLI_KEEPS)
		cli->keep[cli->nkeep - 1] = optarg;
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

/* --- completion: rubus complete -- WORDS..., of which the last is to be completed --- */

/* First words, or the second ones of a first. */
static void
complete_words(const char *first, const char *begin)
{
	const char *last = "";

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const char *word = commands[i].words[first ? 1 : 0];

		if ((first && strcmp(commands[i].words[0], first) != 0) || !word ||
		    strcmp(word, last) == 0 || strncmp(word, begin, strlen(begin)) != 0)
			continue;
		puts(word);
		last = word;
	}
}

static void
complete_options(const struct command *c, const char *begin)
{
	for (const struct option *o = long_options; o->name; o++) {
		bool fits = is_bit(o->val) ? c && c->takes & (unsigned)o->val : o->val != 'v' || !c;

		if (fits && strncmp(o->name, begin + 2, strlen(begin) - 2) == 0)
			printf("--%s\n", o->name);
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
	c = find_command(n - 1, words, &used);
	if (strcmp(before, "--group") == 0)
		complete_groups(cli, last);
	else if (strcmp(before, "--image") == 0)
		complete_images(cli, last);
	else if (strncmp(last, "--", 2) == 0)
		complete_options(c, last);
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
	enum asked asked;

	if (argc > 2 && strcmp(argv[1], "complete") == 0 && strcmp(argv[2], "--") == 0)
		return complete(&cli, argc - 3, argv + 3);
	asked = read_options(argc, argv, &cli);
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

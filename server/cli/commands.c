/* The table of commands: which words, arguments and options there are, and what they mean. */
#include "server/cli/commands.h"

#include <string.h>

#include "cow/bytes.h"

#define WHEN (CLI_NOW | CLI_AT_BOOT)

#define WHEN_TEXT                                                                                  \
	"A client that is in use is changed at its next boot, another one at once; --now and\n"    \
	"--at-boot say otherwise. With --now, a running client gets \"stale file handle\" for "    \
	"all\n"                                                                                    \
	"its files and must be restarted. What is replaced becomes a snapshot: rubus undo takes\n" \
	"it back."
#define KEEP_TEXT " Folders given by --keep, here or by rubus client set, come over.\n"

const struct command commands[] = {
	{ { "image", "import" }, 1, 0, CLI_NAME, CLI_NAME | CLI_SKIP_ERRORS | CLI_RAW,
	    cli_image_import, "SOURCE --name NAME [--skip-errors] [--raw]",
	    "make an image of a downloaded disk image, a folder or a tar",
	    "SOURCE is a disk image as it is downloaded (.img, .img.xz, .img.gz, .img.zst, .zip),\n"
	    "a folder, a tar file (plain, gz, xz, zst or bz2), or - for a tar on standard input.\n"
	    "Of a disk image the ext4 root is taken, and the boot partition's files. The same tree "
	    "always gives the same image id. What can't be\n"
	    "imported is named, file by file, and the import fails, unless --skip-errors leaves\n"
	    "it out. Works with and without a running rubusd, whose clients go on being "
	    "served.\n"
	    "Raspberry Pi OS is made ready for a network root (what is changed is said); the "
	    "image\n"
	    "as it came stays as NAME.raw. --raw takes it as it is.\n" },
	{ { "image", "list" }, 0, 0, 0, 0, cli_image_list, "", "list the images", NULL },
	{ { "image", "show" }, 1, 0, 0, 0, cli_image_show, "NAME", "show one image", NULL },
	{ { "image", "remove" }, 1, 0, 0, CLI_YES, cli_image_remove, "NAME [--yes]",
	    "remove an image that no client uses", NULL },
	{ { "image", "export" }, 2, 0, 0, 0, cli_image_export, "IMAGE|CLIENT[@SNAPSHOT] FILE",
	    "write all files of an image, a client or a snapshot into a tar",
	    "FILE is a tar (or .tar.gz, .tar.xz, .tar.zst, or - for standard output) with owners,\n"
	    "hard links, holes, extended attributes and ACLs; rubus image import makes the same\n"
	    "image of it. A client is exported as it is on disk now.\n" },
	{ { "image", "send" }, 1, 0, 0, CLI_TO, cli_image_send, "NAME [--to COMMAND]",
	    "send an image to another store",
	    "COMMAND is run by the shell and receives it, mostly\n"
	    "  --to \"ssh HOST sudo rubus image receive\"\n"
	    "Only blocks that the other store lacks are sent, if it was made of this one's images\n"
	    "from its beginning. Without --to, all of the image goes to standard output.\n" },
	{ { "image", "receive" }, 0, 0, 0, CLI_NAME, cli_image_receive, "[--name NAME]",
	    "receive what rubus image send sends, on standard input",
	    "A store is made if there is none; it names blocks as the sender does then, so that\n"
	    "later images come without what is there already.\n" },
	{ { "image", "commit" }, 2, 0, 0, 0, cli_image_commit, "CLIENT[@SNAPSHOT] NAME",
	    "make an image of what a client has become",
	    "The client goes on as it is. rubus image update moves others to the new image.\n" },
	{ { "image", "update" }, 2, CLI_MANY, 0, WHEN | CLI_GROUP | CLI_KEEP, cli_image_update,
	    "OLD NEW [CLIENT... | --group G] [--now | --at-boot] [--keep PATH]...",
	    "move clients from one image to another",
	    "All clients of OLD, or those that are named, begin anew with NEW: at their next\n"
	    "boot if they are running, else at once. What they changed is kept as a snapshot\n"
	    "(rubus undo), and their kept folders come over.\n" },
	{ { "client", "add" }, 0, CLI_MANY, CLI_IMAGE,
	    CLI_IMAGE | CLI_ADDRESS | CLI_ANY_ADDRESS | CLI_SERIAL | CLI_MAC | CLI_GROUP |
		CLI_PENDING | CLI_ALL_PENDING | CLI_PREFIX,
	    cli_client_add,
	    "NAME... --image IMAGE [--serial HEX]... [--mac MAC]... [--address IP]...\n"
	    "       [--any-address] [--group G]\n"
	    "   or: rubus client add NAME... --image IMAGE --pending NUMBER... [--group G]\n"
	    "   or: rubus client add --all-pending --prefix pi- --image IMAGE [--group G]",
	    "add clients, each with a view of its own",
	    "A Pi is recognised by its serial number or its MAC when it boots, and may use the\n"
	    "client from the address that it boots with. --address gives it addresses for ever.\n"
	    "The client's export is /NAME; who calls from one of its addresses finds it at /, "
	    "too.\n"
	    "A client with none of these is reachable from this machine only (loopback), unless\n"
	    "--any-address lets it be mounted from everywhere. Several clients are added\n"
	    "together or not at all; each gets one of the addresses, in the same order.\n"
	    "--pending takes the serial number and MAC of a Pi that knocked (rubus pending).\n" },
	{ { "pending" }, 0, 0, 0, 0, cli_pending, "", "list the unknown Pis that knocked",
	    "A Pi that no client knows is told nothing. rubus client add NAME --pending NUMBER\n"
	    "--image IMAGE takes it; rubus enroll on takes each by itself.\n" },
	{ { "enroll" }, 0, 1, 0, CLI_IMAGE | CLI_PREFIX, cli_enroll,
	    "[on --image IMAGE [--prefix pi-] | off]",
	    "whether unknown Pis become clients by themselves",
	    "Each new Pi gets a client of its own, of that image, with the first free name.\n"
	    "Anybody on the network can be a new Pi: switch it off when all are there.\n" },
	{ { "dnsmasq" }, 0, 0, CLI_INTERFACE, CLI_INTERFACE | CLI_RANGE | CLI_ROUTER, cli_dnsmasq,
	    "--interface IF [--range FROM,TO [--router IP]]",
	    "print a configuration for dnsmasq, by which Pis boot from this machine",
	    "Without --range it goes beside a router that gives addresses (proxy DHCP); with it,\n"
	    "dnsmasq gives them itself, by MAC. For /etc/dnsmasq.d/rubus.conf; after a client was\n"
	    "added, write it anew and restart dnsmasq. rubusd needs tftp = yes in rubus.conf.\n" },
	{ { "boot" }, 1, 0, 0, CLI_FOLLOW, cli_boot, "CLIENT [--follow]",
	    "what was seen of a client's boots, with times",
	    "--follow goes on as it happens. A Pi that is no client is called ?SERIAL or ?MAC.\n"
	    "Kept in rubusd's memory: nothing is known from before its start.\n" },
	{ { "client", "list" }, 0, 0, 0, 0, cli_client_list, "", "list the clients", NULL },
	{ { "client", "show" }, 1, 0, 0, 0, cli_client_show, "NAME", "show one client", NULL },
	{ { "client", "remove" }, 1, 0, 0, CLI_YES, cli_client_remove, "NAME [--yes]",
	    "remove a client and all that it changed", NULL },
	{ { "client", "clone" }, 2, 0, 0,
	    CLI_ADDRESS | CLI_ANY_ADDRESS | CLI_GROUP | CLI_SERIAL | CLI_MAC, cli_client_clone,
	    "FROM[@SNAPSHOT] NEW [--serial HEX] [--mac MAC]... [--address IP]...\n"
	    "       [--any-address] [--group G]",
	    "add a client that begins as another one is, or was",
	    "The new client has all files of the other one, and addresses of its own.\n" },
	{ { "client", "set" }, 1, 0, 0,
	    CLI_IMAGE | CLI_GROUP | CLI_QUOTA | CLI_KEEP | CLI_NO_KEEP | CLI_VOLATILE |
		CLI_DURABLE | CLI_SERIAL | CLI_MAC | CLI_ADDRESS | CLI_ANY_ADDRESS | WHEN,
	    cli_client_set,
	    "NAME|@GROUP [--image IMAGE] [--group G] [--quota SIZE] [--keep PATH]...\n"
	    "       [--no-keep] [--volatile | --durable] [--serial HEX] [--mac MAC]...\n"
	    "       [--address IP]... [--any-address]",
	    "change a client, or all of a group",
	    "  --image    begin anew with another image, as rubus image update does\n"
	    "  --group    put it into a group (\"\": into none)\n"
	    "  --serial, --mac, --address\n"
	    "             what it is recognised by, in place of what was given before\n"
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
	    "put a client back to a snapshot", WHEN_TEXT "\n" },
	{ { "reset" }, 0, CLI_MANY, 0, WHEN | CLI_GROUP | CLI_ALL | CLI_KEEP, cli_reset,
	    "CLIENT... | --group G | --all [--now | --at-boot] [--keep PATH]...",
	    "make clients new, as their image is", WHEN_TEXT KEEP_TEXT },
	{ { "undo" }, 0, CLI_MANY, 0, WHEN | CLI_GROUP | CLI_ALL | CLI_KEEP, cli_undo,
	    "CLIENT... | --group G | --all [--now | --at-boot] [--keep PATH]...",
	    "take back the last reset, rollback or update", WHEN_TEXT KEEP_TEXT },
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

const int commands_n = ARRAY_SIZE(commands);

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

const struct command *
commands_find(int n, char **words, int *used)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		*used = match(&commands[i], n, words);
		if (*used)
			return &commands[i];
	}
	return NULL;
}

/* Is the word the first (0) or second (1) of a command's, or of any's if c is NULL? */
bool
commands_have(const struct command *c, int which, const char *word)
{
	for (size_t i = 0; !c && i < ARRAY_SIZE(commands); i++)
		if (commands_have(&commands[i], which, word))
			return true;
	return c && c->words[which] && strcmp(word, c->words[which]) == 0;
}

/* All commands, or those with this word. Their number. */
int
commands_list(FILE *to, const char *word)
{
	char line[80];
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (word && !commands_have(c, 0, word) && !commands_have(c, 1, word))
			continue;
		snprintf(line, sizeof(line), "%s%s%s", c->words[0], c->words[1] ? " " : "",
		    c->words[1] ? c->words[1] : "");
		fprintf(to, "  %-15s  %s\n", line, c->what);
		n++;
	}
	return n;
}

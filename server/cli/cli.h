/*
 * Cli: what the command line said, and the commands. Each returns the exit status: 0, 1 for a
 * mistake or a failure (which was named on standard error).
 */
#ifndef SERVER_CLI_CLI_H
#define SERVER_CLI_CLI_H

#include "cow/client.h"
#include "server/ctl/proto.h"

/* Options of commands, a bit each (server/cli/options.c). */
typedef uint64_t cli_options;
#define CLI_NAME        ((cli_options)1 << 0)
#define CLI_SKIP_ERRORS ((cli_options)1 << 1)
#define CLI_IMAGE       ((cli_options)1 << 2)
#define CLI_ADDRESS     ((cli_options)1 << 3)
#define CLI_ANY_ADDRESS ((cli_options)1 << 4)
#define CLI_WATCH       ((cli_options)1 << 5)
#define CLI_NOTE        ((cli_options)1 << 6)
#define CLI_GROUP       ((cli_options)1 << 7)
#define CLI_ALL         ((cli_options)1 << 8)
#define CLI_NOW         ((cli_options)1 << 9)
#define CLI_AT_BOOT     ((cli_options)1 << 10)
#define CLI_KEEP        ((cli_options)1 << 11)
#define CLI_YES         ((cli_options)1 << 12)
#define CLI_QUOTA       ((cli_options)1 << 13)
#define CLI_VOLATILE    ((cli_options)1 << 14)
#define CLI_DURABLE     ((cli_options)1 << 15)
#define CLI_NO_KEEP     ((cli_options)1 << 16)
#define CLI_DRY_RUN     ((cli_options)1 << 17)
#define CLI_SUMMARY     ((cli_options)1 << 18)
#define CLI_AT          ((cli_options)1 << 19)
#define CLI_ON          ((cli_options)1 << 20)
#define CLI_REPAIR      ((cli_options)1 << 21)
#define CLI_ALL_BYTES   ((cli_options)1 << 22)
#define CLI_WRITE       ((cli_options)1 << 23)
#define CLI_SERIAL      ((cli_options)1 << 24)
#define CLI_MAC         ((cli_options)1 << 25)
#define CLI_PENDING     ((cli_options)1 << 26)
#define CLI_ALL_PENDING ((cli_options)1 << 27)
#define CLI_PREFIX      ((cli_options)1 << 28)
#define CLI_FOLLOW      ((cli_options)1 << 29)
#define CLI_TO          ((cli_options)1 << 30)
#define CLI_INTERFACE   ((cli_options)1 << 31)
#define CLI_RANGE       ((cli_options)1 << 32)
#define CLI_ROUTER      ((cli_options)1 << 33)
#define CLI_RAW         ((cli_options)1 << 34)

#define CLI_MANY  256 /* clients, or addresses, of one command */
#define CLI_KEEPS 32

struct cli {
	const char *store;
	bool json;
	cli_options given;
	const char *name, *image, *note, *group, *quota, *at, *on, *prefix, *to, *interface, *range,
	    *router;
	int nkeep; /* as naddresses */
	const char *keep[CLI_KEEPS];
	int naddresses; /* that were given, be it more than fit */
	const char *addresses[CLI_MANY];
	int nmacs, nserials;
	const char *macs[CLI_MANY], *serials[CLI_MANY];
	int npending;
	const char *pending[CLI_MANY];
	int nargs;
	char **args; /* what follows the command's words */
};

typedef int cli_fn(struct cli *);
cli_fn cli_image_import, cli_image_list, cli_image_show, cli_image_remove;
cli_fn cli_client_add, cli_client_list, cli_client_show, cli_client_remove;
cli_fn cli_image_export, cli_image_send, cli_image_receive;
cli_fn cli_dnsmasq;
cli_fn cli_pending, cli_enroll, cli_boot;
cli_fn cli_image_update;
cli_fn cli_client_clone, cli_client_set;
cli_fn cli_snapshot_create, cli_snapshot_list, cli_snapshot_remove;
cli_fn cli_reset, cli_rollback, cli_undo, cli_cancel;
cli_fn cli_diff, cli_image_commit;
cli_fn cli_schedule_add, cli_schedule_list, cli_schedule_remove;
cli_fn cli_df, cli_gc, cli_check, cli_backup, cli_restore;
cli_fn cli_mount, cli_umount, cli_edit;
cli_fn cli_status, cli_stats;

/* Asks rubusd, or runs the verb here when no rubusd runs. Prints what went wrong; returns the exit
 * status. On 0 the answer is the caller's to free. */
int cli_ask(const struct cli *, const struct proto_request *, struct proto_answer *out);
/* The same, saying nothing. */
int cli_ask_quietly(const struct cli *, const struct proto_request *, struct proto_answer *out);
/* Mounts args[0] on args[1], unmounts a folder, without a word but of what goes wrong. */
int cli_mount_quietly(struct cli *);
int cli_umount_quietly(const char *dir);
/* Says what is about to be lost, and asks on a terminal; --yes has answered. 0: go on, else the
 * exit status. */
int cli_confirm(const struct cli *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Only asks rubusd: -ENOENT if none runs. On 0 the answer, be it a refusal, is the caller's. */
int cli_ask_daemon(const struct cli *, const struct proto_request *, struct proto_answer *out);
/* Becomes the program argv[0] of this package. Returns when it can't, which it has said. */
void cli_exec(char **argv);
/* The same for a verb with nothing but a name, or nothing at all (NULL). */
int cli_ask_name(const struct cli *, const char *verb, const char *name, struct proto_answer *out);

#endif

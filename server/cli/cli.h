/*
 * Cli: what the command line said, and the commands. Each returns the exit status: 0, 1 for a
 * mistake or a failure (which was named on standard error).
 */
#ifndef SERVER_CLI_CLI_H
#define SERVER_CLI_CLI_H

#include "cow/client.h"
#include "server/ctl/proto.h"

enum cli_option {
	CLI_NAME = 1,
	CLI_SKIP_ERRORS = 2,
	CLI_IMAGE = 4,
	CLI_ADDRESS = 8,
	CLI_ANY_ADDRESS = 16,
	CLI_WATCH = 32,
};

#define CLI_MANY 256 /* clients, or addresses, of one command */

struct cli {
	const char *store;
	bool json;
	unsigned given; /* enum cli_option */
	const char *name, *image;
	int naddresses; /* that were given, be it more than fit */
	const char *addresses[CLI_MANY];
	int nargs;
	char **args; /* what follows the command's words */
};

typedef int cli_fn(struct cli *);
cli_fn cli_image_import, cli_image_list, cli_image_show, cli_image_remove;
cli_fn cli_client_add, cli_client_list, cli_client_show, cli_client_remove;
cli_fn cli_status, cli_stats;

/* Asks rubusd, or runs the verb here when no rubusd runs. Prints what went wrong; returns the exit
 * status. On 0 the answer is the caller's to free. */
int cli_ask(const struct cli *, const struct proto_request *, struct proto_answer *out);
/* The same for a verb with nothing but a name, or nothing at all (NULL). */
int cli_ask_name(const struct cli *, const char *verb, const char *name, struct proto_answer *out);

#endif

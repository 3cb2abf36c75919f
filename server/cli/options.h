/*
 * Options: what may stand on the command line besides words.
 */
#ifndef SERVER_CLI_OPTIONS_H
#define SERVER_CLI_OPTIONS_H

#include "server/cli/cli.h"

/* What --help and --version ask for comes before any command. */
enum cli_asked { ASKED_COMMAND, ASKED_HELP, ASKED_VERSION, ASKED_WRONG };

/* Takes the options out of the command line; words begin at optind then. */
enum cli_asked options_read(int argc, char **argv, struct cli *);
/* The first of these by name; "": none. */
const char *options_name(cli_options);
/* The option that was given more than *most times, too often; NULL: none. */
const char *options_overfull(const struct cli *, int *most);
/* Prints those that are taken, and common ones, that begin so (without the dashes). */
void options_print(cli_options taken, bool version, const char *begin);

#endif

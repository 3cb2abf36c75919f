/*
 * Commands: the table of what `rubus` can do.
 */
#ifndef SERVER_CLI_COMMANDS_H
#define SERVER_CLI_COMMANDS_H

#include <stdio.h>

#include "server/cli/cli.h"

struct command {
	const char *words[2]; /* the second may be NULL */
	int nargs, more_args; /* needed, and how many more there may be */
	cli_options needs, takes;
	cli_fn *run;
	const char *args, *what;
	const char *more; /* further help, or NULL */
};

extern const struct command commands[];
extern const int commands_n;

/* The command that the words begin with, and by *used how many words it has; NULL: none. */
const struct command *commands_find(int n, char **words, int *used);
/* Is the word the first (0) or second (1) of a command's, or of any's if c is NULL? */
bool commands_have(const struct command *c, int which, const char *word);
/* Prints all commands, or those with this word. Their number. */
int commands_list(FILE *to, const char *word);

#endif

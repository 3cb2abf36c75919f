/*
 * Complete: names that a word on the command line can stand for, for the shells' completion.
 */
#ifndef SERVER_CLI_COMPLETE_H
#define SERVER_CLI_COMPLETE_H

#include "server/cli/cli.h"

/* Each prints, one a line, what begins with `begin`; nothing when the store can't be asked. */
void complete_clients(const struct cli *, const char *begin);
void complete_groups(const struct cli *, const char *begin);
void complete_images(const struct cli *, const char *begin);
/* Of one client: NAME; with `at`: CLIENT@NAME. */
void complete_snapshots(const struct cli *, const char *client, bool at, const char *begin);
/* What a word of a command's description stands for: CLIENT, IMAGE, SNAPSHOT, NAME .. */
void complete_argument(const struct cli *, const char *kind, const char *before, const char *begin);

#endif

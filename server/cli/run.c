/* The programs that some commands are: beside this one in a build tree, in libexec when installed.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/cli/cli.h"

/* Runs the program of this folder, if it is there. */
static void
exec_in(const char *folder, const char *below, char **argv)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s/%s", folder, below, argv[0]) < (int)sizeof(path))
		execv(path, argv);
}

/* $RUBUS_LIBEXEC, beside this program (in a build tree), or where it was installed. */
static void
exec_anywhere(char **argv)
{
	const char *set = getenv("RUBUS_LIBEXEC");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (set && *set) {
		exec_in(set, "", argv);
		return;
	}
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
		exec_in(self, "", argv);
		exec_in(self, "/../libexec/rubus", argv);
	}
	exec_in(PKGLIBEXECDIR, "", argv);
}

void
cli_exec(char **argv)
{
	exec_anywhere(argv);
	fprintf(stderr, "rubus: can't run %s: %s ($RUBUS_LIBEXEC names its folder)\n", argv[0],
	    strerror(errno));
}

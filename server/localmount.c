/* Our lines of the list of mounts. */
#include "server/localmount.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"

#define FSTYPE "fuse." LOCALMOUNT_SUBTYPE

/* What the list of mounts says: \040 for a space. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* A line's mount point and source, if the type is ours. */
static bool
parse_mount(char *line, const char **dir, const char **source)
{
	char *fields[5], *type, *rest = strstr(line, " - ");

	if (!rest)
		return false;
	*rest = '\0';
	type = strtok(rest + 3, " \n");
	*source = strtok(NULL, " \n");
	for (int i = 0; i < 5; i++)
		if (!(fields[i] = strtok(i ? NULL : line, " ")))
			return false;
	unescape(fields[4]);
	*dir = fields[4];
	return type && *source && strcmp(type, FSTYPE) == 0;
}

int
localmount_find(const char *path, pid_t *out)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	CLEANUP_FREE char *line = NULL;
	const char *dir, *source;
	int err = -ENOENT;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (!parse_mount(line, &dir, &source) || strcmp(dir, path) != 0)
			continue;
		source = strrchr(source, ':');
		*out = source ? (pid_t)strtol(source + 1, NULL, 10) : 0;
		err = 0;
	}
	if (f)
		fclose(f);
	return err;
}

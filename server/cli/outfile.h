/*
 * Outfile: a file that a command writes: under another name until it is whole, and gone when it
 * isn't, also by Ctrl-C. "-" is standard output.
 */
#ifndef SERVER_CLI_OUTFILE_H
#define SERVER_CLI_OUTFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct outfile {
	const char *name;
	char new[PATH_MAX]; /* "": standard output */
	int fd;
};

/* From now on the first Ctrl-C is for outfile_interrupted. -EINVAL: a terminal would be written to;
 * `what` names what it is that nobody wants to read there. */
int outfile_open(struct outfile *, const char *name, const char *what);
/* err 0: makes it durable and gives it its name; else removes it. err, or another one. */
int outfile_end(struct outfile *, int err);

/* By the name's end: "gz", "xz", "zst", else "". */
const char *outfile_compression(const char *name);

void outfile_catch(void); /* as outfile_open does: Ctrl-C is for outfile_interrupted */
bool outfile_interrupted(void);
/* Says what went wrong; the exit status. */
int outfile_fail(int err);

/* A line on a terminal about what has taken over a second, and its end. */
struct outfile_progress {
	int64_t began, last; /* seconds */
	bool told;
};
void outfile_progress_begin(struct outfile_progress *);
/* At most once a second. Not 0: stop. */
int outfile_progress_show(struct outfile_progress *, uint64_t bytes);
void outfile_progress_end(struct outfile_progress *);

#endif

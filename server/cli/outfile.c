/* Where a command's output goes, and Ctrl-C. */
#include "server/cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/err.h"
#include "server/size.h"

#define EXIT_INTERRUPTED 130 /* as shells have it */

static volatile sig_atomic_t interrupted; /* the one thing that a signal can reach */

static void
on_signal(int number)
{
	interrupted = number;
}

/* A second signal ends us at once. */
void
outfile_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int
outfile_open(struct outfile *f, const char *name, const char *what)
{
	*f = (struct outfile){ .name = name, .fd = STDOUT_FILENO };
	outfile_catch();
	if (strcmp(name, "-") == 0)
		return isatty(STDOUT_FILENO) ? err_set(EINVAL, "%s is nothing for a terminal", what)
					     : 0;
	if (snprintf(f->new, sizeof(f->new), "%s.new", name) >= (int)sizeof(f->new))
		return err_set(ENAMETOOLONG, "%s", name);
	/* What an earlier one left; never somebody else's file by a link of that name. */
	unlink(f->new);
	f->fd = open(f->new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return f->fd < 0 ? err_errno("%s", f->new) : 0;
}

int
outfile_end(struct outfile *f, int err)
{
	if (!*f->new)
		return err;
	if (err == 0 && fsync(f->fd) < 0)
		err = err_errno("%s", f->new);
	close(f->fd);
	if (err == 0 && rename(f->new, f->name) < 0)
		err = err_errno("%s", f->name);
	if (err < 0)
		unlink(f->new);
	return err;
}

const char *
outfile_compression(const char *name)
{
	static const char *const known[] = { "gz", "xz", "zst" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(known); i++)
		if (strcmp(dot + 1, known[i]) == 0)
			return known[i];
	return "";
}

bool
outfile_interrupted(void)
{
	return interrupted;
}

int
outfile_fail(int err)
{
	if (err == -ECANCELED && interrupted) {
		fputs("rubus: interrupted\n", stderr);
		return EXIT_INTERRUPTED;
	}
	fprintf(stderr, "rubus: %s\n", err_text(err));
	return 1;
}

void
outfile_progress_begin(struct outfile_progress *p)
{
	*p = (struct outfile_progress){ .began = time(NULL) };
}

int
outfile_progress_show(struct outfile_progress *p, uint64_t bytes)
{
	int64_t now = time(NULL);
	char size[SIZE_TEXT];

	if (interrupted)
		return -ECANCELED;
	if (now == p->last || now - p->began < 2 || !isatty(STDERR_FILENO))
		return 0;
	p->last = now;
	p->told = true;
	fprintf(stderr, "\r%s ", size_text(bytes, size));
	return 0;
}

void
outfile_progress_end(struct outfile_progress *p)
{
	if (p->told)
		fputc('\n', stderr);
}

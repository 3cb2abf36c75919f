/* rubus backup, rubus restore. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cow/backup.h"
#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

struct telling {
	time_t began, last;
	bool told;
};

static volatile sig_atomic_t interrupted; /* the one thing that a signal can reach */

static void
on_signal(int number)
{
	interrupted = number;
}

/* A second signal ends us at once. */
static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* On a terminal, when it takes over a second. */
static int
progress(void *arg, uint64_t bytes)
{
	struct telling *t = arg;
	char size[SIZE_TEXT];

	if (interrupted)
		return -1;
	if (time(NULL) == t->last || time(NULL) - t->began < 2 || !isatty(STDERR_FILENO))
		return 0;
	t->last = time(NULL);
	t->told = true;
	fprintf(stderr, "\r%s ", size_text(bytes, size));
	return 0;
}

/* By the file's name; NULL: it says something that isn't known. */
static const char *
compression(const char *file)
{
	static const char *const known[] = { "gz", "xz", "zst" };
	const char *dot = strrchr(file, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(known); i++)
		if (strcmp(dot + 1, known[i]) == 0)
			return known[i];
	return "";
}

static int
write_to(const struct cli *cli, int fd, const char *scratch, struct backup_result *r)
{
	struct telling t = { .began = time(NULL) };
	struct store_options so = { .mode = STORE_LOOK };
	struct backup_options o = { .scratch = scratch, .progress = progress, .arg = &t };
	struct store *store;
	int err = store_open(cli->store, &so, &store);

	if (err == 0) {
		err = backup_write(store, &o, fd, compression(cli->args[0]), r);
		store_close(store);
	}
	if (t.told)
		fputc('\n', stderr);
	return err;
}

static int
fail(int err)
{
	if (err == -ECANCELED && interrupted) {
		fputs("rubus: interrupted\n", stderr);
		return 130;
	}
	fprintf(stderr, "rubus: %s\n", err_text(err));
	return 1;
}

static int
tell(const struct cli *cli, const char *what, const struct backup_result *r)
{
	char size[SIZE_TEXT];

	if (cli->json)
		return print_json(json_pack("{s:s,s:I,s:I}", what, cli->args[0], "files",
				      (json_int_t)r->files, "bytes", (json_int_t)r->bytes),
		    false);
	printf("%s: %llu files, %s.\n", cli->args[0], (unsigned long long)r->files,
	    size_text(r->bytes, size));
	return 0;
}

/* Under another name until it is whole; the copy of the database lies beside it for a while. */
static int
backup_file(struct cli *cli)
{
	char new[PATH_MAX], scratch[PATH_MAX];
	struct backup_result r;
	char *slash;
	int fd, err;

	snprintf(new, sizeof(new), "%s.new", cli->args[0]);
	snprintf(scratch, sizeof(scratch), "%s", cli->args[0]);
	slash = strrchr(scratch, '/');
	if (slash)
		slash[slash == scratch] = '\0';
	else
		snprintf(scratch, sizeof(scratch), ".");
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(err_errno("%s", new));
	err = write_to(cli, fd, scratch, &r);
	if (err == 0 && fsync(fd) < 0)
		err = err_errno("%s", new);
	close(fd);
	if (err == 0 && rename(new, cli->args[0]) < 0)
		err = err_errno("%s", cli->args[0]);
	if (err < 0)
		unlink(new);
	return err < 0 ? fail(err) : tell(cli, "backup", &r);
}

int
cli_backup(struct cli *cli)
{
	const char *tmp = getenv("TMPDIR");
	struct backup_result r;
	int err;

	catch_signals();
	if (strcmp(cli->args[0], "-") != 0)
		return backup_file(cli);
	if (isatty(STDOUT_FILENO)) {
		fputs("rubus: a backup is nothing for a terminal\n", stderr);
		return 1;
	}
	err = write_to(cli, STDOUT_FILENO, tmp && *tmp ? tmp : "/var/tmp", &r);
	return err < 0 ? fail(err) : 0;
}

int
cli_restore(struct cli *cli)
{
	bool in = strcmp(cli->args[0], "-") == 0;
	CLEANUP_FD int fd = in ? dup(STDIN_FILENO) : open(cli->args[0], O_RDONLY | O_CLOEXEC);
	struct backup_result r;
	int err = fd < 0 ? err_errno("%s", cli->args[0]) : backup_restore(cli->store, fd, &r);

	return err < 0 ? fail(err) : tell(cli, "restored", &r);
}

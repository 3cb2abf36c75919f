/* rubus backup, rubus restore. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cow/backup.h"
#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/cli/cli.h"
#include "server/cli/outfile.h"
#include "server/cli/print.h"
#include "server/size.h"

static int
progress(void *arg, uint64_t bytes)
{
	return outfile_progress_show(arg, bytes);
}

/* Where a copy of the database lies for a while: beside the backup. */
static void
scratch_of(const char *name, char out[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	char *slash;

	if (strcmp(name, "-") == 0) {
		snprintf(out, PATH_MAX, "%s", tmp && *tmp ? tmp : "/var/tmp");
		return;
	}
	snprintf(out, PATH_MAX, "%s", name);
	slash = strrchr(out, '/');
	if (slash)
		slash[slash == out] = '\0';
	else
		snprintf(out, PATH_MAX, ".");
}

static int
write_to(const struct cli *cli, const struct outfile *file, struct backup_result *r)
{
	struct store_options so = { .mode = STORE_LOOK };
	struct outfile_progress p;
	char scratch[PATH_MAX];
	struct backup_options o = { .scratch = scratch, .progress = progress, .arg = &p };
	struct store *store;
	int err = store_open(cli->store, &so, &store);

	if (err < 0)
		return err;
	scratch_of(file->name, scratch);
	outfile_progress_begin(&p);
	err = backup_write(store, &o, file->fd, outfile_compression(file->name), r);
	outfile_progress_end(&p);
	store_close(store);
	return err;
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

int
cli_backup(struct cli *cli)
{
	struct outfile file;
	struct backup_result r;
	int err = outfile_open(&file, cli->args[0], "a backup");

	if (err < 0)
		return outfile_fail(err);
	err = outfile_end(&file, write_to(cli, &file, &r));
	if (err < 0)
		return outfile_fail(err);
	return *file.new ? tell(cli, "backup", &r) : 0;
}

int
cli_restore(struct cli *cli)
{
	bool in = strcmp(cli->args[0], "-") == 0;
	CLEANUP_FD int fd = in ? dup(STDIN_FILENO) : open(cli->args[0], O_RDONLY | O_CLOEXEC);
	struct backup_result r;
	int err = fd < 0 ? err_errno("%s", cli->args[0]) : backup_restore(cli->store, fd, &r);

	return err < 0 ? outfile_fail(err) : tell(cli, "restored", &r);
}

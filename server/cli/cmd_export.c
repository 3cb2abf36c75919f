/* rubus image export: what a client, a snapshot or an image holds, as a tar. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cow/err.h"
#include "cow/export.h"
#include "server/cli/cli.h"
#include "server/cli/outfile.h"
#include "server/cli/print.h"
#include "server/named.h"
#include "server/size.h"

static int
progress(void *arg, uint64_t entries, uint64_t bytes)
{
	(void)entries;
	return outfile_progress_show(arg, bytes);
}

static void
problem(void *arg, const char *sentence)
{
	outfile_progress_end(arg);
	fprintf(stderr, "rubus: %s\n", sentence);
}

static int
write_to(const struct cli *cli, const struct outfile *file, struct export_result *r)
{
	struct outfile_progress p;
	struct export_options o = { progress, problem, &p };
	struct named named;
	struct store *store;
	struct view *view;
	int err = named_parse(cli->args[0], &named);

	if (err == 0)
		err = open_named_view(cli->store, &named, false, &store, &view);
	if (err < 0)
		return err;
	outfile_progress_begin(&p);
	err = export_tar(view, file->fd, outfile_compression(file->name), &o, r);
	outfile_progress_end(&p);
	view_close(view);
	store_close(store);
	return err;
}

static int
tell(const struct cli *cli, const struct export_result *r)
{
	char size[SIZE_TEXT];

	if (cli->json)
		return print_json(
		    json_pack("{s:s,s:s,s:I,s:I,s:I}", "exported", cli->args[0], "file",
			cli->args[1], "entries", (json_int_t)r->entries, "bytes",
			(json_int_t)r->bytes, "skipped", (json_int_t)r->skipped),
		    false);
	printf("%s: %llu entries, %s of files.\n", cli->args[1], (unsigned long long)r->entries,
	    size_text(r->bytes, size));
	if (r->skipped)
		printf("%u could not be put into a tar and were left out.\n", r->skipped);
	return 0;
}

int
cli_image_export(struct cli *cli)
{
	struct outfile file;
	struct export_result r;
	int err = outfile_open(&file, cli->args[1], "a tar");

	if (err < 0)
		return outfile_fail(err);
	err = outfile_end(&file, write_to(cli, &file, &r));
	if (err < 0)
		return outfile_fail(err);
	return *file.new ? tell(cli, &r) : 0;
}

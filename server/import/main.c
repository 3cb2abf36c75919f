/*
 * rubus-import: a source becomes an image. A program of its own, since it reads what strangers have
 * made. Run by `rubus image import`, whose words it uses for its messages.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/import/receive.h"
#include "server/import/progress.h"
#include "server/sandbox.h"
#include "server/size.h"
#include <config.h>

#define EXIT_INTERRUPTED 130 /* as shells have it */

struct options {
	const char *store, *name, *source;
	bool json, skip_errors, receive;
};

static const char usage_text[] =
    "Usage: rubus-import --store DIR --name NAME [--skip-errors] [--json] SOURCE\n"
    "       rubus-import --store DIR --receive [--name NAME] [--json]\n"
    "rubus image import and rubus image receive do this for you.\n";

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },
	{ "name", required_argument, NULL, 'n' },
	{ "skip-errors", no_argument, NULL, 'e' },
	{ "json", no_argument, NULL, 'j' },
	{ "receive", no_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL },
};

static volatile sig_atomic_t interrupted; /* the one thing that a signal can reach */

static void
on_signal(int number)
{
	interrupted = number;
}

/* -1: go on; else the exit status. */
static int
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 's':
			o->store = optarg;
			break;
		case 'n':
			o->name = optarg;
			break;
		case 'e':
			o->skip_errors = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'r':
			o->receive = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		case 'v':
			puts("rubus-import " PACKAGE_VERSION);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (o->store && o->receive && optind == argc)
		return -1;
	if (o->store && o->name && !o->receive && optind + 1 == argc) {
		o->source = argv[optind];
		return -1;
	}
	fputs(usage_text, stderr);
	return 2;
}

/* A second signal ends us at once; what is left then is swept by whoever opens the store next. */
static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void
on_problem(void *arg, const char *sentence)
{
	progress_clear(arg);
	fprintf(stderr, "rubus: %s\n", sentence);
}

static int
on_progress(void *arg, const struct import_progress *ip)
{
	progress_show(arg, ip);
	return interrupted;
}

/* Makes the store if there is none, with the secret that it may get; the import itself leaves the
 * store's lock to a rubusd. */
static int
open_store(const char *path, const uint8_t *secret, struct store **out)
{
	struct store_options import = { .mode = STORE_IMPORT };
	struct store_options make = { .mode = STORE_OWN, .create = true, .secret = secret };
	int err = store_open(path, &import, out);

	if (err != -ENOENT)
		return err;
	err = store_open(path, &make, out);
	if (err == 0)
		store_close(*out);
	return err == 0 || err == -EBUSY ? store_open(path, &import, out) : err;
}

/* --- receiving: from standard input; what we have is told on standard output --- */

struct received {
	struct stream *stream;
	struct receive_head head;
};

static int
receive_begin(struct received *r, struct options *o)
{
	int err;

	if (isatty(STDIN_FILENO))
		return err_set(EINVAL,
		    "nothing is sent: rubus image send NAME --to \"ssh HOST rubus image receive\"");
	err = stream_open(STDIN_FILENO, STDOUT_FILENO, &r->stream);
	if (err == 0)
		err = receive_head(r->stream, &r->head);
	if (err == 0 && !o->name)
		o->name = r->head.name;
	return err;
}

static int
receive_import(struct store *store, struct received *r, const struct import_options *io,
    struct import_result *out)
{
	struct source *source;
	int err = receive_open(store, r->stream, &r->head, &source);

	return err < 0 ? err
		       : import_run_source(store, source, "what was sent",
			     r->head.exact ? &r->head.id : NULL, io, out);
}

static int
report_json(const struct options *o, const struct import_result *r, double seconds)
{
	char hex[ID_HEX_SIZE];
	json_t *json;

	id_hex(&r->id, hex);
	json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "name", o->name, "id", hex,
	    "entries", (json_int_t)r->totals.entries, "bytes", (json_int_t)r->totals.bytes,
	    "stored", (json_int_t)r->totals.stored, "skipped", (json_int_t)r->skipped,
	    "milliseconds", (json_int_t)(seconds * 1000));
	if (!json || json_dumpf(json, stdout, JSON_INDENT(2)) < 0)
		return 1;
	json_decref(json);
	return putchar('\n') == '\n' && fflush(stdout) == 0 ? 0 : 1;
}

static int
report(const struct options *o, const struct import_result *r, double seconds)
{
	char bytes[SIZE_TEXT], stored[SIZE_TEXT];

	if (o->json)
		return report_json(o, r, seconds);
	printf("Image %s: %" PRIu64 " %s, %s of files, %s new in the store, %.1f s.\n", o->name,
	    r->totals.entries, r->totals.entries == 1 ? "entry" : "entries",
	    size_text(r->totals.bytes, bytes), size_text(r->totals.stored, stored), seconds);
	if (r->skipped)
		printf("%u could not be imported and were left out.\n", r->skipped);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* From a source, or what is received. */
static int
import(struct store *store, const struct options *o, struct received *from)
{
	struct progress progress;
	struct import_options io = { .name = o->name,
		.skip_errors = o->skip_errors,
		.problem = on_problem,
		.progress = on_progress,
		.arg = &progress };
	struct import_result result;
	int err;

	progress_begin(&progress);
	err = from ? receive_import(store, from, &io, &result)
		   : import_run(store, o->source, &io, &result);
	progress_clear(&progress);
	if (err == 0)
		return report(o, &result, progress_seconds(&progress));
	if (err == -ECANCELED && interrupted) {
		fprintf(
		    stderr, "rubus: interrupted: nothing was %s\n", from ? "received" : "imported");
		return EXIT_INTERRUPTED;
	}
	fprintf(stderr, "rubus: %s\n", err_text(err));
	return 1;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	struct received from = { 0 };
	int status = read_options(argc, argv, &o), err;
	struct store *store;

	if (status >= 0)
		return status;
	catch_signals();
	err = sandbox_enter(o.store, SANDBOX_READ_ALL);
	if (err == 0 && o.receive)
		err = receive_begin(&from, &o);
	if (err == 0)
		err = open_store(o.store, o.receive ? from.head.secret : NULL, &store);
	if (err < 0) {
		fprintf(stderr, "rubus: %s%s\n", err_text(err),
		    err == -EACCES ? ": run this as root (sudo), or name a store of your own by "
				     "--store"
				   : "");
		return 1;
	}
	status = import(store, &o, o.receive ? &from : NULL);
	store_close(store);
	stream_close(from.stream);
	return status;
}

/* rubus pending, enroll and boot: machines that boot. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cow/bytes.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"
#include "server/size.h"

static const struct print_column pending_columns[] = {
	{ "number", "NUMBER", PRINT_COUNT },
	{ "model", "MODEL", PRINT_TEXT },
	{ "serial", "SERIAL", PRINT_TEXT },
	{ "mac", "MAC", PRINT_TEXT },
	{ "address", "ADDRESS", PRINT_TEXT },
	{ "first", "FIRST SEEN", PRINT_TIME },
	{ "last", "LAST", PRINT_AGO },
	{ "knocks", "KNOCKS", PRINT_COUNT },
};
static const struct print_column enrolment_columns[] = {
	{ "on", "Enrolment", PRINT_BOOL },
	{ "image", "Image", PRINT_TEXT },
	{ "prefix", "Names begin with", PRINT_TEXT },
};
static const struct print_column event_columns[] = {
	{ "boot", NULL, PRINT_COUNT },
	{ "ms", NULL, PRINT_COUNT },
	{ "stage", NULL, PRINT_TEXT },
	{ "failed", NULL, PRINT_BOOL },
	{ "bytes", NULL, PRINT_COUNT },
	{ "detail", NULL, PRINT_TEXT },
};
static const struct print_rows pending_rows = PRINT_ROWS("pending", pending_columns);
static const struct print_rows enrolment_rows = PRINT_ROWS("enrolment", enrolment_columns);
static const struct print_rows event_rows = PRINT_ROWS("event", event_columns);

int
cli_pending(struct cli *cli)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "pending", NULL, &answer);

	if (status)
		return status;
	if (cli->json)
		status = print_json(print_array(&answer, &pending_rows), false);
	else
		print_table(&answer, &pending_rows, "No unknown Pi has knocked.");
	proto_answer_free(&answer);
	return status;
}

static void
print_enrolment(const struct proto_row *row)
{
	const char *image = proto_value(row, "image");

	if (image && *image)
		printf("Enrolment is on: a new Pi becomes a client of image %s, %s01 and so on.\n",
		    image, proto_value(row, "prefix"));
	else
		puts("Enrolment is off: a new Pi is pending until rubus client add takes it.");
}

int
cli_enroll(struct cli *cli)
{
	const char *word = cli->nargs ? cli->args[0] : "";
	struct proto_request request = { .verb = *word ? "enroll" : "enroll-show" };
	bool on = strcmp(word, "on") == 0;
	struct proto_answer answer;
	int status;

	if (*word && !on && strcmp(word, "off") != 0) {
		fprintf(stderr, "rubus: %s: on or off is meant\n", word);
		return 2;
	}
	if (on && !(cli->given & CLI_IMAGE)) {
		fputs("rubus: --image is missing: which image do new Pis get?\n", stderr);
		return 2;
	}
	if (on)
		proto_add(&request, "image", cli->image);
	if (on && cli->given & CLI_PREFIX)
		proto_add(&request, "prefix", cli->prefix);
	status = cli_ask(cli, &request, &answer);
	if (status)
		return status;
	if (cli->json)
		status = print_json(
		    print_object(print_first(&answer, "enrolment"), &enrolment_rows), false);
	else
		print_enrolment(print_first(&answer, "enrolment"));
	proto_answer_free(&answer);
	return status;
}

/* --- boots --- */

struct shown {
	int64_t last; /* ms of the last event that was printed */
	int n;        /* how many have just that time */
	int64_t began;
	uint64_t boot;
};

static int64_t
number_of(const struct proto_row *row, const char *key)
{
	const char *value = proto_value(row, key);

	return value ? strtoll(value, NULL, 10) : 0;
}

static void
print_event(const struct proto_row *row, struct shown *s)
{
	int64_t ms = number_of(row, "ms"), seconds = ms / 1000;
	uint64_t boot = (uint64_t)number_of(row, "boot"), bytes = (uint64_t)number_of(row, "bytes");
	char when[64], size[SIZE_TEXT] = "";
	struct tm tm;

	if (boot != s->boot) {
		time_t t = (time_t)seconds;

		strftime(when, sizeof(when), "%F %T", localtime_r(&t, &tm));
		printf("%sBoot %" PRIu64 ", %s\n", s->boot ? "\n" : "", boot, when);
		s->boot = boot;
		s->began = ms;
	}
	if (bytes)
		size_text(bytes, size);
	printf("  %7.1f s  %-8s%s%s%s%s\n", (double)(ms - s->began) / 1000,
	    proto_value(row, "stage"), number_of(row, "failed") ? "FAILED: " : "",
	    proto_value(row, "detail"), *size ? ", " : "", size);
}

/* Those that weren't shown yet: events come in the order of time. */
static int
show_new(struct cli *cli, struct shown *s)
{
	struct proto_answer answer;
	int status = cli_ask_name(cli, "boot", cli->args[0], &answer), same = 0;

	if (status)
		return status;
	for (int i = 0; i < answer.nrows; i++) {
		const struct proto_row *row = &answer.rows[i];
		int64_t ms = number_of(row, "ms");

		if (ms < s->last || (ms == s->last && ++same <= s->n))
			continue;
		s->n = ms == s->last ? s->n + 1 : 1;
		s->last = ms;
		if (cli->json)
			status = print_json(print_object(row, &event_rows), true);
		else
			print_event(row, s);
	}
	proto_answer_free(&answer);
	return fflush(stdout) ? 1 : status;
}

int
cli_boot(struct cli *cli)
{
	struct timespec second = { 1, 0 };
	struct proto_answer answer;
	struct shown shown = { 0 };
	int status;

	if (cli->json && !(cli->given & CLI_FOLLOW)) {
		status = cli_ask_name(cli, "boot", cli->args[0], &answer);
		if (status)
			return status;
		status = print_json(print_array(&answer, &event_rows), false);
		proto_answer_free(&answer);
		return status;
	}
	status = show_new(cli, &shown);
	if (status == 0 && shown.last == 0 && !cli->json)
		printf("No boot of %s was seen since rubusd runs.\n", cli->args[0]);
	while (status == 0 && cli->given & CLI_FOLLOW) {
		nanosleep(&second, NULL);
		status = show_new(cli, &shown);
	}
	return status;
}

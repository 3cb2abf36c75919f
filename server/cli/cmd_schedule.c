/* rubus schedule: systemd timers that run other commands. The units are the only record of them. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

#define STAMPS    "/var/lib/systemd/timers"
#define PREFIX    "rubus-schedule-"
#define UNITS     "/etc/systemd/system"
#define MARK      "# rubus schedule: "
#define TEXT_SIZE 8192

static const char *
unit_folder(void)
{
	const char *set = getenv("RUBUS_UNIT_DIR");

	return set && *set ? set : UNITS;
}

static int __attribute__((format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list ap;

	fputs("rubus: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

/* --- when --- */

/* "07:00" as it stands; else NULL. */
static bool
is_time(const char *at)
{
	unsigned hour, minute;
	char rest;

	return strlen(at) == 5 && strspn(at, "0123456789:") == 5 && at[2] == ':' &&
	       sscanf(at, "%2u:%2u%c", &hour, &minute, &rest) == 2 && hour < 24 && minute < 60;
}

/* Days as OnCalendar has them. false: they are none. */
static bool
days_of(const char *on, char *out, size_t size)
{
	static const char *const words[][2] = { { "daily", "" }, { "weekdays", "Mon..Fri " },
		{ "weekends", "Sat,Sun " } };
	static const char days[][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(on, words[i][0]) == 0) {
			snprintf(out, size, "%s", words[i][1]);
			return true;
		}
	}
	while (*on) {
		size_t k = 0;

		while (k < ARRAY_SIZE(days) && strncasecmp(on, days[k], 3) != 0)
			k++;
		if (k == ARRAY_SIZE(days) || (on[3] && on[3] != ','))
			return false;
		if (n + sizeof("Mon, ") > size) /* more days than a week has */
			return false;
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", days[k]);
		on += on[3] ? 4 : 3;
	}
	snprintf(out + n, size - n, " ");
	return n > 0;
}

/* --- what --- */

struct text {
	char p[TEXT_SIZE];
	size_t n;
	bool full;
};

static void
add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->n + n + 1 > sizeof(t->p)) {
		t->full = true;
		return;
	}
	memcpy(t->p + t->n, s, n + 1);
	t->n += n;
}

/* As systemd reads a word of a command line. */
static void
add_word(struct text *t, const char *word)
{
	char c[3] = "";

	add(t, " \"");
	for (; *word; word++) {
		c[0] = *word;
		c[1] = *word == '%' || *word == '$' || *word == '\\' ? *word : '\0';
		if (*word == '"')
			add(t, "\\");
		add(t, c);
	}
	add(t, "\"");
}

/* A line of a unit ends where a line ends: no word may. */
static bool
has_control(const char *word)
{
	for (; *word; word++)
		if ((unsigned char)*word < ' ' || *word == 127)
			return true;
	return false;
}

static bool
words_are_good(const struct cli *cli)
{
	bool bad = cli->given & CLI_GROUP && has_control(cli->group);

	for (int i = 2; i < cli->nargs; i++)
		bad |= has_control(cli->args[i]);
	for (int i = 0; i < cli->nkeep; i++)
		bad |= has_control(cli->keep[i]);
	return !bad;
}

/* What is run, as a person says it; and the command line. */
static void
describe(const struct cli *cli, struct text *t)
{
	add(t, cli->args[1]);
	if (cli->given & CLI_ALL)
		add(t, " --all");
	if (cli->given & CLI_GROUP) {
		add(t, " --group ");
		add(t, cli->group);
	}
	for (int i = 2; i < cli->nargs; i++) {
		add(t, " ");
		add(t, cli->args[i]);
	}
	for (int i = 0; i < cli->nkeep; i++) {
		add(t, " --keep ");
		add(t, cli->keep[i]);
	}
}

static void
command_line(const struct cli *cli, const char *program, const char *store, struct text *t)
{
	bool reset = strcmp(cli->args[1], "reset") == 0;

	add(t, "ExecStart=");
	add(t, program);
	add(t, " --store");
	add_word(t, store);
	add(t, reset ? " reset" : " snapshot create");
	if (cli->given & CLI_ALL)
		add(t, " --all");
	if (cli->given & CLI_GROUP) {
		add(t, " --group");
		add_word(t, cli->group);
	}
	for (int i = 2; i < cli->nargs; i++)
		add_word(t, cli->args[i]);
	for (int i = 0; i < cli->nkeep; i++) {
		add(t, " --keep");
		add_word(t, cli->keep[i]);
	}
	add(t, "\n");
}

/* --- units --- */

static void
unit_path(const char *name, const char *suffix, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/" PREFIX "%.64s.%s", unit_folder(), name, suffix);
}

static int
write_unit(const char *name, const char *suffix, const struct text *t)
{
	char path[PATH_MAX], tmp[PATH_MAX + 8];
	FILE *f;

	if (t->full)
		return fail("%s: too much for one schedule", name);
	unit_path(name, suffix, path);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "we");
	if (!f || fputs(t->p, f) < 0 || fflush(f) != 0 || fsync(fileno(f)) < 0) {
		fprintf(stderr, "rubus: %s: %s\n", tmp, strerror(errno));
		if (f)
			fclose(f);
		unlink(tmp);
		return 1;
	}
	fclose(f);
	if (rename(tmp, path) < 0)
		return fail("can't write %s", path);
	return 0;
}

/* Runs systemctl where systemd runs; else says what it would have been. */
static int
systemctl(const char *verb, const char *more, const char *unit)
{
	bool live = access("/run/systemd/system", F_OK) == 0 && strcmp(unit_folder(), UNITS) == 0;
	int status;
	pid_t pid;

	if (!live) {
		if (unit)
			printf("systemd doesn't run here: systemctl %s %s%s%s\n", verb, more,
			    *more ? " " : "", unit);
		return 0;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (unit && *more)
			execlp("systemctl", "systemctl", "--quiet", verb, more, unit, (char *)NULL);
		else
			execlp("systemctl", "systemctl", "--quiet", verb, unit, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		return fail("systemctl %s failed: the schedule is written, but doesn't run", verb);
	return 0;
}

static int
write_units(const struct cli *cli, const char *days)
{
	CLEANUP_FREE struct text *timer = calloc(1, sizeof(*timer));
	CLEANUP_FREE struct text *service = calloc(1, sizeof(*service));
	CLEANUP_FREE struct text *what = calloc(1, sizeof(*what));
	char program[PATH_MAX] = "/usr/bin/rubus", store[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (!timer || !service || !what)
		return fail("%s", "out of memory");
	program[n > 0 ? n : (ssize_t)strlen(program)] = '\0';
	if (!words_are_good(cli))
		return fail(
		    "%s", "a client, a group or a folder has a control character in its name");
	if (!realpath(cli->store, store))
		return fail("there is no store at %s", cli->store);
	describe(cli, what);
	add(timer, MARK);
	add(timer, what->p);
	add(timer, "\n[Unit]\nDescription=Rubus: ");
	add(timer, what->p);
	add(timer, "\n\n[Timer]\nOnCalendar=");
	add(timer, days);
	add(timer, cli->at);
	add(timer, "\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n");
	add(service, "[Unit]\nDescription=Rubus: ");
	add(service, what->p);
	add(service, "\n\n[Service]\nType=oneshot\n");
	command_line(cli, program, store, service);
	return write_unit(cli->args[0], "service", service) ||
	       write_unit(cli->args[0], "timer", timer);
}

int
cli_schedule_add(struct cli *cli)
{
	char days[64], unit[128];
	const char *on = cli->given & CLI_ON ? cli->on : "daily";

	if (name_check("a schedule", cli->args[0]) < 0)
		return fail("%s", err_text(-EINVAL));
	if (strcmp(cli->args[1], "reset") != 0 && strcmp(cli->args[1], "snapshot") != 0)
		return fail("%s: reset or snapshot can be scheduled", cli->args[1]);
	if (cli->nargs == 2 && !(cli->given & (CLI_GROUP | CLI_ALL)))
		return fail("%s", "name clients, --group G or --all");
	if (strcmp(cli->args[1], "snapshot") == 0 && cli->nargs > 3)
		return fail("%s", "a snapshot is of one client, of --group G or of --all");
	if (!is_time(cli->at))
		return fail("--at %s: a time of the day is meant, such as 07:00", cli->at);
	if (!days_of(on, days, sizeof(days)))
		return fail("--on %s: daily, weekdays, weekends, or days such as mon,wed", on);
	if (write_units(cli, days))
		return 1;
	snprintf(unit, sizeof(unit), PREFIX "%.64s.timer", cli->args[0]);
	if (systemctl("daemon-reload", "", NULL) || systemctl("enable", "--now", unit))
		return 1;
	if (cli->json)
		return print_json(json_pack("{s:s}", "scheduled", cli->args[0]), false);
	printf("Scheduled %s: %s%s.\n", cli->args[0], days, cli->at);
	return 0;
}

/* The line after `key` in a unit, without its end; NULL: there is none. */
static char *
line_of(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *found = NULL;
	size_t size = 0;

	while (f && !found && getline(&line, &size, f) > 0) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		found = strdup(line + strlen(key));
	}
	if (f)
		fclose(f);
	free(line);
	return found;
}

static int
is_timer(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0 && n > 6 &&
	       strcmp(e->d_name + n - 6, ".timer") == 0;
}

int
cli_schedule_list(struct cli *cli)
{
	struct dirent **all = NULL;
	int n = scandir(unit_folder(), &all, is_timer, alphasort);
	json_t *list = json_array();

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX], *name = all[i]->d_name + strlen(PREFIX);
		CLEANUP_FREE char *what = NULL, *when = NULL;

		snprintf(path, sizeof(path), "%s/%s", unit_folder(), all[i]->d_name);
		name[strlen(name) - 6] = '\0';
		what = line_of(path, MARK);
		when = line_of(path, "OnCalendar=");
		if (what && when && cli->json)
			json_array_append_new(list,
			    json_pack("{s:s,s:s,s:s}", "name", name, "when", when, "what", what));
		else if (what && when)
			printf("%-20s %-20s %s\n", name, when, what);
		free(all[i]);
	}
	free(all);
	if (cli->json)
		return print_json(list, false);
	json_decref(list);
	if (n <= 0)
		puts("Nothing is scheduled: rubus schedule add NAME reset --group G --at 07:00 "
		     "does it.");
	return 0;
}

int
cli_schedule_remove(struct cli *cli)
{
	char path[PATH_MAX], unit[128];

	if (name_check("a schedule", cli->args[0]) < 0)
		return fail("%s", err_text(-EINVAL));
	unit_path(cli->args[0], "timer", path);
	if (access(path, F_OK) < 0)
		return fail("there is no schedule %s", cli->args[0]);
	snprintf(unit, sizeof(unit), PREFIX "%.64s.timer", cli->args[0]);
	if (systemctl("disable", "--now", unit))
		return 1;
	if (unlink(path) < 0)
		return fail("can't remove %s", path);
	/* When it last ran: a new one of this name would make up for what it has missed since. */
	snprintf(path, sizeof(path), STAMPS "/stamp-%s", unit);
	unlink(path);
	unit_path(cli->args[0], "service", path);
	unlink(path);
	if (systemctl("daemon-reload", "", NULL))
		return 1;
	if (cli->json)
		return print_json(json_pack("{s:s}", "removed", cli->args[0]), false);
	printf("Removed schedule %s.\n", cli->args[0]);
	return 0;
}

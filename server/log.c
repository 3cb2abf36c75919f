/* Log lines, each written by one system call so that those of several threads don't mix. */
#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cow/bytes.h"

struct log {
	enum log_level level;
	uint32_t debug;
	bool journal;
};

struct level {
	const char *name;
	char priority; /* as the journal reads it before a line: <3> */
};

static const struct level levels[] = {
	[LOG_LEVEL_ERROR] = { "error", '3' },
	[LOG_LEVEL_WARNING] = { "warning", '4' },
	[LOG_LEVEL_INFO] = { "info", '6' },
	[LOG_LEVEL_DEBUG] = { "debug", '7' },
};

static const char *const subsystems[] = {
	[LOG_MAIN] = "main",
	[LOG_NET] = "net",
	[LOG_RPC] = "rpc",
	[LOG_NFS] = "nfs",
	[LOG_MOUNT] = "mount",
	[LOG_PEER] = "peer",
	[LOG_CTL] = "ctl",
	[LOG_STORE] = "store",
	[LOG_BOOT] = "boot",
};

_Static_assert(ARRAY_SIZE(subsystems) == LOG_SUBSYSTEMS, "a subsystem has no name");

/* $JOURNAL_STREAM is "device:inode" of what the journal listens to; stderr may be elsewhere. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(2, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

int
log_open(enum log_level level, uint32_t debug, struct log **out)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->level = level;
	log->debug = debug;
	log->journal = stderr_is_journal();
	*out = log;
	return 0;
}

void
log_close(struct log *log)
{
	free(log);
}

bool
log_on(const struct log *log, enum log_level level, enum log_subsystem sub)
{
	if (!log)
		return false;
	return level <= log->level || (level == LOG_LEVEL_DEBUG && (log->debug & 1u << sub));
}

/* The line's beginning; its length. */
static size_t
prefix(const struct log *log, enum log_level level, enum log_subsystem sub, char *out, size_t room)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	if (log->journal) {
		n = (size_t)snprintf(out, room, "<%c>", levels[level].priority);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		n = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &tm);
		n += (size_t)snprintf(out + n, room - n, ".%03ldZ ", now.tv_nsec / 1000000);
	}
	return n +
	       (size_t)snprintf(out + n, room - n, "%s %s: ", levels[level].name, subsystems[sub]);
}

void
log_write(struct log *log, enum log_level level, enum log_subsystem sub, const char *fmt, ...)
{
	char line[1024];
	size_t at, n;
	va_list ap;
	int len;

	if (!log_on(log, level, sub))
		return;
	at = n = prefix(log, level, sub, line, sizeof(line) - 1);
	va_start(ap, fmt);
	len = vsnprintf(line + n, sizeof(line) - 1 - n, fmt, ap);
	va_end(ap);
	if (len > 0)
		n += strlen(line + n);
	for (size_t i = at; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* there is nowhere else to say so */
}

int
log_level_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int
log_subsystem_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(subsystems); i++) {
		if (strcmp(subsystems[i], name) == 0)
			return (int)i;
	}
	return -1;
}

/*
 * Log: one line an event on stderr: "level subsystem: sentence key=value". Thread-safe.
 *
 * Lines carry the time unless stderr is the journal, which has its own. A client's fault is at most
 * a debug line and a counter: the network can't flood the log.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Who speaks; debug lines are switched on by subsystem. */
enum log_subsystem {
	LOG_MAIN,
	LOG_NET,
	LOG_RPC,
	LOG_NFS,
	LOG_MOUNT,
	LOG_PEER,
	LOG_CTL,
	LOG_STORE,
	LOG_BOOT
};
#define LOG_SUBSYSTEMS 9

struct log;

int log_open(enum log_level, uint32_t debug, struct log **out);
void log_close(struct log *);
/* Would this line be written? Cheap. A NULL log writes nothing. */
bool log_on(const struct log *, enum log_level, enum log_subsystem);
void log_write(struct log *, enum log_level, enum log_subsystem, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* -1: no such name. */
int log_level_of(const char *name);
int log_subsystem_of(const char *name);

#define log_error(log, sub, ...)   log_write(log, LOG_LEVEL_ERROR, sub, __VA_ARGS__)
#define log_warning(log, sub, ...) log_write(log, LOG_LEVEL_WARNING, sub, __VA_ARGS__)
#define log_info(log, sub, ...)    log_write(log, LOG_LEVEL_INFO, sub, __VA_ARGS__)
#define log_debug(log, sub, ...)                                           \
	do {                                                               \
		if (log_on(log, LOG_LEVEL_DEBUG, sub))                     \
			log_write(log, LOG_LEVEL_DEBUG, sub, __VA_ARGS__); \
	} while (0)

#endif

/*
 * Trace: what was seen of each Pi's boots: DHCP, TFTP, MOUNT, reads, with times. In memory only, so
 * much of each Pi and no more, so that none of them can push out what is known of another.
 * Thread-safe.
 */
#ifndef SERVER_BOOT_TRACE_H
#define SERVER_BOOT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of a boot. */
enum trace_stage {
	TRACE_DHCP,    /* its bootloader asked for an address */
	TRACE_TFTP,    /* a file */
	TRACE_LEASE,   /* its kernel or system asked for an address */
	TRACE_MOUNT,   /* its root */
	TRACE_READ,    /* the first file data */
	TRACE_UP,      /* the last of the many reads of a boot */
	TRACE_SAID,    /* a message of its own: the bootloader's network console */
	TRACE_TROUBLE, /* what a person should know */
};
#define TRACE_STAGES 8

struct trace_event {
	int64_t ms;    /* since 1970 */
	uint32_t boot; /* number of its boot, from 1, of those that were seen */
	enum trace_stage stage;
	bool failed;
	uint64_t bytes;
	char detail[120]; /* printable */
};

struct trace;

int trace_open(struct trace **out);
void trace_close(struct trace *);

/* who: a client's name, or "?" and what else is known of it: a serial number, a MAC, an address.
 * Nothing happens with a NULL trace. */
void trace_note(struct trace *, const char *who, enum trace_stage, bool failed, uint64_t bytes,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* What was seen of `from` was of this client: it is known now who that was. */
void trace_adopt(struct trace *, const char *from, const char *client);
void trace_forget(struct trace *, const char *who);

/* Calls fn for each event of one, or of all (who NULL), oldest first; not under any lock. */
typedef int trace_fn(void *arg, const char *who, const struct trace_event *);
int trace_each(struct trace *, const char *who, trace_fn *, void *arg);
/* When it was last in this stage, in milliseconds since 1970; 0: never. */
int64_t trace_last(struct trace *, const char *who, enum trace_stage);

const char *trace_stage_name(enum trace_stage);

#endif

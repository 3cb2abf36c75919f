/*
 * Pis: which client a machine is that boots, and those that are no client yet. Thread-safe.
 *
 * A serial number and a MAC are claims, which anybody on the same network can make; together they
 * are held to be what they say only as long as nothing that is known speaks against it. Then the
 * machine is refused, and an alarm says why.
 */
#ifndef SERVER_BOOT_PIS_H
#define SERVER_BOOT_PIS_H

#include "cow/client.h"
#include "server/service.h"

/* What was seen of a machine; "" and false: not known. Plain data. */
struct pi_sighting {
	uint8_t address[16]; /* as struct peer has it */
	bool have_address;
	char serial[17], mac[18], model[32];
	bool mac_seen; /* by the kernel, on the wire; else it is what the machine says */
};

struct pis;

/* neighbours: the kernel's table, NULL: that of this machine. Into service->pis, too. */
int pis_open(struct service *, const char *neighbours, struct pis **out);
void pis_close(struct pis *);

/* The client that it is: by serial number, else MAC, else address. From now on it may use its view
 * from this address. A machine that isn't known becomes a client where enrolment is on; else it is
 * pending: -ENOENT. -EACCES: what it says contradicts what is known (an alarm was raised). -EAGAIN:
 * the client's MACs are known, and the machine's can't be seen yet: a packet to it will help. */
int pis_recognise(struct service *, const struct pi_sighting *, struct client *out);

/* How trace and messages call a machine that is no client: "?" and what is known of it. */
void pi_name(const struct pi_sighting *, char out[80]);

/* --- those that knocked --- */

struct pi_pending {
	uint32_t number; /* from 1, its own as long as rubusd runs */
	struct pi_sighting pi;
	int64_t first, last; /* seconds since 1970 */
	uint32_t knocks;
};
typedef int pi_pending_fn(void *arg, const struct pi_pending *);
/* By number; not under any lock. */
int pis_pending(struct pis *, pi_pending_fn *, void *arg);
int pis_pending_find(struct pis *, uint32_t number, struct pi_pending *out); /* -ENOENT */
/* Those that have become clients are pending no more. */
void pis_tidy(struct service *);

/* --- enrolment --- */

struct pi_enrolment {
	char image[65], prefix[33]; /* no image: it is off */
};
int pis_enrolment(struct store *, struct pi_enrolment *out);
/* -ENOENT: no such image; -EINVAL: no good prefix for names. */
int pis_set_enrolment(struct store *, const struct pi_enrolment *);
/* The first name that is free: the prefix and a number. */
int pis_free_name(struct store *, const char *prefix, char out[65]);

/* --- alarms --- */

#define PIS_ALARMS 32
struct pi_alarm {
	int64_t when; /* the last time */
	uint32_t times;
	char client[65], text[200];
};
void pis_alarm(struct service *, const char *client, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
typedef int pi_alarm_fn(void *arg, const struct pi_alarm *);
int pis_alarms(struct pis *, pi_alarm_fn *, void *arg); /* oldest first; not under any lock */

/* It has mounted its root: from now on its reads are watched, to tell how long its boot takes. */
void pis_mounted(struct service *, const struct client *, const char *address);
/* From a timer, each second: views that are used from two addresses, and how far boots are. */
void pis_tick(struct service *);

#endif

/*
 * What pis.c (who is it), pis_known.c (those that knocked; alarms) and pis_watch.c (the timer)
 * share.
 *
 * Lock order: enrol, lock.
 */
#ifndef SERVER_BOOT_PIS_PRIV_H
#define SERVER_BOOT_PIS_PRIV_H

#include <pthread.h>

#include "server/boot/pis.h"

#define PIS_PENDING 256
#define PIS_WATCHED 256

/* How far the boot of a client is, as far as reads tell. */
struct pi_boot {
	char client[65];
	bool reading, over;
	uint64_t reads, bytes; /* at the last look */
	uint64_t first_reads, first_bytes;
	int64_t mounted, busy; /* seconds: the mount, and the last one with many reads */
};

/* So many events at once, and one more in so many seconds. Plain data, under its user's lock. */
struct pi_rate {
	uint32_t used;
	int64_t since; /* monotonic seconds */
};
bool pi_rate_takes(struct pi_rate *, uint32_t burst, uint32_t seconds);

struct pis {
	const char *neighbours;
	pthread_mutex_t enrol; /* held while a machine becomes a client */
	pthread_mutex_t boot;  /* held while what waits for a client's boot is done */
	pthread_mutex_t lock;  /* the rest */
	uint32_t npending, last_number;
	struct pi_pending pending[PIS_PENDING];
	uint32_t nalarms;
	struct pi_alarm alarms[PIS_ALARMS];
	struct pi_rate enrolled; /* under enrol */
	struct pi_rate logged;   /* lines about strangers and alarms */
	uint32_t nboots;
	struct pi_boot boots[PIS_WATCHED]; /* the timer's and trace's; under lock */
};

/* -ENOENT: enrolment is off, or couldn't be done (an alarm says why). */
int pis_enrol(struct service *, const struct pi_sighting *, struct client *out);
/* May a line go into the log that a machine can cause as often as it likes? */
bool pis_may_log(struct pis *);
/* Remembers it as one that knocked. */
void pis_knock(struct service *, const struct pi_sighting *);

#endif

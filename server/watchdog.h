/*
 * Watchdog: systemd is told that the server is alive, as long as it is. A server that has hung in
 * itself is killed and started again by it (WatchdogSec in rubusd.service).
 *
 * Alive is: the timer runs; the committer has nothing to do, or has ended a commit since it was
 * last looked at; of the workers fewer than half have been in one and the same handler since then.
 * One worker may wait as long as it likes: that is a disk that reads one client's file slowly.
 */
#ifndef SERVER_WATCHDOG_H
#define SERVER_WATCHDOG_H

#include "server/net/loop.h"
#include "server/service.h"

struct watchdog;

/* *out is NULL where systemd doesn't ask to be told. The service's store may be NULL. */
int watchdog_open(struct service *, struct loop *, struct watchdog **out);
/* Each second or so, from a timer of the loop: looks, and tells, four times in the time that
 * systemd gives. NULL is fine, here and below. */
void watchdog_tick(struct watchdog *);
void watchdog_close(struct watchdog *);

#endif

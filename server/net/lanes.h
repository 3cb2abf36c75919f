/*
 * Lanes: no address keeps all workers busy. Of the connections of one address only so many are run
 * at a time; the others wait for their turn while other addresses are served. Thread-safe.
 */
#ifndef SERVER_NET_LANES_H
#define SERVER_NET_LANES_H

#include <stdbool.h>

#include "server/net/conn.h"

struct lanes;

int lanes_open(unsigned limit, struct lanes **out);
/* Whoever still waits is let go, without being run. */
void lanes_close(struct lanes *);
/* May it run now? If not it waits, held, until conn_resume is called for it. This machine's own
 * address (127.0.0.1, ::1) isn't limited. */
bool lanes_enter(struct lanes *, struct conn *);
/* After it has run; resumes who has waited for longest. */
void lanes_leave(struct lanes *, struct conn *);

#endif

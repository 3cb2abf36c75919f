/*
 * Collector: the thread of rubusd that lets automatic snapshots go when their time is up, and gives
 * back what nothing refers to any more.
 */
#ifndef SERVER_COLLECTOR_H
#define SERVER_COLLECTOR_H

#include "server/service.h"

struct collector;

int collector_start(struct service *, struct collector **out);
/* Ends a collection that runs, too. NULL is fine. */
void collector_stop(struct collector *);

#endif

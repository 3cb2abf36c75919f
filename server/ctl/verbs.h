/*
 * Verbs: what can be asked of a store: a table of verbs over struct service. The daemon runs them
 * for the control socket; the command line runs the same ones when no daemon does.
 */
#ifndef SERVER_CTL_VERBS_H
#define SERVER_CTL_VERBS_H

#include "server/ctl/proto.h"
#include "server/service.h"

/* Runs the request and writes the whole answer, its last line included. service->peers, stats and
 * server are NULL when no daemon runs. */
void verbs_run(struct service *, const struct proto_request *, struct proto_text *answer);
/* Does the verb only look? */
bool verbs_reads(const char *verb);

#endif

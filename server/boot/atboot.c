/* The views are closed for it; nobody sees half of a change. */
#include "server/boot/atboot.h"

#include <stdlib.h>

#include "cow/err.h"
#include "cow/revert.h"
#include "server/log.h"
#include "server/peer.h"

struct boot {
	struct store *store;
	const char *client;
};

static int
run_pending(void *arg)
{
	const struct boot *b = arg;

	return revert_run_pending(b->store, b->client);
}

void
atboot_run(struct service *service, const char *client)
{
	struct boot b = { service->store, client };
	struct revert_pending p;
	int err = revert_pending(b.store, client, &p);

	if (err != 1)
		return;
	free(p.keep);
	err = peers_without(service->peers, client, run_pending, &b);
	if (err < 0)
		log_error(service->log, LOG_BOOT, "not done at boot: %s client=%s", err_text(err),
		    client);
	else
		log_info(service->log, LOG_BOOT, "reverted at boot client=%s kind=%d", client,
		    (int)p.kind);
}

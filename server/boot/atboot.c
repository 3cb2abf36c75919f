/* The views are closed for it; nobody sees half of a change. */
#include "server/boot/atboot.h"

#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/revert.h"
#include "server/boot/identity.h"
#include "server/boot/pis_priv.h"
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

/* Its name, machine-id and keys, where its present state hasn't got them. */
static void
put_identity(struct service *service, const char *client)
{
	struct peer here = { .loopback = true, .address = { [15] = 1 } };
	struct peer_client *held;
	struct client c;
	int err = client_find(service->store, client, &c);

	if (err == 0)
		err = peer_by_id(service->peers, &here, &c.id, &held);
	if (err < 0)
		return;
	err_forget();
	err = identity_apply(service->store, &c, held->view);
	peer_release(service->peers, held);
	if (err < 0 && pis_may_log(service->pis))
		log_error(service->log, LOG_BOOT, "%s", err_text(err));
	else if (err > 0)
		log_info(service->log, LOG_BOOT, "identity written client=%s", client);
}

static void
do_pending(struct service *service, const char *client)
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

void
atboot_run(struct service *service, const char *client)
{
	if (!service->pis) {
		do_pending(service, client);
		return;
	}
	/* A machine asks for files and mounts from several threads. */
	SCOPED_LOCK(&service->pis->boot);
	do_pending(service, client);
	put_identity(service, client);
}

/* The verb that collects. */
#include <errno.h>

#include "cow/gc.h"
#include "server/ctl/verbs_priv.h"
#include "server/peer.h"

static int
flush_one(void *arg, struct peer_client *client)
{
	(void)arg;
	return view_flush(client->view);
}

static int
flush(void *arg)
{
	struct verb_call *v = arg;

	return peers_each(v->service->peers, flush_one, NULL);
}

int
verb_gc(struct verb_call *v)
{
	struct gc_options o = { .arg = v, .dry_run = proto_get(v->request, "dry_run", 0) != NULL };
	struct proto_text *t = v->answer;
	struct gc_result r;
	int err;

	if (v->service->peers)
		o.flush = flush;
	err = gc_run(v->service->store, &o, &r);
	if (err < 0)
		return err;
	proto_row(t, "collected");
	proto_uint(t, "layers", r.layers);
	proto_uint(t, "rows", r.rows);
	proto_uint(t, "images", r.images);
	proto_uint(t, "blocks_in_use", r.blocks_seen);
	proto_uint(t, "blocks", r.blocks);
	proto_uint(t, "bytes", r.bytes);
	proto_uint(t, "segments", r.segments);
	proto_row_end(t);
	return 0;
}

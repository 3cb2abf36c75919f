/* The verbs that look whether the store is whole, and mend what can be. */
#include <errno.h>

#include "cow/check.h"
#include "cow/err.h"
#include "server/ctl/verbs_priv.h"

#define TELLS_MAX 10000 /* sentences of one answer */

struct telling {
	struct verb_call *v;
	int n;
};

static int
found(void *arg, const char *sentence)
{
	struct telling *t = arg;

	if (t->n++ >= TELLS_MAX)
		return 0;
	proto_row(t->v->answer, "found");
	proto_str(t->v->answer, "what", sentence);
	proto_row_end(t->v->answer);
	return 0;
}

int
verb_check(struct verb_call *v)
{
	struct telling t = { v, 0 };
	struct check_options o = { .all_bytes = proto_get(v->request, "all_bytes", 0) != NULL,
		.found = found,
		.arg = &t };
	struct check_result r;
	int err = check_run(v->service->store, &o, &r);

	if (err < 0)
		return err;
	proto_row(v->answer, "checked");
	proto_uint(v->answer, "problems", r.problems);
	proto_uint(v->answer, "images", r.images);
	proto_uint(v->answer, "layers", r.layers);
	proto_uint(v->answer, "blocks", r.blocks);
	proto_uint(v->answer, "bytes", r.bytes);
	proto_uint(v->answer, "damaged", r.damaged);
	proto_row_end(v->answer);
	return 0;
}

int
verb_repair(struct verb_call *v)
{
	struct telling t = { v, 0 };
	struct check_options o = { .found = found, .arg = &t };
	struct check_repair_result r;
	int err;

	if (v->service->peers)
		return err_set(EBUSY, "rubusd serves this store: stop it, and repair then");
	err = check_repair(v->service->store, &o, &r);
	if (err < 0)
		return err;
	proto_row(v->answer, "repaired");
	proto_uint(v->answer, "segments", r.segments);
	proto_uint(v->answer, "found", r.found);
	proto_uint(v->answer, "added", r.added);
	proto_uint(v->answer, "dropped", r.dropped);
	proto_row_end(v->answer);
	return 0;
}

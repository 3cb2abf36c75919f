/* Who uses what at the moment: the mounts and the open views, gathered for one answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/err.h"
#include "server/ctl/verbs_priv.h"
#include "server/peer.h"

struct used {
	char client[65];
	uint64_t memory;
};

struct verb_use {
	struct peer_mount *mounts;
	uint32_t nmounts;
	struct used *views;
	uint32_t nviews;
};

static int
add_mount(void *arg, const struct peer_mount *m)
{
	struct verb_use *use = arg;
	struct peer_mount *more =
	    reallocarray(use->mounts, use->nmounts + 1, sizeof(struct peer_mount));

	if (!more)
		return err_set(ENOMEM, "out of memory");
	use->mounts = more;
	use->mounts[use->nmounts++] = *m;
	return 0;
}

static int
add_view(void *arg, struct peer_client *c)
{
	struct verb_use *use = arg;
	struct used *more = reallocarray(use->views, use->nviews + 1, sizeof(struct used));
	struct view_usage usage;

	if (!more)
		return err_set(ENOMEM, "out of memory");
	view_usage(c->view, &usage);
	use->views = more;
	use->views[use->nviews].memory = usage.memory;
	memcpy(use->views[use->nviews++].client, c->info.name, sizeof(more->client));
	return 0;
}

int
verb_use_get(const struct verb_call *v, struct verb_use **out)
{
	struct verb_use *use = calloc(1, sizeof(*use));
	int err = 0;

	if (!use)
		return err_set(ENOMEM, "out of memory");
	if (v->service->peers) {
		err = peers_mounts(v->service->peers, add_mount, use);
		if (err == 0)
			err = peers_each(v->service->peers, add_view, use);
	}
	*out = use;
	return err;
}

void
verb_use_free(struct verb_use **use)
{
	if (!*use)
		return;
	free((*use)->mounts);
	free((*use)->views);
	free(*use);
}

/* Is the i-th mount's address told already, by an earlier mount of the same client? */
static bool
told(const struct verb_use *use, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (strcmp(use->mounts[k].client, use->mounts[i].client) == 0 &&
		    strcmp(use->mounts[k].address, use->mounts[i].address) == 0)
			return true;
	return false;
}

void
verb_use_row(const struct verb_call *v, const struct verb_use *use, const char *client)
{
	int64_t since = 0, last = 0;
	char by[400] = "";

	for (uint32_t i = 0; i < use->nmounts; i++) {
		const struct peer_mount *m = &use->mounts[i];
		size_t n = strlen(by);

		if (strcmp(m->client, client) != 0)
			continue;
		if (!told(use, i))
			snprintf(by + n, sizeof(by) - n, "%s%s", n ? "," : "", m->address);
		since = since && since < m->since ? since : m->since;
		last = last > m->last ? last : m->last;
	}
	proto_str(v->answer, "mounted_by", by);
	proto_uint(v->answer, "since", (uint64_t)since);
	proto_uint(v->answer, "last", (uint64_t)last);
	for (uint32_t i = 0; i < use->nviews; i++) {
		if (strcmp(use->views[i].client, client) == 0)
			proto_uint(v->answer, "memory", use->views[i].memory);
	}
}

uint64_t
verb_use_memory(const struct verb_use *use)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < use->nviews; i++)
		sum += use->views[i].memory;
	return sum;
}

uint32_t
verb_use_mounted(const struct verb_use *use)
{
	return use->nmounts;
}

/* Verbs about a client's states: snapshots, and what replaces one state by another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/keep.h"
#include "cow/revert.h"
#include "server/ctl/verbs_priv.h"
#include "server/peer.h"

/* --- which clients --- */

/* Names, in order. */
struct chosen {
	int n, size;
	char (*names)[65];
	const char **list; /* of them */
	const char *group; /* NULL: all */
	const char *image; /* only its clients; NULL: any */
};

static void
chosen_free(struct chosen *c)
{
	free(c->names);
	free(c->list);
}

static int
choose(struct chosen *c, const char *name)
{
	int size = c->size ? c->size * 2 : 16;
	void *more;

	if (c->n == c->size) {
		if (!(more = realloc(c->names, (size_t)size * sizeof(*c->names))))
			return -ENOMEM;
		c->names = more;
		c->size = size;
	}
	snprintf(c->names[c->n++], sizeof(*c->names), "%s", name);
	return 0;
}

static int
choose_member(void *arg, const struct client *client)
{
	struct chosen *c = arg;

	if ((c->group && strcmp(client->group, c->group) != 0) ||
	    (c->image && strcmp(client->image, c->image) != 0))
		return 0;
	return choose(c, client->name);
}

/* By the keys client (several), group or all. */
static int
choose_clients(const struct verb_call *v, struct chosen *c)
{
	const char *name, *all = proto_get(v->request, "all", 0);
	int err = 0;

	c->image = proto_get(v->request, "old", 0);
	if (c->image && !proto_get(v->request, "client", 0))
		all = "yes";
	c->group = proto_get(v->request, "group", 0);
	for (int i = 0; err == 0 && (name = proto_get(v->request, "client", i)); i++)
		err = choose(c, name);
	if (err == 0 && (c->group || all))
		err = client_each(v->service->store, choose_member, c);
	if (err == 0 && c->n == 0)
		err = c->group   ? err_set(ENOENT, "no client is in group %s", c->group)
		      : c->image ? err_set(ENOENT, "no client has image %s", c->image)
		      : all      ? err_set(ENOENT, "there is no client")
				 : err_set(EINVAL, "name a client, --group G or --all");
	c->list = err == 0 ? calloc((size_t)c->n, sizeof(*c->list)) : NULL;
	if (err == 0 && !c->list)
		return -ENOMEM;
	for (int i = 0; i < c->n && err == 0; i++)
		c->list[i] = c->names[i];
	return err;
}

/* --- snapshots --- */

static int
write_snapshot(void *arg, const struct snapshot *s)
{
	static const char *const kinds[] = { [SNAPSHOT_MADE] = "made",
		[SNAPSHOT_RESET] = "before reset",
		[SNAPSHOT_ROLLBACK] = "before rollback",
		[SNAPSHOT_UPDATE] = "before update",
		[SNAPSHOT_UNDO] = "before undo" };
	struct verb_call *v = arg;
	struct proto_text *t = v->answer;

	proto_row(t, "snapshot");
	proto_str(t, "client", s->client);
	proto_str(t, "name", s->name);
	proto_str(t, "kind", s->kind <= SNAPSHOT_UNDO ? kinds[s->kind] : "unknown");
	proto_str(t, "image", s->image);
	proto_uint(t, "created", (uint64_t)s->created);
	proto_uint(t, "files", s->delta_files);
	proto_uint(t, "bytes", s->delta_bytes);
	proto_str(t, "note", s->note);
	proto_row_end(t);
	return 0;
}

/* Cuts what was chosen, with the views where the daemon has them open. */
struct cutting {
	struct verb_call *v;
	const struct chosen *chosen;
	const char *name, *note;
};

static int
cut_all(void *arg, struct view *const *views)
{
	const struct cutting *k = arg;
	int n = k->chosen->n;
	CLEANUP_FREE struct snapshot_of *of = calloc((size_t)n, sizeof(*of));

	if (!of)
		return -ENOMEM;
	for (int i = 0; i < n; i++)
		of[i] = (struct snapshot_of){ k->chosen->list[i], views ? views[i] : NULL };
	return snapshot_create(k->v->service->store, of, n, k->name, k->note);
}

/* The newest one of a client, which was made just now. */
struct newest {
	struct snapshot s;
};

static int
take_newest(void *arg, const struct snapshot *s)
{
	((struct newest *)arg)->s = *s;
	return 0;
}

static int
write_made(struct verb_call *v, const struct chosen *c, const char *name)
{
	struct newest newest;
	int err = 0;

	for (int i = 0; i < c->n && err == 0; i++) {
		if (name)
			err = snapshot_find(v->service->store, c->list[i], name, &newest.s);
		else
			err = snapshot_each(v->service->store, c->list[i], take_newest, &newest);
		if (err == 0)
			write_snapshot(v, &newest.s);
	}
	return err;
}

int
verb_snapshot_create(struct verb_call *v)
{
	struct chosen chosen CLEANUP(chosen_free) = { 0 };
	struct cutting k = { v, &chosen, proto_get(v->request, "name", 0),
		proto_get(v->request, "note", 0) };
	int err = choose_clients(v, &chosen);

	if (err == 0 && v->service->peers)
		err = peers_with(v->service->peers, chosen.list, chosen.n, cut_all, &k);
	else if (err == 0)
		err = cut_all(&k, NULL);
	return err < 0 ? verb_help_client(v, err) : write_made(v, &chosen, k.name);
}

int
verb_snapshot_list(struct verb_call *v)
{
	const char *name = proto_get(v->request, "client", 0);
	struct client c;
	int err = name ? client_find(v->service->store, name, &c) : 0;

	if (err < 0)
		return verb_help_client(v, err);
	return snapshot_each(v->service->store, name, write_snapshot, v);
}

static int
need_snapshot(struct verb_call *v, struct snapshot *out)
{
	const char *client, *name;
	struct client c;
	int err = verb_need(v, "client", &client);

	if (err == 0)
		err = verb_need(v, "name", &name);
	if (err == 0 && (err = client_find(v->service->store, client, &c)) < 0)
		return verb_help_client(v, err);
	return err < 0 ? err : snapshot_find(v->service->store, client, name, out);
}

int
verb_snapshot_show(struct verb_call *v)
{
	struct snapshot s;
	int err = need_snapshot(v, &s);

	return err < 0 ? err : write_snapshot(v, &s);
}

int
verb_snapshot_remove(struct verb_call *v)
{
	struct snapshot s;
	int err = need_snapshot(v, &s);

	return err < 0 ? err : snapshot_remove(v->service->store, s.client, s.name);
}

/* --- reverts --- */

/* What is asked for, client by client; those in use may have to wait for their next boot. */
struct reverting {
	struct verb_call *v;
	struct revert *now, *boot;
	const char **names; /* of now */
	int nnow, nboot;
	const char *keep[KEEP_MAX];
};

static void
reverting_free(struct reverting *r)
{
	free(r->now);
	free(r->boot);
	free(r->names);
}

static const struct {
	const char *word;
	enum snapshot_kind kind;
} ways[] = {
	{ "reset", SNAPSHOT_RESET },
	{ "rollback", SNAPSHOT_ROLLBACK },
	{ "undo", SNAPSHOT_UNDO },
	{ "update", SNAPSHOT_UPDATE },
};

static int
read_revert(struct verb_call *v, struct revert *r, const char **keep)
{
	const char *word, *path;
	size_t i;
	int err = verb_need(v, "kind", &word);

	if (err < 0)
		return err;
	for (i = 0; i < ARRAY_SIZE(ways) && strcmp(ways[i].word, word) != 0; i++)
		;
	if (i == ARRAY_SIZE(ways))
		return err_set(EINVAL, "%s is no way to revert a client", word);
	r->kind = ways[i].kind;
	r->snapshot = proto_get(v->request, "snapshot", 0);
	r->image = proto_get(v->request, "image", 0);
	if (r->kind == SNAPSHOT_ROLLBACK && !r->snapshot)
		return err_set(EINVAL, "a rollback wants the name of a snapshot");
	if (r->kind == SNAPSHOT_UPDATE && !r->image)
		return err_set(EINVAL, "an update wants the name of an image");
	for (; (path = proto_get(v->request, "keep", r->nkeep)); r->nkeep++) {
		if (r->nkeep == KEEP_MAX)
			return err_set(E2BIG, "at most %d folders can be kept", KEEP_MAX);
		keep[r->nkeep] = path;
	}
	r->keep = keep;
	return 0;
}

/* when: now, boot, or as is safe. */
static int
sort_out(struct reverting *r, const struct chosen *chosen, const struct revert *as)
{
	const char *when = proto_get(r->v->request, "when", 0);
	struct service *service = r->v->service;
	bool now = when && strcmp(when, "now") == 0, boot = when && strcmp(when, "boot") == 0;
	struct client c;
	int err = 0;

	r->now = calloc((size_t)chosen->n, sizeof(*r->now));
	r->boot = calloc((size_t)chosen->n, sizeof(*r->boot));
	r->names = calloc((size_t)chosen->n, sizeof(*r->names));
	if (!r->now || !r->boot || !r->names)
		return -ENOMEM;
	for (int i = 0; i < chosen->n && err == 0; i++) {
		bool wait = boot;
		struct revert *to;

		err = client_find(service->store, chosen->list[i], &c);
		if (err == 0 && !now && !boot)
			wait = service->peers && peers_in_use(service->peers, &c);
		to = wait ? &r->boot[r->nboot++] : &r->now[r->nnow];
		*to = *as;
		to->client = chosen->list[i];
		if (!wait)
			r->names[r->nnow++] = chosen->list[i];
	}
	return err;
}

static int
run_now(void *arg)
{
	const struct reverting *r = arg;

	return revert_run(r->v->service->store, r->now, r->nnow);
}

static void
write_reverted(struct verb_call *v, const struct revert *r, int n, const char *when)
{
	for (int i = 0; i < n; i++) {
		proto_row(v->answer, "reverted");
		proto_str(v->answer, "client", r[i].client);
		proto_str(v->answer, "when", when);
		proto_row_end(v->answer);
	}
}

/* Those that were named have the image that is left. */
static int
check_image(struct verb_call *v, const struct chosen *chosen)
{
	struct client c;
	int err = 0;

	for (int i = 0; i < chosen->n && err == 0; i++) {
		err = client_find(v->service->store, chosen->list[i], &c);
		if (err == 0 && strcmp(c.image, chosen->image) != 0)
			err = err_set(EINVAL, "client %s has image %s, not %s", c.name, c.image,
			    chosen->image);
	}
	return err;
}

int
verb_revert(struct verb_call *v)
{
	struct chosen chosen CLEANUP(chosen_free) = { 0 };
	struct reverting r CLEANUP(reverting_free) = { .v = v };
	struct revert as = { 0 };
	int err = read_revert(v, &as, r.keep);

	if (err == 0)
		err = choose_clients(v, &chosen);
	if (err == 0 && chosen.image)
		err = check_image(v, &chosen);
	if (err == 0)
		err = sort_out(&r, &chosen, &as);
	/* First those that wait: what can't be done is then found before anything is. */
	if (err == 0 && r.nboot)
		err = revert_pend(v->service->store, r.boot, r.nboot);
	if (err == 0 && r.nnow && v->service->peers)
		err = peers_without_all(v->service->peers, r.names, r.nnow, run_now, &r);
	else if (err == 0 && r.nnow)
		err = run_now(&r);
	if (err < 0)
		return err;
	write_reverted(v, r.now, r.nnow, "now");
	write_reverted(v, r.boot, r.nboot, "boot");
	return 0;
}

int
verb_cancel(struct verb_call *v)
{
	struct chosen chosen CLEANUP(chosen_free) = { 0 };
	int err = choose_clients(v, &chosen);

	for (int i = 0; i < chosen.n && err == 0; i++)
		err = revert_cancel(v->service->store, chosen.list[i]);
	return err;
}

/* --- clones and settings --- */

struct cloning {
	struct verb_call *v;
	const char *from, *snapshot;
	struct client_options options;
};

static int
clone_view(void *arg, struct view *const *views)
{
	const struct cloning *k = arg;
	struct snapshot_of of = { k->from, views ? views[0] : NULL };

	return client_clone(k->v->service->store, &of, k->snapshot, &k->options);
}

int
verb_client_clone(struct verb_call *v)
{
	struct cloning k = { .v = v, .snapshot = proto_get(v->request, "snapshot", 0) };
	const char *any = proto_get(v->request, "any_address", 0);
	struct client_options *o = &k.options;
	int err = verb_need(v, "from", &k.from);

	if (err == 0)
		err = verb_need(v, "name", &o->name);
	if (err < 0)
		return err;
	o->group = proto_get(v->request, "group", 0);
	o->any_address = any && strcmp(any, "yes") == 0;
	if ((err = verb_take_marks(v->request, o, 1)) < 0)
		return err;
	if (v->service->peers)
		err = peers_with(v->service->peers, &k.from, 1, clone_view, &k);
	else
		err = clone_view(&k, NULL);
	return verb_help_client(v, err);
}

struct setting {
	struct verb_call *v;
	const struct chosen *chosen;
	struct client_set set;
	struct client_options marks;
	struct keeps *keeps; /* NULL: they stay */
};

static int
set_all(void *arg)
{
	const struct setting *k = arg;
	struct store *store = k->v->service->store;
	int err = 0;

	for (int i = 0; i < k->chosen->n && err == 0; i++)
		err = client_set(store, k->chosen->list[i], &k->set);
	if (!k->keeps || err < 0)
		return err;
	if (k->chosen->group) {
		char owner[67];

		snprintf(owner, sizeof(owner), "@%s", k->chosen->group);
		return keep_set(store, owner, k->keeps);
	}
	for (int i = 0; i < k->chosen->n && err == 0; i++)
		err = keep_set(store, k->chosen->list[i], k->keeps);
	return err;
}

/* keep: paths, of which one that is empty means none. */
static int
read_keeps(const struct verb_call *v, struct setting *k)
{
	const char *path;
	int err = 0;

	for (int i = 0; err == 0 && (path = proto_get(v->request, "keep", i)); i++) {
		if (!k->keeps && !(k->keeps = calloc(1, sizeof(*k->keeps))))
			return -ENOMEM;
		if (*path)
			err = keep_add(k->keeps, path);
	}
	return err;
}

static int
read_setting(const struct verb_call *v, struct setting *k)
{
	const char *quota = proto_get(v->request, "quota", 0),
		   *lose = proto_get(v->request, "volatile", 0),
		   *any = proto_get(v->request, "any_address", 0);

	k->set.group = proto_get(v->request, "to_group", 0);
	if (quota) {
		k->set.set_quota = true;
		k->set.quota = strtoull(quota, NULL, 10);
	}
	if (lose) {
		k->set.set_volatile = true;
		k->set.is_volatile = strcmp(lose, "yes") == 0;
	}
	if (any) {
		k->set.set_any_address = true;
		k->set.any_address = strcmp(any, "yes") == 0;
	}
	if (proto_get(v->request, "address", 0) || proto_get(v->request, "mac", 0) ||
	    proto_get(v->request, "serial", 0)) {
		int err = verb_take_marks(v->request, &k->marks, 1);

		if (err == 0 && k->chosen->n > 1)
			err = err_set(
			    EINVAL, "an address, MAC or serial number is one client's only");
		if (err < 0)
			return err;
		k->marks.name = k->chosen->list[0];
		k->set.set_marks = true;
		k->set.marks = &k->marks;
	}
	return read_keeps(v, k);
}

int
verb_client_set(struct verb_call *v)
{
	struct chosen chosen CLEANUP(chosen_free) = { 0 };
	struct setting k = { .v = v, .chosen = &chosen };
	int err = choose_clients(v, &chosen);

	if (err == 0)
		err = read_setting(v, &k);
	if (err == 0 && v->service->peers)
		err = peers_without_all(v->service->peers, chosen.list, chosen.n, set_all, &k);
	else if (err == 0)
		err = set_all(&k);
	free(k.keeps);
	return verb_help_client(v, err);
}

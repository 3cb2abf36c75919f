/* Verbs about clients. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/keep.h"
#include "cow/revert.h"
#include "cow/view.h"
#include "server/ctl/verbs_priv.h"
#include "server/peer.h"

struct listing {
	struct verb_call *call;
	struct verb_use *use;
};

static int
count_snapshot(void *arg, const struct snapshot *s)
{
	(void)s;
	++*(uint64_t *)arg;
	return 0;
}

static void
write_keeps(const struct verb_call *v, const struct client *c)
{
	CLEANUP_FREE struct keeps *k = calloc(1, sizeof(*k));
	char text[KEEP_PATH * 2] = "";

	if (!k || keep_of(v->service->store, c, k) < 0)
		return;
	for (int i = 0; i < k->n; i++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", i ? "," : "", k->paths[i]);
	}
	proto_str(v->answer, "keep", text);
}

/* What waits, as a person says it. */
static void
write_pending(const struct verb_call *v, const struct client *c)
{
	struct revert_pending p;
	char text[160] = "";

	if (revert_pending(v->service->store, c->name, &p) == 1) {
		free(p.keep);
		snprintf(text, sizeof(text), "%s%s",
		    p.kind == SNAPSHOT_RESET      ? "reset"
		    : p.kind == SNAPSHOT_ROLLBACK ? "rollback to "
		    : p.kind == SNAPSHOT_UPDATE   ? "update to "
						  : "undo",
		    p.kind == SNAPSHOT_ROLLBACK ? p.snapshot : p.image);
	}
	proto_str(v->answer, "pending", text);
}

static void
write_settings(const struct verb_call *v, const struct client *c)
{
	uint64_t snapshots = 0;

	snapshot_each(v->service->store, c->name, count_snapshot, &snapshots);
	proto_uint(v->answer, "snapshots", snapshots);
	proto_str(v->answer, "group", c->group);
	proto_uint(v->answer, "quota", c->quota);
	proto_uint(v->answer, "quota_used", c->delta_bytes + c->delta_files * VIEW_FILE_COST);
	proto_uint(v->answer, "volatile", c->is_volatile);
	write_keeps(v, c);
	write_pending(v, c);
}

/* n texts, each in `size` bytes, with commas. */
static void
write_list(struct proto_text *t, const char *key, const char *texts, size_t size, int n)
{
	char all[CLIENT_ADDRESSES * 48] = "";
	size_t at = 0;

	for (int i = 0; i < n && at < sizeof(all); i++)
		at += (size_t)snprintf(
		    all + at, sizeof(all) - at, "%s%s", i ? "," : "", texts + (size_t)i * size);
	proto_str(t, key, all);
}

static int
write_client(void *arg, const struct client *c)
{
	struct listing *l = arg;
	struct proto_text *t = l->call->answer;
	char hex[ID_HEX_SIZE];

	id_hex(&c->id, hex);
	proto_row(t, "client");
	proto_str(t, "name", c->name);
	proto_str(t, "image", c->image);
	proto_str(t, "view", hex);
	write_list(t, "addresses", c->addresses[0], sizeof(c->addresses[0]), c->naddresses);
	proto_str(t, "learned", c->learned);
	proto_str(t, "serial", c->serial);
	write_list(t, "macs", c->macs[0], sizeof(c->macs[0]), c->nmacs);
	proto_uint(t, "any_address", c->any_address);
	proto_uint(t, "created", (uint64_t)c->created);
	proto_uint(t, "delta_files", c->delta_files);
	proto_uint(t, "delta_bytes", c->delta_bytes);
	verb_use_row(l->call, l->use, c->name);
	write_settings(l->call, c);
	proto_row_end(t);
	return 0;
}

int
verb_client_list(struct verb_call *v)
{
	struct verb_use *use CLEANUP(verb_use_free) = NULL;
	struct listing l = { v };
	int err = verb_use_get(v, &use);

	l.use = use;
	return err < 0 ? err : client_each(v->service->store, write_client, &l);
}

int
verb_client_show(struct verb_call *v)
{
	struct verb_use *use CLEANUP(verb_use_free) = NULL;
	struct listing l = { v };
	struct client client;
	const char *name;
	int err = verb_need(v, "name", &name);

	if (err == 0)
		err = client_find(v->service->store, name, &client);
	if (err == 0)
		err = verb_use_get(v, &use);
	l.use = use;
	return err < 0 ? verb_help_client(v, err) : write_client(&l, &client);
}

static const char **
at_address(struct client_options *o)
{
	return &o->addresses[o->naddresses++];
}

static const char **
at_mac(struct client_options *o)
{
	return &o->macs[o->nmacs++];
}

static const char **
at_serial(struct client_options *o)
{
	return &o->serial;
}

/* The values of a key for the only client, at most `most` of them, or one for each of n clients in
 * their order; or none. at(o) is where the next one goes. */
static int
take_values(const struct proto_request *r, const char *key, const char *words,
    struct client_options *o, int n, int most, const char **(*at)(struct client_options *))
{
	int values = 0;

	while (proto_get(r, key, values))
		values++;
	if (n == 1 && values > most)
		return err_set(EINVAL, "a client can have %d %s at most%s", most, words,
		    at == at_address ? "; --any-address lets it come from all" : "");
	if (n > 1 && values && values != n)
		return err_set(EINVAL,
		    "%d clients take %d %s, one for each in the same order, not %d", n, n, words,
		    values);
	for (int i = 0; i < values; i++)
		*at(&o[n > 1 ? i : 0]) = proto_get(r, key, i);
	return 0;
}

int
verb_take_marks(const struct proto_request *r, struct client_options *o, int n)
{
	int err = take_values(r, "address", "addresses", o, n, CLIENT_ADDRESSES_GIVEN, at_address);

	if (err == 0)
		err = take_values(r, "mac", "MACs", o, n, CLIENT_MACS, at_mac);
	return err < 0 ? err : take_values(r, "serial", "serial numbers", o, n, 1, at_serial);
}

/* The clients of a request, whose names there are n of. */
static int
take_clients(struct verb_call *v, struct client_options *o, int n)
{
	const char *any = proto_get(v->request, "any_address", 0), *image;
	int err = verb_need(v, "image", &image);

	if (err < 0)
		return err;
	for (int i = 0; i < n; i++) {
		o[i].name = proto_get(v->request, "name", i);
		o[i].image = image;
		o[i].group = proto_get(v->request, "group", 0);
		o[i].any_address = any && strcmp(any, "yes") == 0;
	}
	return verb_take_marks(v->request, o, n);
}

static int
write_added(struct verb_call *v, const struct client_options *o, int n)
{
	struct verb_use *use CLEANUP(verb_use_free) = NULL;
	struct listing l = { v };
	struct client client;
	int err = verb_use_get(v, &use);

	l.use = use;
	for (int i = 0; i < n && err == 0; i++) {
		err = client_find(v->service->store, o[i].name, &client);
		if (err == 0)
			err = write_client(&l, &client);
	}
	return err;
}

/* Machines that knocked become clients. */
static int
add_pending(struct verb_call *v)
{
	CLEANUP_FREE struct verb_take_pis *taken = calloc(1, sizeof(*taken));
	CLEANUP_FREE struct client_options *o = calloc(VERB_PIS, sizeof(*o));
	const char *image;
	int err = taken && o ? verb_need(v, "image", &image) : -ENOMEM;

	if (err < 0 || (err = verb_take_pending(v, taken)) < 0)
		return err;
	for (int i = 0; i < taken->n; i++) {
		const struct pi_sighting *pi = &taken->pis[i].pi;

		o[i] = (struct client_options){ .name = taken->names[i],
			.image = image,
			.group = proto_get(v->request, "group", 0),
			.serial = *pi->serial ? pi->serial : NULL,
			.nmacs = *pi->mac != '\0',
			.macs = { pi->mac } };
		if (!*pi->serial && !*pi->mac)
			return err_set(EINVAL,
			    "of the pending Pi %u only its address is known: rubus client add %s"
			    " --address",
			    taken->pis[i].number, taken->names[i]);
	}
	err = clients_add(v->service->store, o, taken->n);
	return err < 0 ? verb_help_image(v, err) : write_added(v, o, taken->n);
}

int
verb_client_add(struct verb_call *v)
{
	CLEANUP_FREE struct client_options *o = NULL;
	const char *name;
	int n = 0, err;

	if (proto_get(v->request, "pending", 0) || proto_get(v->request, "all_pending", 0))
		return add_pending(v);
	err = verb_need(v, "name", &name);
	if (err < 0)
		return err;
	while (proto_get(v->request, "name", n))
		n++;
	o = calloc((size_t)n, sizeof(*o));
	if (!o)
		return err_set(ENOMEM, "out of memory for %d clients", n);
	err = take_clients(v, o, n);
	if (err == 0)
		err = clients_add(v->service->store, o, n);
	return err < 0 ? verb_help_image(v, err) : write_added(v, o, n);
}

struct removal {
	struct store *store;
	const char *name;
};

static int
remove_client(void *arg)
{
	const struct removal *r = arg;

	return client_remove(r->store, r->name);
}

int
verb_client_remove(struct verb_call *v)
{
	struct removal r = { v->service->store };
	int err = verb_need(v, "name", &r.name);

	if (err == 0 && v->service->peers)
		err = peers_without(v->service->peers, r.name, remove_client, &r);
	else if (err == 0)
		err = remove_client(&r);
	return verb_help_client(v, err);
}

/* Somebody on this machine wants to change it (rubus mount --write). */
int
verb_client_let_go(struct verb_call *v)
{
	struct client c;
	const char *name;
	int err = verb_need(v, "name", &name);

	if (err == 0)
		err = client_find(v->service->store, name, &c);
	if (err < 0 || !v->service->peers)
		return err;
	if (!proto_get(v->request, "now", 0) && peers_in_use(v->service->peers, &c))
		return err_set(EBUSY,
		    "client %s has called within the last quarter of an hour: if it is shut down,"
		    " --now takes it",
		    c.name);
	peers_drop(v->service->peers, c.name);
	return 0;
}

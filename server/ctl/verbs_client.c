/* Verbs about clients. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/ctl/verbs_priv.h"
#include "server/peer.h"

struct listing {
	struct verb_call *call;
	struct verb_use *use;
};

static int
write_client(void *arg, const struct client *c)
{
	struct listing *l = arg;
	struct proto_text *t = l->call->answer;
	char hex[ID_HEX_SIZE], addresses[CLIENT_ADDRESSES * 48] = "";

	for (int i = 0; i < c->naddresses; i++) {
		size_t n = strlen(addresses);

		snprintf(
		    addresses + n, sizeof(addresses) - n, "%s%s", i ? "," : "", c->addresses[i]);
	}
	id_hex(&c->id, hex);
	proto_row(t, "client");
	proto_str(t, "name", c->name);
	proto_str(t, "image", c->image);
	proto_str(t, "view", hex);
	proto_str(t, "addresses", addresses);
	proto_uint(t, "any_address", c->any_address);
	proto_uint(t, "created", (uint64_t)c->created);
	proto_uint(t, "delta_files", c->delta_files);
	proto_uint(t, "delta_bytes", c->delta_bytes);
	verb_use_row(l->call, l->use, c->name);
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

int
verb_client_add(struct verb_call *v)
{
	const char *any = proto_get(v->request, "any_address", 0), *address;
	struct client_options o = { .any_address = any && strcmp(any, "yes") == 0 };
	int err = verb_need(v, "name", &o.name);

	if (err == 0)
		err = verb_need(v, "image", &o.image);
	if (err < 0)
		return err;
	while ((address = proto_get(v->request, "address", o.naddresses)) != NULL) {
		if (o.naddresses == CLIENT_ADDRESSES)
			return err_set(EINVAL,
			    "a client can have %d addresses at most; "
			    "--any-address lets it come from all",
			    CLIENT_ADDRESSES);
		o.addresses[o.naddresses++] = address;
	}
	return verb_help_image(v, client_add(v->service->store, &o));
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

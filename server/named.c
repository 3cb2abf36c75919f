/* From a name to an open view. */
#include "server/named.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cow/err.h"
#include "cow/lease.h"
#include "cow/snapshot.h"

static const struct {
	const char *prefix;
	enum named_kind kind;
} prefixes[] = { { "client:", NAMED_CLIENT }, { "image:", NAMED_IMAGE } };

int
named_parse(const char *text, struct named *out)
{
	const char *at;
	int err;

	*out = (struct named){ .kind = NAMED_ANY };
	for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !out->kind; i++) {
		size_t n = strlen(prefixes[i].prefix);

		if (strncmp(text, prefixes[i].prefix, n) == 0) {
			out->kind = prefixes[i].kind;
			text += n;
		}
	}
	at = strchrnul(text, '@');
	if (at - text >= (long)sizeof(out->name) || strlen(at) > sizeof(out->snapshot))
		return err_set(EINVAL, "%.200s: too long a name", text);
	memcpy(out->name, text, (size_t)(at - text));
	if ((err = name_check("what is mounted", out->name)) < 0 || !*at)
		return err;
	strcpy(out->snapshot, at + 1);
	if (out->kind == NAMED_IMAGE)
		return err_set(EINVAL, "%s: an image has no snapshots", text);
	out->kind = NAMED_CLIENT;
	return name_check("a snapshot", out->snapshot);
}

/* What a name came to: a layer on an image, or the image alone (layer 0). */
struct found {
	struct client client; /* where it is one's head */
	bool is_client;
	struct id image;
	uint64_t layer;
};

static int
find_snapshot(struct store *s, const struct named *n, struct found *out)
{
	struct snapshot snapshot;
	int err = snapshot_find(s, n->name, n->snapshot, &snapshot);

	out->image = snapshot.image_id;
	out->layer = snapshot.layer;
	return err;
}

static int
find_image(struct store *s, const struct named *n, struct found *out)
{
	struct image_info info;
	int err = store_image_find(s, n->name, &info);

	out->image = info.id;
	return err;
}

static int
find_client(struct store *s, const struct named *n, struct found *out)
{
	int err = client_find(s, n->name, &out->client);

	out->is_client = err == 0;
	out->image = out->client.image_id;
	out->layer = out->client.head;
	return err;
}

static int
find(struct store *s, const struct named *n, struct found *out)
{
	int client = -ENOENT, image = -ENOENT;
	struct found other = { 0 };

	memset(out, 0, sizeof(*out));
	if (*n->snapshot)
		return find_snapshot(s, n, out);
	if (n->kind != NAMED_CLIENT)
		image = find_image(s, n, &other);
	if (n->kind != NAMED_IMAGE)
		client = find_client(s, n, out);
	if (client == 0 && image == 0)
		return err_set(EINVAL, "%s is a client and an image: say client:%s or image:%s",
		    n->name, n->name, n->name);
	if (n->kind == NAMED_ANY && client == -ENOENT && image == -ENOENT)
		return err_set(ENOENT, "there is no client and no image %s", n->name);
	if (client == -ENOENT && n->kind != NAMED_CLIENT) {
		*out = other;
		return image;
	}
	return client;
}

static int
open_to_look(struct store *s, const struct named *n, struct view **out)
{
	struct found f;
	int err = find(s, n, &f);

	if (err == 0 && f.layer)
		err = store_freeze(s, f.layer);
	return err < 0 ? err : view_open_layer(s, &f.image, f.layer, false, out);
}

/* A client, and its lease. */
static int
take(struct store *s, const struct named *n, struct client *out, struct lease **lease)
{
	struct found f;
	int err;

	if (*n->snapshot)
		return err_set(
		    EROFS, "%s@%s: a snapshot can only be looked at", n->name, n->snapshot);
	err = find(s, n, &f);
	if (err == 0 && !f.is_client)
		err = err_set(EROFS, "%s: an image can only be looked at", n->name);
	*out = f.client;
	return err < 0 ? err : lease_get(s, out, lease);
}

/* It is looked up again under its lease: its head may have been replaced before. */
static int
open_to_change(struct store *s, const struct named *n, struct view **out)
{
	struct lease *lease;
	struct client c;
	int err = take(s, n, &c, &lease);

	if (err < 0)
		return err;
	err = client_find(s, n->name, &c);
	if (err == 0)
		err = view_open(s, &c, out);
	lease_release(lease);
	return err;
}

static int
open_store(const char *path, bool write, struct store **out)
{
	struct store_options options = { .mode = write ? STORE_CHANGE : STORE_LOOK };

	return store_open(path, &options, out);
}

int
check_named_view(const char *store, const struct named *n, bool write)
{
	struct lease *lease = NULL;
	struct client c;
	struct found f;
	struct store *s;
	int err = open_store(store, write, &s);

	if (err < 0)
		return err;
	err = write ? take(s, n, &c, &lease) : find(s, n, &f);
	if (err == 0)
		lease_release(lease);
	store_close(s);
	return err;
}

int
open_named_view(const char *store, const struct named *n, bool write, struct store **out_store,
    struct view **out_view)
{
	int err = open_store(store, write, out_store);

	if (err < 0)
		return err;
	err =
	    write ? open_to_change(*out_store, n, out_view) : open_to_look(*out_store, n, out_view);
	if (err < 0)
		store_close(*out_store);
	return err;
}

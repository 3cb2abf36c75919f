/* The verb that makes an image one for the network: through a client that lives as long as that
 * takes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cow/commit.h"
#include "cow/err.h"
#include "cow/snapshot.h"
#include "cow/view.h"
#include "server/boot/prepare.h"
#include "server/ctl/verbs_priv.h"

struct preparing {
	struct verb_call *v;
	const char *image;
	char client[65], made[65], raw[65];
};

static void
note(void *arg, const char *sentence)
{
	struct verb_call *v = arg;

	proto_row(v->answer, "note");
	proto_str(v->answer, "text", sentence);
	proto_row_end(v->answer);
}

/* Is it what we know? 1, 0. */
static int
look(struct verb_call *v, const struct id *image)
{
	struct view *view;
	int rc = view_open_layer(v->service->store, image, 0, false, &view);

	if (rc < 0)
		return rc;
	rc = prepare_knows(view);
	view_close(view);
	return rc;
}

/* 1: it was changed; 0: nothing had to be. */
static int
change(struct preparing *p, const struct client *c)
{
	struct view *view;
	int rc = view_open(p->v->service->store, c, &view), end;

	if (rc < 0)
		return rc;
	rc = prepare_view(view, note, p->v);
	end = view_flush(view);
	view_close(view);
	return rc < 0 ? rc : end < 0 ? end : rc > 0;
}

/* What the client has become takes the image's name. */
static int
put_in_place(struct preparing *p, const struct client *c, struct image_info *out)
{
	struct store *store = p->v->service->store;
	struct snapshot_of of = { c->name, NULL };
	struct snapshot s;
	int rc = snapshot_create(store, &of, 1, "prepared", "");

	if (rc == 0)
		rc = snapshot_find(store, c->name, "prepared", &s);
	if (rc == 0)
		rc = image_commit(store, &s.image_id, s.layer, p->made, out);
	return rc < 0 ? rc : store_image_replace(store, p->image, p->made, p->raw);
}

static int
prepare(struct preparing *p, struct image_info *out)
{
	struct store *store = p->v->service->store;
	struct client_options o = { .name = p->client, .image = p->image };
	char why[300] = "";
	struct client c;
	int rc = client_add(store, &o), end;

	if (rc < 0)
		return rc;
	rc = client_find(store, p->client, &c);
	if (rc == 0)
		rc = change(p, &c);
	if (rc == 1)
		rc = put_in_place(p, &c, out);
	if (rc < 0)
		snprintf(why, sizeof(why), "%s", err_text(rc));
	end = client_remove(store, p->client);
	if (rc < 0)
		return err_set(-rc, "%s can't be prepared: %s", p->image, why);
	return end < 0 ? end : 0;
}

static int
write_known(struct verb_call *v, bool known)
{
	proto_row(v->answer, "prepared");
	proto_uint(v->answer, "known", known);
	proto_row_end(v->answer);
	return 0;
}

int
verb_image_prepare(struct verb_call *v)
{
	struct preparing p = { .v = v };
	struct image_info info;
	int rc = verb_need(v, "name", &p.image), known;

	if (rc == 0)
		rc = store_image_find(v->service->store, p.image, &info);
	if (rc < 0)
		return verb_help_image(v, rc);
	known = look(v, &info.id);
	if (known == 0)
		return write_known(v, false);
	if (info.clients)
		return err_set(EBUSY, "clients use %s: only a new image can be prepared", p.image);
	snprintf(p.client, sizeof(p.client), "prepare-%ld", (long)time(NULL));
	if (snprintf(p.made, sizeof(p.made), "%s.prepared", p.image) >= (int)sizeof(p.made))
		return err_set(ENAMETOOLONG, "%s: too long a name", p.image);
	snprintf(p.raw, sizeof(p.raw), "%s.raw", p.image);
	if (store_image_find(v->service->store, p.raw, &info) == 0)
		return err_set(EEXIST, "there is an image %s already", p.raw);
	rc = known < 0 ? known : prepare(&p, &info);
	return rc < 0 ? rc : write_known(v, true);
}

/* Verbs that look at states, or make images of them: diff, image commit. A state is a client, or
 * one of its snapshots, or an image. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cow/commit.h"
#include "cow/diff.h"
#include "cow/err.h"
#include "cow/snapshot.h"
#include "server/ctl/verbs_priv.h"
#include "server/peer.h"

/* --- which state --- */

struct asked {
	char name[65], snapshot[65]; /* snapshot "": the client as it is, or the image */
};

/* "NAME" or "NAME@SNAPSHOT". */
static int
read_state(const char *text, struct asked *out)
{
	const char *at = strchr(text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text);

	if (n == 0 || n >= sizeof(out->name) || (at && strlen(at + 1) >= sizeof(out->snapshot)) ||
	    (at && !at[1]))
		return err_set(EINVAL, "\"%.80s\": NAME or NAME@SNAPSHOT is meant", text);
	snprintf(out->name, sizeof(out->name), "%.*s", (int)n, text);
	snprintf(out->snapshot, sizeof(out->snapshot), "%s", at ? at + 1 : "");
	return 0;
}

static int
flush_view(void *arg, struct view *const *views)
{
	(void)arg;
	return views[0] ? view_flush(views[0]) : 0;
}

/* As it is on disk, which is what was acknowledged and what was written up to now. */
static int
client_side(struct verb_call *v, const struct client *c, struct diff_side *out)
{
	const char *name = c->name;
	struct client now;
	int err = 0;

	if (v->service->peers)
		err = peers_with(v->service->peers, &name, 1, flush_view, NULL);
	if (err == 0)
		err = client_find(v->service->store, name, &now);
	if (err == 0)
		*out = (struct diff_side){ now.image_id, now.head };
	return err;
}

/* base: what a client or snapshot lies on. */
static int
find_side(struct verb_call *v, const char *text, struct diff_side *out, struct diff_side *base)
{
	struct store *store = v->service->store;
	struct image_info info;
	struct snapshot s;
	struct asked a;
	struct client c;
	int err = read_state(text, &a);

	if (err < 0)
		return err;
	if (*a.snapshot) {
		err = client_find(store, a.name, &c);
		if (err < 0)
			return verb_help_client(v, err);
		err = snapshot_find(store, a.name, a.snapshot, &s);
		*out = (struct diff_side){ s.image_id, s.layer };
		*base = (struct diff_side){ s.image_id, 0 };
		return err;
	}
	if (client_find(store, a.name, &c) == 0) {
		*base = (struct diff_side){ c.image_id, 0 };
		return client_side(v, &c, out);
	}
	err = store_image_find(store, a.name, &info);
	if (err == -ENOENT)
		return err_set(ENOENT, "there is no client and no image %s", a.name);
	*out = *base = (struct diff_side){ info.id, 0 };
	return err;
}

/* --- diff --- */

static const char *
type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "symlink";
	case S_IFREG:
		return "file";
	case S_IFCHR:
	case S_IFBLK:
		return "device";
	case S_IFIFO:
		return "fifo";
	default:
		return "socket";
	}
}

static int
write_entry(void *arg, const struct diff_entry *e)
{
	static const char *const kinds[] = { [DIFF_ADDED] = "added",
		[DIFF_REMOVED] = "removed",
		[DIFF_CHANGED] = "changed",
		[DIFF_ATTRIBUTES] = "attributes" };
	struct verb_call *v = arg;
	struct proto_text *t = v->answer;

	proto_row(t, "diff");
	proto_str(t, "kind", kinds[e->kind]);
	proto_str(t, "path", e->path);
	proto_str(t, "type", type_of(e->mode));
	proto_uint(t, "size", e->size);
	proto_uint(t, "old_size", e->old_size);
	proto_row_end(t);
	return 0;
}

int
verb_diff(struct verb_call *v)
{
	struct diff_side now, old, base, other;
	const char *name, *to;
	int err = verb_need(v, "name", &name);

	if (err == 0)
		err = find_side(v, name, &now, &base);
	if (err < 0)
		return err;
	to = proto_get(v->request, "to", 0);
	if (!to)
		return diff_run(v->service->store, &base, &now, write_entry, v);
	/* With two, the first is the older one. */
	old = now;
	err = find_side(v, to, &now, &other);
	return err < 0 ? err : diff_run(v->service->store, &old, &now, write_entry, v);
}

/* --- image commit --- */

struct cut {
	struct verb_call *v;
	const char *client;
	char name[65];
};

static int
cut_client(void *arg, struct view *const *views)
{
	const struct cut *c = arg;
	struct snapshot_of of = { c->client, views ? views[0] : NULL };

	return snapshot_create(
	    c->v->service->store, &of, 1, c->name, "while an image was made of it");
}

/* A client that runs is cut, so that the image is of one moment; the cut has a name only as long as
 * it is needed. */
static int
commit_now(struct verb_call *v, const char *client, const char *name, struct image_info *out)
{
	struct store *store = v->service->store;
	struct cut c = { .v = v, .client = client };
	struct snapshot s;
	int err, end;

	snprintf(c.name, sizeof(c.name), "image-commit-%ld", (long)time(NULL));
	if (v->service->peers)
		err = peers_with(v->service->peers, &client, 1, cut_client, &c);
	else
		err = cut_client(&c, NULL);
	if (err < 0)
		return verb_help_client(v, err);
	err = snapshot_find(store, client, c.name, &s);
	if (err == 0)
		err = image_commit(store, &s.image_id, s.layer, name, out);
	if (err < 0) {
		char why[300];

		snprintf(why, sizeof(why), "%s", err_text(err));
		snapshot_remove(store, client, c.name);
		return err_set(-err, "%s", why);
	}
	end = snapshot_remove(store, client, c.name);
	return end < 0 ? end : 0;
}

int
verb_image_commit(struct verb_call *v)
{
	struct store *store = v->service->store;
	struct image_info info;
	const char *from, *name;
	struct snapshot s;
	struct asked a;
	int err = verb_need(v, "from", &from);

	if (err == 0)
		err = verb_need(v, "name", &name);
	if (err == 0)
		err = read_state(from, &a);
	if (err == 0)
		err = name_check("an image", name);
	if (err == 0 && store_image_find(store, name, &info) == 0)
		err = err_set(EEXIST, "there is an image %s already", name);
	if (err < 0)
		return err;
	if (!*a.snapshot) {
		err = commit_now(v, a.name, name, &info);
	} else {
		err = snapshot_find(store, a.name, a.snapshot, &s);
		if (err == 0)
			err = image_commit(store, &s.image_id, s.layer, name, &info);
	}
	return err < 0 ? err : verb_write_image(v, &info);
}

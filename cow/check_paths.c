/* Which files need the blocks that are damaged: each image's, each client's and snapshot's own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/check_priv.h"
#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/listing.h"
#include "cow/view.h"

#define PATH_BYTES 65536u
#define DEPTH_MAX  2048

struct walk {
	struct check *check;
	struct view *view;
	const char *what; /* "image pios" */
	bool own;         /* only what isn't the image's */
	int depth;
	size_t n;
	char path[PATH_BYTES];
};

static bool
is_bad(void *arg, const struct id *id)
{
	return check_is_bad(arg, id);
}

static int
check_file(struct walk *w, uint32_t ino)
{
	uint64_t off;
	int r = view_find_block(w->view, ino, w->own, is_bad, w->check, &off);

	if (r == 0 || r == -ENOMEM)
		return r;
	if (r < 0)
		return check_tell(w->check, "%s: %s: %s", w->what, w->path, err_text(r));
	return check_tell(
	    w->check, "%s: %s: damaged at byte %llu", w->what, w->path, (unsigned long long)off);
}

static int
walk_folder(struct walk *w, uint32_t dir)
{
	struct listing l CLEANUP(listing_free) = { 0 };
	struct view_attr attr;
	int rc = listing_read(w->view, dir, &l);

	if (rc < 0)
		return check_tell(w->check, "%s: %s/: %s", w->what, w->path, err_text(rc));
	if (w->depth == DEPTH_MAX)
		return 0;
	w->depth++;
	for (size_t i = 0; i < l.n && rc == 0; i++) {
		size_t before = w->n;

		if (w->n + l.all[i].n + 2 > PATH_BYTES)
			continue;
		w->path[w->n++] = '/';
		memcpy(w->path + w->n, l.all[i].bytes, l.all[i].n);
		w->n += l.all[i].n;
		w->path[w->n] = '\0';
		rc = view_getattr(w->view, l.all[i].ino, &attr);
		if (rc < 0)
			rc = check_tell(w->check, "%s: %s: %s", w->what, w->path, err_text(rc));
		else if (S_ISDIR(attr.mode))
			rc = walk_folder(w, l.all[i].ino);
		else if (S_ISREG(attr.mode))
			rc = check_file(w, l.all[i].ino);
		w->n = before;
		w->path[w->n] = '\0';
	}
	w->depth--;
	return rc;
}

static int
walk_state(struct check *c, const char *what, const struct id *image, uint64_t layer)
{
	CLEANUP_FREE struct walk *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->check = c;
	w->what = what;
	w->own = layer != 0;
	rc = view_open_layer(c->store, image, layer, false, &w->view);
	if (rc < 0)
		return check_tell(c, "%s: %s", what, err_text(rc));
	rc = walk_folder(w, INO_ROOT);
	view_close(w->view);
	return rc;
}

static int
walk_image(void *arg, const struct image_info *info)
{
	char what[80];

	snprintf(what, sizeof(what), "image %s", info->name);
	return walk_state(arg, what, &info->id, 0);
}

static int
walk_client(void *arg, const struct client *client)
{
	char what[80];

	snprintf(what, sizeof(what), "client %s", client->name);
	return walk_state(arg, what, &client->image_id, client->head);
}

struct state {
	char what[140];
	struct id image;
	uint64_t layer;
};

static int
state_column(sqlite3_stmt *stmt, void *element)
{
	struct state *s = element;
	struct str client = db_column_str(stmt, 0);
	struct str name;

	snprintf(s->what, sizeof(s->what), "snapshot %.*s@", (int)client.n, client.p);
	name = db_column_str(stmt, 1);
	snprintf(s->what + strlen(s->what), 66, "%.*s", (int)name.n, name.p);
	s->layer = (uint64_t)sqlite3_column_int64(stmt, 2);
	return db_column_id(stmt, 3, &s->image);
}

static int
walk_snapshots(struct check *c)
{
	static const char sql[] =
	    "SELECT client, name, layer, image_id FROM snapshot ORDER BY client, created";
	CLEANUP_FREE struct state *all = NULL;
	struct db *db = db_lend(store_readers(c->store));
	void *gathered = NULL;
	int rc = 0, n;

	if (!db)
		return -EIO;
	n = db_gather(db, db_stmt(db, sql), sizeof(*all), state_column, &gathered);
	db_return(store_readers(c->store), db);
	all = gathered;
	for (int i = 0; i < n && rc == 0; i++)
		rc = walk_state(c, all[i].what, &all[i].image, all[i].layer);
	return n < 0 ? n : rc;
}

int
check_paths(struct check *c)
{
	int rc = store_images(c->store, walk_image, c);

	if (rc < 0)
		return rc;
	rc = client_each(c->store, walk_client, c);
	if (rc == -ENOENT || rc == -EIO) /* a client whose chain is broken; its rows were told of */
		rc = check_tell(c, "clients can't all be looked through: %s", err_text(rc));
	return rc < 0 ? rc : walk_snapshots(c);
}

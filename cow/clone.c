/* A client that begins as another one is, or was. */
#include <errno.h>
#include <stdio.h>

#include "cow/cleanup.h"
#include "cow/client_priv.h"
#include "cow/err.h"
#include "cow/layer.h"
#include "cow/snapshot.h"

struct clone {
	struct client new;
	uint64_t parent; /* of its head */
};

static int
put_clone(struct db *db, void *arg)
{
	const struct clone *c = arg;
	struct layer parent;
	int rc = layer_get(db, c->parent, &parent);

	if (rc == 0)
		rc = layer_create(db, c->new.head, c->parent, &c->new.image_id, parent.next_ino);
	return rc < 0 ? rc : client_insert(db, &c->new);
}

static int
check_free(struct store *s, const struct client *c)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? client_check_free(db, c) : -EIO;

	db_return(store_readers(s), db);
	return rc;
}

static void
take_state(struct clone *c, uint64_t layer, const char *image, const struct id *image_id)
{
	c->parent = layer;
	snprintf(c->new.image, sizeof(c->new.image), "%s", image);
	c->new.image_id = *image_id;
}

int
client_clone(struct store *s, const struct snapshot_of *of, const char *snapshot,
    const struct client_options *o)
{
	struct clone c = { 0 };
	struct snapshot from;
	struct client old;
	int rc = client_prepare(o, &c.new);

	if (rc < 0)
		return rc;
	SCOPED_LOCK(store_catalogue(s));
	if ((rc = client_find(s, of->client, &old)) < 0 || (rc = check_free(s, &c.new)) < 0)
		return rc;
	if (!*c.new.group)
		snprintf(c.new.group, sizeof(c.new.group), "%s", old.group);
	c.new.head = store_new_layer(s);
	if (snapshot) {
		if ((rc = snapshot_find(s, old.name, snapshot, &from)) < 0)
			return rc;
		take_state(&c, from.layer, from.image, &from.image_id);
		return store_write(s, put_clone, &c);
	}
	take_state(&c, old.head, old.image, &old.image_id);
	return snapshot_cut(s, of, put_clone, &c);
}

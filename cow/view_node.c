/* A view's inodes. What is golden has no node: a bit for each golden inode tells, without a look at
 * the disk, that the chain says nothing about it, so an unchanged file costs a client nothing. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/err.h"

static bool
touched(const struct view *v, uint32_t ino)
{
	return v->touched[ino / 8] >> ino % 8 & 1;
}

static void
touch(struct view *v, uint32_t ino)
{
	if (ino <= v->last_golden)
		v->touched[ino / 8] |= (uint8_t)(1 << ino % 8);
}

bool
node_golden(const struct view *v, uint32_t ino)
{
	return ino <= v->last_golden && !touched(v, ino);
}

static struct node **
bucket(struct view *v, uint32_t ino)
{
	return &v->buckets[(ino * 0x9e3779b1u >> 7) & (v->nbuckets - 1)];
}

static struct node *
find(struct view *v, uint32_t ino)
{
	struct node *n = v->nbuckets ? *bucket(v, ino) : NULL;

	while (n && n->i.ino != ino)
		n = n->chain;
	if (n && n->cuts != v->cuts) {
		node_sink(n);
		n->cuts = v->cuts;
	}
	return n;
}

static int
grow(struct view *v)
{
	uint32_t old = v->nbuckets, size = old ? old * 2 : 64;
	struct node **from = v->buckets, **b = calloc(size, sizeof(*b));

	if (!b)
		return -ENOMEM;
	v->buckets = b;
	v->nbuckets = size;
	for (uint32_t i = 0; i < old; i++) {
		while (from[i]) {
			struct node *n = from[i], **to = bucket(v, n->i.ino);

			from[i] = n->chain;
			n->chain = *to;
			*to = n;
		}
	}
	free(from);
	v->memory += (size - old) * sizeof(*b);
	return 0;
}

static int
insert(struct view *v, const struct inode *i, struct str target, struct node **out)
{
	struct node *n, **b;

	if (v->nnodes >= v->nbuckets && grow(v) < 0)
		return -ENOMEM;
	n = calloc(1, sizeof(*n) + target.n);
	if (!n)
		return -ENOMEM;
	n->i = *i;
	n->used = true;
	n->cuts = v->cuts;
	n->cut = BELOW_ALL;
	if (target.n) {
		n->target = (char *)(n + 1);
		n->ntarget = target.n;
		memcpy(n->target, target.p, target.n);
	}
	b = bucket(v, i->ino);
	n->chain = *b;
	*b = n;
	v->nnodes++;
	v->memory += sizeof(*n) + target.n;
	*out = n;
	return 0;
}

/* Whether something under the head has it: numbers rise from layer to layer. */
static bool
is_beneath(const struct view *v, uint32_t ino)
{
	return ino <= v->last_golden || (v->nlayers > 1 && ino < v->layers[1].next_ino);
}

static int
load_row(struct view *v, struct db *db, int layer, uint32_t ino, struct node **out)
{
	char target[TARGET_BYTES_MAX + 1];
	struct inode i;
	uint32_t n;
	int err, row = inode_get(db, v->layers[layer].id, ino, &i, target, &n);

	if (row != 1)
		return row;
	if (!i.nlink)
		return -ESTALE;
	if (layer > 0) {
		i.below = BELOW_ALL;
		i.own = 0;
	}
	err = insert(v, &i, (struct str){ target, n }, out);
	if (err)
		return err;
	(*out)->in_head = layer == 0;
	(*out)->beneath = is_beneath(v, ino);
	return 1;
}

static int
load(struct view *v, uint32_t ino, struct node **out)
{
	struct db *db = db_lend(store_readers(v->store));
	int row = 0;

	if (!db)
		return -EIO;
	row = filters_build(v, db);
	for (int k = 0; k < v->nlayers && row == 0; k++)
		if (filter_may_have(v, k, ino))
			row = load_row(v, db, k, ino, out);
	db_return(store_readers(v->store), db);
	if (row < 0)
		return row;
	return row ? 0 : err_set(ESTALE, "no inode %u", ino);
}

static int
from_image(struct view *v, uint32_t ino, struct node **out)
{
	char target[TARGET_BYTES_MAX + 1];
	struct inode i;
	int n = 0, err = image_inode(v->image, ino, &i);

	if (!err && S_ISLNK(i.mode))
		n = image_target(v->image, ino, target);
	if (err || n < 0)
		return err ? err : n;
	i.below = BELOW_ALL;
	i.own = 0;
	err = insert(v, &i, (struct str){ target, (uint32_t)n }, out);
	if (!err)
		(*out)->beneath = true;
	return err;
}

int
node_get(struct view *v, uint32_t ino, struct node **out)
{
	if (ino < INO_ROOT)
		return err_set(ESTALE, "no inode %u", ino);
	if (!(*out = find(v, ino)))
		return node_golden(v, ino) ? from_image(v, ino, out) : load(v, ino, out);
	(*out)->used = true;
	return (*out)->i.nlink || (*out)->orphan ? 0 : err_set(ESTALE, "inode %u was removed", ino);
}

int
node_attr(struct view *v, uint32_t ino, struct inode *out)
{
	struct node *n;
	int err;

	if (node_golden(v, ino) && ino >= INO_ROOT)
		return image_inode(v->image, ino, out);
	err = node_get(v, ino, &n);
	if (!err)
		*out = n->i;
	return err;
}

int
node_create(struct view *v, const struct inode *like, struct str target, struct node **out)
{
	struct inode i = *like;
	int err;

	if (v->next_ino > INO_MAX)
		return err_set(ENOSPC, "the view has used up its file ids");
	i.ino = v->next_ino;
	i.gen = store_epoch(v->store); /* a crash may have taken the number back */
	i.below = BELOW_ALL;
	i.cookie = COOKIE_FIRST;
	err = insert(v, &i, target, out);
	if (err)
		return err;
	(*out)->complete = true;
	(*out)->has_names = S_ISDIR(i.mode);
	(*out)->has_xattrs = true;
	v->next_ino++;
	return 0;
}

/* The batch that takes the row is noted in the node. */
static int
note(struct view *v, struct node *n)
{
	for (int k = 0; k < v->nchanged; k++)
		if (v->changed[k] == n)
			return 0;
	if (v->nchanged == CHANGED_MAX)
		return -EOVERFLOW;
	v->changed[v->nchanged++] = n;
	return 0;
}

int
node_changed(struct view *v, struct node *n)
{
	int err = change_inode(v->change, v->head_id, &n->i, (struct str){ n->target, n->ntarget });

	if (err)
		return err;
	v->files += !n->in_head;
	n->in_head = true;
	touch(v, n->i.ino);
	return note(v, n);
}

static void
empty(struct view *v, struct node *n)
{
	node_set_dirty(v, n, false);
	piece_forget(v, n);
	run_forget(v, n);
	v->memory -= n->names.memory;
	names_free(&n->names);
	n->has_names = false;
	xattr_forget(v, n);
	n->orphan = false;
}

/* Of its blocks none counts as the head's from here on. */
static void
orphan(struct view *v, struct node *n)
{
	node_set_dirty(v, n, false);
	n->orphan = n->complete = true;
	for (uint32_t i = 0; i < n->nruns; i++)
		n->runs[i].own = 0;
}

/* The node stays, without links, till its batch is durable: the disk still has the old row. */
int
node_drop(struct view *v, struct node *n)
{
	int err;

	v->bytes -= n->i.own < v->bytes ? n->i.own : v->bytes;
	n->i.nlink = 0;
	n->i.own = 0;
	if (node_held(v, n))
		orphan(v, n);
	else
		empty(v, n);
	if (n->beneath) {
		err = node_changed(v, n);
		return err ? err : change_drop_extents(v->change, v->head_id, n->i.ino, 0);
	}
	v->files -= n->in_head;
	err = change_drop_inode(v->change, v->head_id, n->i.ino);
	return err ? err : note(v, n);
}

void
node_set_dirty(struct view *v, struct node *n, bool dirty)
{
	v->ndirty += dirty;
	v->ndirty -= n->dirty;
	n->dirty = dirty;
	if (dirty)
		touch(v, n->i.ino);
}

void
node_unheld(struct view *v, uint32_t ino)
{
	struct node *n = find(v, ino);

	if (n && n->orphan)
		empty(v, n);
}

void
node_forget(struct view *v, struct node *n)
{
	struct node **p = bucket(v, n->i.ino);

	for (int i = 0; i < v->nchanged; i++)
		if (v->changed[i] == n)
			v->changed[i--] = v->changed[--v->nchanged];
	empty(v, n);
	while (*p != n)
		p = &(*p)->chain;
	*p = n->chain;
	v->nnodes--;
	v->memory -= sizeof(*n) + n->ntarget;
	free(n);
}

void
node_forget_all(struct view *v)
{
	for (uint32_t b = 0; b < v->nbuckets; b++)
		while (v->buckets[b])
			node_forget(v, v->buckets[b]);
}

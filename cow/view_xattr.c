/* Extended attributes: the image's, and over them what the chain says, name by name. They are read
 * when they are first asked for, and then stay in the node. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/err.h"
#include "cow/xattr.h"

#define LIST_MAX  65536u     /* names with their NULs: more the kernel doesn't list */
#define TOTAL_MAX (1u << 20) /* bytes of an inode's values */

struct xattr {
	struct xattr *next;
	bool there;   /* else it is a whiteout, or gone */
	bool in_head; /* the head has a row for it */
	bool beneath; /* something under the head has it: its removal needs a whiteout */
	bool golden;  /* the image has it */
	bool said;    /* a layer has a row for it */
	uint32_t nname, nvalue;
	char *value;
	char name[];
};

static struct str
name_of(const struct xattr *x)
{
	return (struct str){ x->name, x->nname };
}

static struct str
value_of(const struct xattr *x)
{
	return (struct str){ x->value, x->nvalue };
}

static struct xattr *
find(const struct node *n, struct str name)
{
	struct xattr *x = n->xattrs;

	while (x && !str_eq(name_of(x), name))
		x = x->next;
	return x;
}

/* What is known of this name, which may be nothing yet. NULL: out of memory. */
static struct xattr *
find_or_add(struct view *v, struct node *n, struct str name)
{
	struct xattr *x = find(n, name);

	if (x || !(x = calloc(1, sizeof(*x) + name.n)))
		return x;
	memcpy(x->name, name.p, name.n);
	x->nname = name.n;
	x->next = n->xattrs;
	n->xattrs = x;
	v->memory += sizeof(*x) + name.n;
	return x;
}

/* value NULL: it is not there. */
static int
assign(struct view *v, struct xattr *x, const struct str *value)
{
	char *copy = value && value->n ? malloc(value->n) : NULL;

	if (value && value->n && !copy)
		return -ENOMEM;
	if (copy)
		memcpy(copy, value->p, value->n);
	free(x->value);
	v->memory -= x->nvalue;
	x->value = copy;
	x->nvalue = copy ? value->n : 0;
	v->memory += x->nvalue;
	x->there = value != NULL;
	return 0;
}

/* --- from the disk --- */

struct loading {
	struct view *view;
	struct node *node;
	int layer; /* its index in the chain; that of the image is behind all */
};

static int
load_row(void *arg, struct str name, const struct str *value)
{
	const struct loading *l = arg;
	struct xattr *x = find_or_add(l->view, l->node, name);

	if (!x || assign(l->view, x, value) < 0)
		return -ENOMEM;
	x->said = true;
	if (l->layer == 0)
		x->in_head = true;
	else
		x->beneath = x->there;
	return 0;
}

static int
load_golden(void *arg, struct str name, struct str value)
{
	const struct loading *l = arg;
	struct xattr *x = find_or_add(l->view, l->node, name);

	if (!x || assign(l->view, x, &value) < 0)
		return -ENOMEM;
	x->golden = x->beneath = true;
	return 0;
}

static int
load_layers(struct loading *l)
{
	struct view *v = l->view;
	struct db *db = db_lend(store_readers(v->store));
	int err = db ? 0 : -EIO;

	while (!err && --l->layer >= 0)
		if (filter_may_have(v, l->layer, l->node->i.ino))
			err = xattr_each(db, v->layers[l->layer].id, l->node->i.ino, load_row, l);
	db_return(store_readers(v->store), db);
	return err;
}

static int
load(struct view *v, struct node *n)
{
	struct loading l = { v, n, v->nlayers };
	int err = 0;

	if (n->has_xattrs)
		return 0;
	if (n->i.ino <= v->last_golden)
		err = image_xattrs(v->image, n->i.ino, load_golden, &l);
	if (!err && v->nlayers)
		err = load_layers(&l);
	if (err)
		xattr_forget(v, n);
	else
		n->has_xattrs = true;
	return err;
}

void
xattr_forget(struct view *v, struct node *n)
{
	struct xattr *x;

	while ((x = n->xattrs)) {
		n->xattrs = x->next;
		v->memory -= sizeof(*x) + x->nname + x->nvalue;
		free(x->value);
		free(x);
	}
	n->has_xattrs = false;
}

int
xattr_flat(struct view *v, struct node *n,
    int (*fn)(void *arg, uint32_t ino, struct str name, const struct str *value), void *arg)
{
	int err = load(v, n);

	for (const struct xattr *x = n->xattrs; x && !err; x = x->next) {
		struct str value = value_of(x);

		if (x->said && (x->there || x->golden))
			err = fn(arg, n->i.ino, name_of(x), x->there ? &value : NULL);
	}
	return err;
}

void
xattr_sink(struct node *n)
{
	for (struct xattr *x = n->xattrs; x; x = x->next) {
		if (x->in_head)
			x->beneath = x->there;
		x->in_head = false;
	}
}

/* --- looking --- */

/* Calls fn for each, till it returns something else than 0; *i: the inode. In a view that is begun.
 */
static int
each(struct view *v, uint32_t ino, image_xattr_fn *fn, void *arg, struct inode *i)
{
	struct node *n;
	int err;

	if (node_golden(v, ino) && ino >= INO_ROOT) {
		err = image_inode(v->image, ino, i);
		return err ? err : image_xattrs(v->image, ino, fn, arg);
	}
	err = node_get(v, ino, &n);
	if (!err)
		err = load(v, n);
	if (err)
		return err;
	*i = n->i;
	for (const struct xattr *x = n->xattrs; x && !err; x = x->next)
		if (x->there)
			err = fn(arg, name_of(x), value_of(x));
	return err;
}

struct answer {
	struct str name;
	char *buf;
	uint32_t size, n;
};

static int
give(struct answer *a, const char *p, uint32_t n)
{
	if (a->size && n > a->size - a->n)
		return -ERANGE;
	if (a->size && n)
		memcpy(a->buf + a->n, p, n);
	a->n += n;
	return 0;
}

static int
answer_value(void *arg, struct str name, struct str value)
{
	struct answer *a = arg;
	int err;

	if (!str_eq(name, a->name))
		return 0;
	err = give(a, value.p, value.n);
	return err ? err : 1;
}

static int
answer_name(void *arg, struct str name, struct str value)
{
	int err = give(arg, name.p, name.n);

	(void)value;
	return err ? err : give(arg, "", 1);
}

static bool
is_user(struct str name)
{
	return name.n > 5 && memcmp(name.p, "user.", 5) == 0;
}

int
view_getxattr(
    struct view *v, struct view_op *op, uint32_t ino, struct str name, void *buf, uint32_t size)
{
	struct answer a = { name, buf, size, 0 };
	struct inode i;
	int r = view_begin(v);

	if (r)
		return r;
	r = each(v, ino, answer_value, &a, &i);
	if (r >= 0 && is_user(name) && !perm_may(&i, op, PERM_READ))
		r = -EACCES;
	view_end(v);
	if (r < 0)
		return r;
	return r ? (int)a.n : -ENODATA;
}

int
view_listxattr(struct view *v, uint32_t ino, char *buf, uint32_t size)
{
	struct answer a = { .buf = buf, .size = size };
	struct inode i;
	int err = view_begin(v);

	if (err)
		return err;
	err = each(v, ino, answer_name, &a, &i);
	view_end(v);
	return err ? err : (int)a.n;
}

/* --- changing --- */

static int
may_change(const struct inode *i, const struct view_op *op, struct str name)
{
	if (!is_user(name))
		return op->uid == 0 ? 0 : -EPERM;
	if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return -EPERM;
	if (S_ISDIR(i->mode) && (i->mode & S_ISVTX) && !perm_owner(i, op))
		return -EPERM;
	return perm_may(i, op, PERM_WRITE) ? 0 : -EACCES;
}

static int
has_room(const struct node *n, struct str name, struct str value)
{
	uint64_t names = name.n + 1, values = value.n;

	for (const struct xattr *x = n->xattrs; x; x = x->next) {
		if (!x->there || str_eq(name_of(x), name))
			continue;
		names += x->nname + 1;
		values += x->nvalue;
	}
	return names <= LIST_MAX && values <= TOTAL_MAX
		   ? 0
		   : err_set(ENOSPC, "inode %u: no room for more xattrs", n->i.ino);
}

/* In memory, and as a row. Fails before it changed anything, or is to be taken for broken. */
static int
put(struct view *v, struct node *n, struct xattr *x, const struct str *value)
{
	int err = assign(v, x, value);

	if (err || n->orphan)
		return err;
	if (value || x->beneath) {
		x->in_head = true;
		return change_xattr(v->change, v->head_id, n->i.ino, name_of(x), value);
	}
	x->in_head = false;
	return change_drop_xattr(v->change, v->head_id, n->i.ino, name_of(x));
}

static int
changed(struct view *v, struct view_op *op, struct node *n, int err)
{
	view_touch(n, false);
	if (!err)
		err = n->dirty ? data_flush(v, n) : n->orphan ? 0 : node_changed(v, n);
	return name_finish(v, op, err);
}

/* All that can refuse it; value NULL: it is to be removed. *out: what is known of it. */
static int
check(struct view *v, struct view_op *op, struct node *n, struct str name, const struct str *value,
    enum view_xattr how, struct xattr **out)
{
	int err = may_change(&n->i, op, name);
	struct xattr *x;

	if (!err)
		err = load(v, n);
	if (err)
		return err;
	x = find(n, name);
	if (x && x->there && how == VIEW_XATTR_CREATE)
		return -EEXIST;
	if ((!x || !x->there) && (!value || how == VIEW_XATTR_REPLACE))
		return -ENODATA;
	if (value && ((err = has_room(n, name, *value)) < 0 ||
			 (err = view_rows_room(v, name.n + value->n)) < 0))
		return err;
	if (!(*out = find_or_add(v, n, name)))
		return -ENOMEM;
	return piece_flush(v, n); /* the last that a full disk can stop */
}

static int
change(struct view *v, struct view_op *op, uint32_t ino, struct str name, const struct str *value,
    enum view_xattr how)
{
	struct xattr *x;
	struct node *n;
	int err = view_begin_change(v);

	if (err)
		return err;
	err = node_get(v, ino, &n);
	if (!err)
		err = check(v, op, n, name, value, how, &x);
	if (!err)
		err = changed(v, op, n, put(v, n, x, value));
	view_end(v);
	return err;
}

int
view_setxattr(struct view *v, struct view_op *op, uint32_t ino, struct str name, struct str value,
    enum view_xattr how)
{
	if (name.n == 0 || name.n > XATTR_NAME_BYTES_MAX || memchr(name.p, '\0', name.n))
		return err_set(ERANGE, "an xattr's name of %u bytes", name.n);
	if (value.n > XATTR_VALUE_BYTES_MAX)
		return err_set(E2BIG, "an xattr of %u bytes", value.n);
	return change(v, op, ino, name, &value, how);
}

int
view_removexattr(struct view *v, struct view_op *op, uint32_t ino, struct str name)
{
	return change(v, op, ino, name, NULL, VIEW_XATTR_ANY);
}

/* --- two views --- */

struct copying {
	struct view *to;
	struct node *n;
	bool changes;
};

static int
copy_one(void *arg, struct str name, struct str value)
{
	struct copying *c = arg;
	struct xattr *x = find(c->n, name);

	if (x && x->there && str_eq(value_of(x), value))
		return 0;
	c->changes = true;
	x = find_or_add(c->to, c->n, name);
	return x ? put(c->to, c->n, x, &value) : -ENOMEM;
}

static int
missing(void *arg, struct str name, struct str value)
{
	(void)value;
	return str_eq(name, *(const struct str *)arg);
}

static int
copy(struct view *from, uint32_t ino, struct copying *c)
{
	struct inode i;
	int err = each(from, ino, copy_one, c, &i);

	for (struct xattr *x = c->n->xattrs; x && !err; x = x->next) {
		struct str name = name_of(x);
		int there = x->there ? each(from, ino, missing, &name, &i) : 1;

		if (there == 0)
			c->changes = true;
		err = there < 0 ? there : there ? 0 : put(c->to, c->n, x, NULL);
	}
	return err;
}

int
view_copy_xattrs(struct view *from, uint32_t ino, struct view *to, uint32_t to_ino)
{
	struct copying c = { .to = to };
	int err = view_begin(from);

	if (err)
		return err;
	err = view_begin_change(to);
	if (!err) {
		err = node_get(to, to_ino, &c.n);
		if (!err)
			err = load(to, c.n);
		if (!err && (err = copy(from, ino, &c)) < 0)
			view_broken(to, err);
		else if (!err && c.changes)
			err = changed(to, NULL, c.n, 0);
		view_end(to);
	}
	view_end(from);
	return err;
}

/* Counts those of one view; -EEXIST ends it at the first that the other hasn't so. */
struct comparing {
	struct view *other;
	uint32_t ino;
	struct str name, value;
	uint64_t n;
};

static int
is_it(void *arg, struct str name, struct str value)
{
	const struct comparing *c = arg;

	return str_eq(name, c->name) && str_eq(value, c->value);
}

static int
compare_one(void *arg, struct str name, struct str value)
{
	struct comparing *c = arg;
	struct inode i;
	int there;

	c->name = name;
	c->value = value;
	c->n++;
	there = each(c->other, c->ino, is_it, c, &i);
	return there < 0 ? there : there ? 0 : -EEXIST;
}

static int
count_one(void *arg, struct str name, struct str value)
{
	(void)name;
	(void)value;
	++*(uint64_t *)arg;
	return 0;
}

int
view_same_xattrs(struct view *a, uint32_t ino, struct view *b, uint32_t other)
{
	struct comparing c = { .other = b, .ino = other };
	uint64_t n = 0;
	struct inode i;
	int err = view_begin(a);

	if (err)
		return err;
	err = view_begin(b);
	if (!err) {
		err = each(a, ino, compare_one, &c, &i);
		if (!err)
			err = each(b, other, count_one, &n, &i);
		view_end(b);
	}
	view_end(a);
	return err == -EEXIST ? 0 : err ? err : n == c.n;
}

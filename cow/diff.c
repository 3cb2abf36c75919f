/* Both trees are walked together, but only through folders beneath which something can differ:
 * those that hold, or are, an inode of which a layer has a row. */
#include "cow/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/listing.h"
#include "cow/view.h"
#include "cow/view_flat.h"

#define PATH_BYTES 65536u
#define DEPTH_MAX  2048

/* A set of inodes' numbers. */
struct bits {
	uint8_t *bytes;
	uint32_t size;
};

static bool
has(const struct bits *b, uint32_t ino)
{
	return ino / 8 < b->size && b->bytes[ino / 8] >> ino % 8 & 1;
}

static int
add(struct bits *b, uint32_t ino)
{
	uint32_t size = b->size ? b->size : 4096;
	uint8_t *more;

	while (ino / 8 >= size)
		size *= 2;
	if (size != b->size) {
		if (!(more = realloc(b->bytes, size)))
			return -ENOMEM;
		memset(more + b->size, 0, size - b->size);
		b->bytes = more;
		b->size = size;
	}
	b->bytes[ino / 8] |= (uint8_t)(1 << ino % 8);
	return 0;
}

struct side {
	struct view *view;
	struct bits changed; /* inodes of which a layer has a row */
	struct bits folders; /* beneath which something can differ */
};

struct diff {
	struct store *store;
	struct side old, now;
	bool all; /* two images: everything can differ */
	diff_fn *fn;
	void *arg;
	int depth;
	char path[PATH_BYTES];
	size_t n;
};

/* --- where something can differ --- */

/* The folder and all above it. */
static int
mark_up(struct side *s, uint32_t dir)
{
	struct view_op op = { 0 };
	struct view_attr up, attr;
	int err = 0;

	while (!err && !has(&s->folders, dir)) {
		err = add(&s->folders, dir);
		if (!err)
			err = view_lookup(s->view, &op, dir, STR(".."), &up, &attr);
		dir = up.ino;
	}
	return err == -ESTALE || err == -ENOENT ? 0 : err;
}

static int
add_changed(void *arg, uint32_t ino)
{
	struct side *s = arg;

	return add(&s->changed, ino);
}

static int
mark_changed(struct side *s)
{
	struct view_attr attr;
	uint32_t *inos = NULL;
	size_t n = 0;
	int err = view_changed_inos(s->view, &inos, &n);

	for (size_t i = 0; i < n && !err; i++) {
		err = add_changed(s, inos[i]);
		if (!err && view_getattr(s->view, inos[i], &attr) == 0 && S_ISDIR(attr.mode))
			err = mark_up(s, inos[i]);
	}
	free(inos);
	return err;
}

/* Folders of the image in which a changed file has a name. */
static int
mark_golden(struct diff *d, const struct id *image)
{
	struct db *db;
	sqlite3_stmt *stmt;
	int rc = store_image_db(d->store, image, &db);

	if (rc < 0)
		return rc;
	stmt = db_stmt(db, "SELECT dir, ino FROM dirent");
	while ((rc = db_step(db, stmt)) == 1) {
		uint32_t dir = (uint32_t)sqlite3_column_int64(stmt, 0);
		uint32_t ino = (uint32_t)sqlite3_column_int64(stmt, 1);

		if (has(&d->old.changed, ino) && (rc = mark_up(&d->old, dir)) < 0)
			break;
		if (has(&d->now.changed, ino) && (rc = mark_up(&d->now, dir)) < 0)
			break;
	}
	db_reset(stmt);
	db_close(db);
	return rc;
}

/* --- comparing --- */

static int
tell(struct diff *d, enum diff_kind kind, const struct view_attr *old, const struct view_attr *now)
{
	const struct view_attr *a = now ? now : old;
	struct diff_entry e = { .kind = kind, .path = d->n ? d->path : "/", .mode = a->mode };

	e.size = now && !S_ISDIR(now->mode) ? now->size : 0;
	e.old_size = old && !S_ISDIR(old->mode) ? old->size : 0;
	return d->fn(d->arg, &e);
}

static int
push(struct diff *d, struct str name)
{
	if (d->n + name.n + 2 > PATH_BYTES || d->depth == DEPTH_MAX)
		return err_set(ENAMETOOLONG, "%.200s...: too long a path", d->path);
	d->path[d->n++] = '/';
	memcpy(d->path + d->n, name.p, name.n);
	d->n += name.n;
	d->path[d->n] = '\0';
	d->depth++;
	return 0;
}

static void
pop(struct diff *d, struct str name)
{
	d->n -= name.n + 1;
	d->path[d->n] = '\0';
	d->depth--;
}

/* 1: targets differ. */
static int
compare_targets(struct diff *d, uint32_t old, uint32_t now)
{
	char a[TARGET_BYTES_MAX + 1], b[TARGET_BYTES_MAX + 1];
	struct view_op op = { 0 };
	struct view_attr attr;
	uint32_t na, nb;
	int err = view_readlink(d->old.view, &op, old, a, &na, &attr);

	if (!err)
		err = view_readlink(d->now.view, &op, now, b, &nb, &attr);
	return err ? err : na != nb || memcmp(a, b, na) != 0;
}

/* 1: something but the attributes differs. */
static int
compare_contents(struct diff *d, const struct view_attr *old, const struct view_attr *now)
{
	if ((old->mode & S_IFMT) != (now->mode & S_IFMT))
		return 1;
	if (S_ISDIR(now->mode))
		return 0;
	if (S_ISLNK(now->mode))
		return compare_targets(d, old->ino, now->ino);
	if (!S_ISREG(now->mode))
		return memcmp(old->rdev, now->rdev, sizeof(now->rdev)) != 0;
	if (old->size != now->size)
		return 1;
	return view_differs(d->old.view, old->ino, d->now.view, now->ino);
}

static int
compare(struct diff *d, const struct view_attr *old, const struct view_attr *now)
{
	int differs;

	if (view_same(d->old.view, old->ino, d->now.view, now->ino))
		return 0;
	differs = compare_contents(d, old, now);
	if (differs < 0)
		return differs;
	if (differs)
		return tell(d, DIFF_CHANGED, old, now);
	differs = old->mode != now->mode || old->uid != now->uid || old->gid != now->gid;
	if (!differs) {
		int same = view_same_xattrs(d->old.view, old->ino, d->now.view, now->ino);

		if (same < 0)
			return same;
		differs = !same;
	}
	return differs ? tell(d, DIFF_ATTRIBUTES, old, now) : 0;
}

/* --- walking --- */

static int walk(struct diff *d, uint32_t old, uint32_t now);

/* Can anything differ in or beneath the folder (0: there is none on that side)? */
static bool
worth(const struct diff *d, uint32_t old, uint32_t now)
{
	return d->all || !old || !now || old != now || has(&d->old.folders, old) ||
	       has(&d->now.folders, now);
}

/* A name that one side has alone, with all beneath it. */
static int
walk_one(struct diff *d, enum diff_kind kind, const struct listing_name *n)
{
	struct view *v = kind == DIFF_ADDED ? d->now.view : d->old.view;
	bool added = kind == DIFF_ADDED;
	struct view_attr attr;
	int err = view_getattr(v, n->ino, &attr);

	if (!err)
		err = push(d, listing_str(n));
	if (err)
		return err;
	err = tell(d, kind, added ? NULL : &attr, added ? &attr : NULL);
	if (!err && S_ISDIR(attr.mode))
		err = walk(d, added ? 0 : attr.ino, added ? attr.ino : 0);
	pop(d, listing_str(n));
	return err;
}

static int
walk_both(struct diff *d, const struct listing_name *o, const struct listing_name *n)
{
	struct view_attr old, now;
	bool was, is;
	int err;

	if (view_same(d->old.view, o->ino, d->now.view, n->ino) && !worth(d, o->ino, n->ino))
		return 0;
	err = view_getattr(d->old.view, o->ino, &old);
	if (!err)
		err = view_getattr(d->now.view, n->ino, &now);
	if (!err)
		err = push(d, listing_str(n));
	if (err)
		return err;
	was = S_ISDIR(old.mode);
	is = S_ISDIR(now.mode);
	err = compare(d, &old, &now);
	if (!err && (was || is) && worth(d, was ? old.ino : 0, is ? now.ino : 0))
		err = walk(d, was ? old.ino : 0, is ? now.ino : 0);
	pop(d, listing_str(n));
	return err;
}

/* Merges the two lists. */
static int
walk(struct diff *d, uint32_t old, uint32_t now)
{
	struct listing o CLEANUP(listing_free) = { 0 }, n CLEANUP(listing_free) = { 0 };
	size_t i = 0, k = 0;
	int err = old ? listing_read(d->old.view, old, &o) : 0;

	if (!err && now)
		err = listing_read(d->now.view, now, &n);
	while (!err && (i < o.n || k < n.n)) {
		int c = i == o.n   ? 1
			: k == n.n ? -1
				   : str_cmp(listing_str(&o.all[i]), listing_str(&n.all[k]));

		if (c < 0)
			err = walk_one(d, DIFF_REMOVED, &o.all[i++]);
		else if (c > 0)
			err = walk_one(d, DIFF_ADDED, &n.all[k++]);
		else
			err = walk_both(d, &o.all[i++], &n.all[k++]);
	}
	return err;
}

static int
run(struct diff *d, const struct diff_side *old, const struct diff_side *now)
{
	struct view_attr a, b;
	int err;

	d->all = !id_eq(&old->image, &now->image);
	if (!d->all && ((err = mark_changed(&d->old)) < 0 || (err = mark_changed(&d->now)) < 0 ||
			   (err = mark_golden(d, &now->image)) < 0))
		return err;
	err = view_getattr(d->old.view, INO_ROOT, &a);
	if (!err)
		err = view_getattr(d->now.view, INO_ROOT, &b);
	if (!err)
		err = compare(d, &a, &b);
	return err ? err : walk(d, INO_ROOT, INO_ROOT);
}

static void
side_close(struct side *s)
{
	view_close(s->view);
	free(s->changed.bytes);
	free(s->folders.bytes);
}

int
diff_run(struct store *s, const struct diff_side *old, const struct diff_side *now, diff_fn *fn,
    void *arg)
{
	CLEANUP_FREE struct diff *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->store = s;
	d->fn = fn;
	d->arg = arg;
	err = view_open_layer(s, &old->image, old->layer, false, &d->old.view);
	if (!err)
		err = view_open_layer(s, &now->image, now->layer, false, &d->now.view);
	if (!err)
		err = run(d, old, now);
	side_close(&d->old);
	side_close(&d->now);
	return err;
}

/* Walks two views side by side. What is golden in both and the same is left alone; the rest of `to`
 * is removed and made anew. */
#include "cow/carry.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/inode.h"
#include "cow/listing.h"

#define DEPTH_MAX 2048

/* A file with several names: where it is, and what it has become. */
struct link {
	uint32_t from, to;
};

struct carry {
	struct view *from, *to;
	void *links; /* tsearch(3) of struct link */
	int depth;
};

/* --- taking away --- */

static int remove_name(struct carry *c, uint32_t dir, struct str name, uint32_t ino);

static int
remove_all_in(struct carry *c, uint32_t dir)
{
	struct listing e CLEANUP(listing_free) = { 0 };
	int err = listing_read(c->to, dir, &e);

	for (size_t i = 0; i < e.n && !err; i++)
		err = remove_name(c, dir, listing_str(&e.all[i]), e.all[i].ino);
	return err;
}

static int
remove_name(struct carry *c, uint32_t dir, struct str name, uint32_t ino)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	int err = view_getattr(c->to, ino, &attr);

	if (err)
		return err;
	if (!S_ISDIR(attr.mode))
		return view_remove(c->to, &op, dir, name, &wcc);
	if (c->depth == DEPTH_MAX)
		return err_set(ELOOP, "folders are nested too deep");
	c->depth++;
	err = remove_all_in(c, ino);
	c->depth--;
	return err ? err : view_rmdir(c->to, &op, dir, name, &wcc);
}

/* --- making --- */

static int
by_from(const void *a, const void *b)
{
	uint32_t x = ((const struct link *)a)->from, y = ((const struct link *)b)->from;

	return (x > y) - (x < y);
}

static int
note_link(struct carry *c, uint32_t from, uint32_t to)
{
	struct link *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct link){ from, to };
	return tsearch(l, &c->links, by_from) ? 0 : -ENOMEM;
}

/* All but what is made with the file. Times come last: what is put in changes them. */
static int
set_attributes(struct carry *c, const struct view_attr *as, uint32_t ino)
{
	struct view_set set = { .set_mode = !S_ISLNK(as->mode),
		.mode = as->mode & 07777,
		.set_atime = VIEW_TIME_GIVEN,
		.set_mtime = VIEW_TIME_GIVEN,
		.atime = as->atime,
		.mtime = as->mtime };
	struct view_set owner = {
		.set_uid = true, .set_gid = true, .uid = as->uid, .gid = as->gid
	};
	struct view_op op = { 0 };
	struct view_wcc wcc;
	int err = view_setattr(c->to, &op, ino, &owner, &wcc);

	if (!err)
		err = view_copy_xattrs(c->from, as->ino, c->to, ino);
	return err ? err : view_setattr(c->to, &op, ino, &set, &wcc);
}

static int
make_symlink(struct carry *c, uint32_t from, uint32_t dir, struct str name, struct view_attr *out)
{
	char target[TARGET_BYTES_MAX + 1];
	struct view_set set = { 0 };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	uint32_t n;
	int err = view_readlink(c->from, &op, from, target, &n, &attr);

	return err ? err
		   : view_symlink(
			 c->to, &op, dir, name, &set, (struct str){ target, n }, out, &wcc);
}

static int
make(struct carry *c, const struct view_attr *as, uint32_t dir, struct str name,
    struct view_attr *out)
{
	struct view_set set = { .set_mode = true, .mode = as->mode & 07777 };
	struct view_op op = { 0 };
	struct view_wcc wcc;
	int err;

	if (S_ISDIR(as->mode))
		return view_mkdir(c->to, &op, dir, name, &set, out, &wcc);
	if (S_ISLNK(as->mode))
		return make_symlink(c, as->ino, dir, name, out);
	if (!S_ISREG(as->mode))
		return view_mknod(
		    c->to, &op, dir, name, as->mode & S_IFMT, as->rdev, &set, out, &wcc);
	err = view_create(c->to, &op, dir, name, VIEW_GUARDED, &set, 0, out, &wcc);
	return err ? err : view_share(c->from, as->ino, c->to, out->ino);
}

static int carry_dir(struct carry *c, const struct view_attr *from, uint32_t to);

/* One name of `from`, which `to` has not. */
static int
carry_new(struct carry *c, const struct view_attr *as, uint32_t dir, struct str name)
{
	struct link key = { as->ino, 0 }, **known = NULL;
	struct view_op op = { 0 };
	struct view_attr made;
	struct view_wcc wcc;
	int err;

	if (!S_ISDIR(as->mode) && as->nlink > 1)
		known = tfind(&key, &c->links, by_from);
	if (known)
		return view_link(c->to, &op, (*known)->to, dir, name, &made, &wcc);
	err = make(c, as, dir, name, &made);
	if (!err && !S_ISDIR(as->mode) && as->nlink > 1)
		err = note_link(c, as->ino, made.ino);
	if (err)
		return err;
	return S_ISDIR(as->mode) ? carry_dir(c, as, made.ino) : set_attributes(c, as, made.ino);
}

static int
carry_name(struct carry *c, uint32_t dir, struct str name, uint32_t ino)
{
	struct view_op op = { 0 };
	struct view_attr as, there, parent;
	int err = view_getattr(c->from, ino, &as);

	if (err)
		return err;
	err = view_lookup(c->to, &op, dir, name, &there, &parent);
	if (!err && view_same(c->from, as.ino, c->to, there.ino))
		return S_ISDIR(as.mode) ? carry_dir(c, &as, there.ino)
		       : as.nlink > 1   ? note_link(c, as.ino, there.ino)
					: 0;
	if (!err && S_ISDIR(as.mode) && S_ISDIR(there.mode))
		return carry_dir(c, &as, there.ino);
	if (!err)
		err = remove_name(c, dir, name, there.ino);
	else if (err == -ENOENT)
		err = 0;
	return err ? err : carry_new(c, &as, dir, name);
}

/* What `from` has no name for goes. */
static int
remove_others(struct carry *c, uint32_t from, uint32_t to)
{
	struct listing e CLEANUP(listing_free) = { 0 };
	struct view_op op = { 0 };
	struct view_attr attr, parent;
	int err = listing_read(c->to, to, &e);

	for (size_t i = 0; i < e.n && !err; i++) {
		struct str name = listing_str(&e.all[i]);

		err = view_lookup(c->from, &op, from, name, &attr, &parent);
		if (err == -ENOENT)
			err = remove_name(c, to, name, e.all[i].ino);
	}
	return err;
}

static int
carry_dir(struct carry *c, const struct view_attr *from, uint32_t to)
{
	struct listing e CLEANUP(listing_free) = { 0 };
	struct view_attr is;
	int err;

	if (c->depth == DEPTH_MAX)
		return err_set(ELOOP, "folders are nested too deep");
	err = remove_others(c, from->ino, to);
	if (!err)
		err = listing_read(c->from, from->ino, &e);
	c->depth++;
	for (size_t i = 0; i < e.n && !err; i++)
		err = carry_name(c, to, listing_str(&e.all[i]), e.all[i].ino);
	c->depth--;
	if (!err)
		err = view_getattr(c->to, to, &is);
	if (err ||
	    (view_same(c->from, from->ino, c->to, to) && is.mtime.tv_sec == from->mtime.tv_sec))
		return err;
	return set_attributes(c, from, to);
}

/* --- the way to the folder --- */

static int
not_a_folder(const char *path, const char *end)
{
	return err_set(ENOTDIR, "%.*s is not a folder: it can't be kept", (int)(end - path), path);
}

/* One step down in `to`, by a folder that is made if need be. */
static int
step_to(struct carry *c, const struct view_attr *as, uint32_t *dir, struct str name)
{
	struct view_op op = { 0 };
	struct view_attr there, parent;
	int err = view_lookup(c->to, &op, *dir, name, &there, &parent);

	if (err == -ENOENT) {
		err = make(c, as, *dir, name, &there);
		if (!err)
			err = set_attributes(c, as, there.ino);
	}
	if (err)
		return err;
	*dir = there.ino;
	return S_ISDIR(there.mode) ? 0 : -ENOTDIR;
}

/* `from` lacks what the path names: so shall `to`. */
static int
take_away(struct carry *c, uint32_t dir, struct str name, bool last)
{
	struct view_op op = { 0 };
	struct view_attr there, parent;
	int err = view_lookup(c->to, &op, dir, name, &there, &parent);

	if (err)
		return err == -ENOENT ? 0 : err;
	return last ? remove_name(c, dir, name, there.ino) : 0;
}

static int
carry_path(struct carry *c, const char *path)
{
	uint32_t dir = INO_ROOT, from = INO_ROOT;
	struct view_op op = { 0 };
	struct view_attr as, parent;
	const char *p = path;

	while (*p) {
		struct str name = { p + 1, (uint32_t)strcspn(p + 1, "/") };
		int err = view_lookup(c->from, &op, from, name, &as, &parent);

		p = name.p + name.n;
		if (err == -ENOENT)
			return take_away(c, dir, name, *p == '\0');
		if (err)
			return err;
		if (!S_ISDIR(as.mode))
			return not_a_folder(path, p);
		from = as.ino;
		err = step_to(c, &as, &dir, name);
		if (err)
			return err == -ENOTDIR ? not_a_folder(path, p) : err;
	}
	return carry_dir(c, &as, dir);
}

int
carry_folders(struct view *from, struct view *to, const struct keeps *k)
{
	struct carry c = { .from = from, .to = to };
	int err = 0;

	for (int i = 0; i < k->n && !err; i++)
		err = carry_path(&c, k->paths[i]);
	tdestroy(c.links, free);
	return err;
}

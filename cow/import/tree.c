/* The names of an import found by folder and name, so that entries may come in any order. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/err.h"
#include "cow/import/path.h"
#include "cow/import/tree_priv.h"

#define CHUNK_SIZE   ((size_t)1 << 18)
#define TABLE_SIZE   1024u
#define FOLDER_BYTES 4096u /* of folders that no entry tells of */

struct tree_chunk {
	struct tree_chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

/* Zeroed, and freed with the tree. */
static void *
take(struct tree *t, size_t n)
{
	struct tree_chunk *c = t->chunks;
	size_t need = ROUND_UP(n, sizeof(max_align_t)), size = CHUNK_SIZE;

	if (!c || c->size - c->used < need) {
		if (need > size)
			size = need;
		c = calloc(1, sizeof(*c) + size);
		if (!c)
			return NULL;
		c->size = size;
		c->next = t->chunks;
		t->chunks = c;
	}
	c->used += need;
	return (char *)c->bytes + c->used - need;
}

static int
take_str(struct tree *t, struct str s, struct str *out)
{
	char *p = take(t, s.n + 1);

	if (!p)
		return -ENOMEM;
	if (s.n)
		memcpy(p, s.p, s.n);
	*out = (struct str){ p, s.n };
	return 0;
}

static int
bad(int err, struct str path, const char *what)
{
	char shown[PATH_SHOWN];

	return err_set(err, "%s: %s", path_show(path, shown), what);
}

/* --- the table --- */

static uint64_t
slot_of(const struct tree *t, const struct tree_file *folder, struct str name)
{
	return hash_bytes(name.p, name.n, (uintptr_t)folder) & (t->size - 1);
}

static struct tree_name *
find(const struct tree *t, const struct tree_file *folder, struct str name)
{
	struct tree_name *e = t->table[slot_of(t, folder, name)];

	while (e && (e->folder != folder || !str_eq((struct str){ e->text, e->n }, name)))
		e = e->chain;
	return e;
}

static int
table_grow(struct tree *t)
{
	struct tree_name **old = t->table;
	uint64_t old_size = t->size;

	t->table = calloc(old_size * 2, sizeof(struct tree_name *));
	if (!t->table) {
		t->table = old;
		return -ENOMEM;
	}
	t->size = old_size * 2;
	for (uint64_t i = 0; i < old_size; i++) {
		for (struct tree_name *e = old[i], *chain; e; e = chain) {
			uint64_t slot = slot_of(t, e->folder, (struct str){ e->text, e->n });

			chain = e->chain;
			e->chain = t->table[slot];
			t->table[slot] = e;
		}
	}
	free(old);
	return 0;
}

/* Finds the name or adds it, with nothing behind it; NULL: out of memory. */
static struct tree_name *
name_at(struct tree *t, struct tree_file *folder, struct str name)
{
	struct tree_name *e = find(t, folder, name), **slot;

	if (e)
		return e;
	if (t->in_table >= t->size && table_grow(t) != 0)
		return NULL;
	e = take(t, sizeof(*e) + name.n);
	if (!e)
		return NULL;
	e->folder = folder;
	e->n = name.n;
	memcpy(e->text, name.p, name.n);
	slot = &t->table[slot_of(t, folder, name)];
	e->chain = *slot;
	*slot = e;
	e->next = folder->names;
	folder->names = e;
	t->in_table++;
	return e;
}

/* Puts file (or nothing) behind the name, keeping all counts. */
static void
name_set(struct tree *t, struct tree_file *folder, struct tree_name *e, struct tree_file *file)
{
	struct tree_file *old = e->file;

	if (old) {
		old->links--;
		folder->count--;
		folder->folders -= S_ISDIR(old->attr.mode) ? 1 : 0;
		t->count--;
	}
	e->file = file;
	if (file) {
		file->links++;
		folder->count++;
		folder->folders += S_ISDIR(file->attr.mode) ? 1 : 0;
		t->count++;
	}
}

/* --- paths --- */

static struct tree_file *
new_folder(struct tree *t)
{
	struct tree_file *f = take(t, sizeof(*f));

	if (f) {
		f->attr.mode = S_IFDIR | 0755;
		f->attr.size = f->attr.used = FOLDER_BYTES;
	}
	return f;
}

/* The folder behind a name; one is made (in a tree that may change) when nothing is there. */
static int
step(struct tree *t, bool make, struct str name, struct tree_file **dir)
{
	struct tree_name *e = make ? name_at(t, *dir, name) : find(t, *dir, name);

	if (make && !e)
		return -ENOMEM;
	if (make && !e->file) {
		struct tree_file *f = new_folder(t);

		if (!f)
			return -ENOMEM;
		name_set(t, *dir, e, f);
	}
	if (!e || !e->file)
		return -ENOENT;
	if (!S_ISDIR(e->file->attr.mode))
		return -ENOTDIR;
	*dir = e->file;
	return 0;
}

static const char *
path_fault(int err)
{
	switch (err) {
	case -ENOTDIR:
		return "its path leads through what is no folder";
	case -ENAMETOOLONG:
		return "a name in it is longer than 255 bytes";
	case -EINVAL:
		return "its path has \"..\" in it";
	default:
		return "it isn't there";
	}
}

/* The folder that the path's last name is in, and that name; the root has none (n == 0). */
static int
walk_to(struct tree *t, struct str path, bool make, struct tree_file **dir, struct str *last)
{
	struct str rest = path, part;
	int err = 0;

	*dir = t->root;
	*last = (struct str){ 0 };
	while (path_next(&rest, &part)) {
		if (str_eq(part, STR("..")))
			return -EINVAL;
		if (part.n > NAME_BYTES_MAX)
			return -ENAMETOOLONG;
	}
	rest = path;
	while (!err && path_next(&rest, &part)) {
		if (last->n)
			err = step(t, make, *last, dir);
		*last = part;
	}
	return err;
}

/* The name of a new file or folder at path; *out is NULL for the root. */
static int
place(struct tree *t, struct str path, struct tree_file **dir, struct tree_name **out)
{
	struct str last;
	int err = walk_to(t, path, true, dir, &last);

	*out = NULL;
	if (err && err != -ENOMEM)
		return bad(-err, path, path_fault(err));
	if (!err && last.n && !(*out = name_at(t, *dir, last)))
		err = -ENOMEM;
	return err;
}

static bool
is_full_folder(const struct tree_file *f)
{
	return f && S_ISDIR(f->attr.mode) && f->count > 0;
}

/* --- putting --- */

static int
fill(struct tree *t, struct tree_file *f, const struct source_entry *in,
    const struct image_content *content)
{
	f->attr = in->attr;
	f->attr.ino = 0;
	f->xattrs = NULL;
	if (S_ISREG(in->attr.mode))
		f->content = *content;
	if (S_ISLNK(in->attr.mode))
		return take_str(t, in->target, &f->target);
	return 0;
}

static int
check_entry(const struct source_entry *in)
{
	if (S_ISLNK(in->attr.mode) && in->target.n > TARGET_BYTES_MAX)
		return bad(ENAMETOOLONG, in->path, "its target is longer than 4095 bytes");
	if (S_ISLNK(in->attr.mode) && in->target.n == 0)
		return bad(EINVAL, in->path, "it is a symlink to nothing");
	return 0;
}

int
tree_put(struct tree *t, const struct source_entry *in, const struct image_content *content,
    struct tree_file **out)
{
	bool is_dir = S_ISDIR(in->attr.mode);
	struct tree_file *dir, *f;
	struct tree_name *name;
	int err = check_entry(in);

	if (!err)
		err = place(t, in->path, &dir, &name);
	if (err)
		return err;
	f = name ? name->file : t->root;
	if (!name && !is_dir)
		return bad(EINVAL, in->path, "the root must be a folder");
	if (!is_dir && is_full_folder(f))
		return bad(EEXIST, in->path, "a folder with names in it is there already");
	if (!f || !is_dir || !S_ISDIR(f->attr.mode)) {
		f = take(t, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->attr.mode = in->attr.mode;
		name_set(t, dir, name, f);
	}
	t->put = true;
	*out = f;
	return fill(t, f, in, content);
}

int
tree_put_xattr(struct tree *t, struct tree_file *f, struct str name, struct str value)
{
	struct tree_xattr **at = &f->xattrs, *x;

	while (*at && str_cmp((*at)->name, name) < 0)
		at = &(*at)->next;
	if (*at && str_eq((*at)->name, name))
		return take_str(t, value, &(*at)->value);
	x = take(t, sizeof(*x));
	if (!x || take_str(t, name, &x->name) != 0 || take_str(t, value, &x->value) != 0)
		return -ENOMEM;
	x->next = *at;
	*at = x;
	return 0;
}

int
tree_put_link(struct tree *t, struct str path, struct tree_file *file)
{
	struct tree_file *dir;
	struct tree_name *name;
	int err;

	if (S_ISDIR(file->attr.mode))
		return bad(EPERM, path, "it is a hard link to a folder");
	if (file->links >= NLINK_MAX)
		return bad(EMLINK, path, "its file has 65000 names already");
	err = place(t, path, &dir, &name);
	if (err)
		return err;
	if (!name || is_full_folder(name->file))
		return bad(EEXIST, path, "a folder with names in it is there already");
	name_set(t, dir, name, file);
	return 0;
}

static struct tree_file *
lookup(struct tree *t, struct str path)
{
	struct tree_file *dir;
	struct tree_name *name;
	struct str last;

	if (walk_to(t, path, false, &dir, &last) != 0)
		return NULL;
	name = last.n ? find(t, dir, last) : NULL;
	return name ? name->file : last.n ? NULL : t->root;
}

/* Keeps the place; an entry that comes later for the same path takes it. */
static int
wait_for(struct tree *t, struct str path, struct str target)
{
	struct tree_wait *w = take(t, sizeof(*w));
	int err = w ? place(t, path, &w->folder, &w->name) : -ENOMEM;

	if (err)
		return err;
	if (!w->name || is_full_folder(w->name->file))
		return bad(EEXIST, path, "a folder with names in it is there already");
	err = take_str(t, path, &w->path);
	if (!err)
		err = take_str(t, target, &w->target);
	if (err)
		return err;
	name_set(t, w->folder, w->name, NULL);
	*t->waits_end = w;
	t->waits_end = &w->next;
	return 0;
}

int
tree_put_link_to(struct tree *t, struct str path, struct str target)
{
	struct tree_file *file = lookup(t, target);

	t->put = true;
	return file ? tree_put_link(t, path, file) : wait_for(t, path, target);
}

/* Goes over the links that wait once; tells whether any was made. */
static int
link_waiting(struct tree *t, void (*problem)(void *arg, int err), void *arg)
{
	struct tree_wait **at = &t->waits, *w;
	int made = 0;

	while ((w = *at)) {
		struct tree_file *file = lookup(t, w->target);

		if (!file && !w->name->file) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (w->name->file)
			continue;
		made = tree_put_link(t, w->path, file);
		if (made == -ENOMEM)
			return made;
		if (made != 0)
			problem(arg, made);
		made = 1;
	}
	return made;
}

int
tree_finish(struct tree *t, void (*problem)(void *arg, int err), void *arg)
{
	char shown[PATH_SHOWN], target[PATH_SHOWN];
	int made;

	do
		made = link_waiting(t, problem, arg);
	while (made > 0);
	for (struct tree_wait *w = t->waits; !made && w; w = w->next)
		problem(arg, err_set(ENOENT, "%s: it is a hard link to %s, which isn't there",
				 path_show(w->path, shown), path_show(w->target, target)));
	return made;
}

int
tree_remember(struct tree *t, const uint64_t same[2], struct tree_file *file)
{
	struct tree_name *e = name_at(t, &t->same, (struct str){ (const char *)same, 16 });

	if (!e)
		return -ENOMEM;
	e->file = file;
	return 0;
}

struct tree_file *
tree_recall(const struct tree *t, const uint64_t same[2])
{
	struct tree_name *e = find(t, &t->same, (struct str){ (const char *)same, 16 });

	return e ? e->file : NULL;
}

uint64_t
tree_count(const struct tree *t)
{
	return t->count;
}

bool
tree_is_empty(const struct tree *t)
{
	return !t->put;
}

int
tree_open(struct tree **out)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->size = TABLE_SIZE;
	t->table = calloc(t->size, sizeof(struct tree_name *));
	t->root = t->table ? new_folder(t) : NULL;
	t->waits_end = &t->waits;
	if (!t->root) {
		tree_close(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void
tree_close(struct tree *t)
{
	if (!t)
		return;
	for (struct tree_chunk *c = t->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(t->table);
	free(t);
}

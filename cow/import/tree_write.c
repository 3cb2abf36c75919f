/* A gathered tree as the rows of an image: sorted, numbered, counted. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/import/tree_priv.h"

static int
write_file(struct image_writer *w, struct tree_file *f, uint32_t parent)
{
	struct str target = { 0 };
	struct inode in = f->attr;
	int err;

	in.nlink = f->links;
	if (S_ISDIR(in.mode)) {
		in.nlink = 2 + f->folders;
		in.parent = parent;
		in.cookie = COOKIE_FIRST + f->count;
	} else if (S_ISLNK(in.mode)) {
		target = f->target;
	}
	err =
	    image_writer_inode(w, &in, target, S_ISREG(in.mode) ? &f->content : NULL, &f->attr.ino);
	for (const struct tree_xattr *x = f->xattrs; !err && x; x = x->next)
		err = image_writer_xattr(w, x->name, x->value);
	return err;
}

static int
compare(const void *a, const void *b)
{
	const struct tree_name *x = *(struct tree_name *const *)a,
			       *y = *(struct tree_name *const *)b;

	return str_cmp((struct str){ x->text, x->n }, (struct str){ y->text, y->n });
}

/* The folder's names that have a file, sorted: dir->count of them. */
static struct tree_name **
sorted_names(const struct tree_file *dir)
{
	struct tree_name **names = malloc((dir->count + 1) * sizeof(struct tree_name *));
	uint32_t n = 0;

	for (struct tree_name *e = dir->names; names && e; e = e->next) {
		if (e->file)
			names[n++] = e;
	}
	if (names)
		qsort(names, n, sizeof(struct tree_name *), compare);
	return names;
}

static int
write_folder(struct image_writer *w, struct tree_file *dir, struct tree_file **stack)
{
	struct tree_name **names CLEANUP_FREE = sorted_names(dir);
	int err = names ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < dir->count; i++) {
		struct tree_file *f = names[i]->file;

		if (f->attr.ino == 0)
			err = write_file(w, f, dir->attr.ino);
		if (!err)
			err = image_writer_name(w, dir->attr.ino,
			    (struct str){ names[i]->text, names[i]->n }, f->attr.ino);
	}
	for (uint32_t i = dir->count; !err && i > 0; i--) {
		struct tree_file *f = names[i - 1]->file;

		if (S_ISDIR(f->attr.mode)) {
			f->next = *stack;
			*stack = f;
		}
	}
	return err;
}

int
tree_write(struct tree *t, struct image_writer *w, int (*tick)(void *arg), void *arg)
{
	struct tree_file *stack = t->root;
	int err = write_file(w, t->root, INO_ROOT);

	while (!err && stack) {
		struct tree_file *dir = stack;

		stack = dir->next;
		err = write_folder(w, dir, &stack);
		if (!err)
			err = tick(arg);
	}
	return err;
}

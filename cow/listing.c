/* Names are copied, since a view lends them for a moment only. */
#include "cow/listing.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/inode.h"

static int
add(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct listing *l = arg;
	size_t size = l->size ? l->size * 2 : 32;
	struct listing_name *more;
	char *copy;

	(void)attr;
	if (cookie < COOKIE_FIRST)
		return 0;
	if (l->n == l->size) {
		if (!(more = realloc(l->all, size * sizeof(*more))))
			return -ENOMEM;
		l->all = more;
		l->size = size;
	}
	if (!(copy = malloc(name.n)))
		return -ENOMEM;
	memcpy(copy, name.p, name.n);
	l->all[l->n++] = (struct listing_name){ copy, name.n, ino };
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(listing_str(a), listing_str(b));
}

int
listing_read(struct view *v, uint32_t dir, struct listing *out)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	bool eof;
	int err = view_readdir(v, &op, dir, 0, false, add, out, &eof, &attr);

	if (!err && out->n)
		qsort(out->all, out->n, sizeof(*out->all), by_name);
	return err;
}

void
listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->all[i].bytes);
	free(l->all);
}

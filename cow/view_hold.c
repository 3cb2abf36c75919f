/* Files that are open somewhere and may lose their last name: an orphan is a node without links
 * whose blocks are all known in memory, since its rows go from the disk with its name. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/err.h"

struct hold {
	struct hold *next;
	uint32_t ino, count;
};

static struct hold **
find(struct view *v, uint32_t ino)
{
	struct hold **at = &v->holds[ino % ARRAY_SIZE(v->holds)];

	while (*at && (*at)->ino != ino)
		at = &(*at)->next;
	return at;
}

bool
node_held(struct view *v, const struct node *n)
{
	return S_ISREG(n->i.mode) && *find(v, n->i.ino);
}

void
hold_forget_all(struct view *v)
{
	struct hold *h;

	for (size_t i = 0; i < ARRAY_SIZE(v->holds); i++) {
		while ((h = v->holds[i])) {
			v->holds[i] = h->next;
			free(h);
		}
	}
}

static int
hold(struct view *v, uint32_t ino)
{
	struct hold **at = find(v, ino), *h = *at;

	if (!h) {
		if (!(h = malloc(sizeof(*h))))
			return err_set(ENOMEM, "no memory to hold inode %u", ino);
		*h = (struct hold){ .ino = ino };
		*at = h;
	}
	h->count++;
	return 0;
}

int
view_hold(struct view *v, uint32_t ino)
{
	struct inode i;
	int err = view_begin(v);

	if (err)
		return err;
	err = node_attr(v, ino, &i);
	if (!err)
		err = hold(v, ino);
	view_end(v);
	return err;
}

void
view_release(struct view *v, uint32_t ino)
{
	struct hold **at, *h;

	pthread_mutex_lock(&v->lock);
	at = find(v, ino);
	h = *at;
	if (h && --h->count == 0) {
		*at = h->next;
		free(h);
		node_unheld(v, ino);
	}
	pthread_mutex_unlock(&v->lock);
}

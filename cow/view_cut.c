/* A cut between two operations: the head as it is becomes a sealed layer, and an empty one opens
 * over it, while handles, cookies and what is in memory stay as they are. */
#include "cow/view_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "cow/err.h"

/* What the head said of a folder's names is now said from beneath. */
static void
names_sink(struct names *t)
{
	for (uint32_t b = 0; b < t->nbuckets; b++) {
		for (struct name *n = t->buckets[b]; n; n = n->chain) {
			if (n->in_head)
				n->beneath = n->ino != 0;
			n->in_head = false;
		}
	}
}

void
node_sink(struct node *n)
{
	if (n->orphan)
		return; /* no layer says anything of it */
	n->in_head = false;
	n->beneath = true;
	n->cut = BELOW_ALL;
	n->i.below = BELOW_ALL;
	n->i.own = 0;
	for (uint32_t i = 0; i < n->nruns; i++)
		n->runs[i].own = 0;
	names_sink(&n->names);
	xattr_sink(n);
}

/* The new head's place in the chain. */
static int
push_layer(struct view *v, uint64_t head)
{
	struct layer *more = realloc(v->layers, ((size_t)v->nlayers + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	v->layers = more;
	memmove(more + 1, more, (size_t)v->nlayers * sizeof(*more));
	v->nlayers++;
	if (filters_room(v) < 0)
		return -ENOMEM;
	filters_drop(v, v->nlayers - 1);
	memmove(v->filters + 1, v->filters, (size_t)(v->nlayers - 1) * sizeof(*v->filters));
	v->filters[0].bits = v->filters[1].bits = NULL;
	more[1].next_ino = v->next_ino;
	more[1].files = v->files;
	more[1].bytes = v->bytes;
	more[1].sealed = true;
	more[0] = (struct layer){
		.id = head, .parent = more[1].id, .image = more[1].image, .next_ino = v->next_ino
	};
	return 0;
}

int
view_cut_begin(struct view *v)
{
	int err = view_begin(v);

	if (err)
		return err;
	err = view_flush_rows(v);
	if (err)
		view_end(v);
	return err;
}

void
view_cut_end(struct view *v, uint64_t head, uint64_t ticket)
{
	if (head && push_layer(v, head) < 0) {
		v->stale = true; /* the next call finds it on disk */
	} else if (head) {
		v->cuts++; /* nodes follow when they are looked at */
		v->cut_ticket = ticket;
		v->head_id = head;
		v->files = v->bytes = 0;
	}
	view_end(v);
}

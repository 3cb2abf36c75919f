/*
 * Named: what a person names to be mounted or exported, NAME, NAME@SNAPSHOT, client:NAME or
 * image:NAME; found in a store, and opened.
 */
#ifndef SERVER_NAMED_H
#define SERVER_NAMED_H

#include "cow/view.h"

struct named {
	enum named_kind { NAMED_ANY, NAMED_CLIENT, NAMED_IMAGE } kind;
	char name[65];
	char snapshot[65]; /* "": none */
};

/* -EINVAL: it is no such name. */
int named_parse(const char *text, struct named *out);

/* Can it be opened so? It may be somebody else's a moment later. */
int check_named_view(const char *store, const struct named *, bool write);

/* Opens the store as the view needs it, and the view. To be looked at: as it is on disk now, for as
 * long as it is open, whatever rubusd does to it. To be changed (`write`): a client, under its
 * lease; -EBUSY: it is in use. Both are the caller's to close, the view first. */
int open_named_view(const char *store, const struct named *, bool write, struct store **out_store,
    struct view **out_view);

#endif

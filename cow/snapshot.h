/*
 * Snapshot: a sealed layer of a client that has a name. Its own are made on demand; the automatic
 * ones keep what a reset, a rollback or an update of the image has replaced.
 */
#ifndef COW_SNAPSHOT_H
#define COW_SNAPSHOT_H

#include "cow/client.h"

struct view;

#define SNAPSHOT_NOTE_MAX 200 /* bytes */

enum snapshot_kind {
	SNAPSHOT_MADE = 0,     /* by a person */
	SNAPSHOT_RESET = 1,    /* what a reset replaced; a number is never used for another kind */
	SNAPSHOT_ROLLBACK = 2, /* .. a rollback */
	SNAPSHOT_UPDATE = 3,   /* .. an update of the image */
	SNAPSHOT_UNDO = 4,     /* .. an undo: not taken back by the next undo */
};

struct snapshot {
	char client[65], name[65];
	enum snapshot_kind kind;
	uint64_t layer;
	char image[65];
	struct id image_id;
	uint64_t identity; /* as the client's */
	int64_t created;
	char note[SNAPSHOT_NOTE_MAX + 1];
	uint64_t delta_files, delta_bytes; /* of its whole chain */
};

/* A client to cut, and its view where it is open in this process, else NULL. */
struct snapshot_of {
	const char *client;
	struct view *view;
};

/* Cuts all of them in one commit. Each is cut between two operations: what was answered before is
 * in, what comes later isn't. name NULL: the time is the name. note may be NULL. No view of these
 * clients may be opened or closed meanwhile. -ENOENT, -EEXIST, -EINVAL: none was made. */
int snapshot_create(
    struct store *, const struct snapshot_of *, int n, const char *name, const char *note);
/* A copy of a client: of its snapshot, or of what it is now (it is cut as above, without a name).
 * What makes a client itself, addresses and identity, isn't copied; its group is. */
int client_clone(struct store *, const struct snapshot_of *, const char *snapshot,
    const struct client_options *);
int snapshot_find(struct store *, const char *client, const char *name, struct snapshot *out);
typedef int snapshot_fn(void *arg, const struct snapshot *);
/* By client, then time. client NULL: all. */
int snapshot_each(struct store *, const char *client, snapshot_fn *, void *arg);
/* The name only: rows and blocks are reclaimed later. -ENOENT. */
int snapshot_remove(struct store *, const char *client, const char *name);
/* Removes the automatic ones that are older than `seconds`, or of which a client has more than
 * `number` newer ones. Returns how many. */
int snapshot_expire(struct store *, int64_t seconds, int number);

/* --- for those that change the catalogue themselves --- */

/* Under store_catalogue: cuts a client without a name for what is sealed, and calls fn in the same
 * commit, which must not fail but for the disk's sake. */
int snapshot_cut(
    struct store *, const struct snapshot_of *, int (*fn)(struct db *, void *), void *);

/* In a transaction: */

int snapshot_put(struct db *, const struct snapshot *);
int snapshot_drop(struct db *, const char *client, const char *name); /* all, if name is NULL */
/* The one that an undo takes back. -ENOENT. */
int snapshot_newest_replaced(struct db *, const char *client, struct snapshot *out);
/* A free name for a snapshot of the client: what, and the time. */
int snapshot_free_name(struct db *, const char *client, const char *what, char out[65]);

#endif

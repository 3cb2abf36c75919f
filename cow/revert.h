/*
 * Revert: a client's state is replaced: by a reset (to its identity over the image), a rollback
 * (to a snapshot), an undo (of the last of these) or an update of its image. What is replaced
 * becomes an automatic snapshot. Old handles become stale.
 */
#ifndef COW_REVERT_H
#define COW_REVERT_H

#include "cow/snapshot.h"

struct revert {
	const char *client;
	enum snapshot_kind kind; /* of what the replaced state becomes; not SNAPSHOT_MADE */
	const char *snapshot;    /* SNAPSHOT_ROLLBACK: to which */
	const char *image;       /* SNAPSHOT_UPDATE: to which */
	/* Folders that are carried over, besides those that the client or its group always keeps
	 * (cow/keep.h); "/home". Not at a rollback. */
	const char *const *keep;
	int nkeep;
};

/* Does all of them in one commit, or none. The clients' views are closed, and stay closed
 * meanwhile. Without kept folders it takes the same time whatever the size. -ENOENT: no such
 * client, snapshot or image, or nothing to undo. */
int revert_run(struct store *, const struct revert *, int n);

/* The same, at the client's next mount of its root: at most one waits, the last that was asked
 * for. What is asked for is checked now. */
int revert_pend(struct store *, const struct revert *, int n);

struct revert_pending {
	enum snapshot_kind kind;
	char snapshot[65], image[65];
	char *keep; /* one path a line, or NULL; free(3) */
	int64_t asked;
};
/* 1: one waits, 0: none. keep is the caller's to free. */
int revert_pending(struct store *, const char *client, struct revert_pending *out);
/* Does what waits; 0 when nothing does. What can't be done any more (the snapshot was removed) is
 * dropped with an error. The client's view is closed. */
int revert_run_pending(struct store *, const char *client);
/* Forgets what waits. -ENOENT: nothing does. */
int revert_cancel(struct store *, const char *client);

#endif

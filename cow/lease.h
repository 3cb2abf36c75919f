/*
 * Lease: the right to change a client's head, of one process at a time: rubusd while it serves the
 * client, rubus-fuse while it has it mounted for writing, whoever replaces the head. It is a lock
 * of the kernel's on leases/<id of the client>, so it ends with its process, however that ends.
 */
#ifndef COW_LEASE_H
#define COW_LEASE_H

#include "cow/client.h"

struct lease;

/* Within a process it is counted, so that what opens a view and what cuts it may both have it.
 * -EBUSY: another process has it; the sentence says which. */
int lease_get(struct store *, const struct client *, struct lease **out);
/* NULL is fine. */
void lease_release(struct lease *);
/* The same, when the client is no more: removes the file, too. */
void lease_drop(struct lease *);

/* Blocks that no row on disk names are in use by who changes a head beside the owner, and by who
 * looks at rows as they were. They share a lock, each till its store_close; a collection has it
 * alone, till *fd is closed. -EBUSY: the other kind has it. */
int lease_share_blocks(struct store *);
int lease_collect_blocks(struct store *, int *fd);

#endif

/*
 * Keeper: a thread that now and then writes what nobody has synced, and keeps a mounted view's
 * memory within bounds.
 */
#ifndef SERVER_FUSE_KEEPER_H
#define SERVER_FUSE_KEEPER_H

#include "server/fuse/ops.h"

struct keeper;

int keeper_start(struct mounted *, struct keeper **out);
void keeper_stop(struct keeper *); /* NULL is fine */

#endif

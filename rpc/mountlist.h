/*
 * Mountlist: the lists that MOUNT's DUMP and EXPORT answer (RFC 1813 sections 5.2.2 and 5.2.5),
 * encoded one by one against a budget, then attached to the reply; a result of its own is not
 * encoded (rpc_proc.encode is NULL).
 */
#ifndef RPC_MOUNTLIST_H
#define RPC_MOUNTLIST_H

#include <stdint.h>

#include "rpc/leaf.h"
#include "rpc/reply.h"

struct mountlist;

/* max: bytes of the whole list. -ENOMEM. */
int mountlist_open(uint32_t max, struct mountlist **out);
void mountlist_close(struct mountlist *); /* one that was not attached */

/* 0: added; 1: no room, nothing added. -ENOMEM. One list takes entries of one kind only. */
int mountlist_add_mount(struct mountlist *, struct leaf_name host, struct leaf_name directory);
int mountlist_add_export(struct mountlist *, struct leaf_name directory,
    const struct leaf_name *groups, uint32_t ngroups);
/* Ends the list; it belongs to the reply from now on. The reply has no other attached data. */
void mountlist_attach(struct mountlist *, struct rpc_reply *);

#endif

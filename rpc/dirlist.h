/*
 * Dirlist: the entries of a READDIR or READDIRPLUS reply (RFC 1813 sections 3.3.16 and 3.3.17),
 * encoded one by one against the budget that the client gave, then attached to the reply.
 */
#ifndef RPC_DIRLIST_H
#define RPC_DIRLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "rpc/nfs3.h"
#include "rpc/reply.h"

#define DIRLIST_MAX (128 * 1024) /* larger budgets are taken as this */

struct dirlist;

struct dirlist_entry {
	uint64_t fileid, cookie;
	const char *name;
	uint32_t n;
	const fattr3 *attributes; /* READDIRPLUS only; may be NULL */
	const nfs_fh3 *handle;    /* READDIRPLUS only; may be NULL */
};

/* count, maxcount: bytes of the whole READDIR3resok or READDIRPLUS3resok, its head with attributes
 * included. dircount: bytes of file ids, names and cookies; the first entry may exceed it.
 * -ENOMEM. */
int dirlist_open(uint32_t count, struct dirlist **out);
int dirlist_open_plus(uint32_t dircount, uint32_t maxcount, struct dirlist **out);
void dirlist_close(struct dirlist *); /* one that was not attached */

/* 0: added; 1: no room, nothing added. -ENOMEM. */
int dirlist_add(struct dirlist *, const struct dirlist_entry *);
/* So many were added. None, and yet no room: NFS3ERR_TOOSMALL. */
uint32_t dirlist_count(const struct dirlist *);
/* Ends the list; it belongs to the reply from now on. The reply has no other attached data. */
void dirlist_attach(struct dirlist *, bool eof, struct rpc_reply *);

#endif

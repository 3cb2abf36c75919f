/*
 * Nfs3: the 22 procedures of NFS version 3 (RFC 1813) as a table of a program. Each decodes a
 * handle, makes one call of a view, and fills in the result.
 */
#ifndef SERVER_NFS3_NFS3_H
#define SERVER_NFS3_NFS3_H

#include "rpc/leaf.h"
#include "rpc/program.h"
#include "server/peer.h"

#define NFS3_IO_MAX (1u << 20) /* rtmax, wtmax, and the most a directory list may take */

/* rpc_call.ctx of a call must be a struct call (server/call.h). */
extern const struct rpc_program nfs3_program;

/* The handle of a file of this client's view. */
void nfs3_handle_pack(const struct client *, const struct view_attr *, struct leaf_fh *out);

#endif

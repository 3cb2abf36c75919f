/*
 * What the procedures share: the way from a handle to a view, and back to a result.
 */
#ifndef SERVER_NFS3_NFS3_PRIV_H
#define SERVER_NFS3_NFS3_PRIV_H

#include "cow/cleanup.h"
#include "rpc/nfs3.h"
#include "server/call.h"
#include "server/nfs3/conv.h"
#include "server/nfs3/nfs3.h"

/* One procedure at work. */
struct nfs3_op {
	struct rpc_call *call;
	struct peers *peers;
	struct peer_client *client; /* held until the procedure returns; NULL: the handle was bad */
	struct view *view;
	struct view_op op;
	struct view_attr obj; /* of the handle's file, before; ino 0: the handle was bad */
};

void nfs3_op_release(struct nfs3_op *);
#define NFS3_OP(name) struct nfs3_op name CLEANUP(nfs3_op_release) = { 0 }

/* A name as the view takes it. */
static inline struct str
nfs3_name(const struct leaf_name *name)
{
	return (struct str){ name->p, name->n };
}

/* Finds the handle's client and file and fills in op, credentials included. -EBADMSG, -ESTALE,
 * -EACCES, -EPERM. */
int nfs3_begin(struct nfs3_op *op, struct rpc_call *, const nfs_fh3 *);
/* A call's other handle: -EXDEV if it is of another view. */
int nfs3_second(struct nfs3_op *op, const nfs_fh3 *, struct view_attr *out);
/* Hands the ticket of a change on to the call; the status of err. */
nfsstat3 nfs3_end(struct nfs3_op *op, int err);

/* Into results. Where the failed arm begins with the attributes that the good one begins with, a
 * procedure fills in the good one's for both. Without attributes, what the handle's file had at
 * the beginning is told. */
void nfs3_handle(const struct nfs3_op *op, const struct view_attr *, nfs_fh3 *out);
void nfs3_post_handle(const struct nfs3_op *op, const struct view_attr *, post_op_fh3 *out);
void nfs3_post(const struct nfs3_op *op, const struct view_attr *, post_op_attr *out);
void nfs3_wcc(const struct nfs3_op *op, const struct view_wcc *, wcc_data *out);

rpc_handler nfs3_getattr, nfs3_setattr, nfs3_access, nfs3_fsstat, nfs3_fsinfo, nfs3_pathconf;
rpc_handler nfs3_lookup, nfs3_readlink, nfs3_readdir, nfs3_readdirplus;
rpc_handler nfs3_create, nfs3_mkdir, nfs3_symlink, nfs3_mknod;
rpc_handler nfs3_remove, nfs3_rmdir, nfs3_rename, nfs3_link;
rpc_handler nfs3_read, nfs3_write, nfs3_commit;

#endif

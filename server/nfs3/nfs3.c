/* The table of the 22 procedures, and what each of them begins and ends with. */
#include "server/nfs3/nfs3.h"

#include <assert.h>
#include <errno.h>

#include "server/nfs3/fh.h"
#include "server/nfs3/nfs3_priv.h"

/* Finds and holds the client whose key fits the handle. */
static int
client_of(struct nfs3_op *op, const nfs_fh3 *handle, struct fh *fh)
{
	const struct call *ctx = op->call->ctx;
	int err = fh_unpack(handle->bytes, handle->n, fh);

	if (err == 0)
		err = peer_by_id(op->peers, ctx->peer, &fh->view, &op->client);
	if (err < 0)
		return err;
	if (!fh_verify(handle->bytes, op->client->info.key))
		return -ESTALE;
	return 0;
}

/* The file of a handle whose tag was verified. */
static int
file_of(const struct nfs3_op *op, const struct fh *fh, struct view_attr *out)
{
	int err;

	if (fh->incarnation != view_incarnation(op->view))
		return -ESTALE;
	err = view_getattr(op->view, fh->ino, out);
	if (err == 0 && out->gen != fh->gen)
		err = -ESTALE;
	if (err < 0)
		out->ino = 0;
	return err;
}

int
nfs3_begin(struct nfs3_op *op, struct rpc_call *call, const nfs_fh3 *handle)
{
	const struct rpc_cred *cred = &call->head.cred;
	struct fh fh;
	int err;

	op->call = call;
	op->peers = ((struct call *)call->ctx)->service->peers;
	op->op = (struct view_op){
		.uid = cred->uid,
		.gid = cred->gid,
		.ngroups = cred->ngroups,
		.groups = cred->groups,
		.owes = call->proc->flags & RPC_ONCE,
	};
	err = client_of(op, handle, &fh);
	if (err < 0)
		return err;
	op->view = op->client->view;
	if (op->client->info.is_volatile)
		op->op.owes = false; /* no batch waits for its replies */
	return file_of(op, &fh, &op->obj);
}

int
nfs3_second(struct nfs3_op *op, const nfs_fh3 *handle, struct view_attr *out)
{
	struct fh fh;
	int err = fh_unpack(handle->bytes, handle->n, &fh);

	if (err < 0)
		return err;
	if (!id_eq(&fh.view, &op->client->info.id))
		return -EXDEV;
	if (!fh_verify(handle->bytes, op->client->info.key))
		return -ESTALE;
	return file_of(op, &fh, out);
}

nfsstat3
nfs3_end(struct nfs3_op *op, int err)
{
	op->call->ticket = op->op.ticket;
	return conv_status(err);
}

void
nfs3_op_release(struct nfs3_op *op)
{
	peer_release(op->peers, op->client);
}

/* --- results --- */

void
nfs3_handle_pack(const struct client *client, const struct view_attr *attr, nfs_fh3 *out)
{
	struct fh fh = { client->id, client->incarnation, attr->ino, attr->gen };

	out->n = FH_SIZE;
	fh_pack(&fh, client->key, out->bytes);
}

void
nfs3_handle(const struct nfs3_op *op, const struct view_attr *attr, nfs_fh3 *out)
{
	nfs3_handle_pack(&op->client->info, attr, out);
}

void
nfs3_post_handle(const struct nfs3_op *op, const struct view_attr *attr, post_op_fh3 *out)
{
	out->handle_follows = TRUE;
	nfs3_handle(op, attr, &out->post_op_fh3_u.handle);
}

void
nfs3_post(const struct nfs3_op *op, const struct view_attr *attr, post_op_attr *out)
{
	if (op->client)
		conv_post(&op->client->info.id, attr->ino ? attr : &op->obj, out);
}

void
nfs3_wcc(const struct nfs3_op *op, const struct view_wcc *wcc, wcc_data *out)
{
	if (op->client)
		conv_wcc(&op->client->info.id, wcc, out);
}

static void
nfs3_null(struct rpc_call *call, void *args, void *res)
{
	(void)call;
	(void)args;
	(void)res;
}

/* --- the table --- */

#define PROC(lower, UPPER, flags, fail_words) \
	[NFSPROC3_##UPPER] =                  \
	    RPC_PROC(#UPPER, nfs3_##lower, UPPER##3args, UPPER##3res, flags, fail_words)

/* The last column: a status alone can't say the failed arm; each absent attribute is a word. */
static const struct rpc_proc procs[] = {
	[NFSPROC3_NULL] = { .name = "NULL", .handler = nfs3_null, .flags = RPC_ANY_AUTH },
	PROC(getattr, GETATTR, 0, 0),
	PROC(setattr, SETATTR, RPC_ONCE, 2),
	PROC(lookup, LOOKUP, 0, 1),
	PROC(access, ACCESS, 0, 1),
	PROC(readlink, READLINK, 0, 1),
	PROC(read, READ, 0, 1),
	PROC(write, WRITE, 0, 2),
	PROC(create, CREATE, RPC_ONCE, 2),
	PROC(mkdir, MKDIR, RPC_ONCE, 2),
	PROC(symlink, SYMLINK, RPC_ONCE, 2),
	PROC(mknod, MKNOD, RPC_ONCE, 2),
	PROC(remove, REMOVE, RPC_ONCE, 2),
	PROC(rmdir, RMDIR, RPC_ONCE, 2),
	PROC(rename, RENAME, RPC_ONCE, 4),
	PROC(link, LINK, RPC_ONCE, 3),
	PROC(readdir, READDIR, 0, 1),
	PROC(readdirplus, READDIRPLUS, 0, 1),
	PROC(fsstat, FSSTAT, 0, 1),
	PROC(fsinfo, FSINFO, 0, 1),
	PROC(pathconf, PATHCONF, 0, 1),
	PROC(commit, COMMIT, 0, 2),
};
static_assert(ARRAY_SIZE(procs) == 22, "a procedure is missing");

const struct rpc_program nfs3_program = {
	.name = "nfs3",
	.prog = NFS_PROGRAM,
	.vers = NFS_V3,
	.procs = procs,
	.nprocs = ARRAY_SIZE(procs),
};

/* READ, WRITE and COMMIT. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/nfs3/nfs3_priv.h"

#define OFFSET_MAX ((uint64_t)INT64_MAX)

/* Changes when uncommitted writes may have been lost: at each start of the server, and after a
 * commit that failed. A WRITE must answer what was true before it, a COMMIT what is true after it:
 * then bytes that were lost in between are never taken for committed. */
static void
write_verf(const struct nfs3_op *op, writeverf3 out)
{
	struct store *store = ((struct call *)op->call->ctx)->service->store;
	uint8_t about[ID_SIZE + 8];

	memcpy(about, store_id(store)->b, ID_SIZE);
	put_le32(about + ID_SIZE, store_epoch(store));
	put_le32(about + ID_SIZE + 4, store_losses(store));
	put_le64(out, hash_bytes(about, sizeof(about), 0));
}

static void
data_return(void *arg)
{
	view_data_release(arg);
	free(arg);
}

/* What was read is lent to the reply, which gives it back when it is sent. */
static int
read_attach(
    struct nfs3_op *op, uint64_t off, uint32_t count, struct view_attr *attr, READ3resok *ok)
{
	struct view_data *data = calloc(1, sizeof(*data));
	int err;

	if (!data)
		return -ENOMEM;
	err = view_read(op->view, &op->op, op->obj.ino, off, count, data, attr);
	if (err < 0) {
		free(data);
		return err;
	}
	atomic_fetch_add_explicit(&op->client->reads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&op->client->read_bytes, data->len, memory_order_relaxed);
	ok->count = ok->data.n = data->len;
	ok->eof = data->eof;
	rpc_reply_attach(op->call->reply, data->iov, data->n, data->len, data_return, data);
	return 0;
}

void
nfs3_read(struct rpc_call *call, void *args, void *res)
{
	const READ3args *a = args;
	READ3res *r = res;
	NFS3_OP(op);
	struct view_attr attr = { 0 };
	uint64_t off = a->offset < OFFSET_MAX ? a->offset : OFFSET_MAX;
	uint32_t count = a->count < NFS3_IO_MAX ? a->count : NFS3_IO_MAX;
	int err = nfs3_begin(&op, call, &a->file);

	if (count > OFFSET_MAX - off)
		count = (uint32_t)(OFFSET_MAX - off);
	if (err == 0)
		err = read_attach(&op, off, count, &attr, &r->READ3res_u.resok);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &attr, &r->READ3res_u.resok.file_attributes);
}

static int
write_check(const WRITE3args *a)
{
	if (a->count != a->data.n || a->stable > FILE_SYNC)
		return -EINVAL;
	if (a->offset > OFFSET_MAX || a->count > OFFSET_MAX - a->offset)
		return -EFBIG;
	return 0;
}

void
nfs3_write(struct rpc_call *call, void *args, void *res)
{
	static const enum view_stable wants[] = { VIEW_UNSTABLE, VIEW_DATA_SYNC, VIEW_FILE_SYNC };
	static const stable_how gots[] = { UNSTABLE, DATA_SYNC, FILE_SYNC };
	const WRITE3args *a = args;
	WRITE3res *r = res;
	WRITE3resok *ok = &r->WRITE3res_u.resok;
	NFS3_OP(op);
	struct view_wcc wcc = { 0 };
	enum view_stable got = VIEW_UNSTABLE;
	uint32_t count = a->count < NFS3_IO_MAX ? a->count : NFS3_IO_MAX;
	writeverf3 verf;
	int err = nfs3_begin(&op, call, &a->file);

	write_verf(&op, verf);
	if (err == 0)
		err = write_check(a);
	if (err == 0)
		err = view_write(op.view, &op.op, op.obj.ino, a->offset, a->data.p, count,
		    wants[a->stable], &got, &wcc);
	r->status = nfs3_end(&op, err < 0 ? err : 0);
	nfs3_wcc(&op, &wcc, &ok->file_wcc);
	if (r->status != NFS3_OK)
		return;
	ok->count = count;
	ok->committed = gots[got];
	memcpy(ok->verf, verf, sizeof(verf));
}

void
nfs3_commit(struct rpc_call *call, void *args, void *res)
{
	const COMMIT3args *a = args;
	COMMIT3res *r = res;
	COMMIT3resok *ok = &r->COMMIT3res_u.resok;
	NFS3_OP(op);
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->file);

	if (err == 0 && a->offset > OFFSET_MAX)
		err = -EINVAL;
	if (err == 0)
		err = view_commit(op.view, &op.op, op.obj.ino, &wcc);
	r->status = nfs3_end(&op, err);
	nfs3_wcc(&op, &wcc, &ok->file_wcc);
	if (r->status == NFS3_OK)
		write_verf(&op, ok->verf);
}

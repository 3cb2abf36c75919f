/* The procedures that look into folders and symlinks. */
#include <errno.h>
#include <stdlib.h>

#include "rpc/dirlist.h"
#include "server/nfs3/nfs3_priv.h"

void
nfs3_lookup(struct rpc_call *call, void *args, void *res)
{
	const LOOKUP3args *a = args;
	LOOKUP3res *r = res;
	LOOKUP3resok *ok = &r->LOOKUP3res_u.resok;
	NFS3_OP(op);
	struct view_attr attr = { 0 }, dir = { 0 };
	int err = nfs3_begin(&op, call, &a->what.dir);

	if (err == 0)
		err =
		    view_lookup(op.view, &op.op, op.obj.ino, nfs3_name(&a->what.name), &attr, &dir);
	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK) {
		nfs3_handle(&op, &attr, &ok->object);
		nfs3_post(&op, &attr, &ok->obj_attributes);
	}
	nfs3_post(&op, &dir, err ? &r->LOOKUP3res_u.resfail.dir_attributes : &ok->dir_attributes);
}

void
nfs3_readlink(struct rpc_call *call, void *args, void *res)
{
	const READLINK3args *a = args;
	READLINK3res *r = res;
	READLINK3resok *ok = &r->READLINK3res_u.resok;
	NFS3_OP(op);
	struct view_attr attr = { 0 };
	char *target = malloc(TARGET_BYTES_MAX + 1);
	int err = target ? nfs3_begin(&op, call, &a->symlink) : -ENOMEM;

	/* The result borrows the target: it lives as long as the reply. */
	rpc_reply_attach(call->reply, NULL, 0, 0, free, target);
	if (err == 0)
		err = view_readlink(op.view, &op.op, op.obj.ino, target, &ok->data.n, &attr);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &attr, &ok->symlink_attributes);
	ok->data.p = target;
}

/* --- lists --- */

struct listing {
	const struct nfs3_op *op;
	struct dirlist *list;
	int err;
};

static int
list_entry(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct listing *l = arg;
	struct dirlist_entry entry = { ino, cookie, name.p, name.n, NULL, NULL };
	fattr3 wire;
	nfs_fh3 fh;

	if (attr) {
		conv_attr(&l->op->client->info.id, attr, &wire);
		nfs3_handle(l->op, attr, &fh);
		entry.attributes = &wire;
		entry.handle = &fh;
	}
	l->err = dirlist_add(l->list, &entry);
	return l->err != 0;
}

/* Fills the list from the cookie on, and lends it to the reply. Cookies stay valid whatever
 * happens to the folder, so that any cookie verifier will do. */
static int
list_dir(
    struct nfs3_op *op, uint64_t cookie, bool plus, struct dirlist *list, struct view_attr *dir)
{
	struct listing l = { .op = op, .list = list };
	bool eof = false;
	int err =
	    view_readdir(op->view, &op->op, op->obj.ino, cookie, plus, list_entry, &l, &eof, dir);

	if (err == 0 && l.err < 0)
		err = l.err;
	if (err == 0 && l.err > 0 && dirlist_count(list) == 0)
		err = -ERANGE;
	if (err == 0)
		dirlist_attach(list, eof, op->call->reply);
	else
		dirlist_close(list);
	return err;
}

void
nfs3_readdir(struct rpc_call *call, void *args, void *res)
{
	const READDIR3args *a = args;
	READDIR3res *r = res;
	NFS3_OP(op);
	struct dirlist *list;
	struct view_attr dir = { 0 };
	int err = nfs3_begin(&op, call, &a->dir);

	if (err == 0)
		err = dirlist_open(a->count, &list);
	if (err == 0)
		err = list_dir(&op, a->cookie, false, list, &dir);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &dir, &r->READDIR3res_u.resok.dir_attributes);
}

void
nfs3_readdirplus(struct rpc_call *call, void *args, void *res)
{
	const READDIRPLUS3args *a = args;
	READDIRPLUS3res *r = res;
	NFS3_OP(op);
	struct dirlist *list;
	struct view_attr dir = { 0 };
	int err = nfs3_begin(&op, call, &a->dir);

	if (err == 0)
		err = dirlist_open_plus(a->dircount, a->maxcount, &list);
	if (err == 0)
		err = list_dir(&op, a->cookie, true, list, &dir);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &dir, &r->READDIRPLUS3res_u.resok.dir_attributes);
}

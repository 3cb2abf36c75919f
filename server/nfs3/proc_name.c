/* The procedures that make, remove and rename names. */
#include <errno.h>
#include <sys/stat.h>

#include "server/nfs3/nfs3_priv.h"

/* A new file, as the results of all that make one say it. */
static void
fill_new(const struct nfs3_op *op, const struct view_attr *attr, post_op_fh3 *fh, post_op_attr *out)
{
	nfs3_post_handle(op, attr, fh);
	nfs3_post(op, attr, out);
}

/* A verifier of zero would be that of every file that wasn't made exclusively. */
static uint64_t
verf_of(const createverf3 verf)
{
	uint64_t v = get_le64(verf);

	return v ? v : UINT64_MAX;
}

void
nfs3_create(struct rpc_call *call, void *args, void *res)
{
	static const enum view_create hows[] = {
		[UNCHECKED] = VIEW_UNCHECKED,
		[GUARDED] = VIEW_GUARDED,
		[EXCLUSIVE] = VIEW_EXCLUSIVE,
	};
	const CREATE3args *a = args;
	CREATE3res *r = res;
	CREATE3resok *ok = &r->CREATE3res_u.resok;
	NFS3_OP(op);
	struct view_set set = { 0 };
	struct view_attr attr = { 0 };
	struct view_wcc wcc = { 0 };
	bool exclusive = a->how.mode == EXCLUSIVE;
	uint64_t verf = exclusive ? verf_of(a->how.createhow3_u.verf) : 0;
	int err = nfs3_begin(&op, call, &a->where.dir);

	if (err == 0 && !exclusive)
		err = conv_set(&a->how.createhow3_u.obj_attributes, &set);
	if (err == 0)
		err = view_create(op.view, &op.op, op.obj.ino, nfs3_name(&a->where.name),
		    hows[a->how.mode], &set, verf, &attr, &wcc);
	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		fill_new(&op, &attr, &ok->obj, &ok->obj_attributes);
	nfs3_wcc(&op, &wcc, err ? &r->CREATE3res_u.resfail.dir_wcc : &ok->dir_wcc);
}

void
nfs3_mkdir(struct rpc_call *call, void *args, void *res)
{
	const MKDIR3args *a = args;
	MKDIR3res *r = res;
	MKDIR3resok *ok = &r->MKDIR3res_u.resok;
	NFS3_OP(op);
	struct view_set set;
	struct view_attr attr = { 0 };
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->where.dir);

	if (err == 0)
		err = conv_set(&a->attributes, &set);
	if (err == 0)
		err = view_mkdir(
		    op.view, &op.op, op.obj.ino, nfs3_name(&a->where.name), &set, &attr, &wcc);
	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		fill_new(&op, &attr, &ok->obj, &ok->obj_attributes);
	nfs3_wcc(&op, &wcc, err ? &r->MKDIR3res_u.resfail.dir_wcc : &ok->dir_wcc);
}

void
nfs3_symlink(struct rpc_call *call, void *args, void *res)
{
	const SYMLINK3args *a = args;
	SYMLINK3res *r = res;
	SYMLINK3resok *ok = &r->SYMLINK3res_u.resok;
	NFS3_OP(op);
	struct view_set set;
	struct view_attr attr = { 0 };
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->where.dir);

	if (err == 0)
		err = conv_set(&a->symlink.symlink_attributes, &set);
	if (err == 0)
		err = view_symlink(op.view, &op.op, op.obj.ino, nfs3_name(&a->where.name), &set,
		    nfs3_name(&a->symlink.symlink_data), &attr, &wcc);
	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		fill_new(&op, &attr, &ok->obj, &ok->obj_attributes);
	nfs3_wcc(&op, &wcc, err ? &r->SYMLINK3res_u.resfail.dir_wcc : &ok->dir_wcc);
}

/* What a MKNOD is to make; -EBADRQC: not by MKNOD. */
static int
node_of(const mknoddata3 *what, uint32_t *type, uint32_t rdev[2], const sattr3 **attr)
{
	const devicedata3 *device = &what->mknoddata3_u.device;

	rdev[0] = rdev[1] = 0;
	*attr = &what->mknoddata3_u.pipe_attributes;
	switch (what->type) {
	case NF3SOCK:
		*type = S_IFSOCK;
		return 0;
	case NF3FIFO:
		*type = S_IFIFO;
		return 0;
	case NF3CHR:
	case NF3BLK:
		*type = what->type == NF3CHR ? S_IFCHR : S_IFBLK;
		*attr = &device->dev_attributes;
		rdev[0] = device->spec.specdata1;
		rdev[1] = device->spec.specdata2;
		return 0;
	default:
		return -EBADRQC;
	}
}

void
nfs3_mknod(struct rpc_call *call, void *args, void *res)
{
	const MKNOD3args *a = args;
	MKNOD3res *r = res;
	MKNOD3resok *ok = &r->MKNOD3res_u.resok;
	NFS3_OP(op);
	const sattr3 *wanted;
	struct view_set set;
	struct view_attr attr = { 0 };
	struct view_wcc wcc = { 0 };
	uint32_t type, rdev[2];
	int err = nfs3_begin(&op, call, &a->where.dir);

	if (err == 0)
		err = node_of(&a->what, &type, rdev, &wanted);
	if (err == 0)
		err = conv_set(wanted, &set);
	if (err == 0)
		err = view_mknod(op.view, &op.op, op.obj.ino, nfs3_name(&a->where.name), type, rdev,
		    &set, &attr, &wcc);
	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		fill_new(&op, &attr, &ok->obj, &ok->obj_attributes);
	nfs3_wcc(&op, &wcc, err ? &r->MKNOD3res_u.resfail.dir_wcc : &ok->dir_wcc);
}

void
nfs3_remove(struct rpc_call *call, void *args, void *res)
{
	const REMOVE3args *a = args;
	REMOVE3res *r = res;
	NFS3_OP(op);
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->object.dir);

	if (err == 0)
		err = view_remove(op.view, &op.op, op.obj.ino, nfs3_name(&a->object.name), &wcc);
	r->status = nfs3_end(&op, err);
	nfs3_wcc(&op, &wcc, &r->REMOVE3res_u.resok.dir_wcc);
}

void
nfs3_rmdir(struct rpc_call *call, void *args, void *res)
{
	const RMDIR3args *a = args;
	RMDIR3res *r = res;
	NFS3_OP(op);
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->object.dir);

	if (err == 0)
		err = view_rmdir(op.view, &op.op, op.obj.ino, nfs3_name(&a->object.name), &wcc);
	r->status = nfs3_end(&op, err);
	nfs3_wcc(&op, &wcc, &r->RMDIR3res_u.resok.dir_wcc);
}

void
nfs3_rename(struct rpc_call *call, void *args, void *res)
{
	const RENAME3args *a = args;
	RENAME3res *r = res;
	NFS3_OP(op);
	struct view_attr to = { 0 };
	struct view_wcc wfrom = { 0 }, wto = { 0 };
	int err = nfs3_begin(&op, call, &a->from.dir);

	if (err == 0)
		err = nfs3_second(&op, &a->to.dir, &to);
	if (err == 0)
		err = view_rename(op.view, &op.op, op.obj.ino, nfs3_name(&a->from.name), to.ino,
		    nfs3_name(&a->to.name), &wfrom, &wto);
	r->status = nfs3_end(&op, err);
	nfs3_wcc(&op, &wfrom, &r->RENAME3res_u.resok.fromdir_wcc);
	nfs3_wcc(&op, &wto, &r->RENAME3res_u.resok.todir_wcc);
}

void
nfs3_link(struct rpc_call *call, void *args, void *res)
{
	const LINK3args *a = args;
	LINK3res *r = res;
	NFS3_OP(op);
	struct view_attr dir = { 0 }, attr = { 0 };
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->file);

	if (err == 0)
		err = nfs3_second(&op, &a->link.dir, &dir);
	if (err == 0)
		err = view_link(
		    op.view, &op.op, op.obj.ino, dir.ino, nfs3_name(&a->link.name), &attr, &wcc);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &attr, &r->LINK3res_u.resok.file_attributes);
	nfs3_wcc(&op, &wcc, &r->LINK3res_u.resok.linkdir_wcc);
}

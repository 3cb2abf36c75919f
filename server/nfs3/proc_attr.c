/* The procedures that look at one file or at the file system, and SETATTR. */
#include "server/nfs3/nfs3_priv.h"

void
nfs3_getattr(struct rpc_call *call, void *args, void *res)
{
	const GETATTR3args *a = args;
	GETATTR3res *r = res;
	NFS3_OP(op);
	int err = nfs3_begin(&op, call, &a->object);

	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		conv_attr(&op.client->info.id, &op.obj, &r->GETATTR3res_u.resok.obj_attributes);
}

void
nfs3_setattr(struct rpc_call *call, void *args, void *res)
{
	const SETATTR3args *a = args;
	SETATTR3res *r = res;
	NFS3_OP(op);
	struct view_set set;
	struct view_wcc wcc = { 0 };
	int err = nfs3_begin(&op, call, &a->object);

	if (err == 0)
		err = conv_set(&a->new_attributes, &set);
	if (err == 0)
		err = conv_guard(&a->guard, &set);
	if (err == 0)
		err = view_setattr(op.view, &op.op, op.obj.ino, &set, &wcc);
	r->status = nfs3_end(&op, err);
	nfs3_wcc(&op, &wcc, &r->SETATTR3res_u.resok.obj_wcc);
}

void
nfs3_access(struct rpc_call *call, void *args, void *res)
{
	const ACCESS3args *a = args;
	ACCESS3res *r = res;
	NFS3_OP(op);
	struct view_attr attr = { 0 };
	uint32_t allowed = 0;
	int err = nfs3_begin(&op, call, &a->object);

	if (err == 0)
		err = view_access(op.view, &op.op, op.obj.ino, a->access, &allowed, &attr);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &attr, &r->ACCESS3res_u.resok.obj_attributes);
	if (r->status == NFS3_OK)
		r->ACCESS3res_u.resok.access = allowed;
}

void
nfs3_fsstat(struct rpc_call *call, void *args, void *res)
{
	const FSSTAT3args *a = args;
	FSSTAT3res *r = res;
	FSSTAT3resok *ok = &r->FSSTAT3res_u.resok;
	NFS3_OP(op);
	struct view_statfs fs;
	struct view_attr attr = { 0 };
	int err = nfs3_begin(&op, call, &a->fsroot);

	if (err == 0)
		err = view_statfs(op.view, op.obj.ino, &fs, &attr);
	r->status = nfs3_end(&op, err);
	nfs3_post(&op, &attr, &ok->obj_attributes);
	if (r->status != NFS3_OK)
		return;
	ok->tbytes = fs.bytes;
	ok->fbytes = fs.bytes_free;
	ok->abytes = fs.bytes_avail;
	ok->tfiles = fs.files;
	ok->ffiles = fs.files_free;
	ok->afiles = fs.files_free;
	ok->invarsec = 0;
}

void
nfs3_fsinfo(struct rpc_call *call, void *args, void *res)
{
	const FSINFO3args *a = args;
	FSINFO3res *r = res;
	FSINFO3resok *ok = &r->FSINFO3res_u.resok;
	NFS3_OP(op);
	int err = nfs3_begin(&op, call, &a->fsroot);

	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		*ok = (FSINFO3resok){
			.rtmax = NFS3_IO_MAX,
			.rtpref = NFS3_IO_MAX,
			.rtmult = 4096,
			.wtmax = NFS3_IO_MAX,
			.wtpref = NFS3_IO_MAX,
			.wtmult = 4096,
			.dtpref = 65536,
			.maxfilesize = VIEW_FILE_MAX,
			.time_delta = { 0, 1 },
			.properties = FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME,
		};
	nfs3_post(&op, &op.obj, &ok->obj_attributes);
}

void
nfs3_pathconf(struct rpc_call *call, void *args, void *res)
{
	const PATHCONF3args *a = args;
	PATHCONF3res *r = res;
	PATHCONF3resok *ok = &r->PATHCONF3res_u.resok;
	NFS3_OP(op);
	int err = nfs3_begin(&op, call, &a->object);

	r->status = nfs3_end(&op, err);
	if (r->status == NFS3_OK)
		*ok = (PATHCONF3resok){
			.linkmax = NLINK_MAX,
			.name_max = NAME_BYTES_MAX,
			.no_trunc = TRUE,
			.chown_restricted = TRUE,
			.case_insensitive = FALSE,
			.case_preserving = TRUE,
		};
	nfs3_post(&op, &op.obj, &ok->obj_attributes);
}

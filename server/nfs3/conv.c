/* Attributes and errors, to the wire and back. */
#include "server/nfs3/conv.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	int err;
	nfsstat3 status;
} statuses[] = {
	{ 0, NFS3_OK },
	{ EPERM, NFS3ERR_PERM },
	{ ENOENT, NFS3ERR_NOENT },
	{ EIO, NFS3ERR_IO },
	{ ENXIO, NFS3ERR_NXIO },
	{ EACCES, NFS3ERR_ACCES },
	{ EEXIST, NFS3ERR_EXIST },
	{ EXDEV, NFS3ERR_XDEV },
	{ ENODEV, NFS3ERR_NODEV },
	{ ENOTDIR, NFS3ERR_NOTDIR },
	{ EISDIR, NFS3ERR_ISDIR },
	{ EINVAL, NFS3ERR_INVAL },
	{ EOVERFLOW, NFS3ERR_INVAL },
	{ EFBIG, NFS3ERR_FBIG },
	{ ENOSPC, NFS3ERR_NOSPC },
	{ EROFS, NFS3ERR_ROFS },
	{ EMLINK, NFS3ERR_MLINK },
	{ ENAMETOOLONG, NFS3ERR_NAMETOOLONG },
	{ ENOTEMPTY, NFS3ERR_NOTEMPTY },
	{ EDQUOT, NFS3ERR_DQUOT },
	{ ESTALE, NFS3ERR_STALE },
	{ EBADMSG, NFS3ERR_BADHANDLE },
	{ EAGAIN, NFS3ERR_NOT_SYNC },
	{ EOPNOTSUPP, NFS3ERR_NOTSUPP },
	{ ERANGE, NFS3ERR_TOOSMALL },
	{ EBADRQC, NFS3ERR_BADTYPE },
	{ ENOMEM, NFS3ERR_JUKEBOX },
	{ EBUSY, NFS3ERR_JUKEBOX }, /* the view is mounted for writing by rubus-fuse */
	{ EMFILE, NFS3ERR_JUKEBOX },
	{ ENFILE, NFS3ERR_JUKEBOX },
};

nfsstat3
conv_status(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].err == -err)
			return statuses[i].status;
	return NFS3ERR_IO;
}

static ftype3
type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return NF3DIR;
	case S_IFLNK:
		return NF3LNK;
	case S_IFBLK:
		return NF3BLK;
	case S_IFCHR:
		return NF3CHR;
	case S_IFIFO:
		return NF3FIFO;
	case S_IFSOCK:
		return NF3SOCK;
	default:
		return NF3REG;
	}
}

static nfstime3
time_to_wire(struct timespec t)
{
	if (t.tv_sec < 0)
		return (nfstime3){ 0, 0 };
	if (t.tv_sec > UINT32_MAX)
		return (nfstime3){ UINT32_MAX, 999999999 };
	return (nfstime3){ (uint32_t)t.tv_sec, (uint32_t)t.tv_nsec };
}

static int
time_from_wire(const nfstime3 *t, struct timespec *out)
{
	if (t->nseconds >= 1000000000)
		return -EINVAL;
	*out = (struct timespec){ .tv_sec = t->seconds, .tv_nsec = t->nseconds };
	return 0;
}

void
conv_attr(const struct id *view, const struct view_attr *a, fattr3 *out)
{
	*out = (fattr3){
		.type = type_of(a->mode),
		.mode = a->mode & 07777,
		.nlink = a->nlink,
		.uid = a->uid,
		.gid = a->gid,
		.size = a->size,
		.used = a->used,
		.rdev = { a->rdev[0], a->rdev[1] },
		.fsid = get_le64(view->b),
		.fileid = a->ino,
		.atime = time_to_wire(a->atime),
		.mtime = time_to_wire(a->mtime),
		.ctime = time_to_wire(a->ctime),
	};
}

void
conv_post(const struct id *view, const struct view_attr *a, post_op_attr *out)
{
	out->attributes_follow = a->ino != 0;
	if (out->attributes_follow)
		conv_attr(view, a, &out->post_op_attr_u.attributes);
}

void
conv_wcc(const struct id *view, const struct view_wcc *wcc, wcc_data *out)
{
	static const struct view_attr none;

	out->before.attributes_follow = wcc->have;
	if (wcc->have)
		out->before.pre_op_attr_u.attributes = (wcc_attr){
			.size = wcc->before.size,
			.mtime = time_to_wire(wcc->before.mtime),
			.ctime = time_to_wire(wcc->before.ctime),
		};
	conv_post(view, wcc->have ? &wcc->after : &none, &out->after);
}

static int
set_time(time_how how, const nfstime3 *t, enum view_set_time *set, struct timespec *out)
{
	if (how == SET_TO_CLIENT_TIME) {
		*set = VIEW_TIME_GIVEN;
		return time_from_wire(t, out);
	}
	*set = how == SET_TO_SERVER_TIME ? VIEW_TIME_NOW : VIEW_TIME_KEEP;
	return 0;
}

int
conv_set(const sattr3 *s, struct view_set *out)
{
	int r;

	*out = (struct view_set){
		.set_mode = s->mode.set_it,
		.set_uid = s->uid.set_it && s->uid.set_uid3_u.uid != UINT32_MAX,
		.set_gid = s->gid.set_it && s->gid.set_gid3_u.gid != UINT32_MAX,
		.set_size = s->size.set_it,
	};
	if (out->set_mode)
		out->mode = s->mode.set_mode3_u.mode & 07777;
	if (out->set_uid)
		out->uid = s->uid.set_uid3_u.uid;
	if (out->set_gid)
		out->gid = s->gid.set_gid3_u.gid;
	if (out->set_size)
		out->size = s->size.set_size3_u.size;
	r = set_time(s->atime.set_it, &s->atime.set_atime_u.atime, &out->set_atime, &out->atime);
	if (r < 0)
		return r;
	return set_time(s->mtime.set_it, &s->mtime.set_mtime_u.mtime, &out->set_mtime, &out->mtime);
}

int
conv_guard(const sattrguard3 *g, struct view_set *out)
{
	out->guard = g->check;
	return g->check ? time_from_wire(&g->sattrguard3_u.obj_ctime, &out->guard_ctime) : 0;
}

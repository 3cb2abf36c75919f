/*
 * Conv: between the words of the wire (RFC 1813) and those of the view: attributes, and errors.
 */
#ifndef SERVER_NFS3_CONV_H
#define SERVER_NFS3_CONV_H

#include "cow/view.h"
#include "rpc/nfs3.h"

/* The one place where 0 or -errno becomes a status. -EAGAIN is a guard that didn't hold, -EBADMSG
 * a malformed handle, -ERANGE a reply without room for one entry, -EBADRQC a type that can't be
 * made; what isn't known is NFS3ERR_IO. */
nfsstat3 conv_status(int err);

/* fsid: the view's, the same for all its files. Times before 1970 or after 2106 are clamped. */
void conv_attr(const struct id *view, const struct view_attr *, fattr3 *out);
/* Absent when ino is 0: the view gave none. */
void conv_post(const struct id *view, const struct view_attr *, post_op_attr *out);
void conv_wcc(const struct id *view, const struct view_wcc *, wcc_data *out);

/* What a client wants to set. -EINVAL: a time with nanoseconds beyond a second. */
int conv_set(const sattr3 *, struct view_set *out);
int conv_guard(const sattrguard3 *, struct view_set *out);

#endif

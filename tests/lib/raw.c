/* libnfs, one call at a time. */
#include "tests/lib/raw.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE 20000 /* milliseconds for a call */

void
raw_fh_set(struct raw_fh *out, const nfs_fh3 *fh)
{
	assert_true(fh->data.data_len <= sizeof(out->bytes));
	memcpy(out->bytes, fh->data.data_val, fh->data.data_len);
	out->fh.data.data_len = fh->data.data_len;
	out->fh.data.data_val = out->bytes;
}

void
raw_done(struct rpc_context *rpc, int status, void *data, void *private)
{
	struct raw *r = private;

	(void)rpc;
	r->done = true;
	r->status = status;
	if (status == RPC_STATUS_SUCCESS && r->take)
		r->take(r->arg, data);
	if (status == RPC_STATUS_ERROR)
		snprintf(r->error, sizeof(r->error), "%s", data ? (char *)data : "");
}

struct raw *
raw_see(struct raw *r, raw_take_fn *take, void *arg)
{
	r->take = take;
	r->arg = arg;
	return r;
}

int
raw_wait(struct raw *r, int queued)
{
	struct pollfd p;

	assert_int_equal(queued, 0);
	r->done = false;
	while (!r->done) {
		p = (struct pollfd){ rpc_get_fd(r->rpc), (short)rpc_which_events(r->rpc), 0 };
		if (poll(&p, 1, PATIENCE) <= 0)
			fail_msg("no answer");
		if (rpc_service(r->rpc, p.revents) < 0)
			break;
	}
	r->take = NULL;
	return r->done ? r->status : RPC_STATUS_ERROR;
}

int
raw_open(struct raw *r, uint16_t port, uint32_t program, uint32_t version)
{
	memset(r, 0, sizeof(*r));
	r->rpc = rpc_init_context();
	assert_non_null(r->rpc);
	raw_user(r, 0, 0, 0, NULL);
	return raw_wait(r, rpc_connect_port_async(
			       r->rpc, "127.0.0.1", port, (int)program, (int)version, raw_done, r));
}

void
raw_close(struct raw *r)
{
	rpc_destroy_context(r->rpc);
}

void
raw_user(struct raw *r, uint32_t uid, uint32_t gid, uint32_t ngroups, uint32_t *groups)
{
	rpc_set_auth(r->rpc, libnfs_authunix_create("test", uid, gid, ngroups, groups));
}

/* libnfs takes names that it doesn't change as if it did. */
static char *
unconst(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void
take_mount(void *arg, const void *res)
{
	const mountres3 *m = res;
	nfs_fh3 fh;

	assert_int_equal(m->fhs_status, MNT3_OK);
	assert_int_equal(m->mountres3_u.mountinfo.auth_flavors.auth_flavors_len, 1);
	assert_int_equal(m->mountres3_u.mountinfo.auth_flavors.auth_flavors_val[0], AUTH_UNIX);
	fh.data.data_len = m->mountres3_u.mountinfo.fhandle.fhandle3_len;
	fh.data.data_val = m->mountres3_u.mountinfo.fhandle.fhandle3_val;
	raw_fh_set(arg, &fh);
}

void
raw_mount(uint16_t port, const char *path, struct raw_fh *out)
{
	struct raw r;

	assert_int_equal(raw_open(&r, port, MOUNT_PROGRAM, MOUNT_V3), RPC_STATUS_SUCCESS);
	raw_see(&r, take_mount, out);
	assert_int_equal(raw_wait(&r, rpc_mount3_mnt_async(r.rpc, raw_done, unconst(path), &r)),
	    RPC_STATUS_SUCCESS);
	raw_close(&r);
}

struct looked {
	int status;
	struct raw_fh *fh;
};

static void
take_lookup(void *arg, const void *res)
{
	const LOOKUP3res *r = res;
	struct looked *l = arg;

	l->status = (int)r->status;
	if (r->status == NFS3_OK && l->fh)
		raw_fh_set(l->fh, &r->LOOKUP3res_u.resok.object);
}

int
raw_lookup(struct raw *r, const struct raw_fh *dir, const char *name, struct raw_fh *out)
{
	LOOKUP3args args = { { dir->fh, unconst(name) } };
	struct looked l = { -1, out };

	raw_see(r, take_lookup, &l);
	assert_int_equal(
	    raw_wait(r, rpc_nfs3_lookup_async(r->rpc, raw_done, &args, r)), RPC_STATUS_SUCCESS);
	return l.status;
}

struct nfs_context *
raw_files(uint16_t port, const char *export, uint32_t uid, uint32_t gid)
{
	struct nfs_context *nfs = nfs_init_context();
	struct nfs_url *url;
	char text[256];

	assert_non_null(nfs);
	snprintf(text, sizeof(text),
	    "nfs://127.0.0.1%s?nfsport=%u&mountport=%u&uid=%u&gid=%u&dircache=0", export, port,
	    port, uid, gid);
	url = nfs_parse_url_dir(nfs, text);
	assert_non_null(url);
	if (nfs_mount(nfs, url->server, url->path) < 0)
		fail_msg("%s", nfs_get_error(nfs));
	nfs_destroy_url(url);
	return nfs;
}

/* Calls through the program tables, with the bytes of a record on both sides. */
#include "tests/lib/direct.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/mount3/mount3.h"
#include "server/nfs3/nfs3.h"

static void
service_open(struct direct *d)
{
	d->config = (struct config){ .memory = 64 << 20 };
	d->service = (struct service){ .config = &d->config, .store = d->golden.store };
	must(peers_open(&d->service, &d->service.peers));
}

void
direct_open(struct direct *d)
{
	memset(d, 0, sizeof(*d));
	golden_open(&d->golden);
	service_open(d);
	direct_peer(d, "127.0.0.1", 700);
	d->cred = (struct rpc_cred){ .flavor = RPC_FLAVOR_SYS };
}

void
direct_reopen(struct direct *d)
{
	peers_close(d->service.peers);
	golden_reopen(&d->golden);
	service_open(d);
}

void
direct_close(struct direct *d)
{
	peers_close(d->service.peers);
	golden_close(&d->golden);
}

void
direct_peer(struct direct *d, const char *address, uint16_t port)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *four = (void *)&ss;
	struct sockaddr_in6 *six = (void *)&ss;

	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &six->sin6_addr), 1);
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
	}
	peer_from_sockaddr(&ss, &d->peer);
}

static bool_t
code(xdrproc_t codec, XDR *xdrs, const void *what)
{
	typedef bool_t codec_fn(XDR *, void *);

	return ((codec_fn *)(void (*)(void))codec)(xdrs, (void *)(uintptr_t)what);
}

static void
put_words(XDR *xdrs, const uint32_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t word = words[i];

		assert_true(xdr_uint32_t(xdrs, &word));
	}
}

static void
put_cred(XDR *xdrs, const struct rpc_cred *cred)
{
	const uint32_t none[] = { RPC_FLAVOR_NONE, 0 };
	const uint32_t sys[] = { cred->flavor, 20 + 4 * cred->ngroups, 1, 0, cred->uid, cred->gid,
		cred->ngroups };

	if (cred->flavor == RPC_FLAVOR_NONE) {
		put_words(xdrs, none, ARRAY_SIZE(none));
	} else {
		put_words(xdrs, sys, ARRAY_SIZE(sys));
		put_words(xdrs, cred->groups, cred->ngroups);
	}
	put_words(xdrs, none, ARRAY_SIZE(none));
}

static uint32_t
encode_call(struct direct *d, const struct rpc_program *program, uint32_t proc, const void *args)
{
	const uint32_t head[] = { ++d->xid, 0, 2, program->prog, program->vers, proc };
	XDR xdrs;

	xdrmem_create(&xdrs, (char *)d->record, sizeof(d->record), XDR_ENCODE);
	put_words(&xdrs, head, ARRAY_SIZE(head));
	put_cred(&xdrs, &d->cred);
	if (proc < program->nprocs && program->procs[proc].decode)
		assert_true(code(program->procs[proc].decode, &xdrs, args));
	return XDR_GETPOS(&xdrs);
}

/* The answer's bytes take the place of the call's. */
static uint32_t
take_reply(struct direct *d, struct rpc_reply *reply)
{
	struct iovec iov[RPC_REPLY_IOV];
	int n = rpc_reply_iov(reply, 1, iov);
	uint32_t at = 0;

	for (int i = 0; i < n; i++) {
		assert_true(at + iov[i].iov_len <= sizeof(d->record));
		memcpy(d->record + at, iov[i].iov_base, iov[i].iov_len);
		at += (uint32_t)iov[i].iov_len;
	}
	assert_int_equal(at, rpc_reply_length(reply) - 4);
	rpc_reply_free(reply);
	return at;
}

static int
decode_reply(struct direct *d, uint32_t n, const struct rpc_proc *proc, void *res, struct str *data)
{
	uint32_t word[6];
	XDR xdrs;

	xdrmem_create(&xdrs, (char *)d->record, n, XDR_DECODE);
	for (int i = 0; i < 5; i++)
		assert_true(xdr_uint32_t(&xdrs, &word[i]));
	assert_int_equal(word[0], d->xid);
	assert_int_equal(word[1], 1);
	if (word[2] == 1)
		return DIRECT_DENIED + (int)word[4];
	assert_true(xdr_uint32_t(&xdrs, &word[5]));
	if (word[5] != RPC_ACCEPT_SUCCESS)
		return (int)word[5];
	if (proc->encode)
		assert_true(code(proc->encode, &xdrs, res));
	if (data)
		*data =
		    (struct str){ (char *)d->record + XDR_GETPOS(&xdrs), n - XDR_GETPOS(&xdrs) };
	return RPC_ACCEPT_SUCCESS;
}

/* As the server does: what a call owes is paid, and the answer waits for its batch. */
static void
run(struct direct *d, struct rpc_call *call)
{
	struct batch *batch = store_batch(d->service.store);

	rpc_call_run(call);
	if (call->ticket && call->proc->flags & RPC_ONCE)
		batch_reply(batch, call->ticket, NULL, 0);
	if (call->ticket)
		must(batch_wait(batch, call->ticket));
	d->ticket = call->ticket;
}

int
direct_call(struct direct *d, const struct rpc_program *program, uint32_t proc, const void *args,
    void *res, struct str *data)
{
	struct call ctx = { &d->service, &d->peer };
	struct rpc_call call = { .ctx = &ctx };
	struct rpc_reply reply;
	uint32_t n = encode_call(d, program, proc, args);
	enum rpc_open opened;

	d->ticket = 0;
	rpc_reply_init(&reply);
	opened = rpc_call_open(&call, &program, 1, d->record, n, &reply);
	assert_int_not_equal(opened, RPC_OPEN_DROP);
	if (opened == RPC_OPEN_RUN)
		run(d, &call);
	return decode_reply(d, take_reply(d, &reply), call.proc, res, data);
}

nfsstat3
direct_status(struct direct *d, uint32_t proc, const void *args, void *res)
{
	assert_int_equal(direct_call(d, &nfs3_program, proc, args, res, NULL), RPC_ACCEPT_SUCCESS);
	return *(nfsstat3 *)res; /* each result begins with it */
}

mountstat3
direct_mount_status(struct direct *d, const char *path, nfs_fh3 *out)
{
	dirpath args = wire_name(path);
	mountres3 res = { 0 };

	assert_int_equal(
	    direct_call(d, &mount3_program, MOUNTPROC3_MNT, &args, &res, NULL), RPC_ACCEPT_SUCCESS);
	if (res.fhs_status == MNT3_OK && out)
		*out = res.mountres3_u.mountinfo.fhandle;
	return res.fhs_status;
}

nfs_fh3
direct_mount(struct direct *d, const char *path)
{
	nfs_fh3 fh = { 0 };

	assert_int_equal(direct_mount_status(d, path, &fh), MNT3_OK);
	return fh;
}

nfs_fh3
direct_walk(struct direct *d, const nfs_fh3 *root, const char *path)
{
	struct rpc_cred cred = d->cred;
	LOOKUP3args args = { { *root, { path, 0 } } };
	LOOKUP3res res;

	d->cred = (struct rpc_cred){ .flavor = RPC_FLAVOR_SYS };
	for (; *path; path += args.what.name.n + (path[args.what.name.n] == '/')) {
		args.what.name = (filename3){ path, (uint32_t)strcspn(path, "/") };
		memset(&res, 0, sizeof(res));
		assert_int_equal(direct_nfs(d, LOOKUP, &args, &res), NFS3_OK);
		args.what.dir = res.LOOKUP3res_u.resok.object;
	}
	d->cred = cred;
	return args.what.dir;
}

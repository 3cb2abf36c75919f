/*
 * Program: a call's way through the tables: header, row, arguments, handler, result.
 */
#include "rpc/program.h"

#include <assert.h>
#include <errno.h>

#include "rpc/word.h"

#define RESULT_MAX  65536
#define RESULT_HINT 448

/* libtirpc calls every codec through this type in the end. */
typedef bool_t codec_fn(XDR *, void *);

static bool_t
code(xdrproc_t codec, XDR *xdrs, void *what)
{
	return ((codec_fn *)(void (*)(void))codec)(xdrs, what);
}

/* Finishes a reply that is made of its head alone. */
static enum rpc_open
answered(struct rpc_reply *reply, int r)
{
	if (r < 0)
		return RPC_OPEN_DROP;
	rpc_reply_finish(reply);
	return RPC_OPEN_ANSWERED;
}

static const struct rpc_program *
find_program(const struct rpc_program *const *programs, int n, const struct rpc_head *head,
    uint32_t *low, uint32_t *high)
{
	*low = UINT32_MAX;
	*high = 0;
	for (int i = 0; i < n; i++) {
		if (programs[i]->prog != head->prog)
			continue;
		if (programs[i]->vers == head->vers)
			return programs[i];
		if (programs[i]->vers < *low)
			*low = programs[i]->vers;
		if (programs[i]->vers > *high)
			*high = programs[i]->vers;
	}
	return NULL;
}

enum rpc_open
rpc_call_open(struct rpc_call *call, const struct rpc_program *const *programs, int nprograms,
    const uint8_t *record, uint32_t n, struct rpc_reply *reply)
{
	const struct rpc_head *head = &call->head;
	enum rpc_verdict verdict = rpc_head_decode(record, n, &call->head);
	enum rpc_accept stat = RPC_ACCEPT_PROC_UNAVAIL;
	uint32_t low, high;

	if (verdict == RPC_HEAD_DROP)
		return RPC_OPEN_DROP;
	if (verdict != RPC_HEAD_OK)
		return answered(reply, rpc_reply_deny(reply, head->xid, verdict));
	call->record = record;
	call->n = n;
	call->reply = reply;
	call->program = find_program(programs, nprograms, head, &low, &high);
	if (call->program == NULL) {
		stat = low > high ? RPC_ACCEPT_PROG_UNAVAIL : RPC_ACCEPT_PROG_MISMATCH;
		return answered(reply, rpc_reply_accept(reply, head->xid, stat, low, high));
	}
	if (head->proc >= call->program->nprocs || !call->program->procs[head->proc].handler)
		return answered(reply, rpc_reply_accept(reply, head->xid, stat, 0, 0));
	call->proc = &call->program->procs[head->proc];
	if (head->cred.flavor == RPC_FLAVOR_NONE && !(call->proc->flags & RPC_ANY_AUTH))
		return answered(reply, rpc_reply_deny(reply, head->xid, RPC_HEAD_TOOWEAK));
	return RPC_OPEN_RUN;
}

static bool_t
decode_args(const struct rpc_call *call, void *args)
{
	XDR xdrs;
	/* libtirpc's type for both directions; it only reads here. */
	char *from = (char *)(uintptr_t)(call->record + call->head.args_at);

	if (call->proc->decode == NULL)
		return TRUE;
	xdrmem_create(&xdrs, from, call->n - call->head.args_at, XDR_DECODE);
	return code(call->proc->decode, &xdrs, args);
}

/* Appends the result; a buffer that was too small is tried again larger. */
static int
encode_result(struct rpc_call *call, void *res)
{
	struct rpc_reply *reply = call->reply;
	uint32_t room = call->proc->res_hint > RESULT_HINT ? call->proc->res_hint : RESULT_HINT;
	XDR xdrs;

	for (; room <= RESULT_MAX; room *= 4) {
		if (rpc_reply_reserve(reply, room) < 0)
			return -ENOMEM;
		xdrmem_create(&xdrs, (char *)reply->head + reply->head_len,
		    reply->head_size - reply->head_len, XDR_ENCODE);
		if (!code(call->proc->encode, &xdrs, res))
			continue;
		call->status = XDR_GETPOS(&xdrs) < 4 ? 0 : word_get(reply->head + reply->head_len);
		reply->head_len += XDR_GETPOS(&xdrs);
		return 0;
	}
	return -EMSGSIZE;
}

static int
run(struct rpc_call *call)
{
	_Alignas(16) uint8_t args[RPC_ARGS_MAX], res[RPC_RES_MAX];
	const struct rpc_proc *proc = call->proc;
	uint32_t xid = call->head.xid;
	int r;

	assert(proc->args_size <= sizeof(args) && proc->res_size <= sizeof(res));
	memset(args, 0, proc->args_size);
	memset(res, 0, proc->res_size);
	if (!decode_args(call, args))
		return rpc_reply_accept(call->reply, xid, RPC_ACCEPT_GARBAGE_ARGS, 0, 0);
	proc->handler(call, args, res);
	r = rpc_reply_accept(call->reply, xid, RPC_ACCEPT_SUCCESS, 0, 0);
	if (r == 0 && proc->encode != NULL)
		r = encode_result(call, res);
	if (r == 0)
		return 0;
	rpc_reply_free(call->reply);
	return rpc_reply_accept(call->reply, xid, RPC_ACCEPT_SYSTEM_ERR, 0, 0);
}

void
rpc_call_run(struct rpc_call *call)
{
	if (run(call) < 0)
		rpc_reply_free(call->reply);
	else
		rpc_reply_finish(call->reply);
}

int
rpc_call_fail(const struct rpc_proc *proc, uint32_t xid, uint32_t status, struct rpc_reply *reply)
{
	uint32_t n = 4 * (1 + proc->fail_words);
	int r;

	rpc_reply_free(reply);
	r = rpc_reply_accept(reply, xid, RPC_ACCEPT_SUCCESS, 0, 0);
	if (r == 0)
		r = rpc_reply_reserve(reply, n);
	if (r < 0) {
		rpc_reply_free(reply);
		return r;
	}
	memset(reply->head + reply->head_len, 0, n);
	word_put(reply->head + reply->head_len, status);
	reply->head_len += n;
	rpc_reply_finish(reply);
	return 0;
}

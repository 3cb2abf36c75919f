/*
 * Args: the arguments of every procedure: what can be decoded is encoded and decoded again, to the
 * same bytes. The first byte names the procedure.
 */
#include <string.h>

#include "rpc/program.h"
#include "tests/fuzz/fuzz.h"
#include "tests/wire/table.h"

typedef bool_t codec_fn(XDR *, void *);

static const struct rpc_proc *
choose(uint8_t byte)
{
	const struct rpc_program *p = table_programs[byte >> 7];

	return &p->procs[(byte & 0x7f) % p->nprocs];
}

/* The bytes used or written; 0: it could not be. */
static uint32_t
code(const struct rpc_proc *proc, void *args, uint8_t *bytes, uint32_t n, enum xdr_op op)
{
	XDR xdrs;

	xdrmem_create(&xdrs, (char *)bytes, n, op);
	if (!((codec_fn *)(void (*)(void))proc->decode)(&xdrs, args))
		return 0;
	PROMISE(XDR_GETPOS(&xdrs) <= n);
	return XDR_GETPOS(&xdrs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(16) uint8_t args[RPC_ARGS_MAX] = { 0 }, again[RPC_ARGS_MAX] = { 0 };
	const struct rpc_proc *proc = size ? choose(data[0]) : NULL;
	uint8_t *in, *out, *back;
	uint32_t n = (uint32_t)size - 1, used;

	if (proc == NULL || proc->decode == NULL || n == 0)
		return 0;
	in = malloc(n);
	out = malloc(n);
	back = malloc(n);
	PROMISE(in && out && back);
	memcpy(in, data + 1, n);
	used = code(proc, args, in, n, XDR_DECODE);
	if (used > 0) {
		PROMISE(code(proc, args, out, n, XDR_ENCODE) == used);
		PROMISE(code(proc, again, out, used, XDR_DECODE) == used);
		PROMISE(code(proc, again, back, used, XDR_ENCODE) == used);
		PROMISE(memcmp(out, back, used) == 0);
	}
	free(in);
	free(out);
	free(back);
	return 0;
}

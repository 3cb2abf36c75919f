/*
 * Program: tables of programs and procedures, and the way of a call through them. No sockets and no
 * threads: a record goes in, a reply comes out.
 */
#ifndef RPC_PROGRAM_H
#define RPC_PROGRAM_H

#include <rpc/types.h>
#include <rpc/xdr.h>

#include "rpc/msg.h"
#include "rpc/reply.h"

struct rpc_call;

/* args is decoded and borrows from the record; res is zeroed, to be filled in. The handler may
 * attach file data to call->reply. */
typedef void rpc_handler(struct rpc_call *, void *args, void *res);

enum rpc_flags {
	RPC_ONCE = 1,     /* not idempotent: goes through the duplicate-request cache */
	RPC_ANY_AUTH = 2, /* AUTH_NONE is enough */
};

struct rpc_proc {
	const char *name;
	rpc_handler *handler; /* NULL: PROC_UNAVAIL */
	xdrproc_t decode,
	    encode; /* NULL: no arguments, no result (NULL procedures, attached lists) */
	size_t args_size, res_size; /* at most RPC_ARGS_MAX, RPC_RES_MAX */
	unsigned flags;
	/* The size in words of the failed arm of the result: after the status, so many zero words
	 * (each an absent attribute). For replies whose commit failed. */
	uint32_t fail_words;
	uint32_t res_hint; /* bytes of the encoded result, where more than 448 are likely */
};

#define RPC_ARGS_MAX 1024
#define RPC_RES_MAX  1024

#define RPC_XDR(T) ((xdrproc_t)(void (*)(void))xdr_##T)
#define RPC_PROC(nm, fn, A, R, fl, fw)                                                       \
	{                                                                                    \
		.name = nm, .handler = fn, .decode = RPC_XDR(A), .encode = RPC_XDR(R),       \
		.args_size = sizeof(A), .res_size = sizeof(R), .flags = fl, .fail_words = fw \
	}

struct rpc_program {
	const char *name;
	uint32_t prog, vers;
	const struct rpc_proc *procs;
	uint32_t nprocs;
};

struct rpc_call {
	struct rpc_head head;
	const uint8_t *record; /* without the mark; must outlive the call */
	uint32_t n;
	const struct rpc_program *program; /* found by rpc_call_open */
	const struct rpc_proc *proc;
	struct rpc_reply *reply;
	void *ctx;       /* the server's, for handlers */
	uint64_t ticket; /* out: the reply may leave when this ticket is durable (0: now) */
	uint32_t status; /* out: the first word of the result (nfsstat3, mountstat3) */
};

/* What became of opening a call. */
enum rpc_open { RPC_OPEN_RUN, RPC_OPEN_ANSWERED, RPC_OPEN_DROP };

/* Decodes the header and finds the row. ANSWERED: *reply holds a finished rejection. call must be
 * zeroed but for ctx, reply be as after rpc_reply_init, the record lie on a whole word. */
enum rpc_open rpc_call_open(struct rpc_call *, const struct rpc_program *const *programs,
    int nprograms, const uint8_t *record, uint32_t n, struct rpc_reply *reply);
/* Decodes the arguments, runs the handler, encodes and finishes the reply (GARBAGE_ARGS and
 * SYSTEM_ERR included). Codecs must not allocate when they decode, as none does that is made of
 * leaf.h's types. Bytes after the arguments are let pass. */
void rpc_call_run(struct rpc_call *);
/* A finished reply of the same call that says `status` and nothing more (proc->fail_words);
 * replaces what the reply held. -ENOMEM: it holds nothing. */
int rpc_call_fail(const struct rpc_proc *, uint32_t xid, uint32_t status, struct rpc_reply *);

#endif

/*
 * Msg: the header of a call decoded, that of a reply encoded (RFC 5531 section 9), AUTH_SYS and
 * AUTH_NONE credentials (appendix A).
 */
#ifndef RPC_MSG_H
#define RPC_MSG_H

#include <stdint.h>

#include "rpc/reply.h"

#define RPC_GROUPS_MAX 16

enum rpc_flavor { RPC_FLAVOR_NONE = 0, RPC_FLAVOR_SYS = 1 };

struct rpc_cred {
	enum rpc_flavor flavor;
	uint32_t uid, gid, ngroups; /* AUTH_SYS; else 65534 and none */
	uint32_t groups[RPC_GROUPS_MAX];
};

struct rpc_head {
	uint32_t xid, rpcvers, prog, vers, proc;
	struct rpc_cred cred;
	uint32_t args_at; /* where the arguments begin in the record */
};

enum rpc_verdict {
	RPC_HEAD_OK,
	RPC_HEAD_DROP,     /* not a call, or too short for one: no answer is possible */
	RPC_HEAD_MISMATCH, /* RPC version other than 2 */
	RPC_HEAD_BADCRED,  /* a credential that can't be decoded: AUTH_BADCRED */
	RPC_HEAD_BADVERF,  /* the same of the verifier: AUTH_BADVERF */
	RPC_HEAD_TOOWEAK,  /* a flavour other than AUTH_NONE and AUTH_SYS: AUTH_TOOWEAK */
};

/* record without its mark. head->xid is set for all but RPC_HEAD_DROP. */
enum rpc_verdict rpc_head_decode(const uint8_t *record, uint32_t n, struct rpc_head *head);

/* accept_stat, RFC 5531. */
enum rpc_accept {
	RPC_ACCEPT_SUCCESS,
	RPC_ACCEPT_PROG_UNAVAIL,
	RPC_ACCEPT_PROG_MISMATCH,
	RPC_ACCEPT_PROC_UNAVAIL,
	RPC_ACCEPT_GARBAGE_ARGS,
	RPC_ACCEPT_SYSTEM_ERR
};

/* Begin a reply's head (after room for the mark). low, high: the versions, of a PROG_MISMATCH. */
int rpc_reply_accept(
    struct rpc_reply *, uint32_t xid, enum rpc_accept, uint32_t low, uint32_t high);
/* Denied, for any verdict but OK and DROP. */
int rpc_reply_deny(struct rpc_reply *, uint32_t xid, enum rpc_verdict);

#endif

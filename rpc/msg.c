/*
 * Msg: the headers of calls and replies. libtirpc's codecs of the same allocate, and know only one
 * of the ways to be wrong; here every byte is counted and every way has its answer.
 */
#include "rpc/msg.h"

#include <errno.h>
#include <stdbool.h>

#include "rpc/word.h"

#define NOBODY      65534
#define OPAQUE_MAX  400 /* of a credential or verifier, RFC 5531 section 8.2 */
#define MACHINE_MAX 255

enum { CALL = 0, REPLY = 1 };
enum { ACCEPTED = 0, DENIED = 1 };
enum { DENIED_MISMATCH = 0, DENIED_AUTH = 1 };
enum { AUTH_STAT_BADCRED = 1, AUTH_STAT_BADVERF = 3, AUTH_STAT_TOOWEAK = 5 };

/* What is left to read. */
struct cursor {
	const uint8_t *p;
	uint32_t n;
};

static bool
get(struct cursor *c, uint32_t *out)
{
	if (c->n < 4)
		return false;
	*out = word_get(c->p);
	c->p += 4;
	c->n -= 4;
	return true;
}

/* Opaque bytes with their length before and their padding after, as a cursor of their own. */
static bool
get_opaque(struct cursor *c, uint32_t max, struct cursor *out)
{
	uint32_t n;

	if (!get(c, &n) || n > max || WORD_PADDED(n) > c->n)
		return false;
	*out = (struct cursor){ c->p, n };
	c->p += WORD_PADDED(n);
	c->n -= WORD_PADDED(n);
	return true;
}

static bool
get_auth_sys(struct cursor *c, struct rpc_cred *cred)
{
	struct cursor machine;
	uint32_t stamp;

	if (!get(c, &stamp) || !get_opaque(c, MACHINE_MAX, &machine))
		return false;
	if (!get(c, &cred->uid) || !get(c, &cred->gid) || !get(c, &cred->ngroups))
		return false;
	if (cred->ngroups > RPC_GROUPS_MAX)
		return false;
	for (uint32_t i = 0; i < cred->ngroups; i++)
		if (!get(c, &cred->groups[i]))
			return false;
	return true;
}

static enum rpc_verdict
get_cred(struct cursor *c, struct rpc_cred *cred)
{
	struct cursor body;
	uint32_t flavor;

	if (!get(c, &flavor) || !get_opaque(c, OPAQUE_MAX, &body))
		return RPC_HEAD_BADCRED;
	cred->uid = cred->gid = NOBODY;
	cred->ngroups = 0;
	switch (flavor) {
	case RPC_FLAVOR_NONE:
		cred->flavor = RPC_FLAVOR_NONE;
		return RPC_HEAD_OK;
	case RPC_FLAVOR_SYS:
		cred->flavor = RPC_FLAVOR_SYS;
		return get_auth_sys(&body, cred) ? RPC_HEAD_OK : RPC_HEAD_BADCRED;
	default:
		return RPC_HEAD_TOOWEAK;
	}
}

enum rpc_verdict
rpc_head_decode(const uint8_t *record, uint32_t n, struct rpc_head *head)
{
	struct cursor c = { record, n }, verifier;
	enum rpc_verdict verdict;
	uint32_t type, flavor;

	if (!get(&c, &head->xid) || !get(&c, &type) || type != CALL)
		return RPC_HEAD_DROP;
	if (!get(&c, &head->rpcvers))
		return RPC_HEAD_DROP;
	if (head->rpcvers != 2)
		return RPC_HEAD_MISMATCH;
	if (!get(&c, &head->prog) || !get(&c, &head->vers) || !get(&c, &head->proc))
		return RPC_HEAD_DROP;
	verdict = get_cred(&c, &head->cred);
	if (verdict != RPC_HEAD_OK)
		return verdict;
	if (!get(&c, &flavor) || !get_opaque(&c, OPAQUE_MAX, &verifier))
		return RPC_HEAD_BADVERF;
	head->args_at = n - c.n;
	return RPC_HEAD_OK;
}

static int
put_words(struct rpc_reply *reply, const uint32_t *words, uint32_t n)
{
	uint8_t *to;
	int r;

	reply->head_len = 0;
	r = rpc_reply_reserve(reply, 4 + 4 * n);
	if (r < 0)
		return r;
	to = reply->head + 4;
	for (uint32_t i = 0; i < n; i++)
		to = word_put(to, words[i]);
	reply->head_len = 4 + 4 * n;
	return 0;
}

int
rpc_reply_accept(
    struct rpc_reply *reply, uint32_t xid, enum rpc_accept stat, uint32_t low, uint32_t high)
{
	const uint32_t words[] = { xid, REPLY, ACCEPTED, RPC_FLAVOR_NONE, 0, stat, low, high };

	return put_words(reply, words, stat == RPC_ACCEPT_PROG_MISMATCH ? 8 : 6);
}

int
rpc_reply_deny(struct rpc_reply *reply, uint32_t xid, enum rpc_verdict verdict)
{
	uint32_t words[] = { xid, REPLY, DENIED, DENIED_AUTH, AUTH_STAT_BADCRED, 0 };

	switch (verdict) {
	case RPC_HEAD_MISMATCH:
		words[3] = DENIED_MISMATCH;
		words[4] = words[5] = 2; /* the lowest and highest version */
		return put_words(reply, words, 6);
	case RPC_HEAD_BADVERF:
		words[4] = AUTH_STAT_BADVERF;
		break;
	case RPC_HEAD_TOOWEAK:
		words[4] = AUTH_STAT_TOOWEAK;
		break;
	default:
		break;
	}
	return put_words(reply, words, 5);
}

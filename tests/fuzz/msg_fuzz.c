/*
 * Msg: any bytes as a call: through header, tables, codecs and handlers, to a reply that is whole.
 */
#include <string.h>

#include "rpc/word.h"
#include "tests/fuzz/fuzz.h"
#include "tests/wire/table.h"

static void
check(const struct rpc_reply *reply, uint32_t xid)
{
	struct iovec iov[RPC_REPLY_IOV];
	uint32_t n = 0;
	int pieces = rpc_reply_iov(reply, 0, iov);

	PROMISE(pieces > 0);
	for (int i = 0; i < pieces; i++)
		n += (uint32_t)iov[i].iov_len;
	PROMISE(n == rpc_reply_length(reply) && n % 4 == 0 && n >= 24);
	PROMISE(word_get(reply->head) == (0x80000000u | (n - 4)));
	PROMISE(word_get(reply->head + 4) == xid && word_get(reply->head + 8) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_call call = { 0 };
	struct rpc_reply reply;
	enum rpc_open open;

	rpc_reply_init(&reply);
	open = rpc_call_open(&call, table_programs, TABLE_PROGRAMS, data, (uint32_t)size, &reply);
	if (open == RPC_OPEN_RUN) {
		PROMISE(call.head.cred.ngroups <= RPC_GROUPS_MAX && call.head.args_at <= size);
		rpc_call_run(&call);
	}
	if (open != RPC_OPEN_DROP)
		check(&reply, word_get(data));
	rpc_reply_free(&reply);
	return 0;
}

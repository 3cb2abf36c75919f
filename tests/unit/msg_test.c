/*
 * Msg: what the headers in tests/wire/rpc.hex do not say: the fields of a credential, and that no
 * beginning of a header is taken for a whole one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "rpc/msg.h"
#include "rpc/word.h"

/* A call with three groups, a machine's name that is padded, and a verifier; 25 words. */
static uint32_t
build(uint8_t *to, uint32_t rpcvers)
{
	static const uint32_t start[] = { 0xabcd, 0, 0, 100003, 3, 6, RPC_FLAVOR_SYS, 44, 99 };
	static const uint32_t end[] = { 1000, 100, 3, 4, 24, 27, 7, 8, 1, 2 };
	uint8_t *at = to;

	for (int i = 0; i < 9; i++)
		at = word_put(at, i == 2 ? rpcvers : start[i]);
	at = word_put_opaque(at, "raspberry", 9);
	for (int i = 0; i < 10; i++)
		at = word_put(at, end[i]);
	return (uint32_t)(at - to);
}

static void
every_field_is_found(void **state)
{
	uint8_t record[128];
	struct rpc_head head;
	uint32_t n = build(record, 2);

	(void)state;
	assert_int_equal(rpc_head_decode(record, n, &head), RPC_HEAD_OK);
	assert_int_equal(head.xid, 0xabcd);
	assert_int_equal(head.prog, 100003);
	assert_int_equal(head.vers, 3);
	assert_int_equal(head.proc, 6);
	assert_int_equal(head.cred.flavor, RPC_FLAVOR_SYS);
	assert_int_equal(head.cred.uid, 1000);
	assert_int_equal(head.cred.gid, 100);
	assert_int_equal(head.cred.ngroups, 3);
	assert_int_equal(head.cred.groups[0], 4);
	assert_int_equal(head.cred.groups[1], 24);
	assert_int_equal(head.cred.groups[2], 27);
	assert_int_equal(head.args_at, n);
}

static void
without_a_credential_the_caller_is_nobody(void **state)
{
	static const uint32_t words[] = { 1, 0, 2, 100003, 3, 0, RPC_FLAVOR_NONE, 0, 0, 0, 77 };
	uint8_t record[sizeof(words)], *at = record;
	struct rpc_head head;

	(void)state;
	for (int i = 0; i < 11; i++)
		at = word_put(at, words[i]);
	assert_int_equal(rpc_head_decode(record, sizeof(record), &head), RPC_HEAD_OK);
	assert_int_equal(head.cred.flavor, RPC_FLAVOR_NONE);
	assert_int_equal(head.cred.uid, 65534);
	assert_int_equal(head.cred.gid, 65534);
	assert_int_equal(head.cred.ngroups, 0);
	assert_int_equal(head.args_at, 40);
}

static void
no_beginning_of_a_header_is_a_header(void **state)
{
	uint8_t record[128];
	struct rpc_head head;
	uint32_t n = build(record, 2);

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		enum rpc_verdict want = i < 24   ? RPC_HEAD_DROP
					: i < 76 ? RPC_HEAD_BADCRED
						 : RPC_HEAD_BADVERF;

		assert_int_equal(rpc_head_decode(record, i, &head), want);
	}
}

static void
any_word_may_be_huge(void **state)
{
	static const uint32_t values[] = { 0xffffffff, 0xfffffffd, 0x80000000, 0x7fffffff, 401 };
	struct rpc_head head;

	(void)state;
	for (uint32_t word = 0; word < 24; word++)
		for (int i = 0; i < 5; i++) {
			uint8_t record[128];
			uint32_t n = build(record, 2);

			word_put(record + 4 * word, values[i]);
			if (rpc_head_decode(record, n, &head) == RPC_HEAD_OK) {
				assert_true(head.args_at <= n);
				assert_true(head.cred.ngroups <= RPC_GROUPS_MAX);
			}
		}
}

static void
a_version_other_than_2_keeps_its_xid(void **state)
{
	uint8_t record[128];
	struct rpc_head head;
	uint32_t n = build(record, 4);

	(void)state;
	assert_int_equal(rpc_head_decode(record, n, &head), RPC_HEAD_MISMATCH);
	assert_int_equal(head.xid, 0xabcd);
}

static void
a_reply_begins_after_room_for_its_mark(void **state)
{
	static const uint8_t want[] = { 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4 };
	struct rpc_reply reply;

	(void)state;
	rpc_reply_init(&reply);
	assert_int_equal(rpc_reply_accept(&reply, 9, RPC_ACCEPT_PROG_MISMATCH, 3, 4), 0);
	assert_int_equal(reply.head_len, 4 + sizeof(want));
	assert_memory_equal(reply.head + 4, want, sizeof(want));
	assert_int_equal(rpc_reply_accept(&reply, 9, RPC_ACCEPT_SUCCESS, 3, 4), 0);
	assert_int_equal(reply.head_len, 28);
	rpc_reply_free(&reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_found),
		cmocka_unit_test(without_a_credential_the_caller_is_nobody),
		cmocka_unit_test(no_beginning_of_a_header_is_a_header),
		cmocka_unit_test(any_word_may_be_huge),
		cmocka_unit_test(a_version_other_than_2_keeps_its_xid),
		cmocka_unit_test(a_reply_begins_after_room_for_its_mark),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}

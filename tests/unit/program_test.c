/*
 * Program: what a call comes to that tests/wire cannot write down: results of any size, failed
 * replies, and every beginning of every call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/leaf.h"
#include "rpc/program.h"
#include "rpc/word.h"
#include "tests/wire/table.h"

static char text[70000];

struct seen {
	uint32_t size, released;
};

static void
give_back(void *arg)
{
	((struct seen *)arg)->released++;
}

static void
answer_text(struct rpc_call *call, void *args, void *res)
{
	struct seen *seen = call->ctx;
	struct leaf_name *name = res;

	(void)args;
	*name = (struct leaf_name){ text, seen->size };
	rpc_reply_attach(call->reply, NULL, 0, 0, give_back, seen);
}

static const struct rpc_proc procs[] = {
	{ .name = "text",
	    .handler = answer_text,
	    .encode = RPC_XDR(nfspath3),
	    .res_size = sizeof(nfspath3),
	    .flags = RPC_ANY_AUTH },
};
static const struct rpc_program program = { "text", 300000, 1, procs, 1 };
static const struct rpc_program newer = { "text", 300000, 4, procs, 1 };
static const struct rpc_program *const programs[] = { &program, &newer };

static uint32_t
build(uint8_t *to, uint32_t prog, uint32_t vers, uint32_t proc)
{
	const uint32_t words[] = { 5, 0, 2, prog, vers, proc, RPC_FLAVOR_SYS, 20, 0, 0, 0, 0, 0, 0,
		0 };
	uint8_t *at = to;

	for (int i = 0; i < 15; i++)
		at = word_put(at, words[i]);
	return 60;
}

/* accept_stat of the answer to a call of the test's own program. */
static uint32_t
run(struct seen *seen, uint32_t vers, struct rpc_reply *reply)
{
	_Alignas(8) uint8_t record[64];
	struct rpc_call call = { .ctx = seen };
	uint32_t n = build(record, 300000, vers, 0);
	enum rpc_open open;

	rpc_reply_init(reply);
	open = rpc_call_open(&call, programs, 2, record, n, reply);
	assert_int_not_equal(open, RPC_OPEN_DROP);
	if (open == RPC_OPEN_RUN)
		rpc_call_run(&call);
	assert_int_equal(word_get(reply->head + 4), 5);
	return word_get(reply->head + 24);
}

static void
a_result_of_any_size_is_encoded(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 440, 448, 500, 4096, 28000 };
	struct seen seen = { 0 };
	struct rpc_reply reply;

	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		memset(text, 'a' + (int)i, sizeof(text));
		seen.size = sizes[i];
		assert_int_equal(run(&seen, 1, &reply), RPC_ACCEPT_SUCCESS);
		assert_int_equal(rpc_reply_length(&reply), 32 + WORD_PADDED(sizes[i]));
		assert_int_equal(word_get(reply.head + 28), sizes[i]);
		assert_memory_equal(reply.head + 32, text, sizes[i]);
		rpc_reply_free(&reply);
		assert_int_equal(seen.released, i + 1);
	}
}

static void
a_result_that_cannot_be_encoded_is_a_system_error(void **state)
{
	struct seen seen = { .size = sizeof(text) };
	struct rpc_reply reply;

	(void)state;
	assert_int_equal(run(&seen, 1, &reply), RPC_ACCEPT_SYSTEM_ERR);
	assert_int_equal(rpc_reply_length(&reply), 28);
	assert_int_equal(seen.released, 1);
	rpc_reply_free(&reply);
}

static void
a_mismatch_names_the_lowest_and_the_highest_version(void **state)
{
	struct seen seen = { 0 };
	struct rpc_reply reply;

	(void)state;
	assert_int_equal(run(&seen, 2, &reply), RPC_ACCEPT_PROG_MISMATCH);
	assert_int_equal(word_get(reply.head + 28), 1);
	assert_int_equal(word_get(reply.head + 32), 4);
	rpc_reply_free(&reply);
}

static void
the_status_is_the_first_word_of_the_result(void **state)
{
	_Alignas(8) uint8_t record[128];
	struct rpc_call call = { 0 };
	struct rpc_reply reply;
	uint32_t n = build(record, 100003, 3, 1);

	(void)state;
	word_put(record + n, 0); /* a handle of no bytes */
	rpc_reply_init(&reply);
	assert_int_equal(
	    rpc_call_open(&call, table_programs, TABLE_PROGRAMS, record, n + 4, &reply),
	    RPC_OPEN_RUN);
	assert_string_equal(call.proc->name, "getattr");
	rpc_call_run(&call);
	assert_int_equal(call.status, 10001);
	rpc_reply_free(&reply);
}

static void
a_failed_reply_says_its_status_and_nothing_more(void **state)
{
	const struct rpc_proc *rename = &table_programs[0]->procs[14];
	struct seen seen = { .size = 4096 };
	struct rpc_reply reply;
	uint8_t want[20] = { 0, 0, 0, 5 };

	(void)state;
	run(&seen, 1, &reply);
	assert_int_equal(rpc_call_fail(rename, 77, 5, &reply), 0);
	assert_int_equal(seen.released, 1);
	assert_int_equal(rpc_reply_length(&reply), 28 + 20);
	assert_int_equal(word_get(reply.head), 0x80000000u | (24 + 20));
	assert_int_equal(word_get(reply.head + 4), 77);
	assert_memory_equal(reply.head + 28, want, 20);
	rpc_reply_free(&reply);
}

/* Runs a record that lies at the very end of its memory, so that a sanitizer sees a byte too far.
 */
static void
run_bytes(const uint8_t *record, uint32_t n)
{
	struct rpc_call call = { 0 };
	struct rpc_reply reply;
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, record, n);
	rpc_reply_init(&reply);
	if (rpc_call_open(&call, table_programs, TABLE_PROGRAMS, copy, n, &reply) == RPC_OPEN_RUN)
		rpc_call_run(&call);
	if (reply.head)
		assert_int_equal(
		    word_get(reply.head), 0x80000000u | (rpc_reply_length(&reply) - 4));
	rpc_reply_free(&reply);
	free(copy);
}

static void
no_beginning_and_no_word_of_a_call_does_harm(void **state)
{
	static const uint32_t values[] = { 0xffffffff, 0xfffffffd, 0x80000000, 65, 3 };
	_Alignas(8) uint8_t record[256];

	(void)state;
	for (uint32_t proc = 0; proc < 22; proc++)
		for (uint32_t i = 0; i < 48; i++) {
			uint32_t n = build(record, 100003, 3, proc);

			for (uint32_t at = n; at < sizeof(record); at += 4)
				word_put(record + at, at % 3);
			run_bytes(record, n + 4 * i);
			run_bytes(record, n + 4 * i - 1);
			word_put(record + n + 4 * i, values[i % 5]);
			run_bytes(record, sizeof(record));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_of_any_size_is_encoded),
		cmocka_unit_test(a_result_that_cannot_be_encoded_is_a_system_error),
		cmocka_unit_test(a_mismatch_names_the_lowest_and_the_highest_version),
		cmocka_unit_test(the_status_is_the_first_word_of_the_result),
		cmocka_unit_test(a_failed_reply_says_its_status_and_nothing_more),
		cmocka_unit_test(no_beginning_and_no_word_of_a_call_does_harm),
	};

	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}

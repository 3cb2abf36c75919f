/*
 * Reply: head, lent data and padding as one record; what is lent comes back once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/reply.h"
#include "rpc/word.h"

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
put(struct rpc_reply *reply, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	assert_int_equal(rpc_reply_reserve(reply, n + 4), 0);
	if (reply->head_len == 0)
		reply->head_len = 4;
	memcpy(reply->head + reply->head_len, text, n);
	reply->head_len += n;
}

/* The pieces, one after the other. */
static uint32_t
flat(const struct rpc_reply *reply, int datagram, uint8_t *out)
{
	struct iovec iov[RPC_REPLY_IOV];
	uint32_t n = 0;

	for (int i = 0, pieces = rpc_reply_iov(reply, datagram, iov); i < pieces; i++) {
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += (uint32_t)iov[i].iov_len;
	}
	return n;
}

static void
a_head_alone_is_a_record(void **state)
{
	struct rpc_reply reply;
	uint8_t out[64];

	(void)state;
	rpc_reply_init(&reply);
	assert_int_equal(flat(&reply, 0, out), 0);
	put(&reply, "abcdefgh");
	rpc_reply_finish(&reply);
	assert_int_equal(flat(&reply, 0, out), 12);
	assert_memory_equal(out,
	    "\x80\0\0\x08"
	    "abcdefgh",
	    12);
	assert_int_equal(flat(&reply, 1, out), 8);
	assert_memory_equal(out, "abcdefgh", 8);
	rpc_reply_free(&reply);
}

/* Leaves memory of a head's size behind that is not zero. */
static void
soil(void)
{
	volatile char *p = malloc(512);

	for (int i = 0; p && i < 512; i++)
		p[i] = 0x55;
	free((char *)(uintptr_t)p);
}

static void
data_follow_with_their_padding(void **state)
{
	static char ab[] = "ab", cde[] = "cde";
	struct iovec data[] = { { ab, 2 }, { ab, 0 }, { cde, 3 } };

	(void)state;
	for (uint32_t last = 0; last <= 3; last++) {
		struct rpc_reply reply;
		uint32_t want = 8 + WORD_PADDED(2 + last);
		uint8_t out[64];

		memset(out, 0xee, sizeof(out));
		data[2].iov_len = last;
		soil();
		rpc_reply_init(&reply);
		put(&reply, "head");
		rpc_reply_attach(&reply, data, 3, 2 + last, NULL, NULL);
		rpc_reply_finish(&reply);
		assert_int_equal(rpc_reply_length(&reply), want);
		assert_int_equal(flat(&reply, 0, out), want);
		assert_int_equal(word_get(out), 0x80000000u | (want - 4));
		assert_memory_equal(out + 4, "headab", 6);
		assert_memory_equal(out + 10, "cde", last);
		assert_memory_equal(out + 10 + last, "\0\0\0", want - 10 - last);
		rpc_reply_free(&reply);
	}
}

static void
eight_pieces_of_data_fit(void **state)
{
	static char a[] = "a";
	struct iovec data[8], out[RPC_REPLY_IOV];
	struct rpc_reply reply;

	(void)state;
	for (int i = 0; i < 8; i++)
		data[i] = (struct iovec){ a, 1 };
	rpc_reply_init(&reply);
	put(&reply, "head");
	rpc_reply_attach(&reply, data, 7, 7, NULL, NULL);
	assert_int_equal(rpc_reply_iov(&reply, 0, out), 9);
	reply.data = NULL;
	rpc_reply_attach(&reply, data, 8, 8, NULL, NULL);
	assert_int_equal(rpc_reply_iov(&reply, 0, out), 9);
	rpc_reply_free(&reply);
}

static void
what_was_lent_is_given_back_once(void **state)
{
	struct rpc_reply reply;
	int released = 0;

	(void)state;
	rpc_reply_init(&reply);
	put(&reply, "head");
	rpc_reply_attach(&reply, NULL, 0, 0, count, &released);
	rpc_reply_finish(&reply);
	assert_int_equal(released, 0);
	rpc_reply_free(&reply);
	rpc_reply_free(&reply);
	assert_int_equal(released, 1);
}

static void
the_head_grows_and_keeps_its_bytes(void **state)
{
	struct rpc_reply reply;

	(void)state;
	rpc_reply_init(&reply);
	put(&reply, "abcd");
	for (int i = 0; i < 1000; i++)
		put(&reply, "efghijkl");
	assert_int_equal(reply.head_len, 8 + 8000);
	assert_memory_equal(reply.head + 4, "abcdefghijklefgh", 16);
	assert_memory_equal(reply.head + 8000, "efghijkl", 8);
	rpc_reply_free(&reply);
}

static void
a_copy_is_the_same_record(void **state)
{
	struct rpc_reply reply;
	uint8_t out[64];

	(void)state;
	rpc_reply_init(&reply);
	assert_int_equal(rpc_reply_copy(&reply, "12345678", 8), 0);
	assert_int_equal(flat(&reply, 0, out), 12);
	assert_memory_equal(out,
	    "\x80\0\0\x08"
	    "12345678",
	    12);
	rpc_reply_free(&reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_alone_is_a_record),
		cmocka_unit_test(data_follow_with_their_padding),
		cmocka_unit_test(eight_pieces_of_data_fit),
		cmocka_unit_test(what_was_lent_is_given_back_once),
		cmocka_unit_test(the_head_grows_and_keeps_its_bytes),
		cmocka_unit_test(a_copy_is_the_same_record),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}

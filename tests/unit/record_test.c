/*
 * Record: how a stream is cut into records, whatever pieces it comes in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/record.h"
#include "rpc/word.h"

#define LAST 0x80000000u

static void
feed(struct rpc_stream *s, const void *bytes, uint32_t n)
{
	const uint8_t *p = bytes;

	while (n > 0) {
		uint8_t *where;
		uint32_t room;

		assert_int_equal(rpc_stream_room(s, &where, &room), 0);
		assert_true(room > 0);
		if (room > n)
			room = n;
		memcpy(where, p, room);
		rpc_stream_filled(s, room);
		p += room;
		n -= room;
	}
}

static void
feed_fragment(struct rpc_stream *s, uint32_t mark, const void *bytes)
{
	uint8_t head[4];

	word_put(head, mark);
	feed(s, head, 4);
	feed(s, bytes, mark & ~LAST);
}

static void
expect_record(struct rpc_stream *s, const void *bytes, uint32_t n)
{
	const uint8_t *record;
	uint32_t got;

	assert_int_equal(rpc_stream_next(s, &record, &got), 1);
	assert_int_equal(got, n);
	assert_int_equal((uintptr_t)record % 4, 0);
	assert_memory_equal(record, bytes, n);
}

static void
expect(struct rpc_stream *s, int r)
{
	const uint8_t *record;
	uint32_t n;

	assert_int_equal(rpc_stream_next(s, &record, &n), r);
}

static void
records_come_out_as_they_went_in(void **state)
{
	struct rpc_stream s;

	(void)state;
	assert_int_equal(rpc_stream_init(&s, 1 << 20), 0);
	expect(&s, 0);
	feed_fragment(&s, LAST | 8, "abcdefgh");
	feed_fragment(&s, LAST | 4, "1234");
	expect_record(&s, "abcdefgh", 8);
	expect_record(&s, "1234", 4);
	expect(&s, 0);
	rpc_stream_free(&s);
}

static void
a_record_is_whole_only_with_its_last_byte(void **state)
{
	static const uint8_t bytes[] = { 0x80, 0, 0, 8, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' };
	struct rpc_stream s;

	(void)state;
	rpc_stream_init(&s, 64);
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		expect(&s, 0);
		feed(&s, bytes + i, 1);
	}
	expect_record(&s, "abcdefgh", 8);
	rpc_stream_free(&s);
}

static void
fragments_are_joined(void **state)
{
	struct rpc_stream s;

	(void)state;
	rpc_stream_init(&s, 64);
	feed_fragment(&s, 1, "a");
	expect(&s, 0);
	feed_fragment(&s, 5, "bcdef");
	feed_fragment(&s, LAST | 2, "gh");
	feed_fragment(&s, 4, "1234");
	expect_record(&s, "abcdefgh", 8);
	expect(&s, 0);
	feed_fragment(&s, LAST | 0, "");
	expect_record(&s, "1234", 4);
	rpc_stream_free(&s);
}

static void
records_stay_valid_till_the_next_read(void **state)
{
	const uint8_t *first, *second;
	struct rpc_stream s;
	uint32_t n;

	(void)state;
	rpc_stream_init(&s, 64);
	feed_fragment(&s, 4, "abcd");
	feed_fragment(&s, LAST | 4, "efgh");
	feed_fragment(&s, 4, "1234");
	feed_fragment(&s, LAST | 4, "5678");
	assert_int_equal(rpc_stream_next(&s, &first, &n), 1);
	assert_int_equal(rpc_stream_next(&s, &second, &n), 1);
	assert_memory_equal(first, "abcdefgh", 8);
	assert_memory_equal(second, "12345678", 8);
	rpc_stream_free(&s);
}

static void
a_record_of_the_largest_size_passes_and_one_byte_more_does_not(void **state)
{
	uint32_t max = 1 << 20;
	uint8_t *bytes = calloc(1, max + 4);
	struct rpc_stream s;

	(void)state;
	bytes[max - 1] = 7;
	rpc_stream_init(&s, max);
	feed_fragment(&s, LAST | max, bytes);
	expect_record(&s, bytes, max);
	for (uint32_t i = 0; i < 1023; i++)
		feed_fragment(&s, 1024, bytes);
	feed_fragment(&s, LAST | 1024, bytes + max - 1024);
	expect_record(&s, bytes, max);
	feed_fragment(&s, max, bytes);
	feed_fragment(&s, LAST | 4, bytes);
	expect(&s, -EMSGSIZE);
	rpc_stream_free(&s);
	free(bytes);
}

static void
a_size_near_2_to_the_32_is_refused_at_its_mark(void **state)
{
	static const uint32_t marks[] = { 0xffffffff, 0x7fffffff, 0x80000041, 0xfffffffc };
	struct rpc_stream s;

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint8_t head[4];

		rpc_stream_init(&s, 64);
		word_put(head, marks[i]);
		feed(&s, head, 4);
		expect(&s, -EMSGSIZE);
		rpc_stream_free(&s);
	}
}

static void
fragments_without_end_are_refused(void **state)
{
	struct rpc_stream s;

	(void)state;
	rpc_stream_init(&s, 1 << 20);
	feed_fragment(&s, 4, "abcd");
	feed_fragment(&s, 0, "");
	expect(&s, -EMSGSIZE);
	rpc_stream_free(&s);
	for (int i = 0; i < RPC_FRAGMENTS_MAX - 1; i++)
		feed_fragment(&s, 4, "abcd");
	expect(&s, 0);
	feed_fragment(&s, 4, "abcd");
	expect(&s, -EMSGSIZE);
	rpc_stream_free(&s);
}

static void
a_record_of_half_a_word_is_refused(void **state)
{
	struct rpc_stream s;

	(void)state;
	rpc_stream_init(&s, 64);
	feed_fragment(&s, LAST | 6, "abcdef");
	expect(&s, -EBADMSG);
	rpc_stream_free(&s);
}

static void
memory_grows_with_what_came_not_with_what_was_announced(void **state)
{
	struct rpc_stream s;
	uint8_t head[4];

	(void)state;
	rpc_stream_init(&s, 1 << 24);
	assert_int_equal(s.size, 0);
	word_put(head, LAST | 1 << 24);
	feed(&s, head, 4);
	expect(&s, 0);
	feed(&s, "abcd", 4);
	assert_true(s.size < 1 << 16);
	rpc_stream_free(&s);
}

static void
an_idle_stream_holds_no_memory_and_goes_on(void **state)
{
	uint8_t *bytes = calloc(1, 1 << 16);
	struct rpc_stream s;

	(void)state;
	rpc_stream_init(&s, 1 << 16);
	feed_fragment(&s, LAST | 1 << 16, bytes);
	feed_fragment(&s, LAST | 8, "abcdefgh");
	expect_record(&s, bytes, 1 << 16);
	rpc_stream_idle(&s);
	assert_true(s.size < 1 << 16);
	expect_record(&s, "abcdefgh", 8);
	rpc_stream_idle(&s);
	assert_int_equal(s.size, 0);
	feed_fragment(&s, LAST | 4, "1234");
	expect_record(&s, "1234", 4);
	rpc_stream_free(&s);
	free(bytes);
}

static void
records_that_nobody_takes_stop_the_stream(void **state)
{
	struct rpc_stream s;
	uint8_t *where;
	uint32_t room;
	int r, turns = 0;

	(void)state;
	rpc_stream_init(&s, 64);
	while ((r = rpc_stream_room(&s, &where, &room)) == 0 && turns++ < 1000) {
		memset(where, 0, room);
		rpc_stream_filled(&s, room);
	}
	assert_int_equal(r, -ENOBUFS);
	rpc_stream_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in),
		cmocka_unit_test(a_record_is_whole_only_with_its_last_byte),
		cmocka_unit_test(fragments_are_joined),
		cmocka_unit_test(records_stay_valid_till_the_next_read),
		cmocka_unit_test(a_record_of_the_largest_size_passes_and_one_byte_more_does_not),
		cmocka_unit_test(a_size_near_2_to_the_32_is_refused_at_its_mark),
		cmocka_unit_test(fragments_without_end_are_refused),
		cmocka_unit_test(a_record_of_half_a_word_is_refused),
		cmocka_unit_test(memory_grows_with_what_came_not_with_what_was_announced),
		cmocka_unit_test(an_idle_stream_holds_no_memory_and_goes_on),
		cmocka_unit_test(records_that_nobody_takes_stop_the_stream),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}

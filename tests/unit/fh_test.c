/* File handles: what is packed comes back, and nothing that was touched is believed. */
#include "server/nfs3/fh.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t key[FH_KEY_SIZE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const struct fh sample = {
	.view = { { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac,
	    0xad, 0xae, 0xaf } },
	.incarnation = 0x01020304,
	.ino = 0x11121314,
	.gen = 0x21222324,
};

static void
a_handle_comes_back_as_it_was_packed(void **state)
{
	uint8_t h[FH_SIZE];
	struct fh got;

	(void)state;
	fh_pack(&sample, key, h);
	assert_int_equal(fh_unpack(h, sizeof(h), &got), 0);
	assert_memory_equal(got.view.b, sample.view.b, ID_SIZE);
	assert_int_equal(got.incarnation, sample.incarnation);
	assert_int_equal(got.ino, sample.ino);
	assert_int_equal(got.gen, sample.gen);
	assert_true(fh_verify(h, key));
}

/* A handle is kept by clients over years: its bytes may never change. The tag was computed by
 * another implementation of SipHash-2-4-128 (OpenSSL's). */
static void
the_bytes_of_a_handle_are_fixed(void **state)
{
	static const uint8_t want[FH_SIZE] = { 1, 0, 0, 0, 4, 3, 2, 1, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4,
		0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x14, 0x13, 0x12,
		0x11, 0x24, 0x23, 0x22, 0x21, 0x53, 0x48, 0xac, 0x7d, 0x67, 0x66, 0x7d, 0x91, 0x69,
		0xa2, 0x11, 0x76, 0xd2, 0x8c, 0xe7, 0xa1 };
	uint8_t h[FH_SIZE];

	(void)state;
	fh_pack(&sample, key, h);
	assert_memory_equal(h, want, sizeof(want));
}

static void
any_flipped_bit_is_noticed(void **state)
{
	uint8_t h[FH_SIZE];
	struct fh got;

	(void)state;
	fh_pack(&sample, key, h);
	for (int bit = 0; bit < FH_SIZE * 8; bit++) {
		h[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(fh_unpack(h, sizeof(h), &got) == 0 && fh_verify(h, key));
		h[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(fh_verify(h, key));
}

static void
another_clients_key_does_not_open_it(void **state)
{
	uint8_t h[FH_SIZE], other[FH_KEY_SIZE];

	(void)state;
	fh_pack(&sample, key, h);
	for (int i = 0; i < FH_KEY_SIZE; i++) {
		memcpy(other, key, sizeof(other));
		other[i] ^= 0x80;
		assert_false(fh_verify(h, other));
	}
}

static void
a_handle_of_another_size_or_version_is_malformed(void **state)
{
	uint8_t h[FH_SIZE + 16] = { 0 };
	struct fh got;

	(void)state;
	fh_pack(&sample, key, h);
	for (uint32_t n = 0; n <= sizeof(h); n++)
		assert_int_equal(fh_unpack(h, n, &got), n == FH_SIZE ? 0 : -EBADMSG);
	h[0] = 2;
	assert_int_equal(fh_unpack(h, FH_SIZE, &got), -EBADMSG);
	h[0] = 1;
	h[2] = 1;
	assert_int_equal(fh_unpack(h, FH_SIZE, &got), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_comes_back_as_it_was_packed),
		cmocka_unit_test(the_bytes_of_a_handle_are_fixed),
		cmocka_unit_test(any_flipped_bit_is_noticed),
		cmocka_unit_test(another_clients_key_does_not_open_it),
		cmocka_unit_test(a_handle_of_another_size_or_version_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

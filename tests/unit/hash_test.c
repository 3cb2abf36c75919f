/* Ids: stable over the years, keyed, never zero. */
#include "cow/hash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct hash *
open_hash(uint8_t first)
{
	uint8_t secret[HASH_SECRET_SIZE];
	struct hash *h;

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(first + i * 37 + i / 7);
	assert_int_equal(hash_open(secret, &h), 0);
	return h;
}

static void
assert_id(struct id id, const char *want)
{
	char hex[ID_HEX_SIZE];

	id_hex(&id, hex);
	assert_string_equal(hex, want);
}

/* XXH128 without seed or secret, as other programs compute it. */
static void
an_image_id_is_plain_xxh128(void **state)
{
	struct hash_stream *s;

	(void)state;
	assert_int_equal(hash_stream_open(&s), 0);
	assert_id(hash_stream_end(s), "99aa06d3014798d86001c324468d497f");
	hash_stream_add(s, "raspberry ", 10);
	hash_stream_add(s, "", 0);
	hash_stream_add(s, "pi\n", 3);
	assert_id(hash_stream_end(s), "c3c983d2a035d98f93a46a521cde9a22");
	hash_stream_close(s);
	hash_stream_close(NULL);
}

/* Stores hold these ids: they may never change. */
static void
the_ids_of_blocks_are_fixed(void **state)
{
	struct hash *h = open_hash(1);
	uint8_t block[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * i);
	assert_id(hash_block(h, "a", 1, 0), "00c8d52c7b8b605e0b2ad20704c1bda4");
	assert_id(hash_block(h, block, sizeof(block), 0), "a65a247985921a50e2a8b7c56f5f42b1");
	assert_id(hash_block(h, block, sizeof(block), 1), "73a4a5988e511bd06c51a0374184af1a");
	hash_close(h);
}

static void
secret_bytes_and_attempt_all_count(void **state)
{
	struct hash *h = open_hash(1), *other = open_hash(2);
	struct id ids[6];

	(void)state;
	ids[0] = hash_block(h, "block", 5, 0);
	ids[1] = hash_block(h, "blocK", 5, 0);
	ids[2] = hash_block(h, "block", 4, 0);
	ids[3] = hash_block(h, "block", 5, 1);
	ids[4] = hash_block(h, "block", 5, 2);
	ids[5] = hash_block(other, "block", 5, 0);
	for (int i = 0; i < 6; i++) {
		for (int j = 0; j < i; j++)
			assert_false(id_eq(&ids[i], &ids[j]));
	}
	hash_close(h);
	hash_close(other);
}

static void
a_weak_hash_collides_but_never_gives_zero(void **state)
{
	struct hash *h = open_hash(1);
	bool seen[16] = { false };
	struct id zero = { 0 };
	unsigned distinct = 0;

	(void)state;
	hash_weaken(h, 4);
	for (uint32_t i = 0; i < 1000; i++) {
		struct id id = hash_block(h, &i, sizeof(i), 0);

		assert_memory_equal(id.b, zero.b, ID_SIZE - 1);
		assert_in_range(id.b[ID_SIZE - 1], 1, 15);
		distinct += !seen[id.b[ID_SIZE - 1]];
		seen[id.b[ID_SIZE - 1]] = true;
	}
	assert_int_equal(distinct, 15);
	hash_close(h);
}

static void
hex_goes_there_and_back(void **state)
{
	char hex[ID_HEX_SIZE];
	struct id id, back;

	(void)state;
	assert_int_equal(id_random(&id), 0);
	assert_false(id_is_zero(&id));
	id_hex(&id, hex);
	assert_int_equal(id_parse(str_of(hex), &back), 0);
	assert_true(id_eq(&id, &back));
	assert_int_equal(id_parse(STR("00112233445566778899AABBCCDDEEFF"), &id), 0);
	assert_int_equal(id_parse(STR("00112233445566778899aabbccddeeff"), &back), 0);
	assert_true(id_eq(&id, &back));
}

static void
what_is_no_id_is_refused(void **state)
{
	struct id id;

	(void)state;
	assert_int_equal(id_parse(STR(""), &id), -EINVAL);
	assert_int_equal(id_parse(STR("00112233445566778899aabbccddeef"), &id), -EINVAL);
	assert_int_equal(id_parse(STR("00112233445566778899aabbccddeeff0"), &id), -EINVAL);
	assert_int_equal(id_parse(STR("00112233445566778899aabbccddeefg"), &id), -EINVAL);
	assert_int_equal(id_parse(STR("0x112233445566778899aabbccddeeff"), &id), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_id_is_plain_xxh128),
		cmocka_unit_test(the_ids_of_blocks_are_fixed),
		cmocka_unit_test(secret_bytes_and_attempt_all_count),
		cmocka_unit_test(a_weak_hash_collides_but_never_gives_zero),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(what_is_no_id_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

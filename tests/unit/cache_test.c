/* The cache: shared objects in bounded memory. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cow/cache.h"

struct thing {
	struct cache_object head;
	uint32_t kind, ino, run;
	char bytes[1000];
};

static struct thing *
make(const struct cache_key *k)
{
	struct thing *t = cache_new(sizeof(*t));

	assert_non_null(t);
	t->kind = k->kind;
	t->ino = k->ino;
	t->run = k->run;
	memset(t->bytes, (int)k->ino, sizeof(t->bytes));
	return t;
}

static void
put(struct cache *c, uint32_t kind, uint32_t ino, uint32_t run)
{
	struct cache_key k = { kind, ino, run };
	struct thing *t = cache_add(c, &k, make(&k));

	assert_int_equal(t->ino, ino);
	cache_release(t);
}

static void
assert_is(const struct thing *t, const struct cache_key *k)
{
	assert_non_null(t);
	assert_true(t->kind == k->kind && t->ino == k->ino && t->run == k->run);
	assert_int_equal(t->bytes[999], (char)k->ino);
}

static void
an_object_is_found_by_its_whole_key(void **state)
{
	static const struct cache_key keys[] = { { 0, 2, 0 }, { 1, 2, 0 }, { 0, 2, 1 }, { 0, 3, 0 },
		{ 1, 0, 2 } };
	struct cache *c;

	(void)state;
	assert_int_equal(cache_open(1 << 20, &c), 0);
	assert_null(cache_get(c, &keys[0]));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put(c, keys[i].kind, keys[i].ino, keys[i].run);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct thing *t = cache_get(c, &keys[i]);

		assert_is(t, &keys[i]);
		cache_release(t);
	}
	assert_null(cache_get(c, &(struct cache_key){ 7, 2, 0 }));
	cache_close(c);
	cache_release(NULL);
}

static void
memory_stays_within_the_limit(void **state)
{
	uint32_t found = 0;
	struct cache *c;

	(void)state;
	assert_int_equal(cache_open(1 << 20, &c), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		put(c, 0, i, 0);
		assert_true(cache_used(c) <= (1 << 20) + sizeof(struct thing));
	}
	for (uint32_t i = 0; i < 20000; i++) {
		void *t = cache_get(c, &(struct cache_key){ 0, i, 0 });

		found += t != NULL;
		cache_release(t);
	}
	assert_true(found > 500); /* most of a thousand that fit */
	assert_int_equal(cache_used(c), found * sizeof(struct thing));
	cache_close(c);
}

static void
what_is_used_often_stays(void **state)
{
	uint32_t lost = 0;
	struct cache *c;

	(void)state;
	assert_int_equal(cache_open(1 << 20, &c), 0);
	for (uint32_t i = 0; i < 50; i++)
		put(c, 1, i, 0);
	for (uint32_t i = 0; i < 5000; i++) {
		put(c, 0, i, 0);
		for (uint32_t k = 0; i % 10 == 0 && k < 50; k++) {
			void *t = cache_get(c, &(struct cache_key){ 1, k, 0 });

			lost += !t;
			cache_release(t);
		}
	}
	assert_true(lost < 500 * 50 / 10);
	cache_close(c);
}

static void
what_is_held_stays_valid_when_it_has_left(void **state)
{
	struct cache_key k = { 0, 7, 7 };
	struct thing *held;
	struct cache *c;

	(void)state;
	assert_int_equal(cache_open(100000, &c), 0);
	held = cache_add(c, &k, make(&k));
	for (uint32_t i = 100; i < 10000; i++)
		put(c, 0, i, 0);
	assert_is(held, &k);
	cache_release(held);
	assert_null(cache_get(c, &k));
	cache_close(c);
}

static void
the_faster_of_two_is_kept(void **state)
{
	struct cache_key k = { 0, 1, 2 };
	struct thing *first, *second;
	struct cache *c;

	(void)state;
	assert_int_equal(cache_open(100000, &c), 0);
	first = cache_add(c, &k, make(&k));
	second = cache_add(c, &k, make(&k));
	assert_ptr_equal(first, second);
	assert_int_equal(cache_used(c), sizeof(struct thing));
	cache_release(first);
	assert_is(second, &k);
	cache_release(second);
	cache_close(c);
}

static void *
use(void *arg)
{
	struct cache *c = arg;
	uint32_t x = (uint32_t)(uintptr_t)&x;

	for (int i = 0; i < 20000; i++) {
		struct cache_key k = { 0, (x >> 8) % 300, 0 };
		struct thing *t = cache_get(c, &k);

		if (!t)
			t = cache_add(c, &k, make(&k));
		assert_is(t, &k);
		cache_release(t);
		x = x * 1103515245 + 12345;
	}
	return NULL;
}

static void
threads_share_it(void **state)
{
	pthread_t threads[4];
	struct cache *c;

	(void)state;
	assert_int_equal(cache_open(150000, &c), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, c), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cache_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_found_by_its_whole_key),
		cmocka_unit_test(memory_stays_within_the_limit),
		cmocka_unit_test(what_is_used_often_stays),
		cmocka_unit_test(what_is_held_stays_valid_when_it_has_left),
		cmocka_unit_test(the_faster_of_two_is_kept),
		cmocka_unit_test(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A folder's names in memory: by name, and by cookie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/names.h"

#define MANY 3000u

static struct name *
add(struct names *t, const char *text, uint32_t ino, uint32_t cookie)
{
	struct name *n = names_add(t, str_of(text));

	assert_non_null(n);
	assert_int_equal(names_place(t, n, ino, cookie), 0);
	return n;
}

/* Cookies rise, each name that is not a whiteout has one slot, and no slot is of another. */
static void
assert_sound(const struct names *t)
{
	uint32_t present = 0, holes = 0, slots = 0, all = 0;

	for (uint32_t i = 0; i < t->norder; i++) {
		if (i)
			assert_true(t->order[i].cookie > t->order[i - 1].cookie);
		if (!t->order[i].name) {
			holes++;
			continue;
		}
		slots++;
		assert_int_equal(t->order[i].name->cookie, t->order[i].cookie);
		assert_true(t->order[i].name->ino != 0);
	}
	for (uint32_t b = 0; b < t->nbuckets; b++)
		for (const struct name *n = t->buckets[b]; n; n = n->chain, all++)
			present += n->ino != 0;
	assert_int_equal(slots, present);
	assert_int_equal(holes, t->holes);
	assert_int_equal(all, t->count);
}

static void
a_name_is_found_by_all_its_bytes(void **state)
{
	static const char odd[] = "a\0\xff/";
	char longest[255];
	struct names t = { 0 };

	(void)state;
	memset(longest, 'l', sizeof(longest));
	assert_null(names_find(&t, STR("a")));
	add(&t, "a", 5, 3);
	assert_non_null(names_add(&t, (struct str){ odd, 4 }));
	assert_non_null(names_add(&t, (struct str){ longest, 255 }));
	assert_int_equal(names_find(&t, STR("a"))->ino, 5);
	assert_int_equal(names_find(&t, (struct str){ odd, 4 })->n, 4);
	assert_null(names_find(&t, (struct str){ odd, 2 }));
	assert_int_equal(names_find(&t, (struct str){ longest, 255 })->n, 255);
	assert_null(names_find(&t, (struct str){ longest, 254 }));
	names_free(&t);
	assert_int_equal(t.count, 0);
}

static void
names_lie_in_the_order_of_their_cookies(void **state)
{
	struct names t = { 0 };
	char text[16];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) { /* every cookie from 3 on, in disorder */
		snprintf(text, sizeof(text), "n%u", i);
		add(&t, text, i + 1, 3 + i * 1009 % MANY);
	}
	assert_sound(&t);
	assert_int_equal(t.norder, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(t.order[i].cookie, 3 + i);
	assert_int_equal(names_after(&t, 0), 0);
	assert_int_equal(names_after(&t, 3), 1);
	assert_int_equal(names_after(&t, MANY + 1), MANY - 1);
	assert_int_equal(names_after(&t, MANY + 2), MANY);
	assert_int_equal(names_after(&t, UINT64_MAX), MANY);
	names_free(&t);
}

static void
a_whiteout_is_found_and_not_listed(void **state)
{
	struct names t = { 0 };
	struct name *a, *b;

	(void)state;
	a = add(&t, "a", 0, 3);
	b = add(&t, "b", 9, 4);
	assert_ptr_equal(names_find(&t, STR("a")), a);
	assert_sound(&t);
	assert_int_equal(names_place(&t, b, 0, 4), 0);
	assert_sound(&t);
	assert_int_equal(names_place(&t, a, 7, 12), 0); /* comes back at the end */
	assert_int_equal(names_place(&t, b, 8, 4), 0);  /* and in its old place */
	assert_sound(&t);
	assert_int_equal(t.norder - t.holes, 2);
	names_drop(&t, a);
	assert_sound(&t);
	assert_null(names_find(&t, STR("a")));
	names_free(&t);
}

static void
what_comes_and_goes_leaves_order_and_memory_sound(void **state)
{
	struct names t = { 0 };
	uint32_t x = 3, cookie = 3;
	uint64_t most = 0;
	char text[16];

	(void)state;
	for (uint32_t i = 0; i < 40 * MANY; i++) {
		struct name *n;

		x = x * 1103515245 + 12345;
		snprintf(text, sizeof(text), "n%u", (x >> 8) % MANY);
		n = names_find(&t, str_of(text));
		if (!n)
			add(&t, text, i + 1, cookie++);
		else if (x >> 28 < 6)
			names_drop(&t, n);
		else if (x >> 28 < 10)
			names_place(&t, n, 0, n->cookie);
		else if (n->ino)
			names_place(&t, n, i + 1, n->cookie);
		else
			names_place(&t, n, i + 1, cookie++);
		if (i % 1000 == 0)
			assert_sound(&t);
		most = t.memory > most ? t.memory : most;
	}
	assert_sound(&t);
	assert_true(t.norder <= 4 * MANY); /* holes don't pile up */
	assert_true(most < MANY * 400);
	names_free(&t);
	assert_int_equal(t.memory, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_found_by_all_its_bytes),
		cmocka_unit_test(names_lie_in_the_order_of_their_cookies),
		cmocka_unit_test(a_whiteout_is_found_and_not_listed),
		cmocka_unit_test(what_comes_and_goes_leaves_order_and_memory_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

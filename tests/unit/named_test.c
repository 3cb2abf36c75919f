/* What rubus mount takes for the name of something. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cow/err.h"
#include "server/named.h"

static void
assert_named(const char *text, enum named_kind kind, const char *name, const char *snapshot)
{
	struct named n;

	assert_int_equal(named_parse(text, &n), 0);
	assert_int_equal(n.kind, kind);
	assert_string_equal(n.name, name);
	assert_string_equal(n.snapshot, snapshot);
}

static void
names_with_and_without_a_kind(void **state)
{
	(void)state;
	assert_named("pi-1", NAMED_ANY, "pi-1", "");
	assert_named("client:pi-1", NAMED_CLIENT, "pi-1", "");
	assert_named("image:deb", NAMED_IMAGE, "deb", "");
}

static void
a_snapshot_is_a_clients(void **state)
{
	struct named n;

	(void)state;
	assert_named("pi-1@good", NAMED_CLIENT, "pi-1", "good");
	assert_named("client:pi-1@2026-01-02.03", NAMED_CLIENT, "pi-1", "2026-01-02.03");
	assert_int_equal(named_parse("image:deb@good", &n), -EINVAL);
}

static void
what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = { "", "@", "pi-1@", "@good", "image:", "client:@x", "a b",
		"../x", "a@b@c", "other:x", "a,b", "a:b" };
	char longest[140];
	struct named n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (named_parse(bad[i], &n) != -EINVAL)
			fail_msg("'%s' is taken for a name", bad[i]);
	memset(longest, 'x', sizeof(longest));
	longest[64] = '\0';
	assert_named(longest, NAMED_ANY, longest, "");
	longest[64] = 'x';
	longest[65] = '\0';
	assert_int_equal(named_parse(longest, &n), -EINVAL);
	longest[1] = '@';
	longest[65] = 'x';
	longest[66] = '\0';
	assert_named(longest, NAMED_CLIENT, "x", longest + 2);
	longest[66] = 'x';
	longest[67] = '\0';
	assert_int_equal(named_parse(longest, &n), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_with_and_without_a_kind),
		cmocka_unit_test(a_snapshot_is_a_clients),
		cmocka_unit_test(what_is_no_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

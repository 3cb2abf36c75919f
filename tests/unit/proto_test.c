/* The words of the control socket: what is written is read again; what is malformed is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/ctl/proto.h"

/* Every byte but NUL. */
static const char *
all_bytes(void)
{
	static char text[256];

	for (int i = 1; i < 256; i++)
		text[i - 1] = (char)i;
	return text;
}

static void
a_request_comes_back_as_it_was(void **state)
{
	struct proto_request sent = { .verb = "client-add" }, got;
	struct proto_text text = { 0 };

	(void)state;
	assert_int_equal(proto_add(&sent, "name", "pi 1 = 100%\n\n"), 0);
	assert_int_equal(proto_add(&sent, "address", "192.0.2.1"), 0);
	assert_int_equal(proto_add(&sent, "bytes", all_bytes()), 0);
	assert_int_equal(proto_add(&sent, "address", "2001:db8::1"), 0);
	assert_int_equal(proto_add(&sent, "empty", ""), 0);
	proto_write_request(&text, &sent);
	assert_int_equal(proto_request_end(text.p, text.n), text.n);
	assert_int_equal(proto_read_request(text.p, &got), 0);
	assert_string_equal(got.verb, "client-add");
	assert_string_equal(proto_get(&got, "name", 0), "pi 1 = 100%\n\n");
	assert_string_equal(proto_get(&got, "bytes", 0), all_bytes());
	assert_string_equal(proto_get(&got, "address", 0), "192.0.2.1");
	assert_string_equal(proto_get(&got, "address", 1), "2001:db8::1");
	assert_null(proto_get(&got, "address", 2));
	assert_string_equal(proto_get(&got, "empty", 0), "");
	assert_null(proto_get(&got, "image", 0));
	proto_text_free(&text);
}

static void
a_request_is_whole_at_its_empty_line(void **state)
{
	(void)state;
	assert_int_equal(proto_request_end("", 0), 0);
	assert_int_equal(proto_request_end("status\n", 7), 0);
	assert_int_equal(proto_request_end("status\n\n", 8), 8);
	assert_int_equal(proto_request_end("status\na=b\n\nmore", 16), 12);
}

static void
refused(const char *request)
{
	struct proto_request got;
	char *text = strdup(request);

	assert_int_equal(proto_read_request(text, &got), -EINVAL);
	free(text);
}

static void
a_malformed_request_is_refused(void **state)
{
	(void)state;
	refused("");
	refused("\n\n");
	refused("status");
	refused("status\nnothing\n\n");
	refused("status\n=value\n\n");
	refused("status\nkey=%\n\n");
	refused("status\nkey=%4\n\n");
	refused("status\nkey=%4g\n\n");
	refused("status\nkey=%00\n\n");
}

static void
too_many_keys_are_refused(void **state)
{
	struct proto_request sent = { .verb = "status" };
	char text[PROTO_KEYS_MAX * 8 + 64] = "status\n";

	(void)state;
	for (int i = 0; i < PROTO_KEYS_MAX; i++)
		assert_int_equal(proto_add(&sent, "key", "value"), 0);
	assert_int_equal(proto_add(&sent, "key", "value"), -E2BIG);
	for (int i = 0; i <= PROTO_KEYS_MAX; i++)
		strcat(text, "k=v\n");
	strcat(text, "\n");
	refused(text);
}

static void
rows_come_back_as_they_were(void **state)
{
	struct proto_text text = { 0 };
	struct proto_answer a;

	(void)state;
	proto_row(&text, "client");
	proto_str(&text, "name", "a b=c%");
	proto_str(&text, "bytes", all_bytes());
	proto_str(&text, "empty", "");
	proto_uint(&text, "size", UINT64_MAX);
	proto_row_end(&text);
	proto_row(&text, "nothing");
	proto_row_end(&text);
	proto_end(&text, 0, NULL);
	assert_int_equal(proto_read_answer(text.p, &a), 0);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.nrows, 2);
	assert_string_equal(a.rows[0].kind, "client");
	assert_string_equal(proto_value(&a.rows[0], "name"), "a b=c%");
	assert_string_equal(proto_value(&a.rows[0], "bytes"), all_bytes());
	assert_string_equal(proto_value(&a.rows[0], "empty"), "");
	assert_string_equal(proto_value(&a.rows[0], "size"), "18446744073709551615");
	assert_null(proto_value(&a.rows[0], "other"));
	assert_string_equal(a.rows[1].kind, "nothing");
	assert_int_equal(a.rows[1].npairs, 0);
	proto_answer_free(&a);
}

static void
an_error_comes_back_with_its_sentence(void **state)
{
	struct proto_text text = { 0 };
	struct proto_answer a;

	(void)state;
	proto_end(&text, -EEXIST, "there is a client \"100%\"\nalready");
	assert_int_equal(proto_read_answer(text.p, &a), 0);
	assert_int_equal(a.err, -EEXIST);
	assert_string_equal(a.sentence, "there is a client \"100%\"\nalready");
	proto_answer_free(&a);

	memset(&text, 0, sizeof(text));
	proto_end(&text, -EMLINK, "an error without a name");
	assert_int_equal(proto_read_answer(text.p, &a), 0);
	assert_int_equal(a.err, -EIO);
	proto_answer_free(&a);
}

static void
an_answer_that_breaks_off_is_refused(void **state)
{
	static const char *const texts[] = { "", "ok", "row client name=a\n", "row client name=a",
		"row client name\nok\n", "row client name=%zz\nok\n", "nothing\n", "error\n",
		"error EIO\n", "error EIO a sentence" };
	struct proto_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(proto_read_answer(strdup(texts[i]), &a) < 0, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back_as_it_was),
		cmocka_unit_test(a_request_is_whole_at_its_empty_line),
		cmocka_unit_test(a_malformed_request_is_refused),
		cmocka_unit_test(too_many_keys_are_refused),
		cmocka_unit_test(rows_come_back_as_they_were),
		cmocka_unit_test(an_error_comes_back_with_its_sentence),
		cmocka_unit_test(an_answer_that_breaks_off_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

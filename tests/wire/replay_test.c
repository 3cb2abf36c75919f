/*
 * Replay: every call of the .hex files through rpc/program; its reply must be, byte for byte, the
 * one written beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/hex.h"
#include "tests/wire/table.h"

/* The reply as a datagram's bytes. */
static uint32_t
answer(const struct hex_message *m, uint8_t *out)
{
	struct rpc_call call = { 0 };
	struct rpc_reply reply;
	struct iovec iov[RPC_REPLY_IOV];
	uint32_t n = 0;

	rpc_reply_init(&reply);
	if (rpc_call_open(&call, table_programs, TABLE_PROGRAMS, m->bytes, m->n, &reply) ==
	    RPC_OPEN_RUN)
		rpc_call_run(&call);
	for (int i = 0, pieces = rpc_reply_iov(&reply, 1, iov); i < pieces; i++) {
		assert_true(n + iov[i].iov_len <= HEX_MAX);
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += (uint32_t)iov[i].iov_len;
	}
	rpc_reply_free(&reply);
	return n;
}

static void
compare(const char *path, const struct hex_message *want, const uint8_t *got, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < want->n; i++)
		if (got[i] != want->bytes[i])
			fail_msg("%s: the reply of line %d differs at byte %u: %02x, not %02x",
			    path, want->line, i, got[i], want->bytes[i]);
	if (n != want->n)
		fail_msg(
		    "%s: the reply of line %d has %u bytes, not %u", path, want->line, n, want->n);
}

static void
every_reply_is_as_written(void **state)
{
	const char *path = *state;
	struct hex_message call, want;
	struct hex_file f = { 0 };
	uint8_t got[HEX_MAX];
	int r, calls = 0;

	assert_int_equal(hex_open(path, &f), 0);
	while ((r = hex_next(&f, &call, &want)) == 1) {
		compare(path, &want, got, answer(&call, got));
		calls++;
	}
	if (r < 0)
		fail_msg("%s:%d: not understood", path, f.line);
	assert_true(calls > 0);
	hex_close(&f);
}

int
main(void)
{
	const char *srcdir = getenv("srcdir");
	struct CMUnitTest tests[32] = { 0 };
	char pattern[4096];
	glob_t found;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s/tests/wire/*.hex", srcdir ? srcdir : ".");
	if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc > 32) {
		fprintf(stderr, "%s: nothing found\n", pattern);
		return 1;
	}
	for (n = 0; n < found.gl_pathc; n++)
		tests[n] = (struct CMUnitTest){ .name = strrchr(found.gl_pathv[n], '/') + 1,
			.test_func = every_reply_is_as_written,
			.initial_state = found.gl_pathv[n] };
	n = (size_t)_cmocka_run_group_tests("replay", tests, n, NULL, NULL);
	globfree(&found);
	return (int)n;
}

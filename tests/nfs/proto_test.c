/* The protocol around NFS as seen on a connection: what is refused how, handles as libnfs sends
 * them, and calls that are sent again because their answer was lost. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/raw.h"
#include "tests/lib/served.h"

#define NFSACL 100227

struct bench {
	struct served served;
	struct raw raw;
	struct raw_fh root;
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	served_open(&b->served);
	assert_int_equal(
	    raw_open(&b->raw, b->served.port, NFS_PROGRAM, NFS_V3), RPC_STATUS_SUCCESS);
	raw_mount(b->served.port, "/one", &b->root);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	raw_close(&b->raw);
	served_close(&b->served);
	free(b);
	return 0;
}

/* --- records by hand: words, and the reply's words --- */

#define WORDS 128

struct record {
	uint32_t n, word[WORDS];
};

static void
add(struct record *r, uint32_t word)
{
	assert_true(r->n < WORDS);
	r->word[r->n++] = htonl(word);
}

static void
add_bytes(struct record *r, const void *p, uint32_t n)
{
	add(r, n);
	assert_true(r->n + (n + 3) / 4 <= WORDS);
	memcpy(r->word + r->n, p, n);
	r->n += (n + 3) / 4;
}

/* A call's head; flavor 1 is AUTH_SYS as uid 0. */
static struct record
call_of(uint32_t xid, uint32_t prog, uint32_t vers, uint32_t proc, uint32_t flavor)
{
	struct record r = { 0 };
	const uint32_t head[] = { xid, 0, 2, prog, vers, proc, flavor };

	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		add(&r, head[i]);
	add(&r, flavor == 1 ? 20 : 0);
	for (int i = 0; flavor == 1 && i < 5; i++)
		add(&r, 0);
	add(&r, 0);
	add(&r, 0);
	return r;
}

static int
dial(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void
send_record(int fd, const struct record *r)
{
	uint32_t out[WORDS + 1];

	out[0] = htonl(1u << 31 | r->n * 4);
	memcpy(out + 1, r->word, r->n * 4);
	assert_int_equal(send(fd, out, (r->n + 1) * 4, 0), (r->n + 1) * 4);
}

static struct record
take_record(int fd)
{
	struct record r = { 0 };
	uint32_t mark;

	assert_int_equal(recv(fd, &mark, 4, MSG_WAITALL), 4);
	r.n = (ntohl(mark) & 0x7fffffff) / 4;
	assert_true(r.n <= WORDS);
	assert_int_equal(recv(fd, r.word, r.n * 4, MSG_WAITALL), r.n * 4);
	for (uint32_t i = 0; i < r.n; i++)
		r.word[i] = ntohl(r.word[i]);
	return r;
}

/* One call on a connection of its own. */
static struct record
exchange(struct bench *b, const struct record *call)
{
	struct record reply;
	int fd = dial(b->served.port);

	send_record(fd, call);
	reply = take_record(fd);
	close(fd);
	assert_int_equal(reply.word[0], ntohl(call->word[0]));
	assert_int_equal(reply.word[1], 1);
	return reply;
}

enum { ACCEPT_AT = 5, RESULT_AT = 6 }; /* words of an accepted reply */

static uint32_t
accept_stat(struct bench *b, uint32_t prog, uint32_t vers, uint32_t proc)
{
	struct record call = call_of(7, prog, vers, proc, 1), reply = exchange(b, &call);

	assert_int_equal(reply.word[2], 0);
	return reply.word[ACCEPT_AT];
}

static void
what_is_not_served_is_refused_by_its_name(void **state)
{
	struct bench *b = *state;
	struct record call = call_of(7, NFS_PROGRAM, 4, 0, 1), reply = exchange(b, &call);

	assert_int_equal(reply.word[ACCEPT_AT], 2); /* PROG_MISMATCH */
	assert_int_equal(reply.word[RESULT_AT], 3);
	assert_int_equal(reply.word[RESULT_AT + 1], 3);
	assert_int_equal(accept_stat(b, NFS_PROGRAM, 2, 0), 2);
	assert_int_equal(accept_stat(b, MOUNT_PROGRAM, 1, 0), 2);
	assert_int_equal(accept_stat(b, NFSACL, 3, 0), 1);       /* PROG_UNAVAIL */
	assert_int_equal(accept_stat(b, NFS_PROGRAM, 3, 22), 3); /* PROC_UNAVAIL */
	assert_int_equal(accept_stat(b, NFS_PROGRAM, 3, UINT32_MAX), 3);
	assert_int_equal(accept_stat(b, MOUNT_PROGRAM, 3, 6), 3);
	assert_int_equal(accept_stat(b, NFS_PROGRAM, 3, 1), 4); /* GARBAGE_ARGS: none */
	assert_int_equal(accept_stat(b, NFS_PROGRAM, 3, 0), 0);
	assert_int_equal(accept_stat(b, MOUNT_PROGRAM, 3, 0), 0);
}

static void
without_a_name_only_null_is_answered(void **state)
{
	struct bench *b = *state;
	struct record call = call_of(8, NFS_PROGRAM, 3, 1, 0), reply;

	add_bytes(&call, b->root.bytes, 48);
	reply = exchange(b, &call);
	assert_int_equal(reply.word[2], 1); /* denied */
	assert_int_equal(reply.word[3], 1); /* AUTH_ERROR */
	assert_int_equal(reply.word[4], 5); /* AUTH_TOOWEAK */
	call = call_of(9, NFS_PROGRAM, 3, 0, 0);
	assert_int_equal(exchange(b, &call).word[ACCEPT_AT], 0);
}

static void
libnfs_finds_no_nfsacl(void **state)
{
	struct bench *b = *state;
	struct raw acl;

	assert_int_equal(raw_open(&acl, b->served.port, NFSACL, 3), RPC_STATUS_ERROR);
	raw_close(&acl);
}

/* --- handles --- */

static void
take_status(void *arg, const void *res)
{
	*(int *)arg = *(const int *)res; /* each result begins with its nfsstat3 */
}

static int
getattr(struct bench *b, char *bytes, uint32_t n)
{
	GETATTR3args args = { { { n, bytes } } };
	int status = -1;

	raw_see(&b->raw, take_status, &status);
	raw_wait(&b->raw, rpc_nfs3_getattr_async(b->raw.rpc, raw_done, &args, &b->raw));
	return status;
}

static void
a_handle_counts_only_whole_and_unchanged(void **state)
{
	struct bench *b = *state;
	char bytes[64] = { 0 };

	for (uint32_t i = 0; i < 48; i++) {
		memcpy(bytes, b->root.bytes, 48);
		assert_int_equal(getattr(b, bytes, i), NFS3ERR_BADHANDLE);
		bytes[i] ^= 0x10;
		assert_int_equal(getattr(b, bytes, 48), i < 4 ? NFS3ERR_BADHANDLE : NFS3ERR_STALE);
	}
	memcpy(bytes, b->root.bytes, 48);
	assert_int_equal(getattr(b, bytes, 64), NFS3ERR_BADHANDLE);
	assert_int_equal(getattr(b, bytes, 48), NFS3_OK);
}

static void
a_removed_files_handle_is_stale(void **state)
{
	struct bench *b = *state;
	REMOVE3args args = { { b->root.fh, (char[]){ "setuid" } } };
	struct raw_fh file;
	int status = -1;

	assert_int_equal(raw_lookup(&b->raw, &b->root, "setuid", &file), NFS3_OK);
	raw_see(&b->raw, take_status, &status);
	raw_wait(&b->raw, rpc_nfs3_remove_async(b->raw.rpc, raw_done, &args, &b->raw));
	assert_int_equal(status, NFS3_OK);
	assert_int_equal(getattr(b, file.bytes, 48), NFS3ERR_STALE);
	assert_int_equal(raw_lookup(&b->raw, &b->root, "setuid", NULL), NFS3ERR_NOENT);
}

static void
handles_and_changes_live_over_a_restart(void **state)
{
	struct bench *b = *state;
	MKDIR3args args = { { b->root.fh, (char[]){ "new" } }, { { 0 } } };
	struct raw_fh dir;
	int status = -1;

	raw_see(&b->raw, take_status, &status);
	raw_wait(&b->raw, rpc_nfs3_mkdir_async(b->raw.rpc, raw_done, &args, &b->raw));
	assert_int_equal(status, NFS3_OK);
	assert_int_equal(raw_lookup(&b->raw, &b->root, "new", &dir), NFS3_OK);
	raw_close(&b->raw);
	served_restart(&b->served);
	assert_int_equal(
	    raw_open(&b->raw, b->served.port, NFS_PROGRAM, NFS_V3), RPC_STATUS_SUCCESS);
	assert_int_equal(getattr(b, dir.bytes, 48), NFS3_OK);
	assert_int_equal(getattr(b, b->root.bytes, 48), NFS3_OK);
}

/* --- sent again --- */

static struct record
remove_call(const struct bench *b, uint32_t xid, const char *name)
{
	struct record call = call_of(xid, NFS_PROGRAM, 3, 12, 1);

	add_bytes(&call, b->root.bytes, 48);
	add_bytes(&call, name, (uint32_t)strlen(name));
	return call;
}

static void
a_removal_sent_again_is_answered_as_done(void **state)
{
	struct bench *b = *state;
	struct record call = remove_call(b, 1000, "hard1"), first, again;

	first = exchange(b, &call);
	assert_int_equal(first.word[ACCEPT_AT], 0);
	assert_int_equal(first.word[RESULT_AT], NFS3_OK);
	again = exchange(b, &call);
	assert_int_equal(again.n, first.n);
	assert_memory_equal(again.word, first.word, first.n * 4);
	call = remove_call(b, 1001, "hard1");
	assert_int_equal(exchange(b, &call).word[RESULT_AT], NFS3ERR_NOENT);
}

static void
a_removal_sent_again_after_a_restart_is_answered_as_done(void **state)
{
	struct bench *b = *state;
	struct record call = remove_call(b, 1000, "hard1"), first = exchange(b, &call), again;

	assert_int_equal(first.word[RESULT_AT], NFS3_OK);
	raw_close(&b->raw);
	served_restart(&b->served);
	assert_int_equal(
	    raw_open(&b->raw, b->served.port, NFS_PROGRAM, NFS_V3), RPC_STATUS_SUCCESS);
	again = exchange(b, &call);
	assert_int_equal(again.n, first.n);
	assert_memory_equal(again.word, first.word, first.n * 4);
}

/* The same xid with other bytes is another call. */
static void
a_number_used_twice_does_not_hide_a_call(void **state)
{
	struct bench *b = *state;
	struct record one = remove_call(b, 1000, "hard1"), two = remove_call(b, 1000, "hard2");

	assert_int_equal(exchange(b, &one).word[RESULT_AT], NFS3_OK);
	assert_int_equal(exchange(b, &two).word[RESULT_AT], NFS3_OK);
	assert_int_equal(raw_lookup(&b->raw, &b->root, "hard2", NULL), NFS3ERR_NOENT);
}

static void
many_calls_on_one_connection_are_all_answered(void **state)
{
	struct bench *b = *state;
	int fd = dial(b->served.port);
	bool answered[200] = { false };
	struct record call, reply;

	for (uint32_t i = 0; i < ARRAY_SIZE(answered); i++) {
		call = call_of(i, NFS_PROGRAM, 3, i % 2 ? 9 : 1, 1); /* MKDIR or GETATTR */
		add_bytes(&call, b->root.bytes, 48);
		if (i % 2) {
			char name[4] = { 'd', (char)('a' + i / 20), (char)('a' + i % 20), 0 };

			add_bytes(&call, name, 3);
			for (int k = 0; k < 6; k++)
				add(&call, 0);
		}
		send_record(fd, &call);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(answered); i++) {
		reply = take_record(fd);
		assert_true(reply.word[0] < ARRAY_SIZE(answered) && !answered[reply.word[0]]);
		answered[reply.word[0]] = true;
		assert_int_equal(reply.word[ACCEPT_AT], 0);
		assert_int_equal(reply.word[RESULT_AT], NFS3_OK);
	}
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_served_is_refused_by_its_name),
		TEST(without_a_name_only_null_is_answered),
		TEST(libnfs_finds_no_nfsacl),
		TEST(a_handle_counts_only_whole_and_unchanged),
		TEST(a_removed_files_handle_is_stale),
		TEST(handles_and_changes_live_over_a_restart),
		TEST(a_removal_sent_again_is_answered_as_done),
		TEST(a_removal_sent_again_after_a_restart_is_answered_as_done),
		TEST(a_number_used_twice_does_not_hide_a_call),
		TEST(many_calls_on_one_connection_are_all_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

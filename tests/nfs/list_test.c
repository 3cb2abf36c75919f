/* READDIR and READDIRPLUS by libnfs: every name once, whatever the budget, while names come and go
 * and over restarts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/raw.h"
#include "tests/lib/served.h"

#define NEW  1200 /* files "n0000".. made beside the golden ones */
#define MANY (GOLDEN_MANY + NEW)

struct bench {
	struct served served;
	struct raw raw;
	struct raw_fh root, many;
};

/* What a listing has shown so far. */
struct listing {
	int status;
	uint64_t cookie;
	bool eof;
	int entries;             /* of the last reply */
	uint8_t seen[MANY];      /* how often: golden names, then new ones */
	int dots, others;        /* "." and ".."; names that are none of ours */
	bool with_handles;       /* each entry had attributes and a handle */
	uint64_t largest_cookie; /* of all */
};

static void
connect_one(struct bench *b)
{
	assert_int_equal(
	    raw_open(&b->raw, b->served.port, NFS_PROGRAM, NFS_V3), RPC_STATUS_SUCCESS);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	served_open(&b->served);
	connect_one(b);
	raw_mount(b->served.port, "/one", &b->root);
	assert_int_equal(raw_lookup(&b->raw, &b->root, "many", &b->many), NFS3_OK);
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

static void
take_status(void *arg, const void *res)
{
	*(int *)arg = *(const int *)res; /* each result begins with its nfsstat3 */
}

static int
create(struct bench *b, char *name)
{
	CREATE3args args = { { b->many.fh, name }, { UNCHECKED } };
	int status = -1;

	raw_see(&b->raw, take_status, &status);
	raw_wait(&b->raw, rpc_nfs3_create_async(b->raw.rpc, raw_done, &args, &b->raw));
	return status;
}

static int
drop(struct bench *b, char *name)
{
	REMOVE3args args = { { b->many.fh, name } };
	int status = -1;

	raw_see(&b->raw, take_status, &status);
	raw_wait(&b->raw, rpc_nfs3_remove_async(b->raw.rpc, raw_done, &args, &b->raw));
	return status;
}

static void
make_new(struct bench *b)
{
	char name[16];

	for (int i = 0; i < NEW; i++) {
		snprintf(name, sizeof(name), "n%04d", i);
		assert_int_equal(create(b, name), NFS3_OK);
	}
}

static void
see(struct listing *l, const char *name, uint64_t cookie)
{
	int i = -1;

	l->entries++;
	l->cookie = cookie;
	if (cookie > l->largest_cookie)
		l->largest_cookie = cookie;
	if (name[0] == 'n')
		i = GOLDEN_MANY + atoi(name + 1);
	else if (name[0] >= '0' && name[0] <= '9')
		i = atoi(name);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		l->dots++;
	else if (i < 0 || i >= MANY)
		l->others++;
	else
		l->seen[i]++;
}

static void
take_readdir(void *arg, const void *res)
{
	const READDIR3res *r = res;
	struct listing *l = arg;
	entry3 e; /* libnfs's own aren't aligned */

	l->status = (int)r->status;
	l->entries = 0;
	if (r->status != NFS3_OK)
		return;
	l->eof = r->READDIR3res_u.resok.reply.eof;
	for (const void *p = r->READDIR3res_u.resok.reply.entries; p; p = e.nextentry) {
		memcpy(&e, p, sizeof(e));
		see(l, e.name, e.cookie);
	}
}

static void
take_readdirplus(void *arg, const void *res)
{
	const READDIRPLUS3res *r = res;
	struct listing *l = arg;
	entryplus3 e;

	l->status = (int)r->status;
	l->entries = 0;
	if (r->status != NFS3_OK)
		return;
	l->eof = r->READDIRPLUS3res_u.resok.reply.eof;
	for (const void *p = r->READDIRPLUS3res_u.resok.reply.entries; p; p = e.nextentry) {
		memcpy(&e, p, sizeof(e));
		see(l, e.name, e.cookie);
		if (!e.name_attributes.attributes_follow || !e.name_handle.handle_follows ||
		    e.name_attributes.post_op_attr_u.attributes.fileid != e.fileid)
			l->with_handles = false;
	}
}

/* One reply further. count: for plus, both budgets. */
static void
next(struct bench *b, struct listing *l, bool plus, uint32_t count)
{
	READDIR3args args = { .dir = b->many.fh, .cookie = l->cookie, .count = count };
	READDIRPLUS3args more = {
		.dir = b->many.fh, .cookie = l->cookie, .dircount = count, .maxcount = count
	};

	raw_see(&b->raw, plus ? take_readdirplus : take_readdir, l);
	assert_int_equal(raw_wait(&b->raw,
			     plus ? rpc_nfs3_readdirplus_async(b->raw.rpc, raw_done, &more, &b->raw)
				  : rpc_nfs3_readdir_async(b->raw.rpc, raw_done, &args, &b->raw)),
	    RPC_STATUS_SUCCESS);
}

static void
list(struct bench *b, struct listing *l, bool plus, uint32_t count)
{
	*l = (struct listing){ .with_handles = true };
	while (!l->eof) {
		next(b, l, plus, count);
		assert_int_equal(l->status, NFS3_OK);
		assert_true(l->entries > 0 || l->eof);
	}
}

static void
expect_all(const struct listing *l)
{
	for (int i = 0; i < MANY; i++)
		assert_int_equal(l->seen[i], 1);
	assert_int_equal(l->dots, 2);
	assert_int_equal(l->others, 0);
	assert_true(l->largest_cookie < 1u << 31);
}

static void
each_name_is_listed_once_whatever_the_budget(void **state)
{
	static const uint32_t counts[] = { 160, 200, 512, 1000, 4096, 8192, 32768, 65536, 1 << 20,
		UINT32_MAX };
	struct bench *b = *state;
	struct listing l;

	make_new(b);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		list(b, &l, false, counts[i]);
		expect_all(&l);
		if (counts[i] < 512)
			continue; /* an entry with attributes and handle needs more */
		list(b, &l, true, counts[i]);
		expect_all(&l);
		assert_true(l.with_handles);
	}
}

static void
a_reply_without_room_for_an_entry_is_too_small(void **state)
{
	struct bench *b = *state;
	struct listing l = { 0 };

	for (uint32_t count = 0; count <= 100; count += 20) {
		next(b, &l, false, count);
		assert_int_equal(l.status, NFS3ERR_TOOSMALL);
		next(b, &l, true, count);
		assert_int_equal(l.status, NFS3ERR_TOOSMALL);
	}
}

static void
an_unchanged_folder_is_listed_without_its_own_rows(void **state)
{
	struct bench *b = *state;
	struct listing l;

	list(b, &l, true, 4096);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(l.seen[i], i < GOLDEN_MANY);
	assert_true(l.with_handles);
}

static void
names_that_stay_are_listed_once_while_others_come_and_go(void **state)
{
	struct bench *b = *state;
	struct listing l = { .with_handles = true };
	char name[16];
	int round = 0;

	make_new(b);
	while (!l.eof) {
		next(b, &l, round % 2, 1024);
		assert_int_equal(l.status, NFS3_OK);
		/* Names that begin with x aren't counted; of ours, those that end in 7 go. */
		snprintf(name, sizeof(name), "x%d", round);
		assert_int_equal(create(b, name), NFS3_OK);
		if (round > 0) {
			snprintf(name, sizeof(name), "x%d", round - 1);
			assert_int_equal(drop(b, name), NFS3_OK);
		}
		snprintf(name, sizeof(name), round % 2 ? "%03d" : "n%04d", round * 10 % 300 + 7);
		drop(b, name);
		round++;
	}
	assert_true(round > 20);
	for (int i = 0; i < MANY; i++)
		assert_true(l.seen[i] == 1 || (l.seen[i] == 0 && i % 10 == 7));
	assert_int_equal(l.dots, 2);
}

static void
a_listing_goes_on_over_a_restart(void **state)
{
	struct bench *b = *state;
	struct listing l = { .with_handles = true };

	make_new(b);
	for (int i = 0; i < 8; i++)
		next(b, &l, true, 8192);
	assert_false(l.eof);
	raw_close(&b->raw);
	served_restart(&b->served);
	connect_one(b);
	while (!l.eof) {
		next(b, &l, true, 8192);
		assert_int_equal(l.status, NFS3_OK);
	}
	expect_all(&l);
}

static void
a_cookie_of_a_removed_name_is_still_a_place(void **state)
{
	struct bench *b = *state;
	struct listing l = { 0 };
	uint64_t place;

	next(b, &l, false, 512);
	place = l.cookie;
	for (int i = 0; i < GOLDEN_MANY; i++)
		if (l.seen[i]) {
			char name[16];

			snprintf(name, sizeof(name), "%03d", i);
			assert_int_equal(drop(b, name), NFS3_OK);
		}
	assert_int_equal(l.cookie, place);
	while (!l.eof)
		next(b, &l, false, 512);
	for (int i = 0; i < GOLDEN_MANY; i++)
		assert_int_equal(l.seen[i], 1);
}

static void
what_is_no_folder_is_not_listed(void **state)
{
	struct bench *b = *state;
	struct listing l = { 0 };

	assert_int_equal(raw_lookup(&b->raw, &b->root, "hard1", &b->many), NFS3_OK);
	next(b, &l, false, 4096);
	assert_int_equal(l.status, NFS3ERR_NOTDIR);
	next(b, &l, true, 4096);
	assert_int_equal(l.status, NFS3ERR_NOTDIR);
}

static void
a_cookie_beyond_the_end_is_the_end(void **state)
{
	struct bench *b = *state;
	struct listing l = { .cookie = UINT64_MAX };

	next(b, &l, false, 4096);
	assert_int_equal(l.status, NFS3_OK);
	assert_true(l.eof && l.entries == 0);
	l.cookie = 1ull << 32;
	next(b, &l, true, 4096);
	assert_true(l.eof && l.entries == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_name_is_listed_once_whatever_the_budget),
		TEST(a_reply_without_room_for_an_entry_is_too_small),
		TEST(an_unchanged_folder_is_listed_without_its_own_rows),
		TEST(names_that_stay_are_listed_once_while_others_come_and_go),
		TEST(a_listing_goes_on_over_a_restart),
		TEST(a_cookie_of_a_removed_name_is_still_a_place),
		TEST(what_is_no_folder_is_not_listed),
		TEST(a_cookie_beyond_the_end_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

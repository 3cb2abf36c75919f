/*
 * Dirlist and mountlist: lists as long as the budget, never a byte longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/dirlist.h"
#include "rpc/mountlist.h"
#include "rpc/word.h"

static uint32_t
attached(const struct rpc_reply *reply, const uint8_t **out)
{
	assert_int_equal(reply->ndata, 1);
	assert_int_equal(reply->data[0].iov_len, reply->data_len);
	*out = reply->data[0].iov_base;
	return reply->data_len;
}

/* Adds entries of one size till the list is full. */
static uint32_t
fill(struct dirlist *list, const fattr3 *attributes, const nfs_fh3 *fh, uint32_t n)
{
	static const char name[256] = "name";
	struct dirlist_entry e = { .name = name, .n = n, .attributes = attributes, .handle = fh };

	while (dirlist_add(list, &e) == 0)
		e.cookie = ++e.fileid;
	assert_int_equal(dirlist_count(list), e.fileid);
	return dirlist_count(list);
}

static void
readdir_uses_its_count_and_no_more(void **state)
{
	(void)state;
	for (uint32_t count = 0; count < 2000; count += 13) {
		struct rpc_reply reply;
		struct dirlist *list;
		const uint8_t *bytes;
		uint32_t n, added;

		rpc_reply_init(&reply);
		assert_int_equal(dirlist_open(count, &list), 0);
		added = fill(list, NULL, NULL, 6);
		dirlist_attach(list, false, &reply);
		n = attached(&reply, &bytes);
		assert_int_equal(n, 8 + 32 * added);
		if (added > 0)
			assert_true(96 + n <= count);
		assert_true(96 + n + 32 > count);
		rpc_reply_free(&reply);
	}
}

static void
readdirplus_is_bounded_by_both_budgets(void **state)
{
	fattr3 attributes = { .type = NF3DIR };
	nfs_fh3 fh = { .n = 48 };
	struct dirlist *list;

	(void)state;
	/* 4 + 28 for the name, 88 for the attributes, 56 for the handle. */
	assert_int_equal(dirlist_open_plus(1 << 20, 104 + 10 * 176, &list), 0);
	assert_int_equal(fill(list, &attributes, &fh, 6), 10);
	dirlist_close(list);
	assert_int_equal(dirlist_open_plus(1 << 20, 104 + 10 * 176 - 1, &list), 0);
	assert_int_equal(fill(list, &attributes, &fh, 6), 9);
	dirlist_close(list);
	assert_int_equal(dirlist_open_plus(7 * 28, 1 << 20, &list), 0);
	assert_int_equal(fill(list, &attributes, &fh, 6), 7);
	dirlist_close(list);
}

static void
a_huge_budget_is_cut(void **state)
{
	struct rpc_reply reply;
	struct dirlist *list;
	const uint8_t *bytes;

	(void)state;
	rpc_reply_init(&reply);
	assert_int_equal(dirlist_open_plus(UINT32_MAX, UINT32_MAX, &list), 0);
	fill(list, NULL, NULL, 255);
	dirlist_attach(list, true, &reply);
	assert_in_range(attached(&reply, &bytes), DIRLIST_MAX - 512, DIRLIST_MAX);
	rpc_reply_free(&reply);
}

static void
entries_are_chained_and_the_end_is_marked(void **state)
{
	static const uint8_t want[] = { 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'a', 'b',
		'c', 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct dirlist_entry e = { .fileid = 0x100000002, .cookie = 9, .name = "abc", .n = 3 };
	struct rpc_reply reply;
	struct dirlist *list;
	const uint8_t *bytes;

	(void)state;
	rpc_reply_init(&reply);
	assert_int_equal(dirlist_open(512, &list), 0);
	assert_int_equal(dirlist_add(list, &e), 0);
	dirlist_attach(list, true, &reply);
	assert_int_equal(attached(&reply, &bytes), sizeof(want));
	assert_memory_equal(bytes, want, sizeof(want));
	rpc_reply_free(&reply);
}

static void
a_name_near_2_to_the_32_has_no_room(void **state)
{
	struct dirlist_entry e = { .name = "x", .n = UINT32_MAX };
	struct leaf_name huge = { "x", UINT32_MAX - 1 }, small = { "x", 1 };
	struct mountlist *mounts;
	struct dirlist *list;

	(void)state;
	assert_int_equal(dirlist_open(UINT32_MAX, &list), 0);
	assert_int_equal(dirlist_add(list, &e), 1);
	assert_int_equal(dirlist_count(list), 0);
	dirlist_close(list);
	assert_int_equal(mountlist_open(UINT32_MAX, &mounts), 0);
	assert_int_equal(mountlist_add_mount(mounts, huge, small), 1);
	assert_int_equal(mountlist_add_export(mounts, small, &huge, 1), 1);
	mountlist_close(mounts);
}

static void
a_list_of_mounts_ends_within_its_budget(void **state)
{
	struct leaf_name host = { "10.0.0.1", 8 }, directory = { "/pi", 3 };

	(void)state;
	for (uint32_t max = 4; max < 300; max++) {
		struct rpc_reply reply;
		struct mountlist *list;
		const uint8_t *bytes;
		uint32_t n;

		rpc_reply_init(&reply);
		assert_int_equal(mountlist_open(max, &list), 0);
		while (mountlist_add_mount(list, host, directory) == 0)
			;
		mountlist_attach(list, &reply);
		n = attached(&reply, &bytes);
		assert_true(n <= max && n + 24 > max);
		assert_int_equal(word_get(bytes + n - 4), 0);
		rpc_reply_free(&reply);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readdir_uses_its_count_and_no_more),
		cmocka_unit_test(readdirplus_is_bounded_by_both_budgets),
		cmocka_unit_test(a_huge_budget_is_cut),
		cmocka_unit_test(entries_are_chained_and_the_end_is_marked),
		cmocka_unit_test(a_name_near_2_to_the_32_has_no_room),
		cmocka_unit_test(a_list_of_mounts_ends_within_its_budget),
	};

	return cmocka_run_group_tests_name("dirlist", tests, NULL, NULL);
}

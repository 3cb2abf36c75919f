/* Bytes: writes of any shape, holes, truncation, what waits and what is committed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/batch.h"
#include "cow/inode.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

#define RUN (32u * 4096u) /* bytes that a row of extents covers */

/* Calls fn for the bytes as they wait, as they are in memory, and as they are on disk. */
#define IN_EVERY_STATE(vs)                                                                         \
	for (int state_ = 0; state_ < 4; state_++, (state_ == 1      ? viewstore_flush(vs)         \
						       : state_ == 2 ? (void)view_trim((vs)->a, 0) \
						       : state_ == 3 ? viewstore_reopen(vs)        \
								     : (void)0))

static void
a_file_cut_through_a_block_and_grown_again_reads_zeros(void **state)
{
	static const uint64_t cuts[] = { 1, 4095, 4096, 4097, 9000, RUN - 1, RUN, RUN + 1,
		RUN + 5000, 2 * RUN - 4096, 2 * RUN + 1, VIEWSTORE_DATA - 1 };
	struct viewstore *vs = *state;
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		uint32_t ino = i ? 0 : op_find(vs->a, "data"), cut = (uint32_t)cuts[i];

		if (i) {
			snprintf(name, sizeof(name), "f%zu", i);
			ino = op_create(vs->a, INO_ROOT, name);
			op_write_pattern(vs->a, ino, 0, VIEWSTORE_DATA, 1);
		}
		op_truncate(vs->a, ino, cut);
		op_truncate(vs->a, ino, VIEWSTORE_DATA + 10000);
		op_assert_pattern(vs->a, ino, 0, 0, cut, 1);
		op_assert_zeros(vs->a, ino, cut, VIEWSTORE_DATA + 10000 - cut);
	}
	viewstore_reopen(vs);
	for (size_t i = 1; i < ARRAY_SIZE(cuts); i++) {
		uint32_t cut = (uint32_t)cuts[i], ino;

		snprintf(name, sizeof(name), "f%zu", i);
		ino = op_find(vs->a, name);
		op_assert_pattern(vs->a, ino, 0, 0, cut, 1);
		op_assert_zeros(vs->a, ino, cut, VIEWSTORE_DATA + 10000 - cut);
	}
}

static void
a_golden_file_cut_and_grown_reads_zeros_after_reopen(void **state)
{
	static const uint32_t cuts[] = { 2 * RUN + 5000, RUN + 100, RUN, 5000, 0 };
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		op_truncate(vs->a, ino, cuts[i]);
		if (i % 2)
			viewstore_reopen(vs);
		op_truncate(vs->a, ino, VIEWSTORE_DATA);
		IN_EVERY_STATE(vs)
		{
			op_assert_pattern(vs->a, ino, 0, 0, cuts[i], 1);
			op_assert_zeros(vs->a, ino, cuts[i], VIEWSTORE_DATA - cuts[i]);
		}
	}
	assert_int_equal(op_attr(vs->a, ino).used, 0);
}

static void
pieces_that_wait_are_cut_and_read_as_zeros_beyond(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "f");
	uint8_t p[3000];

	op_pattern(p, sizeof(p), 4);
	op_write_later(vs->a, ino, 1000, p, sizeof(p)); /* 1000..4000 */
	op_write_later(vs->a, ino, 8000, p, sizeof(p)); /* 8000..11000: two blocks */
	op_truncate(vs->a, ino, 2500);
	op_write_later(vs->a, ino, 6000, p, 10);
	op_truncate(vs->a, ino, 20000);
	op_write_later(vs->a, ino, 3000, p, 10); /* beside the cut piece */
	IN_EVERY_STATE(vs)
	{
		op_assert_zeros(vs->a, ino, 0, 1000);
		op_assert_bytes(vs->a, ino, 1000, p, 1500);
		op_assert_zeros(vs->a, ino, 2500, 500);
		op_assert_bytes(vs->a, ino, 3000, p, 10);
		op_assert_zeros(vs->a, ino, 3010, 6000 - 3010);
		op_assert_bytes(vs->a, ino, 6000, p, 10);
		op_assert_zeros(vs->a, ino, 6010, 20000 - 6010);
	}
}

static void
a_create_that_truncates_cuts_what_waits(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_set set = { .set_size = true, .size = 5 };
	struct view_op op = { 0 };
	struct view_attr out;
	struct view_wcc wcc;

	op_write_later(vs->a, ino, 3, "xyz", 3);
	op_must(
	    view_create(vs->a, &op, INO_ROOT, STR("data"), VIEW_UNCHECKED, &set, 0, &out, &wcc));
	assert_int_equal(out.ino, ino);
	assert_int_equal(out.size, 5);
	op_truncate(vs->a, ino, 10);
	IN_EVERY_STATE(vs)
	{
		op_assert_pattern(vs->a, ino, 0, 0, 3, 1);
		op_assert_bytes(vs->a, ino, 3, "xy\0\0\0\0\0", 7);
	}
}

static void
overlapping_pieces_show_the_last_write(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data"), x = 1;
	uint8_t *want = malloc(VIEWSTORE_DATA), p[9000];

	op_pattern(want, VIEWSTORE_DATA, 1);
	for (uint32_t i = 0; i < 400; i++) {
		uint32_t off, n;

		x = x * 1103515245 + 12345;
		off = (x >> 8) % 60000;
		x = x * 1103515245 + 12345;
		n = i % 10 ? (x >> 8) % 300 + 1 : (x >> 8) % sizeof(p) + 1;
		op_pattern(p, n, i);
		memcpy(want + off, p, n);
		if (i % 37)
			op_write_later(vs->a, ino, off, p, n);
		else
			op_write(vs->a, ino, off, p, n);
		if (i % 50 == 0)
			op_commit(vs->a, ino);
		if (i % 9 == 0)
			op_assert_bytes(vs->a, ino, 0, want, 70000);
	}
	IN_EVERY_STATE(vs)
	op_assert_bytes(vs->a, ino, 0, want, VIEWSTORE_DATA);
	free(want);
}

static void
a_sparse_file_has_bytes_only_where_they_were_written(void **state)
{
	static const uint64_t far = (uint64_t)5 << 30;
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "sparse");
	struct view_usage usage;

	op_write_pattern(vs->a, ino, far + 123, 5000, 3);
	op_write_later(vs->a, ino, far / 2, "middle", 6);
	op_truncate(vs->a, ino, 2 * far);
	IN_EVERY_STATE(vs)
	{
		assert_int_equal(op_attr(vs->a, ino).size, 2 * far);
		op_assert_zeros(vs->a, ino, 0, 100000);
		op_assert_bytes(vs->a, ino, far / 2, "middle\0\0", 8);
		op_assert_zeros(vs->a, ino, far - 4096, 4096 + 123);
		op_assert_pattern(vs->a, ino, far + 123, 0, 5000, 3);
		op_assert_zeros(vs->a, ino, far + 5123, 100000);
		op_assert_zeros(vs->a, ino, 2 * far - 1000, 1000);
		assert_true(op_attr(vs->a, ino).used <= 4 * 4096);
		view_usage(vs->a, &usage);
		assert_true(usage.delta_bytes <= 4 * 4096);
	}
	op_truncate(vs->a, ino, far + 200);
	op_truncate(vs->a, ino, 2 * far);
	IN_EVERY_STATE(vs)
	{
		op_assert_pattern(vs->a, ino, far + 123, 0, 77, 3);
		op_assert_zeros(vs->a, ino, far + 200, 100000);
	}
	op_truncate(vs->a, ino, 0);
	op_truncate(vs->a, ino, 2 * far);
	viewstore_reopen(vs);
	op_assert_zeros(vs->a, ino, far / 2, 100);
	op_assert_zeros(vs->a, ino, far + 123, 100);
}

static void
the_last_byte_of_the_largest_file_can_be_written(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "f");

	op_write(vs->a, ino, VIEW_FILE_MAX - 1, "x", 1);
	viewstore_reopen(vs);
	assert_int_equal(op_attr(vs->a, ino).size, VIEW_FILE_MAX);
	op_assert_bytes(vs->a, ino, VIEW_FILE_MAX - 2, "\0x", 2);
	assert_int_equal(op_try_write(vs->a, ino, VIEW_FILE_MAX, "x", 1, VIEW_UNSTABLE), -EFBIG);
	assert_int_equal(op_try_write(vs->a, ino, UINT64_MAX - 1, "xyz", 3, VIEW_UNSTABLE), -EFBIG);
	assert_int_equal(op_try_truncate(vs->a, ino, VIEW_FILE_MAX + 1), -EFBIG);
	op_truncate(vs->a, ino, 1);
	op_truncate(vs->a, ino, VIEW_FILE_MAX);
	op_assert_zeros(vs->a, ino, VIEW_FILE_MAX - 2, 2);
}

static void
a_read_ends_where_the_file_ends(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_op op = { 0 };
	struct view_data data;
	struct view_attr attr;

	op_must(view_read(vs->a, &op, ino, VIEWSTORE_DATA - 10, 100, &data, &attr));
	assert_int_equal(data.len, 10);
	assert_true(data.eof);
	assert_int_equal(attr.size, VIEWSTORE_DATA);
	view_data_release(&data);
	op_must(view_read(vs->a, &op, ino, VIEWSTORE_DATA + 10, 100, &data, &attr));
	assert_int_equal(data.len, 0);
	assert_true(data.eof);
	view_data_release(&data);
	op_must(view_read(vs->a, &op, ino, UINT64_MAX - 3, UINT32_MAX, &data, &attr));
	assert_int_equal(data.len, 0);
	view_data_release(&data);
	op_must(view_read(vs->a, &op, ino, 0, 0, &data, &attr));
	assert_int_equal(data.len, 0);
	assert_false(data.eof);
	view_data_release(&data);
	assert_int_equal(view_read(vs->a, &op, INO_ROOT, 0, 1, &data, &attr), -EISDIR);
	assert_int_equal(
	    view_read(vs->a, &op, op_find(vs->a, "link"), 0, 1, &data, &attr), -EINVAL);
	assert_int_equal(op_try_write(vs->a, INO_ROOT, 0, "", 1, VIEW_UNSTABLE), -EISDIR);
	assert_int_equal(
	    op_try_write(vs->a, op_find(vs->a, "dev/pipe"), 0, "", 1, VIEW_UNSTABLE), -EINVAL);
}

static void
an_unstable_write_is_lost_by_a_crash_and_kept_by_a_commit(void **state)
{
	struct viewstore *vs = *state;
	uint32_t lost = op_create(vs->a, INO_ROOT, "lost"),
		 kept = op_create(vs->a, INO_ROOT, "kept");
	uint32_t other = op_create(vs->b, INO_ROOT, "other");
	struct view_op op = { 0 };
	struct view_wcc wcc;
	uint8_t p[10000];

	viewstore_flush(vs);
	op_pattern(p, sizeof(p), 6);
	op_write_later(vs->a, lost, 0, p, sizeof(p));
	op_write_later(vs->a, kept, 0, p, sizeof(p));
	op_write_later(vs->b, other, 0, p, sizeof(p));
	op_must(view_commit(vs->a, &op, kept, &wcc));
	assert_true(op.ticket > 0);
	op_must(batch_wait(store_batch(vs->store), op.ticket));
	viewstore_crash(vs);
	assert_int_equal(op_attr(vs->a, lost).size, 0);
	assert_int_equal(op_attr(vs->b, other).size, 0);
	op_assert_bytes(vs->a, kept, 0, p, sizeof(p));
}

static void
a_commit_of_what_is_durable_waits_for_nothing(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_op op = { 0 };
	struct view_wcc wcc;

	op_must(view_commit(vs->a, &op, ino, &wcc));
	assert_int_equal(op.ticket, 0);
	assert_true(wcc.have);
	op_write(vs->a, ino, 0, "x", 1);
	viewstore_flush(vs);
	op_must(view_commit(vs->a, &op, ino, &wcc));
	assert_int_equal(op.ticket, 0);
}

static void
a_file_sync_write_of_a_block_survives_a_crash(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_find(vs->a, "data");
	struct view_op op = { 0 };
	enum view_stable got;
	struct view_wcc wcc;

	op_must(view_write(vs->a, &op, ino, 4096, "stable", 6, VIEW_DATA_SYNC, &got, &wcc));
	assert_true(got != VIEW_UNSTABLE);
	assert_int_equal(wcc.before.size, VIEWSTORE_DATA);
	op_must(batch_wait(store_batch(vs->store), op.ticket));
	viewstore_crash(vs);
	op_assert_bytes(vs->a, ino, 4096, "stable", 6);
	op_assert_pattern(vs->a, ino, 0, 0, 4096, 1);
	op_assert_pattern(vs->a, ino, 4102, 4102, 9000, 1);
}

static void
waiting_pieces_are_bounded(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "f");
	struct view_usage usage;

	for (uint32_t i = 0; i < 5000; i++)
		op_write_later(vs->a, ino, (uint64_t)i * 8192 + 5, &i, sizeof(i));
	view_usage(vs->a, &usage);
	assert_true(usage.memory < (16u << 20));
	IN_EVERY_STATE(vs)
	for (uint32_t i = 0; i < 5000; i += 611)
		op_assert_bytes(vs->a, ino, (uint64_t)i * 8192 + 5, &i, sizeof(i));
}

static void
a_log_that_grows_by_lines_stores_each_block_about_once(void **state)
{
	struct viewstore *vs = *state;
	uint32_t ino = op_create(vs->a, INO_ROOT, "log");
	struct block_stats before, after;

	blocks_stats(store_blocks(vs->store), &before);
	for (uint32_t i = 0; i < 1000; i++)
		op_write_later(
		    vs->a, ino, (uint64_t)i * 40, "0123456789012345678901234567890123456789", 40);
	op_commit(vs->a, ino);
	viewstore_flush(vs);
	blocks_stats(store_blocks(vs->store), &after);
	assert_true(after.puts - before.puts <= 12);
	assert_int_equal(op_attr(vs->a, ino).size, 40000);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STORE(a_file_cut_through_a_block_and_grown_again_reads_zeros),
		ON_STORE(a_golden_file_cut_and_grown_reads_zeros_after_reopen),
		ON_STORE(pieces_that_wait_are_cut_and_read_as_zeros_beyond),
		ON_STORE(a_create_that_truncates_cuts_what_waits),
		ON_STORE(overlapping_pieces_show_the_last_write),
		ON_STORE(a_sparse_file_has_bytes_only_where_they_were_written),
		ON_STORE(the_last_byte_of_the_largest_file_can_be_written),
		ON_STORE(a_read_ends_where_the_file_ends),
		ON_STORE(an_unstable_write_is_lost_by_a_crash_and_kept_by_a_commit),
		ON_STORE(a_commit_of_what_is_durable_waits_for_nothing),
		ON_STORE(a_file_sync_write_of_a_block_survives_a_crash),
		ON_STORE(waiting_pieces_are_bounded),
		ON_STORE(a_log_that_grows_by_lines_stores_each_block_about_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

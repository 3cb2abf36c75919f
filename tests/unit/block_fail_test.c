/* The block store when commits, disks and other processes get in its way. */
#include "tests/unit/block_fixture.h"

static void
rows_that_were_not_committed_come_again(void **state)
{
	struct fixture *f = *state;
	struct id a = put(f, 1), b, c;
	struct block_rows *rows, *more;

	assert_int_equal(blocks_cut(f->blocks, &rows), 0);
	assert_int_equal(block_rows_count(rows), 1);
	assert_reads(f, &a, 1);
	b = put(f, 2);
	assert_int_equal(blocks_cut(f->blocks, &more), 0); /* while the first is on its way */
	assert_int_equal(block_rows_count(more), 1);
	block_rows_end(f->blocks, rows, false);
	block_rows_end(f->blocks, more, false);
	c = put(f, 3);
	put(f, 1); /* found among the rows that came back */
	assert_int_equal(stats(f).stored, 3);
	assert_int_equal(commit(f), 3);
	assert_int_equal(commit(f), 0);
	block_rows_end(f->blocks, NULL, false);
	reopen(f);
	assert_reads(f, &a, 1);
	assert_reads(f, &b, 2);
	assert_reads(f, &c, 3);
}

/* A commit may have happened although its result was an error. */
static void
rows_that_were_committed_all_the_same_may_come_again(void **state)
{
	struct fixture *f = *state;
	struct id a = put(f, 1);
	struct block_rows *rows;

	assert_int_equal(blocks_cut(f->blocks, &rows), 0);
	assert_int_equal(db_begin(f->db), 0);
	assert_int_equal(block_rows_insert(rows, f->db), 0);
	assert_int_equal(db_commit(f->db), 0);
	block_rows_end(f->blocks, rows, false);
	assert_int_equal(commit(f), 1);
	reopen(f);
	assert_reads(f, &a, 1);
}

static void
a_full_disk_at_any_write_loses_nothing(void **state)
{
	static const size_t beginnings[] = { 0, 1, 20, 40, 47 };
	struct fixture *f = *state;
	struct id ids[64];
	struct block_loc loc;

	f->segment_max = 20000; /* so that heads of segments are among the writes */
	reopen(f);
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		bool partial = i % 2;
		unsigned n = 0;
		int err;

		arm(f, FILE_WRITE, i % 3, partial ? 0 : -ENOSPC);
		if (partial)
			f->most = beginnings[i % ARRAY_SIZE(beginnings)];
		do
			err = put_in(f->blocks, 1000 * (i + 1) + n, &ids[i], &loc);
		while (err == 0 && ++n < 100);
		assert_int_equal(err, partial ? -EIO : -ENOSPC);
		ids[i] = put(f, i);
		assert_reads(f, &ids[i], i);
	}
	assert_true(commit(f) >= (int)ARRAY_SIZE(ids));
	assert_int_equal(count_on_disk(f), stats(f).stored);
	reopen(f);
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		assert_reads(f, &ids[i], i);
}

static void
a_cut_gives_up_what_cant_be_written_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct id a = put(f, 1), b, c;
	struct block_rows *rows;

	assert_int_equal(blocks_cut(f->blocks, &rows), 0);
	block_rows_end(f->blocks, rows, false); /* a is in the file, its row is for the next cut */
	b = put(f, 2);
	assert_reads(f, &b, 2); /* from memory */
	for (unsigned partial = 0; partial < 2; partial++) {
		arm(f, FILE_WRITE, 0, partial ? 0 : -ENOSPC);
		f->most = partial ? 20 : SIZE_MAX;
		assert_int_equal(blocks_cut(f->blocks, &rows), partial ? -EIO : -ENOSPC);
		assert_false(blocks_failed(f->blocks));
		assert_lost(f->blocks, &b);
		assert_reads(f, &a, 1);
		c = put(f, 3);
		arm(f, FILE_WRITE, UINT32_MAX, 0);
		b = put(f, 2);
	}
	assert_int_equal(commit(f), 3);
	assert_int_equal(count_on_disk(f), 3);
	reopen(f);
	assert_reads(f, &a, 1);
	assert_reads(f, &b, 2);
	assert_reads(f, &c, 3);
}

static void
a_segment_that_cant_be_made_is_tried_again_under_its_number(void **state)
{
	struct fixture *f = *state;
	struct block_loc loc;
	struct id id;

	arm(f, FILE_OPEN, 0, -ENOSPC);
	assert_int_equal(put_in(f->blocks, 1, &id, &loc), -ENOSPC);
	arm(f, FILE_WRITE, 0, -ENOSPC);
	assert_int_equal(put_in(f->blocks, 1, &id, &loc), -ENOSPC);
	id = put(f, 1);
	assert_int_equal(f->next_seq, 1);
	assert_int_equal(commit(f), 1);
	assert_reads(f, &id, 1);
}

static void
a_failed_sync_is_final(void **state)
{
	for (unsigned at = 0; at < 3; at++) { /* the segment, its folder, the store's folder */
		struct fixture *f = *state;
		struct block_rows *rows;
		struct block_loc loc;
		struct id a, id;

		reopen(f);
		a = put(f, at);
		arm(f, FILE_FSYNC, at, -ENOSPC);
		assert_int_equal(blocks_cut(f->blocks, &rows), -EIO);
		arm(f, FILE_FSYNC, UINT32_MAX, 0);
		assert_int_equal(blocks_cut(f->blocks, &rows), -EIO);
		assert_int_equal(put_in(f->blocks, 100, &id, &loc), -EIO);
		assert_int_equal(put_in(f->blocks, at, &id, &loc), -EIO);
		assert_reads(f, &a, at);
		assert_int_equal(f->calls, 0); /* nothing is synced again */
	}
}

static void
a_cut_syncs_what_was_written_and_only_that(void **state)
{
	struct fixture *f = *state;

	f->segment_max = 10000;
	reopen(f);
	arm(f, FILE_FSYNC, UINT32_MAX, 0);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->calls, 0);
	put(f, 1);
	assert_int_equal(commit(f), 1);
	assert_int_equal(f->calls, 3); /* with both folders */
	put(f, 2);
	assert_int_equal(commit(f), 1);
	assert_int_equal(f->calls, 4);
	put(f, 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->calls, 4);
	put(f, 4);
	put(f, 5);
	put(f, 7);
	put(f, 8);
	assert_int_equal(f->next_seq, 3);
	assert_int_equal(commit(f), 4);
	assert_int_equal(f->calls, 4 + 3 + 2);
}

static void
put_some(struct fixture *f)
{
	f->on_event = NULL;
	put(f, 50);
	put(f, 51);
}

static void
puts_go_on_while_a_cut_syncs(void **state)
{
	struct fixture *f = *state;

	f->segment_max = 10000;
	reopen(f);
	put(f, 1);
	put(f, 2);
	arm(f, FILE_FSYNC, 0, 0);
	f->on_event = put_some;
	assert_int_equal(commit(f), 2);
	assert_null(f->on_event);
	assert_int_equal(stats(f).stored, 4);
	assert_int_equal(commit(f), 2);
	assert_int_equal(commit(f), 0);
}

static int
commit_first(struct fixture *f)
{
	int n = commit(f);

	return n < 0 ? n : 0;
}

/* The store gives numbers in a transaction, which may have to wait for a commit on its way. */
static void
a_new_segments_number_may_wait_for_a_commit(void **state)
{
	struct fixture *f = *state;
	struct id ids[20];

	f->segment_max = 10000;
	f->on_next_segment = commit_first;
	reopen(f);
	for (unsigned i = 0; i < 20; i++)
		ids[i] = put(f, i);
	assert_true(commit(f) < 5);
	reopen(f);
	for (unsigned i = 0; i < 20; i++)
		assert_reads(f, &ids[i], i);
}

static void
two_processes_may_put_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	struct blocks *other = open_blocks(f);
	struct block_loc loc;
	struct id a = put(f, 1), b;

	assert_int_equal(put_in(other, 1, &b, &loc), 0);
	assert_true(id_eq(&a, &b));
	assert_int_equal(loc.segment, 2);
	assert_int_equal(commit(f), 1);
	assert_int_equal(commit_in(f, other), 1);
	assert_reads_in(other, &b, 1);
	assert_int_equal(block_find(other, &b, 1, &loc), 0);
	assert_int_equal(loc.segment, 1); /* the row that was first */
	assert_int_equal(put_in(other, 1, &b, &loc), 0);
	assert_int_equal(loc.segment, 1);
	a = put(f, 2);
	assert_int_equal(commit(f), 1);
	assert_reads_in(other, &a, 2);
	blocks_close(other);
}

static void
two_processes_cant_commit_two_blocks_under_one_id(void **state)
{
	struct fixture *f = *state;
	struct blocks *other = open_blocks(f);
	struct block_loc loc;
	struct id a, b;

	hash_weaken(f->hash, 1);
	a = put(f, 1);
	assert_int_equal(put_in(other, 2, &b, &loc), 0);
	assert_true(id_eq(&a, &b));
	assert_int_equal(commit(f), 1);
	assert_int_equal(commit_in(f, other), -EIO);
	blocks_close(other);
	reopen(f);
	assert_reads(f, &a, 1);
}

static void
damaged_bytes_are_not_believed_but_stored_anew(void **state)
{
	struct fixture *f = *state;
	struct block_loc loc;
	struct id a, b;
	int fd;

	assert_int_equal(put_in(f->blocks, 1, &a, &loc), 0);
	assert_int_equal(commit(f), 1);
	fd = openat(files_dirfd(f->files), "segments/00000001-00000005.seg", O_WRONLY);
	assert_int_equal(pwrite(fd, "damage", 6, (off_t)loc.off + 50), 6);
	b = put(f, 1);
	assert_false(id_eq(&a, &b));
	assert_reads(f, &b, 1);
	assert_int_equal(ftruncate(fd, (off_t)loc.off + 50), 0); /* can't even be read */
	close(fd);
	reopen(f);
	b = put(f, 1);
	assert_reads(f, &b, 1);
}

static void
a_damaged_or_missing_index_row_is_an_error(void **state)
{
	static const char *const rows[] = {
		"INSERT INTO block VALUES (x'11111111111111111111111111111111', 1, 80, 65537)",
		"INSERT INTO block VALUES (x'11111111111111111111111111111111', 1, 80, 4097)",
		"INSERT INTO block VALUES (x'11111111111111111111111111111111', 1, 80, 0)",
		"INSERT INTO block VALUES (x'11111111111111111111111111111111', 1, -80, 4096)",
		"INSERT INTO block VALUES (x'11111111111111111111111111111111', -1, 80, 4096)",
		"INSERT INTO block VALUES (x'11111111111111111111111111111111', 'a', 'b', 'c')",
	};
	struct fixture *f = *state;
	struct block_loc loc[2];
	struct id ids[2];

	memset(ids, 0x11, sizeof(ids));
	ids[0] = put(f, 1);
	assert_lost(f->blocks, &ids[1]);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(db_exec(f->db, rows[i]), 0);
		assert_int_equal(block_find(f->blocks, ids, 2, loc), -EIO);
		assert_int_equal(db_exec(f->db, "DELETE FROM block"), 0);
	}
	assert_int_equal(block_find(f->blocks, ids, 1, loc), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void
blocks_leave_space_to_the_database(void **state)
{
	struct fixture *f = *state;
	struct id a = put(f, 1), b, id;
	uint8_t other[SIZE] = { 2 };
	struct block_loc loc;

	commit(f);
	f->keep_free = UINT64_MAX;
	reopen(f);
	assert_int_equal(block_put(f->blocks, other, SIZE, &id, &loc), -ENOSPC);
	b = put(f, 1); /* it is there already */
	assert_true(id_eq(&a, &b));
	f->keep_free = 0;
	reopen(f);
	assert_int_equal(block_put(f->blocks, other, SIZE, &id, &loc), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_that_were_not_committed_come_again),
		TEST(rows_that_were_committed_all_the_same_may_come_again),
		TEST(a_full_disk_at_any_write_loses_nothing),
		TEST(a_cut_gives_up_what_cant_be_written_and_nothing_else),
		TEST(blocks_leave_space_to_the_database),
		TEST(a_segment_that_cant_be_made_is_tried_again_under_its_number),
		TEST(a_failed_sync_is_final),
		TEST(a_cut_syncs_what_was_written_and_only_that),
		TEST(puts_go_on_while_a_cut_syncs),
		TEST(a_new_segments_number_may_wait_for_a_commit),
		TEST(two_processes_may_put_the_same_bytes),
		TEST(two_processes_cant_commit_two_blocks_under_one_id),
		TEST(damaged_bytes_are_not_believed_but_stored_anew),
		TEST(a_damaged_or_missing_index_row_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Segments: a scan finds each whole block and nothing else, whatever happened to the file. */
#include "cow/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/tmpdir.h"

#define BLOCKS 12

static const struct id store_id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9 } };

struct fixture {
	struct tmpdir dir;
	struct files *files;
	struct segment *segment;
	struct block_loc locs[BLOCKS];
	bool found[BLOCKS];
	/* the hook's */
	int write_err, truncate_err;
	size_t most;
};

static int
hook(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	struct fixture *f = arg;

	(void)name, (void)off;
	if (event == FILE_WRITE && f->most < *len)
		*len = f->most;
	if (event == FILE_WRITE)
		return f->write_err;
	return event == FILE_TRUNCATE ? f->truncate_err : 0;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmpdir_make(&f->dir);
	f->most = SIZE_MAX;
	*state = f;
	assert_int_equal(files_open(f->dir.path, &f->files), 0);
	files_hook(f->files, hook, f);
	assert_int_equal(file_mkdir(f->files, FORMAT_SEGMENTS_DIR, 0700), 0);
	assert_int_equal(segment_create(f->files, &store_id, 7, 3, &f->segment), 0);
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	segment_close(f->segment);
	files_close(f->files);
	tmpdir_remove(&f->dir);
	free(f);
	return 0;
}

/* Block i: its id and bytes follow from i. */
static uint32_t
block_bytes(unsigned i, struct id *id, uint8_t *bytes)
{
	static const uint32_t lengths[] = { 1, 4096, 7, 65536, 8, 100, 9, 4095 };
	uint32_t n = lengths[i % ARRAY_SIZE(lengths)];

	memset(id->b, (int)i + 1, ID_SIZE);
	for (uint32_t k = 0; k < n; k++)
		bytes[k] = (uint8_t)(i * 31 + k * k / 3 + 1);
	return n;
}

static int
append(struct fixture *f, unsigned i)
{
	static uint8_t bytes[FORMAT_BLOCK_MAX];
	struct id id;
	uint32_t n = block_bytes(i, &id, bytes);

	return segment_append(f->files, f->segment, &id, bytes, n, &f->locs[i]);
}

static int
append_and_flush(struct fixture *f, unsigned i)
{
	int err = append(f, i);

	return err ? err : segment_flush(f->files, f->segment);
}

static void
append_all(struct fixture *f)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(append(f, i), 0);
	assert_int_equal(segment_flush(f->files, f->segment), 0);
}

static int
check_found(void *arg, const struct id *id, const struct block_loc *loc, const void *bytes)
{
	static uint8_t want[FORMAT_BLOCK_MAX];
	struct fixture *f = arg;
	unsigned i = id->b[0] - 1u;
	struct id want_id;

	assert_true(i < BLOCKS);
	assert_false(f->found[i]);
	f->found[i] = true;
	assert_int_equal(loc->stored, block_bytes(i, &want_id, want));
	assert_memory_equal(id, &want_id, sizeof(want_id));
	assert_memory_equal(bytes, want, loc->stored);
	assert_memory_equal(loc, &f->locs[i], sizeof(*loc));
	return 0;
}

static struct segment_scan
scan(struct fixture *f)
{
	struct segment_scan sum;
	struct segment *s;

	memset(f->found, 0, sizeof(f->found));
	assert_int_equal(segment_open(f->files, &store_id, 7, 3, &s), 0);
	assert_int_equal(segment_scan(s, check_found, f, &sum), 0);
	segment_close(s);
	return sum;
}

static void
flip_byte(struct fixture *f, uint64_t off)
{
	uint8_t c;

	assert_int_equal(pread(f->segment->fd, &c, 1, (off_t)off), 1);
	c ^= 0x40;
	assert_int_equal(pwrite(f->segment->fd, &c, 1, (off_t)off), 1);
}

static void
a_scan_finds_all_blocks_in_place(void **state)
{
	struct fixture *f = *state;
	struct segment_scan sum = scan(f);

	assert_int_equal(sum.blocks, 0);
	append_all(f);
	sum = scan(f);
	assert_int_equal(sum.blocks, BLOCKS);
	assert_int_equal(sum.end, f->segment->end);
	assert_int_equal(sum.skipped, 0);
	assert_int_equal(sum.torn, 0);
	assert_int_equal(segment_neighbour(&f->locs[0]), f->locs[1].off);
}

static void
the_names_and_heads_on_disk_are_as_documented(void **state)
{
	static const uint8_t want[40] = { 'R', 'U', 'B', 'U', 'S', 's', 'e', 'g', 1, 0, 0, 0, 0, 0,
		0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0 };
	static const uint8_t block[8] = { 'R', 'B', 'L', 'K', 1, 0, 0, 0 };
	struct fixture *f = *state;
	uint8_t got[48 + 32 + 8];
	struct stat st;

	assert_int_equal(append_and_flush(f, 0), 0);
	assert_int_equal(
	    fstatat(files_dirfd(f->files), "segments/00000007-00000003.seg", &st, 0), 0);
	assert_int_equal(st.st_size, sizeof(got));
	assert_int_equal(file_pread(f->segment->fd, "", got, sizeof(got), 0), 0);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(get_le64(got + 40), hash_bytes(got, 40, 0));
	assert_memory_equal(got + 48, block, sizeof(block));
	assert_int_equal(got[56], 1);
	assert_int_equal(get_le64(got + 72),
	    hash_bytes(got + 80, 1, hash_bytes(got + 48, 24, get_le64(got + 40) + 48)));
	assert_int_equal(f->locs[0].off, 80);
}

static void
a_torn_end_loses_only_the_blocks_that_it_cut(void **state)
{
	struct fixture *f = *state;

	append_all(f);
	/* byte by byte around the end of the last block but one, in steps elsewhere */
	for (int64_t size = (int64_t)f->segment->end, step; size >= FORMAT_SEGMENT_HEAD;
	     size -= step) {
		unsigned whole = 0;
		struct segment_scan sum;

		step = labs(size - (int64_t)f->locs[BLOCKS - 1].off) < 100 ? 1 : 509;
		assert_int_equal(ftruncate(f->segment->fd, size), 0);
		sum = scan(f);
		for (unsigned i = 0; i < BLOCKS; i++) {
			bool inside = f->locs[i].off + f->locs[i].stored <= (uint64_t)size;

			assert_int_equal(f->found[i], inside);
			whole += inside;
		}
		assert_int_equal(sum.blocks, whole);
		assert_int_equal(sum.skipped, 0);
		assert_int_equal(sum.torn, sum.end < (uint64_t)size ? (uint64_t)size - sum.end : 0);
	}
}

static void
a_damaged_block_is_skipped_and_its_neighbours_are_not(void **state)
{
	struct fixture *f = *state;

	append_all(f);
	for (unsigned i = 0; i < BLOCKS; i++) {
		uint64_t start = f->locs[i].off - FORMAT_BLOCK_HEAD;
		uint64_t places[] = { start, start + FORMAT_BLOCK_STORED, start + FORMAT_BLOCK_ID,
			start + FORMAT_BLOCK_CHECK, f->locs[i].off,
			f->locs[i].off + f->locs[i].stored - 1 };

		for (unsigned k = 0; k < ARRAY_SIZE(places); k++) {
			flip_byte(f, places[k]);
			assert_int_equal(scan(f).blocks, BLOCKS - 1);
			assert_false(f->found[i]);
			flip_byte(f, places[k]);
		}
	}
	assert_int_equal(scan(f).blocks, BLOCKS);
}

/* A pupil can write the image of a block into a file: it must not be taken for one. */
static void
bytes_that_look_like_a_block_are_not_one(void **state)
{
	struct fixture *f = *state;
	static uint8_t copy[32 + 4096 + 32];
	uint64_t inside;

	append_all(f);
	assert_int_equal(
	    file_pread(f->segment->fd, "", copy, 32 + 4096, f->locs[1].off - FORMAT_BLOCK_HEAD), 0);
	inside = f->locs[3].off; /* of 65536 bytes, so that the whole copy lies within */
	assert_int_equal(pwrite(f->segment->fd, copy, 32 + 4096, (off_t)inside), 32 + 4096);
	flip_byte(f, f->locs[3].off - FORMAT_BLOCK_HEAD); /* so that the scan looks inside */
	assert_int_equal(scan(f).blocks, BLOCKS - 1);
	assert_false(f->found[3]);
}

static void
assert_gathered(struct fixture *f, unsigned i)
{
	static uint8_t want[FORMAT_BLOCK_MAX], is[FORMAT_BLOCK_MAX];
	struct id id;
	uint32_t n = block_bytes(i, &id, want);
	struct iovec iov[2] = { { is, n / 2 }, { is + n / 2, n - n / 2 } };

	memset(is, 0, n);
	assert_int_equal(segment_read(f->segment, iov, 2, f->locs[i].off), 0);
	assert_memory_equal(is, want, n);
}

static void
what_has_gathered_can_be_read(void **state)
{
	struct fixture *f = *state;
	uint8_t all[200000];
	struct iovec iov = { all, 0 };

	append_all(f);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_gathered(f, i); /* from the file */
	segment_end(f->segment);
	assert_gathered(f, 0);

	segment_close(f->segment);
	assert_int_equal(segment_create(f->files, &store_id, 8, 3, &f->segment), 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_int_equal(append(f, i), 0);
		if (i == BLOCKS / 2)
			assert_int_equal(segment_flush(f->files, f->segment), 0);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_gathered(f, i);
	iov.iov_len = f->segment->end - FORMAT_SEGMENT_HEAD; /* of both, file and memory */
	assert_true(iov.iov_len <= sizeof(all));
	assert_int_equal(segment_read(f->segment, &iov, 1, FORMAT_SEGMENT_HEAD), 0);
	assert_memory_equal(all + FORMAT_BLOCK_ID, "\1\1\1\1", 4);
	iov = (struct iovec){ all, 2 };
	assert_int_equal(segment_read(f->segment, &iov, 1, f->segment->end - 1), -EIO);
}

static void
what_gathered_is_written_when_it_is_too_much(void **state)
{
	static uint8_t bytes[FORMAT_BLOCK_MAX];
	struct fixture *f = *state;
	struct block_loc loc;
	struct id id;
	struct stat st;

	block_bytes(3, &id, bytes);
	for (unsigned i = 0; i < 2 * SEGMENT_GATHER / FORMAT_BLOCK_MAX; i++) {
		assert_int_equal(
		    segment_append(f->files, f->segment, &id, bytes, FORMAT_BLOCK_MAX, &loc), 0);
		assert_int_equal(fstat(f->segment->fd, &st), 0);
		assert_true(f->segment->end - (uint64_t)st.st_size <= SEGMENT_GATHER);
	}
	assert_true((uint64_t)st.st_size > FORMAT_SEGMENT_HEAD);
}

static void
a_failed_flush_loses_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < BLOCKS; i++) {
		uint64_t end = f->segment->end;
		struct stat st;

		/* every second time the rest can't even be cut off */
		f->truncate_err = i & 1 ? -EIO : 0;
		f->write_err = i % 3 == 0 ? -ENOSPC : 0;
		f->most = i * 3;
		assert_int_equal(append_and_flush(f, i), i % 3 == 0 ? -ENOSPC : -EIO);
		assert_int_equal(fstat(f->segment->fd, &st), 0);
		if (!(i & 1))
			assert_int_equal(st.st_size, end);
		assert_gathered(f, i);
		f->most = SIZE_MAX;
		f->write_err = 0;
		assert_int_equal(segment_flush(f->files, f->segment), 0);
		assert_gathered(f, i);
	}
	assert_int_equal(scan(f).blocks, BLOCKS);
}

static void
what_a_failed_flush_left_is_torn(void **state)
{
	struct fixture *f = *state;
	struct segment_scan sum;

	assert_int_equal(append_and_flush(f, 0), 0);
	f->truncate_err = -EIO;
	f->most = 5000;
	assert_int_equal(append_and_flush(f, 3), -EIO);
	sum = scan(f);
	assert_int_equal(sum.blocks, 1);
	assert_int_equal(sum.end, 88);
	assert_int_equal(sum.torn, 5000);
	f->most = SIZE_MAX;
	assert_int_equal(append_and_flush(f, 2), 0);
	sum = scan(f);
	assert_int_equal(sum.blocks, 3);
	assert_int_equal(sum.end, f->segment->end);
	assert_int_equal(sum.torn, 0);
}

static void
a_hole_between_blocks_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct segment_scan sum;

	assert_int_equal(append_and_flush(f, 0), 0);
	f->segment->end += 1000 * FORMAT_BLOCK_ALIGN;
	f->segment->written = f->segment->end;
	assert_int_equal(append_and_flush(f, 1), 0);
	sum = scan(f);
	assert_int_equal(sum.blocks, 2);
	assert_int_equal(sum.skipped, 8000);
}

static void
a_segment_of_another_store_is_refused(void **state)
{
	static const struct id other = { { 9 } };
	struct fixture *f = *state;
	struct segment *s;

	assert_int_equal(segment_open(f->files, &other, 7, 3, &s), -EIO);
	assert_int_equal(segment_open(f->files, &store_id, 7, 4, &s), -ENOENT);
	assert_int_equal(renameat(files_dirfd(f->files), f->segment->name, files_dirfd(f->files),
			     "segments/00000008-00000003.seg"),
	    0);
	assert_int_equal(segment_open(f->files, &store_id, 8, 3, &s), -EIO);
}

static void
a_damaged_or_short_head_is_refused(void **state)
{
	struct fixture *f = *state;
	struct segment *s;

	for (uint32_t i = 0; i < FORMAT_SEGMENT_HEAD; i++) {
		flip_byte(f, i);
		assert_int_equal(segment_open(f->files, &store_id, 7, 3, &s), -EIO);
		flip_byte(f, i);
	}
	assert_int_equal(ftruncate(f->segment->fd, 47), 0);
	assert_int_equal(segment_open(f->files, &store_id, 7, 3, &s), -EIO);
}

static void
a_segment_that_cant_be_made_leaves_no_file(void **state)
{
	struct fixture *f = *state;
	struct segment *s;
	struct stat st;

	f->write_err = -ENOSPC;
	assert_int_equal(segment_create(f->files, &store_id, 8, 3, &s), -ENOSPC);
	assert_int_equal(
	    fstatat(files_dirfd(f->files), "segments/00000008-00000003.seg", &st, 0), -1);
	f->write_err = 0;
	assert_int_equal(segment_create(f->files, &store_id, 7, 3, &s), -EEXIST);
	assert_int_equal(segment_create(f->files, &store_id, 8, 3, &s), 0);
	segment_close(s);
}

static unsigned
open_segments(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		char path[4096];
		ssize_t len = readlinkat(dirfd(dir), e->d_name, path, sizeof(path) - 1);

		path[len < 0 ? 0 : len] = '\0';
		n += len > 0 && strstr(path, "/rubus-test-") && strstr(path, ".seg");
	}
	closedir(dir);
	return n;
}

static void
make_segments(struct fixture *f, uint32_t from, uint32_t to)
{
	for (uint32_t seq = from; seq < to; seq++) {
		struct segment *s;

		assert_int_equal(segment_create(f->files, &store_id, seq, seq % 3, &s), 0);
		segment_close(s);
	}
}

static void
the_table_keeps_few_descriptors_and_none_in_use_is_closed(void **state)
{
	struct fixture *f = *state;
	struct segments *t;
	struct segment *held[6], *s;

	make_segments(f, 100, 110);
	assert_int_equal(segments_open(f->files, &store_id, 3, &t), 0);
	for (unsigned k = 0; k < 50; k++) {
		assert_int_equal(segments_get(t, 100 + k % 10, &s), 0);
		assert_int_equal(s->seq, 100 + k % 10);
		segments_release(t, s);
		assert_in_range(open_segments(), 1 + 1, 1 + 3); /* one is the fixture's */
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(segments_get(t, 100 + i, &held[i]), 0);
	assert_int_equal(open_segments(), 1 + 6);
	for (unsigned i = 0; i < 6; i++) {
		uint8_t head[FORMAT_SEGMENT_HEAD];

		assert_int_equal(file_pread(held[i]->fd, "", head, sizeof(head), 0), 0);
		assert_int_equal(get_le32(head + FORMAT_SEGMENT_SEQ), 100 + i);
		segments_release(t, held[i]);
	}
	assert_int_equal(open_segments(), 1 + 3);
	segments_close(t);
	assert_int_equal(open_segments(), 1);
}

static void
the_table_learns_of_new_segments(void **state)
{
	struct fixture *f = *state;
	struct segments *t;
	struct segment *s;

	assert_int_equal(segments_open(f->files, &store_id, 3, &t), 0);
	assert_int_equal(segments_get(t, 100, &s), -EIO);
	make_segments(f, 100, 101);
	close(openat(files_dirfd(f->files), "segments/stray", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(segments_get(t, 100, &s), 0);
	segments_release(t, s);
	segments_close(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_scan_finds_all_blocks_in_place),
		TEST(the_names_and_heads_on_disk_are_as_documented),
		TEST(a_torn_end_loses_only_the_blocks_that_it_cut),
		TEST(a_damaged_block_is_skipped_and_its_neighbours_are_not),
		TEST(bytes_that_look_like_a_block_are_not_one),
		TEST(what_has_gathered_can_be_read),
		TEST(what_gathered_is_written_when_it_is_too_much),
		TEST(a_failed_flush_loses_nothing),
		TEST(what_a_failed_flush_left_is_torn),
		TEST(a_hole_between_blocks_is_skipped),
		TEST(a_segment_of_another_store_is_refused),
		TEST(a_damaged_or_short_head_is_refused),
		TEST(a_segment_that_cant_be_made_leaves_no_file),
		TEST(the_table_keeps_few_descriptors_and_none_in_use_is_closed),
		TEST(the_table_learns_of_new_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

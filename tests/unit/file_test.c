/* The way to the disk: whole writes and reads, and hooks that come before each change. */
#include "cow/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/tmpdir.h"

struct fixture {
	struct tmpdir dir;
	struct files *files;
	/* the hook's */
	int err;
	size_t most;
	unsigned calls;
	enum file_event last;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmpdir_make(&f->dir);
	f->most = SIZE_MAX;
	*state = f;
	return files_open(f->dir.path, &f->files);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	files_close(f->files);
	tmpdir_remove(&f->dir);
	free(f);
	return 0;
}

static int
hook(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	struct fixture *f = arg;

	(void)name, (void)off;
	f->calls++;
	f->last = event;
	if (*len > f->most)
		*len = f->most;
	return f->err;
}

static int
make(struct fixture *f, const char *name)
{
	int fd = file_open(f->files, name, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	return fd;
}

static uint64_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void
a_folder_that_is_missing_is_named(void **state)
{
	struct files *files;

	(void)state;
	assert_int_equal(files_open("/nonexistent/rubus", &files), -ENOENT);
}

static void
thousands_of_pieces_are_written_and_read_whole(void **state)
{
	static uint8_t wrote[3000 * 3], got[sizeof(wrote)];
	static struct iovec out[3000], in[3000];
	struct fixture *f = *state;
	int fd = make(f, "many");

	for (size_t i = 0; i < sizeof(wrote); i++)
		wrote[i] = (uint8_t)(i * 7);
	for (int i = 0; i < 3000; i++) {
		size_t n = i % 10 == 0 ? 0 : 3; /* some pieces are empty */

		out[i] = (struct iovec){ wrote + 3 * i, n };
		in[i] = (struct iovec){ got + 3 * i, n };
		if (n == 0)
			memset(wrote + 3 * i, 0, 3);
	}
	assert_int_equal(file_pwritev(f->files, fd, "many", out, 3000, 100), 0);
	assert_int_equal(size_of(fd), 100 + 2700 * 3);
	assert_int_equal(file_preadv(fd, "many", in, 3000, 100), 0);
	assert_memory_equal(got, wrote, sizeof(got));
	close(fd);
}

static void
a_read_past_the_end_fails(void **state)
{
	struct fixture *f = *state;
	int fd = make(f, "short");
	char buf[8];

	assert_int_equal(file_pwrite(f->files, fd, "short", "12345", 5, 0), 0);
	assert_int_equal(file_pread(fd, "short", buf, 5, 0), 0);
	assert_int_equal(file_pread(fd, "short", buf, 6, 0), -EIO);
	assert_int_equal(file_pread(fd, "short", buf, 1, 5), -EIO);
	assert_int_equal(file_pread(fd, "short", buf, 0, 99), 0);
	close(fd);
}

static void
a_write_that_is_cut_short_leaves_its_beginning_and_fails(void **state)
{
	struct fixture *f = *state;
	int fd = make(f, "cut");
	struct iovec iov[2];
	char a[] = "abc", b[] = "defg", got[5];

	files_hook(f->files, hook, f);
	for (size_t most = 0; most < 7; most++) {
		iov[0] = (struct iovec){ a, 3 };
		iov[1] = (struct iovec){ b, 4 };
		f->most = most;
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(file_pwritev(f->files, fd, "cut", iov, 2, 0), -EIO);
		assert_int_equal(size_of(fd), most);
		if (most == 5) {
			assert_int_equal(file_pread(fd, "cut", got, 5, 0), 0);
			assert_memory_equal(got, "abcde", 5);
		}
	}
	close(fd);
}

static void
every_change_asks_the_hook_and_obeys_it(void **state)
{
	struct fixture *f = *state;
	int fd = make(f, "file");
	struct stat st;

	assert_int_equal(file_pwrite(f->files, fd, "file", "12345", 5, 0), 0);
	files_hook(f->files, hook, f);
	f->err = -ENOSPC;
#define REFUSED(call, event)                      \
	do {                                      \
		f->last = (enum file_event)99;    \
		assert_int_equal(call, -ENOSPC);  \
		assert_int_equal(f->last, event); \
	} while (0)
	REFUSED(file_open(f->files, "other", O_RDWR | O_CREAT, 0600), FILE_OPEN);
	REFUSED(file_pwrite(f->files, fd, "file", "x", 1, 0), FILE_WRITE);
	REFUSED(file_sync(f->files, fd, "file"), FILE_FSYNC);
	REFUSED(file_sync_dir(f->files, ""), FILE_FSYNC);
	REFUSED(file_rename(f->files, "file", "other"), FILE_RENAME);
	REFUSED(file_unlink(f->files, "file"), FILE_UNLINK);
	REFUSED(file_truncate(f->files, fd, "file", 0), FILE_TRUNCATE);
	REFUSED(file_punch(f->files, fd, "file", 0, 5), FILE_PUNCH);
#undef REFUSED
	assert_int_equal(f->calls, 8);
	assert_int_equal(size_of(fd), 5);
	assert_int_equal(fstatat(files_dirfd(f->files), "file", &st, 0), 0);
	assert_int_equal(fstatat(files_dirfd(f->files), "other", &st, 0), -1);
	close(fd);
}

static void
allowed_changes_happen(void **state)
{
	struct fixture *f = *state;
	int fd = make(f, "file");
	char got[8];

	files_hook(f->files, hook, f);
	assert_int_equal(file_pwrite(f->files, fd, "file", "12345678", 8, 0), 0);
	assert_int_equal(file_sync(f->files, fd, "file"), 0);
	assert_int_equal(file_punch(f->files, fd, "file", 2, 3), 0);
	assert_int_equal(file_pread(fd, "file", got, 8, 0), 0);
	assert_memory_equal(got,
	    "12\0\0\0"
	    "678",
	    8);
	assert_int_equal(file_truncate(f->files, fd, "file", 3), 0);
	assert_int_equal(size_of(fd), 3);
	assert_int_equal(file_rename(f->files, "file", "other"), 0);
	assert_int_equal(file_sync_dir(f->files, ""), 0);
	assert_int_equal(file_open(f->files, "file", O_RDONLY, 0), -ENOENT);
	assert_int_equal(file_unlink(f->files, "other"), 0);
	assert_int_equal(file_unlink(f->files, "other"), -ENOENT);
	close(fd);
}

static void
a_folder_may_be_there_already_but_a_file_may_not(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(file_mkdir(f->files, "sub", 0700), 0);
	assert_int_equal(file_mkdir(f->files, "sub", 0700), 0);
	assert_int_equal(file_sync_dir(f->files, "sub"), 0);
	close(make(f, "sub/file"));
	assert_int_equal(file_mkdir(f->files, "sub/file", 0700), -ENOTDIR);
	assert_int_equal(file_sync_dir(f->files, "sub/file"), -ENOTDIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_that_is_missing_is_named),
		TEST(thousands_of_pieces_are_written_and_read_whole),
		TEST(a_read_past_the_end_fails),
		TEST(a_write_that_is_cut_short_leaves_its_beginning_and_fails),
		TEST(every_change_asks_the_hook_and_obeys_it),
		TEST(allowed_changes_happen),
		TEST(a_folder_may_be_there_already_but_a_file_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

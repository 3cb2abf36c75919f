/* Everyday work on files, as an NFS client that isn't ours does it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include <cmocka.h>

#include "cow/cleanup.h"
#include "tests/lib/raw.h"
#include "tests/lib/served.h"

#define GIB (1ull << 30)

struct bench {
	struct served served;
	struct nfs_context *nfs; /* client one's root, as uid 0 */
	struct nfs_context *pi;  /* the same as uid and gid 1000 */
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	served_open(&b->served);
	b->nfs = raw_files(b->served.port, "/one", 0, 0);
	b->pi = raw_files(b->served.port, "/one", 1000, 1000);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	nfs_destroy_context(b->nfs);
	nfs_destroy_context(b->pi);
	served_close(&b->served);
	free(b);
	return 0;
}

/* Fails the test with libnfs's sentence unless r >= 0. */
static int
ok(struct nfs_context *nfs, int r)
{
	if (r < 0)
		fail_msg("%s", nfs_get_error(nfs));
	return r;
}

static struct nfs_stat_64
stat_of(struct nfs_context *nfs, const char *path)
{
	struct nfs_stat_64 st;

	ok(nfs, nfs_lstat64(nfs, path, &st));
	return st;
}

static int
absent(struct nfs_context *nfs, const char *path)
{
	struct nfs_stat_64 st;

	return nfs_lstat64(nfs, path, &st) == -ENOENT;
}

static void
put(struct nfs_context *nfs, const char *path, uint64_t off, const void *p, size_t n)
{
	struct nfsfh *f;

	ok(nfs, nfs_open2(nfs, path, O_CREAT | O_RDWR, 0644, &f));
	assert_int_equal(ok(nfs, nfs_pwrite(nfs, f, off, n, p)), n);
	ok(nfs, nfs_fsync(nfs, f));
	ok(nfs, nfs_close(nfs, f));
}

static void
expect(struct nfs_context *nfs, const char *path, uint64_t off, const void *p, size_t n)
{
	CLEANUP_FREE char *buf = malloc(n + 1);
	struct nfsfh *f;

	assert_non_null(buf);
	ok(nfs, nfs_open(nfs, path, O_RDONLY, &f));
	assert_int_equal(ok(nfs, nfs_pread(nfs, f, off, n + 1, buf)), n);
	assert_memory_equal(buf, p, n);
	ok(nfs, nfs_close(nfs, f));
}

static void
the_golden_tree_is_there_to_be_read(void **state)
{
	struct bench *b = *state;
	struct nfs_stat_64 st;
	char target[64];

	expect(b->nfs, "/etc/hostname", 0, "golden\n", 7);
	st = stat_of(b->nfs, "/setuid");
	assert_int_equal(st.nfs_mode, S_IFREG | 06755);
	assert_int_equal(st.nfs_mtime, GOLDEN_TIME);
	assert_int_equal(st.nfs_mtime_nsec, 7);
	st = stat_of(b->nfs, "/dev/sda");
	assert_int_equal(st.nfs_mode, S_IFBLK | 0660);
	assert_int_equal(st.nfs_gid, 6);
	assert_int_equal(stat_of(b->nfs, "/hard1").nfs_ino, stat_of(b->nfs, "/hard2").nfs_ino);
	assert_int_equal(stat_of(b->nfs, "/hard1").nfs_nlink, 2);
	ok(b->nfs, nfs_readlink(b->nfs, "/link", target, sizeof(target)));
	assert_string_equal(target, "etc/hostname");
}

static void
what_is_written_is_read_and_the_other_client_has_the_golden_bytes(void **state)
{
	struct bench *b = *state;
	struct nfs_context *two = raw_files(b->served.port, "/two", 0, 0);
	struct nfs_stat_64 before = stat_of(b->nfs, "/etc/hostname"), after;

	put(b->nfs, "/etc/hostname", 0, "G", 1);
	expect(b->nfs, "/etc/hostname", 0, "Golden\n", 7);
	expect(two, "/etc/hostname", 0, "golden\n", 7);
	after = stat_of(b->nfs, "/etc/hostname");
	assert_int_equal(before.nfs_ino, after.nfs_ino);
	assert_true(after.nfs_mtime > before.nfs_mtime);
	assert_int_equal(before.nfs_mode, after.nfs_mode);
	nfs_destroy_context(two);
}

static void
a_large_file_comes_back_whole(void **state)
{
	enum { SIZE = 5 << 20 };
	struct bench *b = *state;
	CLEANUP_FREE char *bytes = malloc(SIZE);
	uint32_t x = 1;

	assert_non_null(bytes);
	for (int i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (char)(x >> 24);
	}
	put(b->nfs, "/large", 0, bytes, SIZE);
	expect(b->nfs, "/large", 0, bytes, SIZE);
	expect(b->nfs, "/large", 4097, bytes + 4097, SIZE - 4097);
	memset(bytes + 70001, 'x', 100000);
	put(b->nfs, "/large", 70001, bytes + 70001, 100000);
	expect(b->nfs, "/large", 0, bytes, SIZE);
	nfs_umount(b->nfs);
	served_restart(&b->served);
	nfs_destroy_context(b->nfs);
	b->nfs = raw_files(b->served.port, "/one", 0, 0);
	expect(b->nfs, "/large", 0, bytes, SIZE);
}

static void
beyond_5_gib_there_is_room_and_before_it_a_hole(void **state)
{
	struct bench *b = *state;
	char tail[4096 + 4] = { 0 };
	struct nfs_stat_64 st;

	put(b->nfs, "/far", 5 * GIB + 1, "here", 4);
	st = stat_of(b->nfs, "/far");
	assert_true(st.nfs_size == 5 * GIB + 5);
	assert_true(st.nfs_used < 1 << 20);
	memcpy(tail + 4096, "here", 4);
	expect(b->nfs, "/far", 5 * GIB + 1 - 4096, tail, sizeof(tail));
}

static void
truncation_cuts_and_extends_with_zeros(void **state)
{
	struct bench *b = *state;

	put(b->nfs, "/cut", 0, "0123456789", 10);
	ok(b->nfs, nfs_truncate(b->nfs, "/cut", 4));
	expect(b->nfs, "/cut", 0, "0123", 4);
	ok(b->nfs, nfs_truncate(b->nfs, "/cut", 8));
	expect(b->nfs, "/cut", 0, "0123\0\0\0\0", 8);
	ok(b->nfs, nfs_truncate(b->nfs, "/cut", 5 * GIB));
	assert_true(stat_of(b->nfs, "/cut").nfs_size == 5 * GIB);
	ok(b->nfs, nfs_truncate(b->nfs, "/cut", 0));
	expect(b->nfs, "/cut", 0, "", 0);
}

static void
a_name_moves_over_another_one(void **state)
{
	struct bench *b = *state;
	uint64_t ino;

	put(b->nfs, "/from", 0, "from", 4);
	ino = stat_of(b->nfs, "/from").nfs_ino;
	ok(b->nfs, nfs_rename(b->nfs, "/from", "/etc/hostname"));
	assert_true(absent(b->nfs, "/from"));
	expect(b->nfs, "/etc/hostname", 0, "from", 4);
	assert_true(stat_of(b->nfs, "/etc/hostname").nfs_ino == ino);
	ok(b->nfs, nfs_rename(b->nfs, "/many", "/empty")); /* a folder over an empty one */
	expect(b->nfs, "/empty/007", 0, "many/007", 8);
	assert_int_equal(nfs_rename(b->nfs, "/tmp", "/empty"), -ENOTEMPTY);
	assert_int_equal(nfs_rename(b->nfs, "/home", "/home/pi/home"), -EINVAL);
	assert_int_equal(nfs_rename(b->nfs, "/home", "/hard1"), -ENOTDIR);
	assert_int_equal(nfs_rename(b->nfs, "/hard1", "/home"), -EISDIR);
	assert_int_equal(nfs_rename(b->nfs, "/nothing", "/x"), -ENOENT);
}

static void
a_file_lives_until_its_last_name_is_gone(void **state)
{
	struct bench *b = *state;

	ok(b->nfs, nfs_link(b->nfs, "/hard1", "/hard3"));
	assert_int_equal(stat_of(b->nfs, "/hard2").nfs_nlink, 3);
	ok(b->nfs, nfs_unlink(b->nfs, "/hard1"));
	ok(b->nfs, nfs_unlink(b->nfs, "/hard2"));
	assert_int_equal(stat_of(b->nfs, "/hard3").nfs_nlink, 1);
	expect(b->nfs, "/hard3", 0, "one file\n", 9);
	ok(b->nfs, nfs_unlink(b->nfs, "/hard3"));
	assert_true(absent(b->nfs, "/hard3"));
	assert_int_equal(nfs_link(b->nfs, "/etc", "/etc2"), -EPERM);
}

static void
folders_count_their_subfolders_and_go_only_when_empty(void **state)
{
	struct bench *b = *state;
	uint64_t links = stat_of(b->nfs, "/").nfs_nlink;

	ok(b->nfs, nfs_mkdir2(b->nfs, "/new", 0700));
	assert_int_equal(stat_of(b->nfs, "/new").nfs_mode, S_IFDIR | 0700);
	assert_int_equal(stat_of(b->nfs, "/new").nfs_nlink, 2);
	assert_true(stat_of(b->nfs, "/").nfs_nlink == links + 1);
	assert_int_equal(nfs_mkdir(b->nfs, "/new"), -EEXIST);
	put(b->nfs, "/new/file", 0, "x", 1);
	assert_int_equal(nfs_rmdir(b->nfs, "/new"), -ENOTEMPTY);
	assert_int_equal(nfs_rmdir(b->nfs, "/many"), -ENOTEMPTY);
	assert_int_equal(nfs_rmdir(b->nfs, "/hard1"), -ENOTDIR);
	assert_int_equal(nfs_unlink(b->nfs, "/new"), -EISDIR);
	ok(b->nfs, nfs_unlink(b->nfs, "/new/file"));
	ok(b->nfs, nfs_rmdir(b->nfs, "/new"));
	assert_true(stat_of(b->nfs, "/").nfs_nlink == links);
}

static void
every_kind_of_node_can_be_made(void **state)
{
	static const int kinds[] = { S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK };
	struct bench *b = *state;
	struct nfs_stat_64 st;
	char name[16];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(name, sizeof(name), "/dev/new%zu", i);
		ok(b->nfs, nfs_mknod(b->nfs, name, kinds[i] | 0640, (int)makedev(259, 3)));
		st = stat_of(b->nfs, name);
		assert_int_equal(st.nfs_mode, kinds[i] | 0640);
	}
	assert_int_equal(nfs_mknod(b->pi, "/tmp/sda", S_IFBLK | 0600, (int)makedev(8, 0)), -EPERM);
	ok(b->pi, nfs_mknod(b->pi, "/tmp/pipe", S_IFIFO | 0600, 0));
}

/* libnfs can't send longer ones; edges_test does. */
static void
a_symlink_keeps_its_target_as_it_is(void **state)
{
	struct bench *b = *state;
	char target[901], got[1000];

	memset(target, '/', sizeof(target));
	target[900] = '\0';
	ok(b->nfs, nfs_symlink(b->nfs, target, "/slashes"));
	ok(b->nfs, nfs_readlink(b->nfs, "/slashes", got, sizeof(got)));
	assert_string_equal(got, target);
	assert_int_equal(stat_of(b->nfs, "/slashes").nfs_size, 900);
	assert_int_equal(stat_of(b->nfs, "/slashes").nfs_mode, S_IFLNK | 0777);
	assert_int_equal(nfs_symlink(b->nfs, "x", "/slashes"), -EEXIST);
}

static void
a_name_of_255_bytes_is_fine_and_one_of_256_is_not(void **state)
{
	struct bench *b = *state;
	char path[260];

	memset(path, 'n', sizeof(path));
	path[0] = '/';
	path[256] = '\0';
	put(b->nfs, path, 0, "x", 1);
	expect(b->nfs, path, 0, "x", 1);
	path[256] = 'n';
	path[257] = '\0';
	assert_int_equal(nfs_mkdir(b->nfs, path), -ENAMETOOLONG);
	assert_int_equal(nfs_rename(b->nfs, "/hard1", path), -ENAMETOOLONG);
}

static void
attributes_are_set_and_checked(void **state)
{
	struct bench *b = *state;
	struct timeval times[2] = { { 1, 2 }, { 4294967295, 999999 } };
	struct nfs_stat_64 st;

	ok(b->nfs, nfs_chmod(b->nfs, "/etc/hostname", 0600));
	ok(b->nfs, nfs_chown(b->nfs, "/etc/hostname", 5, 6));
	ok(b->nfs, nfs_utimes(b->nfs, "/etc/hostname", times));
	st = stat_of(b->nfs, "/etc/hostname");
	assert_int_equal(st.nfs_mode, S_IFREG | 0600);
	assert_int_equal(st.nfs_uid, 5);
	assert_int_equal(st.nfs_gid, 6);
	assert_int_equal(st.nfs_atime, 1);
	assert_true(st.nfs_mtime == 4294967295);
	assert_int_equal(st.nfs_mtime_nsec, 999999000);
	assert_int_equal(nfs_chmod(b->pi, "/etc/hostname", 0666), -EPERM);
	assert_int_equal(nfs_chown(b->pi, "/home/pi/own", 0, 0), -EPERM);
	ok(b->pi, nfs_chmod(b->pi, "/home/pi/own", 0644));
}

static void
a_user_may_what_modes_and_groups_allow(void **state)
{
	struct bench *b = *state;
	uint32_t groups[] = { 42, 50 };
	struct nfsfh *f;

	assert_int_equal(nfs_open(b->pi, "/etc/shadow", O_RDONLY, &f), -EACCES);
	assert_int_equal(nfs_mkdir(b->pi, "/shared/x"), -EACCES);
	assert_int_equal(nfs_unlink(b->pi, "/etc/hostname"), -EACCES);
	nfs_set_auth(b->pi, libnfs_authunix_create("test", 1000, 1000, 2, groups));
	expect(b->pi, "/etc/shadow", 0, "secret\n", 7);
	ok(b->pi, nfs_mkdir(b->pi, "/shared/x"));
	assert_int_equal(stat_of(b->nfs, "/shared/x").nfs_gid, 50); /* setgid is inherited */
	assert_true(stat_of(b->nfs, "/shared/x").nfs_mode & S_ISGID);
}

static void
in_a_sticky_folder_only_the_owner_removes(void **state)
{
	struct bench *b = *state;

	put(b->nfs, "/tmp/roots", 0, "x", 1);
	put(b->pi, "/tmp/pis", 0, "x", 1);
	assert_true(nfs_unlink(b->pi, "/tmp/roots") == -EPERM);
	ok(b->pi, nfs_unlink(b->pi, "/tmp/pis"));
}

static void
a_write_takes_the_setuid_bit_away(void **state)
{
	struct bench *b = *state;

	ok(b->nfs, nfs_chmod(b->nfs, "/setuid", 06777));
	put(b->pi, "/setuid", 0, "!", 1);
	assert_int_equal(stat_of(b->nfs, "/setuid").nfs_mode, S_IFREG | 0777);
}

static void
the_owner_writes_a_file_that_he_made_read_only(void **state)
{
	struct bench *b = *state;
	struct nfsfh *f;

	ok(b->pi, nfs_open2(b->pi, "/home/pi/new", O_CREAT | O_RDWR, 0444, &f));
	assert_int_equal(ok(b->pi, nfs_write(b->pi, f, 4, "more")), 4);
	ok(b->pi, nfs_close(b->pi, f));
	expect(b->pi, "/home/pi/new", 0, "more", 4);
}

static void
the_file_system_tells_its_size_and_limits(void **state)
{
	struct bench *b = *state;
	struct nfs_statvfs_64 fs;

	ok(b->nfs, nfs_statvfs64(b->nfs, "/", &fs));
	assert_true(fs.f_blocks > 0 && fs.f_bfree > 0 && fs.f_bavail <= fs.f_bfree);
	assert_true(fs.f_files >= GOLDEN_MANY && fs.f_ffree > 0);
	assert_int_equal(nfs_get_readmax(b->nfs), 1 << 20);
	assert_int_equal(nfs_get_writemax(b->nfs), 1 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_golden_tree_is_there_to_be_read),
		TEST(what_is_written_is_read_and_the_other_client_has_the_golden_bytes),
		TEST(a_large_file_comes_back_whole),
		TEST(beyond_5_gib_there_is_room_and_before_it_a_hole),
		TEST(truncation_cuts_and_extends_with_zeros),
		TEST(a_name_moves_over_another_one),
		TEST(a_file_lives_until_its_last_name_is_gone),
		TEST(folders_count_their_subfolders_and_go_only_when_empty),
		TEST(every_kind_of_node_can_be_made),
		TEST(a_symlink_keeps_its_target_as_it_is),
		TEST(a_name_of_255_bytes_is_fine_and_one_of_256_is_not),
		TEST(attributes_are_set_and_checked),
		TEST(a_user_may_what_modes_and_groups_allow),
		TEST(in_a_sticky_folder_only_the_owner_removes),
		TEST(a_write_takes_the_setuid_bit_away),
		TEST(the_owner_writes_a_file_that_he_made_read_only),
		TEST(the_file_system_tells_its_size_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Importing tars: hand-made ones, and those of GNU tar beside the folder that they were made of. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "tests/lib/imported.h"
#include "tests/lib/tarball.h"

#define DIR_MODE  (S_IFDIR | 0755)
#define FILE_MODE (S_IFREG | 0644)

static int
setup(void **state)
{
	struct imported *f = malloc(sizeof(*f));

	imported_open(f, 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	imported_close(*state);
	free(*state);
	return 0;
}

static const char *
tar_path(struct imported *f)
{
	return tmpdir_path(&f->dir, "source.tar");
}

static int
run_entries(struct imported *f, const char *name, const struct tarball_entry *entries, size_t n)
{
	tarball_write(tar_path(f), entries, n);
	return imported_run(f, tar_path(f), name);
}

/* The entries' image; it must succeed. */
static struct id
import_entries(struct imported *f, const char *name, const struct tarball_entry *entries, size_t n)
{
	tarball_write(tar_path(f), entries, n);
	return imported_id(f, tar_path(f), name);
}

#define IMPORT(f, name, entries) import_entries(f, name, entries, ARRAY_SIZE(entries))
#define RUN(f, name, entries)    run_entries(f, name, entries, ARRAY_SIZE(entries))

static void
every_type_of_file_needs_no_root(void **state)
{
	static const struct tarball_entry entries[] = {
		{ .path = "./", .mode = S_IFDIR | 0711, .uid = 3, .mtime = 5 },
		{ .path = "./dev/", .mode = DIR_MODE },
		{ .path = "./dev/null", .mode = S_IFCHR | 0666, .rdev = { 1, 3 } },
		{ .path = "./dev/sda", .mode = S_IFBLK | 0660, .gid = 6, .rdev = { 259, 70000 } },
		{ .path = "./dev/fifo", .mode = S_IFIFO | 0600 },
		{ .path = "./bin", .mode = S_IFLNK | 0777, .link = "usr/bin" },
		{ .path = "./su",
		    .mode = S_IFREG | 04755,
		    .uid = 4000000000u,
		    .gid = 70000,
		    .mtime = 1600000000123456789,
		    .data = { "bytes", 5 } },
		{ .path = "./hard", .link = "./su" },
	};
	struct imported *f = *state;
	struct inode in;

	IMPORT(f, "image", entries);
	assert_int_equal(imported_inode(f, "").mode, S_IFDIR | 0711);
	assert_int_equal(imported_inode(f, "").uid, 3);
	assert_int_equal(imported_inode(f, "").nlink, 3);
	in = imported_inode(f, "dev/null");
	assert_int_equal(in.mode, S_IFCHR | 0666);
	assert_int_equal(in.rdev[0], 1);
	assert_int_equal(in.rdev[1], 3);
	assert_int_equal(imported_inode(f, "dev/sda").rdev[1], 70000);
	assert_int_equal(imported_inode(f, "dev/fifo").mode, S_IFIFO | 0600);
	imported_expect_target(f, "bin", "usr/bin");
	in = imported_inode(f, "su");
	assert_int_equal(in.mode, S_IFREG | 04755);
	assert_int_equal(in.uid, 4000000000u);
	assert_int_equal(in.gid, 70000);
	assert_int_equal(in.mtime, 1600000000123456789);
	assert_int_equal(in.ctime, 1600000000123456789);
	assert_int_equal(in.nlink, 2);
	assert_int_equal(imported_find(f, "hard"), in.ino);
	imported_expect(f, "hard", 0, "bytes", 5);
}

static void
names_of_any_bytes_are_kept(void **state)
{
	static const char *const names[] = { "\xff\xfe", "\xc3\xa4", "a\xcc\x88", "new\nline",
		"\xf0", "tab\t", "\xe2\x82" };
	struct imported *f = *state;
	char longest[256] = { 0 };
	struct tarball t;

	memset(longest, 'n', 255);
	tarball_open(&t, tar_path(f));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char binary[16];

		snprintf(binary, sizeof(binary), "b%s", names[i]);
		tarball_add(&t, &(struct tarball_entry){ .path = names[i], .mode = FILE_MODE });
		tarball_add(&t,
		    &(struct tarball_entry){ .path = binary, .mode = FILE_MODE, .binary = true });
	}
	tarball_add(&t, &(struct tarball_entry){
			    .path = "link", .mode = S_IFLNK | 0777, .link = "\xff/\xc3\xa4" });
	tarball_add(&t, &(struct tarball_entry){ .path = "hard", .link = "\xff\xfe" });
	tarball_add(&t, &(struct tarball_entry){ .path = longest, .mode = DIR_MODE });
	tarball_close(&t);
	imported_id(f, tar_path(f), "image");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char binary[16];

		snprintf(binary, sizeof(binary), "b%s", names[i]);
		assert_int_not_equal(imported_find(f, names[i]), 0);
		assert_int_not_equal(imported_find(f, binary), 0);
	}
	imported_expect_target(f, "link", "\xff/\xc3\xa4");
	assert_int_equal(imported_find(f, "hard"), imported_find(f, "\xff\xfe"));
	assert_int_not_equal(imported_find(f, longest), 0);
}

static void
a_later_entry_takes_the_earlier_ones_place(void **state)
{
	static const struct tarball_entry entries[] = {
		{ .path = "d/e/file", .mode = FILE_MODE, .data = { "old", 3 } },
		{ .path = "d/link", .link = "d/e/file" },
		{ .path = "/d/e/file", .mode = S_IFREG | 0600, .data = { "newer", 5 } },
		{ .path = "d", .mode = S_IFDIR | 0700, .uid = 7, .mtime = 9 },
		{ .path = "x", .mode = DIR_MODE },
		{ .path = "x", .mode = FILE_MODE },
		{ .path = "y", .mode = FILE_MODE },
		{ .path = "./y/", .mode = DIR_MODE },
		{ .path = "y/z", .mode = S_IFIFO | 0600 },
	};
	struct imported *f = *state;

	IMPORT(f, "image", entries);
	imported_expect(f, "d/e/file", 0, "newer", 5);
	assert_int_equal(imported_inode(f, "d/e/file").nlink, 1);
	imported_expect(f, "d/link", 0, "old", 3);
	assert_int_equal(imported_inode(f, "d/link").nlink, 1);
	assert_int_equal(imported_inode(f, "d").mode, S_IFDIR | 0700);
	assert_int_equal(imported_inode(f, "d").uid, 7);
	assert_int_equal(imported_inode(f, "d").nlink, 3);
	assert_int_equal(imported_inode(f, "d/e").mode, S_IFDIR | 0755);
	assert_int_equal(imported_inode(f, "d/e").uid, 0);
	assert_int_equal(imported_inode(f, "x").mode, FILE_MODE);
	assert_int_equal(imported_inode(f, "y").mode, DIR_MODE);
	assert_int_equal(imported_inode(f, "").nlink, 4);
	assert_int_not_equal(imported_find(f, "y/z"), 0);
}

static void
the_order_of_entries_does_not_matter(void **state)
{
	static const struct tarball_entry entries[] = {
		{ .path = ".", .mode = DIR_MODE, .mtime = 1 },
		{ .path = "a", .mode = DIR_MODE, .mtime = 2 },
		{ .path = "a/one", .mode = FILE_MODE, .data = { "1", 1 } },
		{ .path = "b", .mode = FILE_MODE, .data = { "22", 2 } },
		{ .path = "a/two", .link = "b" },
	};
	struct tarball_entry reversed[ARRAY_SIZE(entries)];
	struct imported *f = *state;
	struct id forth, back;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		reversed[i] = entries[ARRAY_SIZE(entries) - 1 - i];
	forth = IMPORT(f, "forth", entries);
	back = IMPORT(f, "back", reversed);
	assert_true(id_eq(&forth, &back));
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 1);
	assert_int_equal(imported_inode(f, "a/two").nlink, 2);
}

static void
xattrs_and_capabilities_become_rows(void **state)
{
	static const char cap[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	static const char acl[] = "\2\0\0\0\1\0\6\0\xff\xff\xff\xff";
	const struct tarball_entry entries[] = {
		{ .path = "ping",
		    .mode = S_IFREG | 0755,
		    .pax = "SCHILY.xattr.security.capability",
		    .value = { cap, 20 } },
		{ .path = "d",
		    .mode = DIR_MODE,
		    .pax = "SCHILY.xattr.system.posix_acl_default",
		    .value = { acl, 12 } },
		{ .path = "s",
		    .mode = S_IFLNK | 0777,
		    .link = "x",
		    .pax = "SCHILY.xattr.security.selinux",
		    .value = { "label", 6 } },
	};
	struct imported *f = *state;
	char buf[256];

	IMPORT(f, "image", entries);
	assert_int_equal(imported_xattr(f, "ping", "security.capability", buf), 20);
	assert_memory_equal(buf, cap, 20);
	assert_int_equal(imported_xattr(f, "d", "system.posix_acl_default", buf), 12);
	assert_memory_equal(buf, acl, 12);
	assert_int_equal(imported_xattr(f, "s", "security.selinux", buf), 6);
}

static void
acls_become_the_xattrs_that_linux_keeps(void **state)
{
	static const uint8_t access[] = { 2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 7,
		0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 16, 0, 6, 0, 0xff, 0xff, 0xff,
		0xff, 32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
	static const struct tarball_entry good[] = {
		{ .path = "file",
		    .mode = S_IFREG | 0660,
		    .pax = "SCHILY.acl.access",
		    .value = STR("user::rw-,group::r--,user:pi:rwx:1000,mask::rw-,other::---") },
		{ .path = "plain",
		    .mode = FILE_MODE,
		    .pax = "SCHILY.acl.access",
		    .value = STR("user::rw-,group::r--,other::r--") },
		{ .path = "d",
		    .mode = DIR_MODE,
		    .pax = "SCHILY.acl.default",
		    .value = STR("user::rwx,group::r-x,other::r-x") },
	};
	static const struct tarball_entry bad[] = {
		{ .path = "file",
		    .mode = FILE_MODE,
		    .pax = "SCHILY.acl.access",
		    .value =
			STR("user::rw-,group::r--,user:nobodyknows:rwx,mask::rw-,other::---") },
	};
	struct imported *f = *state;
	char buf[256];

	IMPORT(f, "image", good);
	assert_int_equal(imported_xattr(f, "file", "system.posix_acl_access", buf), sizeof(access));
	assert_memory_equal(buf, access, sizeof(access));
	assert_int_equal(imported_inode(f, "file").mode, S_IFREG | 0660);
	assert_int_equal(imported_xattr(f, "plain", "system.posix_acl_access", buf), -1);
	assert_int_equal(imported_xattr(f, "d", "system.posix_acl_default", buf), 4 + 3 * 8);
	assert_int_equal(RUN(f, "other", bad), -EINVAL);
	assert_non_null(
	    strstr(f->sentences, "\"file\": its ACL names nobodyknows without a number"));
}

static void
what_can_not_be_imported_is_named(void **state)
{
	static char name[257], deep[300], target[4097];
	static const struct {
		struct tarball_entry entry;
		const char *says;
	} bad[] = {
		{ { .path = "../up", .mode = FILE_MODE }, "\"../up\": its path has \"..\" in it" },
		{ { .path = "a/../b", .mode = FILE_MODE }, "\"a/../b\": its path has" },
		{ { .path = "file/below", .mode = FILE_MODE },
		    "\"file/below\": its path leads through what is no folder" },
		{ { .path = name, .mode = FILE_MODE }, "longer than 255 bytes" },
		{ { .path = deep, .mode = FILE_MODE }, "longer than 255 bytes" },
		{ { .path = "symlink", .mode = S_IFLNK | 0777, .link = target },
		    "\"symlink\": its target is longer than 4095 bytes" },
		{ { .path = "hard", .link = "nowhere" },
		    "\"hard\": it is a hard link to \"nowhere\", which isn't there" },
		{ { .path = "hard", .link = "folder" }, "\"hard\": it is a hard link to a folder" },
		{ { .path = ".", .mode = FILE_MODE }, "the root must be a folder" },
		{ { .path = "folder", .mode = FILE_MODE },
		    "\"folder\": a folder with names in it is there already" },
	};
	struct imported *f = *state;

	memset(name, 'n', sizeof(name) - 1);
	memset(deep, 'n', sizeof(deep) - 1);
	deep[0] = 'd', deep[1] = '/', deep[298] = '/';
	memset(target, 't', sizeof(target) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct tarball_entry entries[] = {
			{ .path = "file", .mode = FILE_MODE, .data = { "x", 1 } },
			{ .path = "folder/inner", .mode = FILE_MODE },
			bad[i].entry,
			{ .path = "last", .mode = FILE_MODE },
		};
		char skipped[16];

		if (RUN(f, "image", entries) != -EINVAL || f->problems != 1)
			fail_msg("%s: %s", bad[i].says, f->sentences);
		if (!strstr(f->sentences, bad[i].says))
			fail_msg("\"%s\" is not in %s", bad[i].says, f->sentences);
		snprintf(skipped, sizeof(skipped), "skip%zu", i);
		f->options.skip_errors = true;
		IMPORT(f, skipped, entries);
		f->options.skip_errors = false;
		assert_int_equal(f->result.skipped, 1);
		assert_int_equal(f->result.totals.entries, 4);
		assert_int_not_equal(imported_find(f, "last"), 0);
	}
}

static void
sentences_carry_no_control_characters(void **state)
{
	static const struct tarball_entry entries[] = {
		{ .path = "\x1b[2J\xff\"\xc3\xa4/..", .mode = FILE_MODE },
	};
	struct imported *f = *state;

	assert_int_equal(RUN(f, "image", entries), -EINVAL);
	assert_non_null(strstr(f->sentences, "\"\\033[2J\\377\\042\xc3\xa4/..\""));
}

/* Wherever a tar is cut, nothing of it may come to be. */
static void
a_cut_tar_fails_as_a_whole(void **state)
{
	static const char bytes[1500] = "some";
	static const struct tarball_entry entries[] = {
		{ .path = "a", .mode = FILE_MODE, .data = { bytes, sizeof(bytes) } },
		{ .path = "b", .mode = FILE_MODE, .data = { bytes, sizeof(bytes) } },
	};
	struct imported *f = *state;
	struct stat st;

	tarball_write(tar_path(f), entries, ARRAY_SIZE(entries));
	assert_int_equal(stat(tar_path(f), &st), 0);
	for (off_t size = st.st_size - 1024; size >= 0; size -= 300) {
		int err;

		assert_int_equal(truncate(tar_path(f), size), 0);
		err = imported_run(f, tar_path(f), "image");
		if (err != -EPIPE && err != -EINVAL)
			fail_msg("cut to %lld: %d", (long long)size, err);
		if (!strstr(err_text(err), tar_path(f)))
			fail_msg("cut to %lld: %s", (long long)size, err_text(err));
		imported_expect_nothing(f);
	}
}

static void
shell(struct imported *f, const char *command)
{
	char line[1000];

	snprintf(line, sizeof(line), "cd '%s' && %s", f->dir.path, command);
	assert_int_equal(system(line), 0);
}

static void
a_gzip_is_checked_byte_by_byte(void **state)
{
	static const char bytes[100] = "some";
	static const struct tarball_entry entries[] = {
		{ .path = "a", .mode = FILE_MODE, .data = { bytes, sizeof(bytes) } },
	};
	struct imported *f = *state;
	off_t head = 10; /* whose times and system nothing depends on */
	struct stat st;
	struct id whole;
	char name[32];
	int fd, err;

	tarball_write(tar_path(f), entries, ARRAY_SIZE(entries));
	shell(f, "gzip -n source.tar && mv source.tar.gz source.tar");
	assert_int_equal(stat(tar_path(f), &st), 0);
	whole = imported_id(f, tar_path(f), "whole");
	fd = open(tar_path(f), O_RDWR | O_CLOEXEC);
	for (off_t at = head; at < st.st_size; at++) {
		uint8_t was, flipped;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		flipped = was ^ 0x10;
		assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
		snprintf(name, sizeof(name), "flip%lld", (long long)at);
		err = imported_run(f, tar_path(f), name);
		/* A few say the same in another way. */
		if (err ? err != -EPIPE && err != -EINVAL : !id_eq(&f->result.id, &whole))
			fail_msg("flipped at %lld: %d", (long long)at, err);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	for (off_t size = st.st_size - 1; size > head; size--) {
		assert_int_equal(ftruncate(fd, size), 0);
		err = imported_run(f, tar_path(f), "image");
		if (err != -EPIPE && err != -EINVAL)
			fail_msg("cut to %lld: %d", (long long)size, err);
	}
	close(fd);
}

static void
a_gzip_may_have_members_and_end_with_zeros(void **state)
{
	static const struct tarball_entry entries[] = {
		{ .path = "a", .mode = FILE_MODE, .data = { "x", 1 } },
		{ .path = "b", .mode = FILE_MODE, .data = { "y", 1 } },
	};
	struct imported *f = *state;

	tarball_write(tar_path(f), entries, ARRAY_SIZE(entries));
	shell(f, "split -b 700 source.tar part && gzip part* && cat part* >source.tar && "
		 "truncate -s +3000 source.tar");
	imported_id(f, tar_path(f), "image");
	imported_expect(f, "b", 0, "y", 1);
	shell(f, "echo more >>source.tar");
	assert_int_equal(imported_run(f, tar_path(f), "more"), -EPIPE);
}

static void
what_is_no_tar_is_refused(void **state)
{
	static char zeros[2048];
	struct imported *f = *state;
	FILE *file;
	int err;

	tmpdir_write(&f->dir, "source.tar", "This is no tar, however long one looks at it.");
	err = imported_run(f, tar_path(f), "image");
	assert_int_equal(err, -EINVAL);
	assert_non_null(strstr(err_text(err), "is neither a folder nor a tar"));
	tmpdir_write(&f->dir, "source.tar", "");
	assert_int_equal(imported_run(f, tar_path(f), "image"), -EINVAL);
	file = fopen(tar_path(f), "w");
	assert_int_equal(fwrite(zeros, sizeof(zeros), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	err = imported_run(f, tar_path(f), "image");
	assert_int_equal(err, -EINVAL);
	assert_non_null(strstr(err_text(err), "there is nothing in it"));
	imported_expect_nothing(f);
}

/* --- beside GNU tar --- */

static void
make_folder(struct imported *f)
{
	char command[2000];

	snprintf(command, sizeof(command),
	    "set -e; cd '%s'; mkdir -p src/sub/empty src/zzz; cd src; echo text >file;"
	    "ln file sub/hard; ln -s ../file sub/soft; mkfifo -m 600 pipe;"
	    "head -c 300000 /dev/urandom >sub/random; truncate -s 5G sparse; "
	    "printf end | dd of=sparse bs=1 seek=4500000000 conv=notrunc status=none;"
	    "printf mid | dd of=sparse bs=1 seek=70001 conv=notrunc status=none;"
	    "chmod 4711 sub/random; chmod 1777 zzz; touch -d @1600000000.123456789 file;"
	    "touch -h -d @1500000000.5 sub/soft",
	    f->dir.path);
	assert_int_equal(system(command), 0);
}

/* Tars the folder with these options, imports it, and compares it with the folder's image. */
static void
expect_same(struct imported *f, const struct id *folder, const char *name, const char *options)
{
	char command[1000];
	struct id id;

	snprintf(command, sizeof(command), "cd '%s/src' && tar --sparse %s -cf ../source.tar .",
	    f->dir.path, options);
	assert_int_equal(system(command), 0);
	id = imported_id(f, tar_path(f), name);
	if (!id_eq(&id, folder))
		fail_msg("tar %s makes another image", options);
	assert_int_equal(f->result.totals.stored, 0);
}

static void
a_tar_makes_the_image_of_its_folder(void **state)
{
	struct imported *f = *state;
	struct id folder;

	make_folder(f);
	folder = imported_id(f, tmpdir_path(&f->dir, "src"), "folder");
	assert_int_equal(f->result.totals.entries, 9);
	expect_same(f, &folder, "pax", "--format=pax");
	expect_same(f, &folder, "map00", "--format=pax --sparse-version=0.0");
	expect_same(f, &folder, "map01", "--format=pax --sparse-version=0.1");
	expect_same(f, &folder, "gzip", "--format=pax -z");
	assert_int_equal(imported_inode(f, "sparse").size, (uint64_t)5 << 30);
	imported_expect(f, "sparse", 4500000000, "end", 4);
	imported_expect(f, "sparse", 70000, "\0mid", 5);
	if (system("command -v xz >/dev/null") == 0)
		expect_same(f, &folder, "xz", "--format=pax -J");
	if (system("command -v zstd >/dev/null") == 0)
		expect_same(f, &folder, "zstd", "--format=pax --zstd");
}

/* GNU's own format has whole seconds only, and its own sparse files and long names. */
static void
gnu_tars_are_read(void **state)
{
	struct imported *f = *state;
	char command[1000];

	make_folder(f);
	snprintf(command, sizeof(command),
	    "cd '%s/src' && touch %0200d && tar --format=gnu --sparse -cf ../source.tar .",
	    f->dir.path, 7);
	assert_int_equal(system(command), 0);
	imported_id(f, tar_path(f), "image");
	assert_int_equal(imported_inode(f, "sparse").size, (uint64_t)5 << 30);
	imported_expect(f, "sparse", 4500000000, "end", 4);
	imported_expect(f, "sparse", 70000, "\0mid", 5);
	assert_int_equal(f->result.totals.entries, 10);
	assert_int_equal(imported_inode(f, "file").mtime, 1600000000000000000);
}

static void
a_tar_may_come_through_standard_input(void **state)
{
	static const struct tarball_entry entries[] = {
		{ .path = "file", .mode = FILE_MODE, .data = { "x", 1 } },
	};
	struct imported *f = *state;
	int old = dup(STDIN_FILENO), fd;

	tarball_write(tar_path(f), entries, ARRAY_SIZE(entries));
	fd = open(tar_path(f), O_RDONLY | O_CLOEXEC);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	imported_id(f, "-", "image");
	assert_int_equal(dup2(old, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	close(old);
	imported_expect(f, "file", 0, "x", 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_type_of_file_needs_no_root),
		TEST(names_of_any_bytes_are_kept),
		TEST(a_later_entry_takes_the_earlier_ones_place),
		TEST(the_order_of_entries_does_not_matter),
		TEST(xattrs_and_capabilities_become_rows),
		TEST(acls_become_the_xattrs_that_linux_keeps),
		TEST(what_can_not_be_imported_is_named),
		TEST(sentences_carry_no_control_characters),
		TEST(a_cut_tar_fails_as_a_whole),
		TEST(a_gzip_is_checked_byte_by_byte),
		TEST(a_gzip_may_have_members_and_end_with_zeros),
		TEST(what_is_no_tar_is_refused),
		TEST(a_tar_makes_the_image_of_its_folder),
		TEST(gnu_tars_are_read),
		TEST(a_tar_may_come_through_standard_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

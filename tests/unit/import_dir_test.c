/* Importing folders. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/err.h"
#include "tests/lib/imported.h"

#define GIB ((uint64_t)1 << 30)

static int
setup(void **state)
{
	struct imported *f = malloc(sizeof(*f));

	imported_open(f, 0);
	assert_int_equal(mkdir(tmpdir_path(&f->dir, "src"), 0755), 0);
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

/* The path of a name in the source. */
static const char *
in_src(struct imported *f, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "src/%s", name);
	return tmpdir_path(&f->dir, path);
}

static struct id
import_src(struct imported *f, const char *name)
{
	return imported_id(f, tmpdir_path(&f->dir, "src"), name);
}

static void
write_at(const char *path, uint64_t off, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, (off_t)off), n);
	assert_int_equal(close(fd), 0);
}

static void
make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static int64_t
ns(struct timespec t)
{
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
expect_attributes(struct imported *f, const char *name)
{
	struct inode in = imported_inode(f, name);
	struct stat st;

	assert_int_equal(lstat(in_src(f, name), &st), 0);
	assert_int_equal(in.mode, st.st_mode);
	assert_int_equal(in.nlink, st.st_nlink);
	assert_int_equal(in.uid, st.st_uid);
	assert_int_equal(in.gid, st.st_gid);
	assert_int_equal(in.size, st.st_size);
	assert_int_equal(in.mtime, ns(st.st_mtim));
	assert_int_equal(in.ctime, ns(st.st_ctim));
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		assert_int_equal(in.rdev[0], major(st.st_rdev));
		assert_int_equal(in.rdev[1], minor(st.st_rdev));
	}
}

static void
every_type_of_file_keeps_its_attributes(void **state)
{
	static const struct timespec times[] = { { 1500000000, 7 }, { 1600000000, 123456789 } };
	static const char *const names[] = { "", "file", "folder", "folder/below", "link", "fifo",
		"socket", "char", "block" };
	struct imported *f = *state;
	bool root = geteuid() == 0;

	write_at(in_src(f, "file"), 0, "bytes", 5);
	assert_int_equal(chmod(in_src(f, "file"), 04751), 0);
	assert_int_equal(mkdir(in_src(f, "folder"), 0700), 0);
	assert_int_equal(chmod(in_src(f, "folder"), 01777), 0);
	assert_int_equal(mkdir(in_src(f, "folder/below"), 0750), 0);
	assert_int_equal(symlink("somewhere/else", in_src(f, "link")), 0);
	assert_int_equal(mkfifo(in_src(f, "fifo"), 0640), 0);
	make_socket(in_src(f, "socket"));
	if (root) {
		assert_int_equal(mknod(in_src(f, "char"), S_IFCHR | 0666, makedev(1, 3)), 0);
		assert_int_equal(mknod(in_src(f, "block"), S_IFBLK | 0660, makedev(259, 70000)), 0);
		assert_int_equal(lchown(in_src(f, "link"), 1000, 100), 0);
	}
	assert_int_equal(utimensat(AT_FDCWD, in_src(f, "file"), times, 0), 0);
	import_src(f, "image");
	for (size_t i = 0; i < ARRAY_SIZE(names) - (root ? 0 : 2); i++)
		expect_attributes(f, names[i]);
	imported_expect(f, "file", 0, "bytes", 5);
	imported_expect_target(f, "link", "somewhere/else");
	assert_int_equal(imported_inode(f, "file").atime, ns(times[0]));
	assert_int_equal(imported_inode(f, "").cookie, COOKIE_FIRST + (root ? 7 : 5));
	assert_int_equal(imported_inode(f, "folder/below").parent, imported_find(f, "folder"));
	assert_int_equal(imported_find(f, ""), INO_ROOT);
}

static void
hard_links_are_one_inode(void **state)
{
	struct imported *f = *state;

	write_at(in_src(f, "one"), 0, "x", 1);
	assert_int_equal(mkdir(in_src(f, "folder"), 0755), 0);
	assert_int_equal(link(in_src(f, "one"), in_src(f, "folder/two")), 0);
	assert_int_equal(link(in_src(f, "one"), tmpdir_path(&f->dir, "outside")), 0);
	import_src(f, "image");
	assert_int_equal(imported_find(f, "one"), imported_find(f, "folder/two"));
	assert_int_equal(imported_inode(f, "one").nlink, 2);
	assert_int_equal(f->result.totals.files, 1);
	assert_int_equal(f->result.totals.hardlinks, 1);
	assert_int_equal(f->result.totals.bytes, 1);
}

static void
holes_cost_nothing(void **state)
{
	static const char zeros[100000];
	struct imported *f = *state;
	struct inode in;

	write_at(in_src(f, "sparse"), 0, "begin", 5);
	write_at(in_src(f, "sparse"), 3 * GIB + 12345, "middle", 6);
	assert_int_equal(truncate(in_src(f, "sparse"), (off_t)(5 * GIB + 1)), 0);
	import_src(f, "image");
	in = imported_inode(f, "sparse");
	assert_int_equal(in.size, 5 * GIB + 1);
	assert_in_range(in.used, 1, 2 * 65536);
	imported_expect(f, "sparse", 0, "begin", 5);
	imported_expect(f, "sparse", 5, zeros, sizeof(zeros));
	imported_expect(f, "sparse", 3 * GIB, zeros, 12345);
	imported_expect(f, "sparse", 3 * GIB + 12345, "middle", 6);
	imported_expect(f, "sparse", 5 * GIB, zeros, 1);
}

static void
large_files_keep_their_bytes(void **state)
{
	struct imported *f = *state;
	size_t n = 5000001;
	uint32_t *words = calloc(n / 4 + 1, 4);

	for (size_t i = 0; i < n / 4; i++)
		words[i] = (uint32_t)(i * 2654435761u);
	write_at(in_src(f, "large"), 0, words, n);
	import_src(f, "image");
	assert_int_equal(imported_inode(f, "large").size, n);
	imported_expect(f, "large", 0, words, n);
	free(words);
}

static void
names_of_any_bytes_are_kept(void **state)
{
	struct imported *f = *state;
	char longest[256] = { 0 };
	const char *const names[] = { "\xff\xfe not utf-8", "line\nbreak", "-rf", "\x01\x7f", " ",
		"back\\slash\"quote", "\xc3\xa4 umlaut", "a\xcc\x88 decomposed", longest };

	memset(longest, 'n', 255);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		write_at(in_src(f, names[i]), 0, "x", 1);
	import_src(f, "image");
	assert_int_equal(f->result.totals.entries, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_not_equal(imported_find(f, names[i]), 0);
}

static void
xattrs_become_rows(void **state)
{
	struct imported *f = *state;
	char buf[256];

	write_at(in_src(f, "file"), 0, "x", 1);
	if (setxattr(in_src(f, "file"), "user.some", "value\0with nul", 14, 0) != 0) {
		assert_int_equal(errno, ENOTSUP);
		skip();
	}
	assert_int_equal(setxattr(in_src(f, "file"), "user.empty", "", 0, 0), 0);
	assert_int_equal(setxattr(in_src(f, ""), "user.root", "r", 1, 0), 0);
	import_src(f, "image");
	assert_int_equal(imported_xattr(f, "file", "user.some", buf), 14);
	assert_memory_equal(buf, "value\0with nul", 14);
	assert_int_equal(imported_xattr(f, "file", "user.empty", buf), 0);
	assert_int_equal(imported_xattr(f, "", "user.root", buf), 1);
	assert_int_equal(imported_xattr(f, "file", "user.none", buf), -1);
}

static void
the_same_folder_gives_the_same_image(void **state)
{
	static const struct timespec times[] = { { 1, 1 }, { .tv_nsec = UTIME_OMIT } };
	struct imported *f = *state;
	struct id first, again, other;

	write_at(in_src(f, "file"), 0, "bytes", 5);
	write_at(in_src(f, "another"), 0, "bytes", 5);
	first = import_src(f, "first");
	assert_int_equal(utimensat(AT_FDCWD, in_src(f, "file"), times, 0), 0);
	again = import_src(f, "again");
	assert_true(id_eq(&first, &again));
	assert_int_equal(f->result.totals.stored, 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 1);
	assert_int_equal(chmod(in_src(f, "file"), 0600), 0);
	other = import_src(f, "other");
	assert_false(id_eq(&first, &other));
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ".db"), 2);
}

static void
the_id_tells_of_all_that_differs(void **state)
{
	struct imported *f = *state;
	struct id ids[6];
	size_t n = 0;

	write_at(in_src(f, "a"), 0, "12", 2);
	write_at(in_src(f, "b"), 0, "12", 2);
	ids[n++] = import_src(f, "begin");
	write_at(in_src(f, "a"), 0, "13", 2);
	ids[n++] = import_src(f, "bytes");
	assert_int_equal(rename(in_src(f, "b"), in_src(f, "c")), 0);
	ids[n++] = import_src(f, "names");
	assert_int_equal(link(in_src(f, "c"), in_src(f, "d")), 0);
	ids[n++] = import_src(f, "links");
	assert_int_equal(symlink("a", in_src(f, "s")), 0);
	ids[n++] = import_src(f, "symlink");
	assert_int_equal(truncate(in_src(f, "a"), 3), 0);
	ids[n++] = import_src(f, "zero");
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++)
			assert_false(id_eq(&ids[i], &ids[k]));
	}
}

static void
deep_folders_need_few_open_files(void **state)
{
	struct imported *f = *state;
	char path[2 * 1200 + 1] = "";
	int fd = open(tmpdir_path(&f->dir, "src"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 1200; i++) {
		int up = fd;

		assert_int_equal(mkdirat(up, "d", 0755), 0);
		fd = openat(up, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fd >= 0);
		close(up);
		strcat(path, "/d");
	}
	close(fd);
	import_src(f, "image");
	assert_int_not_equal(imported_find(f, path), 0);
	assert_int_equal(f->result.totals.folders, 1201);
}

static struct source_entry
next_entry(struct source *s, const char *path)
{
	struct source_entry e;

	do
		assert_int_equal(s->ops->next(s, &e), 1);
	while (!str_eq(e.path, str_of(path)));
	return e;
}

static void
a_file_that_changes_meanwhile_is_named(void **state)
{
	struct imported *f = *state;
	struct source_piece piece;
	struct source *s;
	int err;

	write_at(in_src(f, "shrinks"), 0, "0123456789", 10);
	write_at(in_src(f, "grows"), 0, "0123456789", 10);
	assert_int_equal(source_dir_open(tmpdir_path(&f->dir, "src"), false, &s), 0);
	assert_int_equal(s->total, 20);
	next_entry(s, "grows");
	assert_int_equal(s->ops->read(s, &piece), 0);
	assert_int_equal(piece.n, 10);
	write_at(in_src(f, "grows"), 10, "more", 4);
	err = s->ops->read(s, &piece);
	assert_int_equal(err, -EIO);
	assert_string_equal(err_text(err), "\"grows\": changed while it was read");
	next_entry(s, "shrinks");
	assert_int_equal(truncate(in_src(f, "shrinks"), 3), 0);
	assert_int_equal(s->ops->read(s, &piece), -EIO);
	s->ops->close(s);
}

static void
what_may_not_be_read_is_named(void **state)
{
	struct imported *f = *state;
	struct source_entry e;
	struct source_piece piece;
	struct source *s;
	uid_t me = geteuid();
	int err;

	write_at(in_src(f, "secret"), 0, "x", 1);
	assert_int_equal(chmod(in_src(f, "secret"), 0), 0);
	assert_int_equal(mkdir(in_src(f, "locked"), 0), 0);
	assert_int_equal(chmod(f->dir.path, 0755), 0);
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(source_dir_open(tmpdir_path(&f->dir, "src"), false, &s), 0);
	next_entry(s, "");
	err = s->ops->next(s, &e);
	assert_int_equal(err, -EACCES);
	assert_string_equal(err_text(err), "\"locked\": can't read the folder: Permission denied");
	next_entry(s, "secret");
	err = s->ops->read(s, &piece);
	assert_int_equal(err, -EACCES);
	assert_string_equal(err_text(err), "\"secret\": can't open the file: Permission denied");
	assert_int_equal(s->ops->next(s, &e), 0);
	s->ops->close(s);
	assert_int_equal(seteuid(me), 0);
}

static int
stop(void *arg, const struct import_progress *progress)
{
	(void)arg;
	(void)progress;
	return 1;
}

static void
a_stopped_import_leaves_nothing(void **state)
{
	struct imported *f = *state;
	struct image_info info;

	write_at(in_src(f, "file"), 0, "bytes", 5);
	f->options.progress = stop;
	assert_int_equal(imported_run(f, tmpdir_path(&f->dir, "src"), "image"), -ECANCELED);
	imported_expect_nothing(f);
	assert_int_equal(store_image_find(f->store, "image", &info), -ENOENT);
	f->options.progress = NULL;
	import_src(f, "image");
}

static void
a_taken_name_is_refused(void **state)
{
	struct imported *f = *state;

	import_src(f, "image");
	assert_int_equal(imported_run(f, tmpdir_path(&f->dir, "src"), "image"), -EEXIST);
	assert_int_equal(imported_run(f, tmpdir_path(&f->dir, "src"), "../up"), -EINVAL);
}

static void
a_source_that_is_not_there_is_named(void **state)
{
	struct imported *f = *state;
	const char *path = tmpdir_path(&f->dir, "nowhere");
	int err = imported_run(f, path, "image");

	assert_int_equal(err, -ENOENT);
	assert_non_null(strstr(err_text(err), path));
	imported_expect_nothing(f);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_type_of_file_keeps_its_attributes),
		TEST(hard_links_are_one_inode),
		TEST(holes_cost_nothing),
		TEST(large_files_keep_their_bytes),
		TEST(names_of_any_bytes_are_kept),
		TEST(xattrs_become_rows),
		TEST(the_same_folder_gives_the_same_image),
		TEST(the_id_tells_of_all_that_differs),
		TEST(deep_folders_need_few_open_files),
		TEST(a_file_that_changes_meanwhile_is_named),
		TEST(what_may_not_be_read_is_named),
		TEST(a_stopped_import_leaves_nothing),
		TEST(a_taken_name_is_refused),
		TEST(a_source_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

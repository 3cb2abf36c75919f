/*
 * fileops: operations on folders, names and attributes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tests/vm/fileops.h"

#define MARKS 8

static struct {
	char path[512];
	struct stat st;
} marks[MARKS];
static int nmarks;

static const char *
type_of(mode_t mode)
{
	return S_ISREG(mode)    ? "file"
	       : S_ISDIR(mode)  ? "dir"
	       : S_ISLNK(mode)  ? "symlink"
	       : S_ISFIFO(mode) ? "fifo"
	       : S_ISSOCK(mode) ? "socket"
	       : S_ISCHR(mode)  ? "char"
				: "block";
}

/* What is the same on every file system: a folder's size is not. */
static void
print_stat(FILE *out, const struct stat *st)
{
	fprintf(out, "%s %04o nlink %lu uid %u gid %u", type_of(st->st_mode), st->st_mode & 07777,
	    (unsigned long)st->st_nlink, st->st_uid, st->st_gid);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		fprintf(out, " rdev %u,%u", major(st->st_rdev), minor(st->st_rdev));
	else if (!S_ISDIR(st->st_mode))
		fprintf(out, " size %lld", (long long)st->st_size);
}

static long
op_mkdir(int argc, char **argv, FILE *out)
{
	(void)out;
	return fileop_result(mkdir(argv[0], argc > 1 ? (mode_t)fileop_number(argv[1]) : 0755));
}

static long
op_rmdir(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(rmdir(argv[0]));
}

static long
op_unlink(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(unlink(argv[0]));
}

static long
op_rename(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(rename(argv[0], argv[1]));
}

static long
op_link(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(link(argv[0], argv[1]));
}

static long
op_symlink(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(symlink(argv[0], argv[1]));
}

static long
op_readlink(int argc, char **argv, FILE *out)
{
	char target[4097];
	ssize_t n = readlink(argv[0], target, sizeof target - 1);

	(void)argc;
	if (n >= 0) {
		target[n] = '\0';
		fileop_print(out, target);
	}
	return fileop_result(n);
}

static mode_t
type_named(const char *name)
{
	switch (name[0]) {
	case 'p':
		return S_IFIFO;
	case 's':
		return S_IFSOCK;
	case 'c':
		return S_IFCHR;
	case 'b':
		return S_IFBLK;
	default:
		return S_IFREG;
	}
}

static long
op_mknod(int argc, char **argv, FILE *out)
{
	mode_t mode = type_named(argv[1]) | (mode_t)fileop_number(argv[2]);
	dev_t dev =
	    argc > 4 ? makedev((unsigned)fileop_number(argv[3]), (unsigned)fileop_number(argv[4]))
		     : 0;

	(void)out;
	return fileop_result(mknod(argv[0], mode, dev));
}

static long
op_bind(int argc, char **argv, FILE *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	long result;

	(void)argc, (void)out;
	strncpy(address.sun_path, argv[0], sizeof address.sun_path - 1);
	result = fileop_result(bind(fd, (struct sockaddr *)&address, sizeof address));
	close(fd);
	return result;
}

static long
op_chmod(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(chmod(argv[0], (mode_t)fileop_number(argv[1])));
}

static long
op_chown(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(
	    chown(argv[0], (uid_t)fileop_number(argv[1]), (gid_t)fileop_number(argv[2])));
}

static long
op_lchown(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(
	    lchown(argv[0], (uid_t)fileop_number(argv[1]), (gid_t)fileop_number(argv[2])));
}

static long
op_truncate(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(truncate(argv[0], fileop_number(argv[1])));
}

static long
op_stat(int argc, char **argv, FILE *out)
{
	struct stat st;
	long result = fileop_result(lstat(argv[0], &st));

	(void)argc;
	if (result == 0)
		print_stat(out, &st);
	return result;
}

static long
op_follow(int argc, char **argv, FILE *out)
{
	struct stat st;
	long result = fileop_result(stat(argv[0], &st));

	(void)argc;
	if (result == 0)
		print_stat(out, &st);
	return result;
}

static long
op_times(int argc, char **argv, FILE *out)
{
	struct stat st;
	long result = fileop_result(lstat(argv[0], &st));

	(void)argc;
	if (result == 0)
		fprintf(out, "atime %lld.%09ld mtime %lld.%09ld", (long long)st.st_atim.tv_sec,
		    st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return result;
}

static long
op_mtime(int argc, char **argv, FILE *out)
{
	struct stat st;
	long result = fileop_result(lstat(argv[0], &st));

	(void)argc;
	if (result == 0)
		fprintf(out, "mtime %lld", (long long)st.st_mtim.tv_sec);
	return result;
}

static long
op_same(int argc, char **argv, FILE *out)
{
	struct stat a, b;

	(void)argc;
	if (lstat(argv[0], &a) != 0 || lstat(argv[1], &b) != 0)
		return -errno;
	fprintf(out, "%s", a.st_dev == b.st_dev && a.st_ino == b.st_ino ? "same" : "different");
	return 0;
}

static long
op_access(int argc, char **argv, FILE *out)
{
	int want = (strchr(argv[1], 'r') ? R_OK : 0) | (strchr(argv[1], 'w') ? W_OK : 0) |
		   (strchr(argv[1], 'x') ? X_OK : 0);

	(void)argc, (void)out;
	return fileop_result(faccessat(AT_FDCWD, argv[0], want, AT_EACCESS));
}

static struct timespec
time_of(const char *word)
{
	struct timespec ts = { .tv_nsec = UTIME_OMIT };
	long long seconds;

	if (strcmp(word, "now") == 0)
		ts.tv_nsec = UTIME_NOW;
	else if (sscanf(word, "%lld.%9ld", &seconds, &ts.tv_nsec) == 2)
		ts.tv_sec = (time_t)seconds;
	return ts;
}

static long
op_utimens(int argc, char **argv, FILE *out)
{
	struct timespec times[2] = { time_of(argv[1]), time_of(argv[2]) };

	(void)argc, (void)out;
	return fileop_result(utimensat(AT_FDCWD, argv[0], times, AT_SYMLINK_NOFOLLOW));
}

/* Remembers the times of the paths, for `changed`. The pause is longer than a clock tick. */
static long
op_mark(int argc, char **argv, FILE *out)
{
	(void)out;
	nmarks = 0;
	for (int i = 0; i < argc && i < MARKS; i++) {
		snprintf(marks[i].path, sizeof marks[i].path, "%s", argv[i]);
		if (lstat(argv[i], &marks[i].st) != 0)
			return -errno;
		nmarks++;
	}
	return usleep(25000);
}

static bool
time_differs(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec;
}

static long
op_changed(int argc, char **argv, FILE *out)
{
	struct stat st;

	(void)argc, (void)argv;
	for (int i = 0; i < nmarks; i++) {
		const struct stat *was = &marks[i].st;

		if (lstat(marks[i].path, &st) != 0) {
			fprintf(out, "gone ");
			continue;
		}
		fprintf(out, "%s%s%s ", time_differs(&st.st_mtim, &was->st_mtim) ? "m" : "-",
		    time_differs(&st.st_ctim, &was->st_ctim) ? "c" : "-",
		    st.st_ino == was->st_ino ? "" : " another file");
	}
	return 0;
}

static long
op_setxattr(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(lsetxattr(argv[0], argv[1], argv[2], strlen(argv[2]), 0));
}

static long
op_getxattr(int argc, char **argv, FILE *out)
{
	char value[256];

	(void)argc, (void)out;
	return fileop_result(lgetxattr(argv[0], argv[1], value, sizeof value));
}

static long
op_listxattr(int argc, char **argv, FILE *out)
{
	char names[1024];

	(void)argc, (void)out;
	return fileop_result(llistxattr(argv[0], names, sizeof names));
}

/* Figures differ, their relations don't. */
static long
op_statfs(int argc, char **argv, FILE *out)
{
	struct statvfs fs;

	(void)argc;
	if (statvfs(argv[0], &fs) != 0)
		return -errno;
	fprintf(out, "namemax %lu blocks %s files %s", fs.f_namemax,
	    fs.f_blocks > 0 && fs.f_bfree <= fs.f_blocks && fs.f_bavail <= fs.f_bfree ? "sane"
										      : "odd",
	    fs.f_files > 0 && fs.f_ffree <= fs.f_files ? "sane" : "odd");
	return 0;
}

static long
op_umask(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	umask((mode_t)fileop_number(argv[0]));
	return 0;
}

static long
op_chdir(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(chdir(argv[0]));
}

/* Runs a program and gives its exit status: the child drops to the ids of the line for good. */
static long
op_exec(int argc, char **argv, FILE *out)
{
	char *words[FILEOPS_WORDS + 1] = { 0 };
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int status;
	pid_t child;

	(void)out;
	memcpy(words, argv, (size_t)argc * sizeof *argv);
	child = fork();
	if (child == 0) {
		if (seteuid(0) == 0 && setresgid(gid, gid, gid) == 0 &&
		    setresuid(uid, uid, uid) == 0)
			execv(words[0], words);
		_exit(errno == EACCES ? 126 : 127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

const struct fileop fileops_names[] = {
	{ "mkdir", 1, 2, op_mkdir },
	{ "rmdir", 1, 1, op_rmdir },
	{ "unlink", 1, 1, op_unlink },
	{ "rename", 2, 2, op_rename },
	{ "link", 2, 2, op_link },
	{ "symlink", 2, 2, op_symlink },
	{ "readlink", 1, 1, op_readlink },
	{ "mknod", 3, 5, op_mknod },
	{ "bind", 1, 1, op_bind },
	{ "chmod", 2, 2, op_chmod },
	{ "chown", 3, 3, op_chown },
	{ "lchown", 3, 3, op_lchown },
	{ "truncate", 2, 2, op_truncate },
	{ "stat", 1, 1, op_stat },
	{ "follow", 1, 1, op_follow },
	{ "times", 1, 1, op_times },
	{ "mtime", 1, 1, op_mtime },
	{ "same", 2, 2, op_same },
	{ "access", 2, 2, op_access },
	{ "utimens", 3, 3, op_utimens },
	{ "mark", 1, MARKS, op_mark },
	{ "changed", 0, 0, op_changed },
	{ "setxattr", 3, 3, op_setxattr },
	{ "getxattr", 2, 2, op_getxattr },
	{ "listxattr", 1, 1, op_listxattr },
	{ "statfs", 1, 1, op_statfs },
	{ "umask", 1, 1, op_umask },
	{ "chdir", 1, 1, op_chdir },
	{ "exec", 1, 8, op_exec },
	{ NULL, 0, 0, NULL },
};

/*
 * fileops: operations on open files, which the script names by a number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/vm/fileops.h"

#define FILES 10
#define PIECE 65536

static int files[FILES] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };

static int *
file_slot(const char *word)
{
	long n = fileop_number(word);

	if (n < 0 || n >= FILES) {
		fprintf(stderr, "fileops: no such open file: %s\n", word);
		exit(2);
	}
	return &files[n];
}

static int
file_at(const char *word)
{
	return *file_slot(word);
}

static const struct {
	const char *name;
	int flag;
} flags[] = {
	{ "r", O_RDONLY },
	{ "w", O_WRONLY },
	{ "rw", O_RDWR },
	{ "creat", O_CREAT },
	{ "excl", O_EXCL },
	{ "trunc", O_TRUNC },
	{ "append", O_APPEND },
	{ "dir", O_DIRECTORY },
	{ "nofollow", O_NOFOLLOW },
	{ "sync", O_SYNC },
	{ "tmpfile", O_TMPFILE },
	{ "direct", O_DIRECT },
};

static int
flags_of(char *words)
{
	char *rest = NULL;
	int all = O_NONBLOCK;

	for (char *word = strtok_r(words, "+", &rest); word != NULL;
	     word = strtok_r(NULL, "+", &rest))
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			if (strcmp(word, flags[i].name) == 0)
				all |= flags[i].flag;
	return all;
}

static long
op_open(int argc, char **argv, FILE *out)
{
	int *slot = file_slot(argv[0]);
	mode_t mode = argc > 3 ? (mode_t)fileop_number(argv[3]) : 0644;

	(void)out;
	if (*slot >= 0)
		close(*slot);
	*slot = open(argv[1], flags_of(argv[2]), mode);
	return *slot < 0 ? -errno : 0;
}

static long
op_close(int argc, char **argv, FILE *out)
{
	int *slot = file_slot(argv[0]);
	long result = fileop_result(close(*slot));

	(void)argc, (void)out;
	*slot = -1;
	return result;
}

static long
op_write(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(
	    pwrite(file_at(argv[0]), argv[2], strlen(argv[2]), fileop_number(argv[1])));
}

static long
op_append(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(write(file_at(argv[0]), argv[1], strlen(argv[1])));
}

/* Bytes that depend on where they lie, so that a misplaced piece is seen. */
static void
pattern(unsigned char *to, long offset, long len, unsigned seed)
{
	for (long i = 0; i < len; i++)
		to[i] = (unsigned char)(((unsigned long)(offset + i) * 2654435761u >> 13) + seed);
}

static long
op_fill(int argc, char **argv, FILE *out)
{
	static unsigned char bytes[PIECE];
	long offset = fileop_number(argv[1]), left = fileop_number(argv[2]), done = 0;

	(void)out;
	while (left > 0) {
		long len = left < PIECE ? left : PIECE;
		ssize_t n;

		pattern(bytes, offset, len, argc > 3 ? (unsigned)fileop_number(argv[3]) : 1);
		n = pwrite(file_at(argv[0]), bytes, (size_t)len, offset);
		if (n < 0)
			return -errno;
		offset += n, left -= n, done += n;
	}
	return done;
}

/* FNV-1a, going on from what came before. */
static uint64_t
sum_bytes(uint64_t sum, const unsigned char *bytes, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

static long
sum_file(int fd, off_t offset, long len, unsigned long *out)
{
	static unsigned char bytes[PIECE];
	uint64_t sum = 0xcbf29ce484222325u;
	long done = 0;

	while (done < len) {
		ssize_t n = pread(
		    fd, bytes, len - done < PIECE ? (size_t)(len - done) : PIECE, offset + done);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		sum = sum_bytes(sum, bytes, n);
		done += n;
	}
	*out = sum;
	return done;
}

static long
op_read(int argc, char **argv, FILE *out)
{
	unsigned long sum;
	char text[41] = { 0 };
	long offset = fileop_number(argv[1]), len = fileop_number(argv[2]);
	long done = sum_file(file_at(argv[0]), offset, len, &sum);

	(void)argc;
	if (done >= 0 && done < (long)sizeof text &&
	    pread(file_at(argv[0]), text, (size_t)done, offset) == done)
		fileop_print(out, text);
	else if (done >= 0)
		fprintf(out, "sum %016lx", sum);
	return done;
}

long
fileop_sum(const char *path, unsigned long *out)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW);
	long result;

	if (fd < 0)
		return -errno;
	result = sum_file(fd, 0, INT64_MAX, out);
	close(fd);
	return result;
}

static long
op_sum(int argc, char **argv, FILE *out)
{
	unsigned long sum;
	long result = fileop_sum(argv[0], &sum);

	(void)argc;
	if (result >= 0)
		fprintf(out, "sum %016lx", sum);
	return result;
}

static long
op_ftruncate(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(ftruncate(file_at(argv[0]), fileop_number(argv[1])));
}

static long
op_fchmod(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(fchmod(file_at(argv[0]), (mode_t)fileop_number(argv[1])));
}

static long
op_fstat(int argc, char **argv, FILE *out)
{
	struct stat st;
	long result = fileop_result(fstat(file_at(argv[0]), &st));

	(void)argc;
	if (result == 0)
		fprintf(out, "%06o uid %u gid %u size %lld", st.st_mode, st.st_uid, st.st_gid,
		    (long long)st.st_size);
	return result;
}

static long
op_fsync(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(fsync(file_at(argv[0])));
}

static long
op_seek(int argc, char **argv, FILE *out)
{
	int whence = argv[2][0] == 'h'   ? SEEK_HOLE
		     : argv[2][0] == 'd' ? SEEK_DATA
		     : argv[2][0] == 'e' ? SEEK_END
					 : SEEK_SET;

	(void)argc, (void)out;
	return fileop_result(lseek(file_at(argv[0]), fileop_number(argv[1]), whence));
}

/* Writes through a shared mapping of the whole file. */
static long
op_mmap(int argc, char **argv, FILE *out)
{
	struct stat st;
	int fd = file_at(argv[0]);
	long offset = fileop_number(argv[1]), result;
	char *map;

	(void)argc, (void)out;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (offset + (long)strlen(argv[2]) > st.st_size)
		return -ERANGE;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	memcpy(map + offset, argv[2], strlen(argv[2]));
	result = fileop_result(msync(map, (size_t)st.st_size, MS_SYNC));
	munmap(map, (size_t)st.st_size);
	return result;
}

static long
op_mapsum(int argc, char **argv, FILE *out)
{
	struct stat st;
	int fd = file_at(argv[0]);
	unsigned char *map;

	(void)argc;
	if (fstat(fd, &st) != 0)
		return -errno;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	fprintf(out, "sum %016lx", sum_bytes(0xcbf29ce484222325u, map, st.st_size));
	munmap(map, (size_t)st.st_size);
	return st.st_size;
}

static long
op_flock(int argc, char **argv, FILE *out)
{
	int how = argv[1][0] == 's' ? LOCK_SH : argv[1][0] == 'e' ? LOCK_EX : LOCK_UN;

	(void)argc, (void)out;
	return fileop_result(flock(file_at(argv[0]), how | LOCK_NB));
}

/* Locks of the open file, which two numbers of this one process can quarrel about. */
static long
op_lock(int argc, char **argv, FILE *out)
{
	struct flock lock = { .l_type = argv[1][0] == 'r'   ? F_RDLCK
					: argv[1][0] == 'w' ? F_WRLCK
							    : F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = fileop_number(argv[2]),
		.l_len = fileop_number(argv[3]) };

	(void)argc, (void)out;
	return fileop_result(fcntl(file_at(argv[0]), F_OFD_SETLK, &lock));
}

static long
op_fallocate(int argc, char **argv, FILE *out)
{
	(void)argc, (void)out;
	return fileop_result(fallocate(file_at(argv[0]), (int)fileop_number(argv[1]),
	    fileop_number(argv[2]), fileop_number(argv[3])));
}

static long
op_copy(int argc, char **argv, FILE *out)
{
	loff_t from = 0, to = 0;

	(void)argc, (void)out;
	return fileop_result(copy_file_range(
	    file_at(argv[0]), &from, file_at(argv[1]), &to, (size_t)fileop_number(argv[2]), 0));
}

const struct fileop fileops_data[] = {
	{ "open", 3, 4, op_open },
	{ "close", 1, 1, op_close },
	{ "write", 3, 3, op_write },
	{ "append", 2, 2, op_append },
	{ "fill", 3, 4, op_fill },
	{ "read", 3, 3, op_read },
	{ "sum", 1, 1, op_sum },
	{ "ftruncate", 2, 2, op_ftruncate },
	{ "fchmod", 2, 2, op_fchmod },
	{ "fstat", 1, 1, op_fstat },
	{ "fsync", 1, 1, op_fsync },
	{ "seek", 3, 3, op_seek },
	{ "mmap", 3, 3, op_mmap },
	{ "mapsum", 1, 1, op_mapsum },
	{ "flock", 2, 2, op_flock },
	{ "lock", 4, 4, op_lock },
	{ "fallocate", 4, 4, op_fallocate },
	{ "copy", 3, 3, op_copy },
	{ NULL, 0, 0, NULL },
};

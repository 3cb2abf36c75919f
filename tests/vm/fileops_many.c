/*
 * fileops: operations on whole folders and trees.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/vm/fileops.h"

#define NAMES_SHOWN 24

struct names {
	char **name;
	size_t n;
};

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
names_read(const char *path, struct names *out)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		out->name = reallocarray(out->name, out->n + 1, sizeof *out->name);
		if (out->name == NULL)
			abort();
		out->name[out->n++] = strdup(entry->d_name);
	}
	closedir(dir);
	qsort(out->name, out->n, sizeof *out->name, by_bytes);
	return 0;
}

/* The names of a folder in order; of a large one their number and a sum. */
static long
op_list(int argc, char **argv, FILE *out)
{
	struct names names = { 0 };
	unsigned long sum = 0;
	long result = names_read(argv[0], &names);

	(void)argc;
	for (size_t i = 0; i < names.n; i++) {
		for (const char *p = names.name[i]; *p != '\0'; p++)
			sum = sum * 31 + (unsigned char)*p;
		if (names.n <= NAMES_SHOWN) {
			fputc(' ', out);
			fileop_print(out, names.name[i]);
		}
	}
	if (names.n > NAMES_SHOWN)
		fprintf(out, "sum %016lx", sum);
	result = result < 0 ? result : (long)names.n;
	names_free(&names);
	return result;
}

/* Makes COUNT files in a folder. */
static long
op_many(int argc, char **argv, FILE *out)
{
	long count = fileop_number(argv[1]);
	char path[512];

	(void)argc, (void)out;
	for (long i = 0; i < count; i++) {
		int fd;

		snprintf(path, sizeof path, "%s/file-%05ld", argv[0], i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	return count;
}

/* Removes names of a folder as soon as they are read: those whose number EVERY divides. */
static long
op_clear(int argc, char **argv, FILE *out)
{
	long every = argc > 1 ? fileop_number(argv[1]) : 1, seen = 0, removed = 0;
	DIR *dir = opendir(argv[0]);
	const struct dirent *entry;

	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		const char *digits = strpbrk(entry->d_name, "0123456789");

		if (entry->d_name[0] == '.')
			continue;
		seen++;
		if ((digits == NULL || strtol(digits, NULL, 10) % every == 0) &&
		    unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			removed++;
	}
	closedir(dir);
	fprintf(out, "of %ld", seen);
	return removed;
}

/* Reads a folder while names that were not there come in: those from before are seen once each. */
static long
op_grow(int argc, char **argv, FILE *out)
{
	DIR *dir = opendir(argv[0]);
	const struct dirent *entry;
	char path[512];
	long old = 0, made = 0;

	(void)argc, (void)out;
	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "file-", 5) != 0 || old++ % 10 != 0)
			continue;
		snprintf(path, sizeof path, "%s/new-%05ld", argv[0], made++);
		close(open(path, O_WRONLY | O_CREAT, 0644));
	}
	closedir(dir);
	return old;
}

/* The time of what the test itself changed differs from run to run. */
static void
print_mtime(time_t mtime, FILE *out)
{
	static const time_t long_ago = 1700000000;

	if (mtime < long_ago)
		fprintf(out, " mtime %lld", (long long)mtime);
	else
		fputs(" mtime new", out);
}

static void
print_entry(const char *path, const struct stat *st, FILE *out)
{
	unsigned long sum = 0;

	if (S_ISREG(st->st_mode))
		fileop_sum(path, &sum);
	fputs("\n\t", out);
	fileop_print(out, path);
	fprintf(out, " %06o nlink %lu uid %u gid %u rdev %lu size %lld sum %lx", st->st_mode,
	    (unsigned long)st->st_nlink, st->st_uid, st->st_gid, (unsigned long)st->st_rdev,
	    S_ISDIR(st->st_mode) ? 0 : (long long)st->st_size, sum);
	print_mtime(st->st_mtim.tv_sec, out);
}

static long
walk(const char *path, FILE *out)
{
	struct names names = { 0 };
	struct stat st;
	long count = 1;

	if (lstat(path, &st) != 0)
		return -errno;
	print_entry(path, &st, out);
	if (S_ISDIR(st.st_mode) && names_read(path, &names) == 0) {
		for (size_t i = 0; i < names.n; i++) {
			char *below = NULL;

			if (asprintf(&below, "%s/%s", path, names.name[i]) < 0)
				abort();
			count += walk(below, out);
			free(below);
		}
	}
	names_free(&names);
	return count;
}

/* Every entry of a tree with its attributes and the sum of its bytes. */
static long
op_tree(int argc, char **argv, FILE *out)
{
	(void)argc;
	return walk(argv[0], out);
}

const struct fileop fileops_many[] = {
	{ "list", 1, 1, op_list },
	{ "many", 2, 2, op_many },
	{ "clear", 1, 2, op_clear },
	{ "grow", 1, 1, op_grow },
	{ "tree", 1, 1, op_tree },
	{ NULL, 0, 0, NULL },
};

/* A folder for one test. */
#include "tests/lib/tmpdir.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void
tmpdir_make(struct tmpdir *t)
{
	const char *base = getenv("TMPDIR");

	snprintf(t->path, sizeof(t->path), "%s/rubus-test-XXXXXX", base && *base ? base : "/tmp");
	assert_non_null(mkdtemp(t->path));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
tmpdir_remove(struct tmpdir *t)
{
	nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
tmpdir_path(const struct tmpdir *t, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", t->path, name);
	return path;
}

void
tmpdir_write(const struct tmpdir *t, const char *name, const char *text)
{
	FILE *file = fopen(tmpdir_path(t, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

bool
tmpdir_has(const struct tmpdir *t, const char *name)
{
	return access(tmpdir_path(t, name), F_OK) == 0;
}

int
tmpdir_count(const struct tmpdir *t, const char *name, const char *suffix)
{
	DIR *dir = opendir(tmpdir_path(t, name));
	struct dirent *entry;
	size_t n, m = strlen(suffix);
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		n = strlen(entry->d_name);
		count +=
		    entry->d_name[0] != '.' && n >= m && strcmp(entry->d_name + n - m, suffix) == 0;
	}
	closedir(dir);
	return count;
}

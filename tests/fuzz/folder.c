/* Files for fuzz targets. */
#include "tests/fuzz/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

void
folder_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
folder_make(char path[128])
{
	const char *base = getenv("TMPDIR");

	if (access("/dev/shm", W_OK) == 0)
		base = "/dev/shm";
	snprintf(path, 128, "%s/rubus-fuzz.XXXXXX", base ? base : "/tmp");
	PROMISE(mkdtemp(path));
	return path;
}

void
folder_write(const char *folder, const char *name, const void *p, size_t n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	PROMISE(f && fwrite(p, 1, n, f) == n);
	PROMISE(fclose(f) == 0);
}

/* What the benchmarks share. */
#include "tests/bench/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cow/err.h"

#define DISK_UNIT 512u /* of ru_inblock and ru_oublock */

int
bench_must(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, err_text(r));
		exit(1);
	}
	return r;
}

static double
seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

struct bench_clock
bench_start(void)
{
	struct timespec now;
	struct rusage use;

	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_SELF, &use);
	return (struct bench_clock){ (double)now.tv_sec + (double)now.tv_nsec / 1e9,
		seconds(&use.ru_utime) + seconds(&use.ru_stime),
		(uint64_t)use.ru_inblock * DISK_UNIT, (uint64_t)use.ru_oublock * DISK_UNIT };
}

struct bench_clock
bench_since(const struct bench_clock *start)
{
	struct bench_clock now = bench_start();

	return (struct bench_clock){ now.wall - start->wall, now.cpu - start->cpu,
		now.disk_read - start->disk_read, now.disk_written - start->disk_written };
}

void
bench_result(const char *name, const char *unit, double value)
{
	printf("%s\t%s\t%.6g\n", name, unit, value);
	fflush(stdout);
}

/* xorshift64* */
static uint64_t
next(struct bench_random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

uint64_t
bench_pick(struct bench_random *r, uint64_t n)
{
	return (next(r) >> 11) % n;
}

void
bench_fill(struct bench_random *r, void *p, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += 8) {
		uint64_t word = next(r);

		memcpy((char *)p + at, &word, n - at < 8 ? n - at : 8);
	}
}

/* Calls fn for each file of a flat or nested folder, or for the one file. */
static void
each_file(const char *path, void (*fn)(void *arg, const char *path), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char name[4096];

	if (!dir) {
		fn(arg, path);
		return;
	}
	while ((e = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.')
			each_file(name, fn, arg);
	}
	closedir(dir);
}

static void
add_size(void *arg, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		*(uint64_t *)arg += (uint64_t)st.st_size;
}

uint64_t
bench_size(const char *path)
{
	uint64_t bytes = 0;

	each_file(path, add_size, &bytes);
	return bytes;
}

static void
cool_file(void *arg, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)arg;
	if (fd < 0)
		return;
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

void
bench_cool(const char *folder)
{
	each_file(folder, cool_file, NULL);
}

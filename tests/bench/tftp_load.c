/*
 * tftp_load SERVER PORT N FILE...: N machines at a time fetch all files, one after the other, with
 * the options of a Pi's bootloader. In a FILE, %d becomes the machine's number. Prints the times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/tftpclient.h"

struct result {
	double seconds;
	uint64_t bytes;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The path of one machine: the text with its number in place of %d. */
static void
path_of(const char *text, int number, char out[256])
{
	const char *mark = strstr(text, "%d");

	if (mark)
		snprintf(out, 256, "%.*s%08x%s", (int)(mark - text), text, number, mark + 2);
	else
		snprintf(out, 256, "%s", text);
}

static int
fetch_all(const char *server, uint16_t port, int number, char **files, struct result *out)
{
	double began = now();
	char from[32];

	/* Each from an address of its own, as machines are. */
	snprintf(from, sizeof(from), "127.1.%d.%d", number / 250, number % 250 + 1);
	for (; *files; files++) {
		struct tftpclient c = {
			.server = server, .from = from, .port = port, .blksize = 1024, .tsize = true
		};
		char path[256];
		uint8_t *bytes;
		long n;

		path_of(*files, number, path);
		n = tftpclient_get(&c, path, &bytes);
		if (n < 0) {
			fprintf(stderr, "%s: %s\n", path, n == -100 ? "no answer" : c.error);
			return 1;
		}
		out->bytes += (uint64_t)n;
		free(bytes);
	}
	out->seconds = now() - began;
	return 0;
}

int
main(int argc, char **argv)
{
	double began = now(), mean = 0, slowest = 0, all;
	int n = argc > 4 ? atoi(argv[3]) : 0, status, failed = 0;
	struct result *results;
	uint64_t bytes = 0;

	if (n < 1 || n > 1000)
		return 2;
	results = mmap(NULL, (size_t)n * sizeof(*results), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		return 1;
	for (int i = 0; i < n; i++)
		if (fork() == 0)
			_exit(fetch_all(
			    argv[1], (uint16_t)atoi(argv[2]), i + 1, argv + 4, &results[i]));
	while (wait(&status) > 0)
		failed += status != 0;
	all = now() - began;
	for (int i = 0; i < n; i++) {
		mean += results[i].seconds / n;
		bytes += results[i].bytes;
		slowest = results[i].seconds > slowest ? results[i].seconds : slowest;
	}
	printf("%d machines, %d failed: %.1f MB/s, mean %.2f s, slowest %.2f s (%.2f of it)\n", n,
	    failed, (double)bytes / 1e6 / all, mean, slowest, slowest / mean);
	return failed != 0;
}

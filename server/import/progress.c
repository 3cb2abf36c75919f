/* How far an import is. */
#include "server/import/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SPARSE 10.0 /* seconds between two lines that are no terminal's */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
progress_begin(struct progress *p)
{
	p->terminal = isatty(STDERR_FILENO);
	p->shown = false;
	p->began = p->last = now();
}

double
progress_seconds(const struct progress *p)
{
	return now() - p->began;
}

const char *
progress_size(uint64_t bytes, char buf[16])
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes / 1024;
	int unit = 0;

	while (v >= 1023.5 && unit < 5) {
		v /= 1024;
		unit++;
	}
	snprintf(buf, 16, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
	return buf;
}

void
progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

/* " of 1.2G  ETA 0:35", as far as the total is known. */
static void
print_rest(const struct import_progress *ip, double seconds)
{
	double done = (double)ip->source_done, total = (double)ip->source_total;
	unsigned left;

	if (total <= 0 || done <= 0 || done > total)
		return;
	left = (unsigned)(seconds * (total - done) / done);
	fprintf(stderr, "  %.0f%%  ETA %u:%02u", 100 * done / total, left / 60, left % 60);
}

void
progress_show(struct progress *p, const struct import_progress *ip)
{
	double seconds = progress_seconds(p);
	char size[16], rate[16];

	if (!p->terminal && now() - p->last < SPARSE)
		return;
	p->last = now();
	progress_clear(p);
	progress_size(ip->bytes, size);
	progress_size(seconds > 0 ? (uint64_t)((double)ip->bytes / seconds) : 0, rate);
	fprintf(stderr, "%" PRIu64 " entries  %s  %s/s", ip->entries, size, rate);
	print_rest(ip, seconds);
	if (p->terminal)
		p->shown = true;
	else
		fputc('\n', stderr);
	fflush(stderr);
}

/* How far an import is. */
#include "server/import/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "server/size.h"

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
	char size[SIZE_TEXT], rate[SIZE_TEXT];

	if (!p->terminal && now() - p->last < SPARSE)
		return;
	p->last = now();
	progress_clear(p);
	size_text(ip->bytes, size);
	size_text(seconds > 0 ? (uint64_t)((double)ip->bytes / seconds) : 0, rate);
	fprintf(stderr, "%" PRIu64 " entries  %s  %s/s", ip->entries, size, rate);
	print_rest(ip, seconds);
	if (p->terminal)
		p->shown = true;
	else
		fputc('\n', stderr);
	fflush(stderr);
}

/*
 * A client that lives well beside hostile ones: its calls are answered, about as fast as before,
 * and the server's memory stays within bounds. Figures are printed; RUBUS_LONG measures for longer
 * and asks for more.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/crash/world.h"
#include "tests/hostile/hostile.h"

#define MOUNT     100005
#define NFS       100003
#define CALLS_MAX 400000
#define PEAK_KIB  (700u << 10) /* views and images 256M, calls on their way as much, and itself */
#define P99_MS    100.0        /* what a busy machine may make of it, in a short run */
#define P99_TIMES 2.0          /* in a long one */
#define P99_LEAST 2.0          /* ms: less than that isn't looked at */

struct well {
	struct wire wire;
	struct wire_fh root, file;
	double *ms;
	unsigned n;
};

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
expect(uint32_t status, const char *what)
{
	if (status != 0)
		die("%s of who lives well: status %u", what, status);
}

static void
well_open(struct well *w, const struct hostile *h)
{
	memset(w, 0, sizeof(*w));
	w->ms = calloc(CALLS_MAX, sizeof(*w->ms));
	wire_open(&w->wire, h->daemon.port, 77);
	wire_begin(&w->wire, MOUNT, 1);
	wire_put_name(&w->wire, "/well");
	expect(wire_send(&w->wire, WIRE_WELL), "MNT");
	wire_take_fh(&w->wire, &w->root);
	wire_begin(&w->wire, NFS, 8);
	wire_put_fh(&w->wire, &w->root);
	wire_put_name(&w->wire, "file");
	for (int i = 0; i < 7; i++) /* UNCHECKED, and no attributes */
		wire_put(&w->wire, 0);
	expect(wire_send(&w->wire, WIRE_WELL), "CREATE");
	wire_take(&w->wire);
	wire_take_fh(&w->wire, &w->file);
}

static void
well_call(struct well *w, unsigned i)
{
	static const char page[4096] = "a page";

	switch (i % 4) {
	case 0:
		wire_begin(&w->wire, NFS, 1);
		wire_put_fh(&w->wire, &w->root);
		break;
	case 1:
		wire_begin(&w->wire, NFS, 3);
		wire_put_fh(&w->wire, &w->root);
		wire_put_name(&w->wire, "file");
		break;
	case 2:
		wire_begin(&w->wire, NFS, 7);
		wire_put_fh(&w->wire, &w->file);
		wire_put64(&w->wire, i % 64 * sizeof(page));
		wire_put(&w->wire, sizeof(page));
		wire_put(&w->wire, 2); /* FILE_SYNC */
		wire_put_bytes(&w->wire, page, sizeof(page));
		break;
	default:
		wire_begin(&w->wire, NFS, 6);
		wire_put_fh(&w->wire, &w->file);
		wire_put64(&w->wire, 0);
		wire_put(&w->wire, sizeof(page));
	}
	expect(wire_send(&w->wire, WIRE_WELL), "a call");
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
well_live(struct well *w, double seconds)
{
	double until = now_ms() + seconds * 1e3;

	for (unsigned i = 0; now_ms() < until && w->n < CALLS_MAX; i++) {
		double begin = now_ms();

		well_call(w, i);
		w->ms[w->n++] = now_ms() - begin;
	}
}

static double
well_p99(struct well *w)
{
	double p99;

	qsort(w->ms, w->n, sizeof(*w->ms), compare);
	p99 = w->n ? w->ms[(w->n - 1) * 99 / 100] : 0;
	w->n = 0;
	return p99;
}

static const struct {
	const char *name;
	attack_fn *run;
} attacks[] = {
	{ "marks of 2^31-1", attack_huge_marks },
	{ "fragments without end", attack_endless_fragments },
	{ "500 x a byte a second", attack_slow_bytes },
	{ "5,000 idle connections", attack_idle },
	{ "answers are never read", attack_never_read },
	{ "listings of 100,000 names", attack_listings },
	{ "random records", attack_garbage },
	{ "handles a bit beside", attack_handles },
};

struct running {
	struct attack attack;
	attack_fn *run;
};

static void *
attack_main(void *arg)
{
	struct running *r = arg;

	r->run(&r->attack);
	return NULL;
}

/* Beside the attack and alone, in turns; who comes new must get in, too. */
static void
run_attack(struct hostile *h, struct well *w, size_t which, bool full)
{
	struct well beside = *w, newcomer;
	struct running r = { .attack.hostile = h, .run = attacks[which].run };
	uint64_t now, peak;
	double alone_ms, beside_ms, seconds = full ? 3 : 0.7;
	pthread_t thread;

	beside.ms = calloc(CALLS_MAX, sizeof(*beside.ms));
	for (int round = 0; round < (full ? 3 : 1); round++) {
		well_live(w, seconds);
		atomic_store(&r.attack.stop, false);
		if (pthread_create(&thread, NULL, attack_main, &r) != 0)
			die("no thread");
		attack_sleep(500);
		beside.wire = w->wire;
		well_live(&beside, seconds);
		w->wire = beside.wire;
		well_open(&newcomer, h);
		wire_close(&newcomer.wire);
		free(newcomer.ms);
		daemon_memory(&h->daemon, &now, &peak);
		atomic_store(&r.attack.stop, true);
		pthread_join(thread, NULL);
	}
	alone_ms = well_p99(w);
	beside_ms = well_p99(&beside);
	free(beside.ms);
	printf("%-26s p99 %6.2f ms alone, %6.2f ms beside it: %5.1f; memory %3llu MiB, at most "
	       "%3llu; connections %u, ended %u, answers %u\n",
	    attacks[which].name, alone_ms, beside_ms, beside_ms / alone_ms,
	    (unsigned long long)now >> 10, (unsigned long long)peak >> 10,
	    atomic_load(&r.attack.opened), atomic_load(&r.attack.ended),
	    atomic_load(&r.attack.answered));
	fflush(stdout);
	if (!DAEMON_BOUNDED)
		return;
	if (peak > PEAK_KIB)
		die("%s: the server took %llu KiB", attacks[which].name, (unsigned long long)peak);
	if (beside_ms > P99_MS ||
	    (full && beside_ms > P99_LEAST && beside_ms > P99_TIMES * alone_ms))
		die("%s: p99 of who lives well", attacks[which].name);
}

/* Every name once, with every size of answer that has room for one. */
static void
list_all(const struct hostile *h, uint32_t procedure, uint32_t budget)
{
	struct wire w;
	uint64_t cookie = 0;
	uint32_t names = 0, eof = 0;
	static uint8_t seen[HOSTILE_NAMES];

	memset(seen, 0, sizeof(seen));
	wire_open(&w, h->daemon.port, budget);
	while (!eof) {
		uint32_t status, before = names;

		wire_begin(&w, NFS, procedure);
		wire_put_fh(&w, &h->many);
		wire_put64(&w, cookie);
		wire_put64(&w, 0);
		wire_put(&w, budget);
		if (procedure == 17)
			wire_put(&w, budget);
		status = wire_send(&w, WIRE_WELL);
		if (status == 10005 && budget < 512) { /* TOOSMALL */
			wire_close(&w);
			return;
		}
		expect(status, "a listing");
		wire_skip_post(&w);
		wire_take64(&w);
		while (wire_take(&w)) {
			uint32_t n, number;
			const uint8_t *name;
			char text[64] = "";

			wire_take64(&w);
			name = wire_take_bytes(&w, &n);
			memcpy(text, name, n < 63 ? n : 63);
			cookie = wire_take64(&w);
			if (procedure == 17) {
				wire_skip_post(&w);
				if (wire_take(&w))
					wire_take_bytes(&w, &n);
			}
			if (sscanf(text, "a-name-of-some-length-%u", &number) == 1 &&
			    number < HOSTILE_NAMES)
				names += !seen[number]++;
		}
		eof = wire_take(&w);
		if (!eof && names == before && budget >= 512 && cookie > 2)
			die("a listing of %u bytes a time doesn't go on", budget);
	}
	wire_close(&w);
	for (uint32_t i = 0; i < HOSTILE_NAMES; i++)
		if (seen[i] != 1)
			die("budget %u: name %u was listed %u times", budget, i, seen[i]);
}

int
main(void)
{
	static const uint32_t budgets[] = { 0, 1, 100, 512, 4096, 20000 };
	const char *set = getenv("RUBUS_LONG");
	bool full = set && *set && *set != '0';
	struct rlimit files = { 8192, 8192 };
	struct hostile h;
	struct well w;

	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		printf("fewer connections than meant: no limit of %u files\n",
		    (unsigned)files.rlim_cur);
	hostile_open(&h);
	for (size_t i = 0; i < sizeof(budgets) / sizeof(*budgets); i++) {
		if (!full && budgets[i] == 512)
			continue;
		list_all(&h, 16, budgets[i]);
		list_all(&h, 17, budgets[i]);
	}
	well_open(&w, &h);
	well_live(&w, 0.5);
	well_p99(&w);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		run_attack(&h, &w, i, full);
	wire_close(&w.wire);
	free(w.ms);
	hostile_close(&h);
	return 0;
}

/* Power cuts: every short sequence of changing calls, and long random ones, cut after every change
 * of the disk, with what was not synced lost, torn or reordered. After each the store opens, holds
 * all that was acknowledged, and nothing by halves.
 *
 * cut_test [SEED], or RUBUS_SEED: the seed of the random parts. RUBUS_LONG=1: a new seed, all
 * sequences of three.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/inode.h"
#include "tests/crash/world.h"

#define SEEN   (1u << 16)
#define LENGTH 3

struct sequence {
	unsigned calls[LENGTH], n;
	bool pipelined; /* nobody waits between two calls */
	uint64_t seed;  /* not 0: `n` random calls */
};

struct seen {
	uint64_t hash;
	int moment, catalogue;
};

struct job {
	char top[200], live[256], again[256], twice[256], source[256];
	struct cut_state *base;
	struct seen *seen;
	uint64_t cuts, states, opened;
	uint64_t seed;
	bool full; /* RUBUS_LONG */
};

/* What the cut must have left: moments from low to high. */
struct range {
	unsigned low, high, catalogue_low, catalogue_high;
};

static void
name_sequence(const struct sequence *q, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "%s", q->pipelined ? "pipelined:" : "");

	if (q->seed)
		snprintf(out + n, size - n, " %u random calls of seed %llu", q->n,
		    (unsigned long long)q->seed);
	for (unsigned i = 0; i < q->n && !q->seed; i++)
		n += (size_t)snprintf(out + n, size - n, " %s", world_call_name(q->calls[i]));
}

/* --- one state --- */

/* A store that was cut takes changes again, and keeps them. */
static void
goes_on(const char *folder, const char *what)
{
	struct store_options o = { .mode = STORE_OWN };
	struct view_set set = { .set_mode = true, .mode = 0644 };
	struct view_attr attr, dir;
	struct view_op op = { 0 };
	struct view_wcc wcc;
	struct client client;
	struct store *store;
	struct view *view;
	int err;

	for (int again = 0; again < 2; again++) {
		if ((err = store_open(folder, &o, &store)) < 0 ||
		    (err = client_find(store, "a", &client)) < 0 ||
		    (err = view_open(store, &client, &view)) < 0)
			die("%s: does not go on: %s", what, err_text(err));
		err = again ? view_lookup(view, &op, INO_ROOT, STR("later"), &attr, &dir)
			    : view_create(view, &op, INO_ROOT, STR("later"), VIEW_GUARDED, &set, 0,
				  &attr, &wcc);
		if (err < 0)
			die("%s: does not go on: %s", what, err_text(err));
		view_close(view);
		world_check_store(store, what);
		store_close(store);
	}
}

static void check_all_cuts(struct job *, struct world *, struct disk *, const struct range *,
    unsigned from, unsigned stride, const char *what, int depth);

/* Opens what is in the folder as a server would, and tells which moment it is. */
static void
open_state(struct job *job, struct world *w, const char *folder, const struct range *r,
    struct seen *out, const char *what, int depth)
{
	bool twice = depth == 0 && job->opened % 97 == 0;
	struct disk *disk = twice ? disk_open(folder) : NULL;
	struct store_options o = { .mode = STORE_OWN,
		.start = true,
		.watch = disk ? disk_watch : NULL,
		.file_arg = disk };
	struct store *store;
	char why[1024];
	int err = store_open(folder, &o, &store);

	job->opened++;
	if (err < 0)
		die("%s: the store doesn't open: %s", what, err_text(err));
	out->moment = world_moment(w, store, r->low, r->high, why);
	if (out->moment < 0)
		die("%s: must be as after call %u to %u, but:%s", what, r->low, r->high, why);
	out->catalogue = world_catalogue(w, store, r->catalogue_low, r->catalogue_high, why);
	if (out->catalogue < 0)
		die("%s: must be as after change %u to %u:%s", what, r->catalogue_low,
		    r->catalogue_high, why);
	world_check_store(store, what);
	store_close(store);
	if (twice) {
		struct range same = { (unsigned)out->moment, (unsigned)out->moment,
			(unsigned)out->catalogue, (unsigned)out->catalogue };

		check_all_cuts(job, w, disk, &same, 0, 3, what, 1);
		disk_close(disk);
	}
	if (job->opened % 31 == 0)
		goes_on(folder, what);
}

static bool
is_within(const struct seen *s, const struct range *r)
{
	return s->moment >= (int)r->low && s->moment <= (int)r->high &&
	       s->catalogue >= (int)r->catalogue_low && s->catalogue <= (int)r->catalogue_high;
}

static void
check_state(struct job *job, struct world *w, const struct cut *cut, const struct cut_state *s,
    const struct range *r, const char *what, int depth)
{
	uint64_t hash = cut_state_hash(s);
	struct seen *seen = &job->seen[hash % SEEN], local;
	const char *folder = depth ? job->twice : job->again;
	char where[160], text[600];

	job->states++;
	if (depth == 0 && seen->hash == hash && is_within(seen, r))
		return;
	cut_describe(cut, where, sizeof(where));
	snprintf(text, sizeof(text), "%s, cut after %s, %s", what, where, cut_state_text(s));
	cut_state_write(s, folder);
	local.hash = hash;
	open_state(job, w, folder, r, &local, text, depth);
	if (depth == 0)
		*seen = local;
}

/* --- all cuts of a record --- */

static void
note_mark(struct range *r, int kind, unsigned value)
{
	switch ((enum world_mark)kind) {
	case WORLD_BEGUN:
		r->high = value;
		break;
	case WORLD_DONE:
		r->low = value > r->low ? value : r->low;
		break;
	case CATALOGUE_BEGUN:
		r->catalogue_high = value;
		break;
	case CATALOGUE_DONE:
		r->catalogue_low = value;
		break;
	}
}

static void
check_all_cuts(struct job *job, struct world *w, struct disk *disk, const struct range *range,
    unsigned from, unsigned stride, const char *what, int depth)
{
	struct cut *cut = cut_open(disk);
	struct range r = *range;
	uint64_t value = 0, seed = job->seed;
	enum cut_step step;
	int kind = 0;

	while ((step = cut_next(cut, &kind, &value)) != CUT_END) {
		unsigned n = cut_states(cut, job->full ? 6 : 2);

		if (step == CUT_MARK)
			note_mark(&r, kind, (unsigned)value);
		/* Begun and failed: no such moment. */
		if (r.high >= w->n)
			r.high = w->n - 1;
		if (r.catalogue_high >= w->ncatalogues)
			r.catalogue_high = w->ncatalogues - 1;
		if (cut_at(cut) <= from)
			continue;
		job->cuts++;
		for (unsigned i = stride > 1 ? cut_at(cut) % stride : 0; i < n; i += stride) {
			struct cut_state *s =
			    cut_state(cut, i, seed + cut_at(cut) * 1000003u + i * 7919u);

			check_state(job, w, cut, s, &r, what, depth);
			cut_state_free(s);
		}
	}
	cut_close(cut);
}

/* --- sequences --- */

/* False: one of the calls can't be made here. */
static bool
run_calls(struct world *w, const struct sequence *q, unsigned *last)
{
	for (unsigned i = 0; i < q->n; i++) {
		unsigned call = q->seed ? (unsigned)(world_random(w) % world_calls()) : q->calls[i];
		int err;

		*last = disk_length(w->disk);
		err = world_call(w, call, !q->seed);
		if (err < 0 && !q->seed) {
			world_wait(w);
			return false;
		}
		if (!q->pipelined || (q->seed && world_random(w) % 3 == 0))
			if ((err = world_wait(w)) < 0)
				die("%s: %s", world_call_name(call), err_text(err));
		if (q->seed && world_random(w) % 5 == 0)
			view_trim(w->views[world_random(w) % WORLD_VIEWS], 0);
	}
	return world_wait(w) == 0;
}

static void
run_sequence(struct job *job, const struct sequence *q)
{
	struct range start = { 0 };
	struct disk *disk;
	struct world w;
	unsigned last = 0;
	char what[400];

	name_sequence(q, what, sizeof(what));
	cut_state_write(job->base, job->live);
	disk = disk_open(job->live);
	world_open(&w, job->live, disk, q->seed);
	snprintf(w.source, sizeof(w.source), "%s", job->source);
	if (run_calls(&w, q, &last)) {
		/* What comes before the last call is another sequence's, unless none has waited. */
		if (q->seed || q->n == 1 || q->pipelined)
			last = 0;
		if (q->n < 3)
			world_close(&w);
		memset(job->seen, 0, SEEN * sizeof(*job->seen));
		check_all_cuts(job, &w, disk, &start, last, q->seed ? 3 : 1, what, 0);
	}
	if (w.store)
		world_close(&w);
	world_free(&w);
	disk_close(disk);
}

/* --- which sequences, and who does them --- */

struct plan {
	struct sequence *all;
	unsigned n, size;
};

static void
add_sequence(struct plan *p, const struct sequence *q)
{
	if (p->n == p->size) {
		p->size = p->size ? 2 * p->size : 1024;
		p->all = realloc(p->all, p->size * sizeof(*p->all));
		if (!p->all)
			abort();
	}
	p->all[p->n++] = *q;
}

static void
make_plan(struct plan *p, const struct job *job)
{
	unsigned n = world_calls();
	uint64_t k = job->seed;

	for (unsigned a = 0; a < n; a++)
		add_sequence(p, &(struct sequence){ { a }, 1 });
	for (unsigned i = 0; i < n * n; i++, k++) {
		struct sequence q = { { i / n, i % n }, 2 };

		if (job->full || k % 3 == 0)
			add_sequence(p, &q);
		q.pipelined = true;
		if (job->full || k % 6 == 1)
			add_sequence(p, &q);
	}
	for (unsigned i = 0; i < n * n * n; i++, k++)
		if (job->full || k % 120 == 0)
			add_sequence(p,
			    &(struct sequence){ { i / n / n, i / n % n, i % n }, 3, k % 4 == 0 });
	for (unsigned i = 0; i < (job->full ? 100 : 2); i++)
		add_sequence(
		    p, &(struct sequence){
			   .n = job->full ? 60 : 25, .pipelined = true, .seed = job->seed + i });
}

static void
open_job(struct job *job, unsigned worker)
{
	char *dirs[] = { job->live, job->again, job->twice };
	static const char *const names[] = { "live", "again", "twice" };
	struct disk *disk;
	struct cut *cut;

	job->seen = calloc(SEEN, sizeof(*job->seen));
	for (unsigned i = 0; i < 3; i++) {
		snprintf(dirs[i], 256, "%s/%u-%s", job->top, worker, names[i]);
		if (mkdir(dirs[i], 0700) < 0)
			die("%s: %m", dirs[i]);
	}
	snprintf(job->source, sizeof(job->source), "%s/%u-source", job->top, worker);
	mkdir(job->source, 0700);
	world_make(job->live, job->source);
	disk = disk_open(job->live);
	cut = cut_open(disk);
	job->base = cut_state(cut, 0, 1);
	/* The record and its copy live as long as the process. */
}

/* A store that is being made: whole, or made anew by the next start. */
static void
check_making(struct job *job)
{
	struct store_options o = { .mode = STORE_OWN, .create = true, .watch = disk_watch };
	struct store *store;
	struct disk *disk;
	struct cut *cut;
	uint64_t made = 0;
	int kind, err;

	cut_state_write(NULL, job->live);
	disk = disk_open(job->live);
	o.file_arg = disk;
	if ((err = store_open(job->live, &o, &store)) < 0)
		die("%s", err_text(err));
	disk_mark(disk, 0, 1);
	store_close(store);
	o.watch = NULL;
	cut = cut_open(disk);
	while (cut_next(cut, &kind, &made) != CUT_END)
		for (unsigned i = 0; i < cut_states(cut, 10); i++) {
			struct cut_state *s = cut_state(cut, i, job->seed + i);
			char where[160], text[600];

			cut_describe(cut, where, sizeof(where));
			snprintf(text, sizeof(text), "a new store, cut after %s, %s", where,
			    cut_state_text(s));
			cut_state_write(s, job->again);
			o.create = !made;
			if ((err = store_open(job->again, &o, &store)) < 0)
				die("%s: %s", text, err_text(err));
			world_check_store(store, text);
			store_close(store);
			cut_state_free(s);
			job->states++;
		}
	cut_close(cut);
	disk_close(disk);
}

static void
work(struct job *job, const struct plan *p, unsigned worker, unsigned workers)
{
	open_job(job, worker);
	if (worker == 0)
		check_making(job);
	for (unsigned i = worker; i < p->n; i += workers)
		run_sequence(job, &p->all[i]);
	printf("worker %u: %llu cuts, %llu states, %llu stores opened\n", worker,
	    (unsigned long long)job->cuts, (unsigned long long)job->states,
	    (unsigned long long)job->opened);
	fflush(stdout);
	_exit(0);
}

int
main(int argc, char **argv)
{
	const char *full = getenv("RUBUS_LONG"), *tmp = getenv("TMPDIR");
	struct job job = { 0 };
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	char command[300];
	struct plan plan = { 0 };
	int status, failed = 0;

	if (access("/dev/shm", W_OK) == 0)
		tmp = "/dev/shm";
	snprintf(job.top, sizeof(job.top), "%s/rubus-cut-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(job.top))
		die("%s: %m", job.top);
	job.full = full && *full && *full != '0';
	job.seed = world_seed(argc, argv, job.full ? (uint64_t)time(NULL) : 1);
	make_plan(&plan, &job);
	printf("seed %llu, %u sequences\n", (unsigned long long)job.seed, plan.n);
	fflush(stdout);
	workers = workers > 8 ? 8 : workers;
	for (unsigned i = 0; i < (unsigned)workers; i++)
		if (fork() == 0)
			work(&job, &plan, i, (unsigned)workers);
	while (wait(&status) > 0) {
		failed += status != 0;
		if (WIFSIGNALED(status))
			printf("a worker ended by signal %d\n", WTERMSIG(status));
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", job.top);
	if (system(command) != 0)
		failed++;
	free(plan.all);
	printf("%ld passed, %d failed\n", workers - failed, failed);
	return failed != 0;
}

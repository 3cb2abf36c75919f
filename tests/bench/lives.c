/*
 * Lives: what snapshot, rollback, reset, undo, clone, diff, commit and the collector cost, by the
 * size of what they are done to. Without a server: the disk and the store alone.
 *
 *   lives FOLDER [FILES]     FOLDER gets a store (several GB of rows for 200,000 files: 1 GB)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cow/commit.h"
#include "cow/diff.h"
#include "cow/err.h"
#include "cow/flatten.h"
#include "cow/gc.h"
#include "cow/import/import.h"
#include "cow/revert.h"
#include "cow/view.h"

#define IMAGE_FILES 100000
#define PER_FOLDER  1000
#define RUNS        21
#define CLASS       64
#define LOOKUPS     2000

struct lives {
	struct store *store;
	struct view *view; /* of client "a" */
	uint32_t files;    /* of the large delta */
};

static int
must(int r)
{
	if (r < 0) {
		fprintf(stderr, "lives: %s\n", err_text(r));
		exit(1);
	}
	return r;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
quantile(double *v, int n, double q)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[(int)(q * (n - 1))];
}

/* --- making it large --- */

static void
make_tree(const char *path)
{
	char name[640];

	must(mkdir(path, 0755));
	for (int i = 0; i < IMAGE_FILES; i++) {
		int fd;

		snprintf(name, sizeof(name), "%s/d%03d", path, i / PER_FOLDER);
		if (i % PER_FOLDER == 0)
			must(mkdir(name, 0755));
		snprintf(name, sizeof(name), "%s/d%03d/f%06d", path, i / PER_FOLDER, i);
		fd = must(open(name, O_WRONLY | O_CREAT, 0644));
		if (write(fd, name, strlen(name)) < 0)
			exit(1);
		close(fd);
	}
}

static uint32_t
child(struct view *v, uint32_t dir, const char *name)
{
	struct view_op op = { 0 };
	struct view_attr attr, parent;

	must(view_lookup(v, &op, dir, str_of(name), &attr, &parent));
	return attr.ino;
}

static void
write_file(struct view *v, uint32_t ino, const char *text)
{
	struct view_op op = { 0 };
	enum view_stable got;
	struct view_wcc wcc;

	must(view_write(v, &op, ino, 0, text, (uint32_t)strlen(text), VIEW_UNSTABLE, &got, &wcc));
}

static void
make_file(struct view *v, uint32_t dir, const char *name)
{
	struct view_set none = { 0 };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	must(view_create(v, &op, dir, str_of(name), VIEW_UNCHECKED, &none, 0, &attr, &wcc));
	write_file(v, attr.ino, name);
}

static void
make_delta(struct view *v, uint32_t files)
{
	struct view_set none = { 0 };
	struct view_op op = { 0 };
	struct view_attr dir;
	struct view_wcc wcc;
	char name[32];

	for (uint32_t i = 0; i < files; i++) {
		if (i % PER_FOLDER == 0) {
			snprintf(name, sizeof(name), "n%03u", i / PER_FOLDER);
			must(view_mkdir(v, &op, INO_ROOT, str_of(name), &none, &dir, &wcc));
		}
		snprintf(name, sizeof(name), "new%06u", i);
		make_file(v, dir.ino, name);
	}
	must(view_flush(v));
}

static void
open_view(struct lives *l)
{
	struct client c;

	must(client_find(l->store, "a", &c));
	must(view_open(l->store, &c, &l->view));
}

/* --- one operation, some times --- */

static void
snapshot(struct lives *l, const char *name)
{
	struct snapshot_of of = { "a", l->view };

	must(snapshot_create(l->store, &of, 1, name, NULL));
}

static void
revert(struct lives *l, enum snapshot_kind kind)
{
	struct revert r = { .client = "a", .kind = kind, .snapshot = "base" };

	must(revert_run(l->store, &r, 1));
}

static void
do_snapshot(struct lives *l, int i)
{
	char name[32];

	snprintf(name, sizeof(name), "s%d-%ld", i, (long)now_ms());
	snapshot(l, name);
}

static void
do_rollback(struct lives *l, int i)
{
	(void)i;
	revert(l, SNAPSHOT_ROLLBACK);
}

static void
do_reset(struct lives *l, int i)
{
	(void)i;
	revert(l, SNAPSHOT_RESET);
}

static void
do_undo(struct lives *l, int i)
{
	(void)i;
	revert(l, SNAPSHOT_UNDO);
}

static void
do_clone(struct lives *l, int i)
{
	char name[32];
	struct client_options o = { .name = name };
	struct snapshot_of of = { "a", NULL };

	snprintf(name, sizeof(name), "c%d-%ld", i, (long)now_ms());
	must(client_clone(l->store, &of, "base", &o));
}

static void
time_one(struct lives *l, const char *state, const char *what, void (*fn)(struct lives *, int))
{
	double ms[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double begin = now_ms();

		fn(l, i);
		ms[i] = now_ms() - begin;
	}
	printf("%-12s %-10s median %7.2f ms", state, what, quantile(ms, RUNS, 0.5));
	printf("  worst %7.2f ms\n", ms[RUNS - 1]);
}

/* Opening a view anew is what comes after a revert, once. */
static void
time_all(struct lives *l, const char *state)
{
	double begin;

	time_one(l, state, "snapshot", do_snapshot);
	view_close(l->view);
	l->view = NULL;
	time_one(l, state, "rollback", do_rollback);
	time_one(l, state, "reset", do_reset);
	time_one(l, state, "undo", do_undo);
	time_one(l, state, "clone", do_clone);
	revert(l, SNAPSHOT_ROLLBACK);
	begin = now_ms();
	open_view(l);
	printf("%-12s %-10s        %7.2f ms\n", state, "first call", now_ms() - begin);
}

/* --- a class --- */

static double
fdatasync_ms(const char *folder)
{
	char path[512], byte = 0;
	double ms[RUNS];
	int fd;

	snprintf(path, sizeof(path), "%s/sync", folder);
	fd = must(open(path, O_WRONLY | O_CREAT, 0600));
	for (int i = 0; i < RUNS; i++) {
		double begin = now_ms();

		if (pwrite(fd, &byte, 1, i * 4096) < 0 || fdatasync(fd) < 0)
			exit(1);
		ms[i] = now_ms() - begin;
	}
	close(fd);
	return quantile(ms, RUNS, 0.5);
}

static void
time_class(struct lives *l, const char *folder)
{
	struct client_options o[CLASS];
	struct snapshot_of of[CLASS];
	struct revert r[CLASS];
	char names[CLASS][16];
	double sync = fdatasync_ms(folder), begin;

	for (int i = 0; i < CLASS; i++) {
		snprintf(names[i], sizeof(names[i]), "k%02d", i);
		o[i] = (struct client_options){ .name = names[i], .image = "golden" };
		of[i] = (struct snapshot_of){ names[i], NULL };
		r[i] = (struct revert){ .client = names[i], .kind = SNAPSHOT_RESET };
	}
	must(clients_add(l->store, o, CLASS));
	begin = now_ms();
	must(snapshot_create(l->store, of, CLASS, "class", NULL));
	printf("%-12s %-10s        %7.2f ms  (bound: 3 fdatasyncs of %.2f ms + 20 = %.2f)\n",
	    "class of 64", "snapshot", now_ms() - begin, sync, 3 * sync + 20);
	begin = now_ms();
	must(revert_run(l->store, r, CLASS));
	printf("%-12s %-10s        %7.2f ms\n", "class of 64", "reset", now_ms() - begin);
	for (int i = 0; i < CLASS; i++)
		r[i].kind = SNAPSHOT_UNDO;
	begin = now_ms();
	must(revert_run(l->store, r, CLASS));
	printf("%-12s %-10s        %7.2f ms\n", "class of 64", "undo", now_ms() - begin);
}

/* --- cold lookups --- */

static double
lookup_us(struct lives *l)
{
	double ms[RUNS];

	for (int k = 0; k < RUNS; k++) {
		struct client c;
		struct view *v;
		double begin;
		char name[32];

		must(client_find(l->store, "a", &c));
		must(view_open(l->store, &c, &v));
		begin = now_ms();
		for (uint32_t i = 0; i < LOOKUPS; i++) {
			uint32_t at = (i * 7919u + (uint32_t)k) % l->files, dir;

			snprintf(name, sizeof(name), "n%03u", at / PER_FOLDER);
			dir = child(v, INO_ROOT, name);
			snprintf(name, sizeof(name), "new%06u", at);
			child(v, dir, name);
		}
		ms[k] = now_ms() - begin;
		view_close(v);
	}
	return quantile(ms, RUNS, 0.5) * 1e3 / (2 * LOOKUPS);
}

static void
time_lookups(struct lives *l)
{
	struct flatten *f;
	double first, hundred, begin;
	char name[32];

	view_close(l->view);
	first = lookup_us(l);
	open_view(l);
	for (int i = 0; i < 99; i++) {
		uint32_t dir;

		snprintf(name, sizeof(name), "n%03u", (uint32_t)i * 2 % (l->files / PER_FOLDER));
		dir = child(l->view, INO_ROOT, name);
		snprintf(name, sizeof(name), "more%d", i);
		make_file(l->view, dir, name);
		snprintf(name, sizeof(name), "chain%d", i);
		snapshot(l, name);
	}
	view_close(l->view);
	hundred = lookup_us(l);
	printf("cold lookup  after 1 snapshot %.2f us, after 100 %.2f us: %.2f\n", first, hundred,
	    hundred / first);
	open_view(l);
	begin = now_ms();
	if (must(flatten_begin(l->store, "a", 2, &f)) == 1) {
		must(flatten_swap(f, l->view));
		flatten_end(f);
	}
	begin = now_ms() - begin;
	view_close(l->view);
	hundred = lookup_us(l);
	printf("             and laid flat (in %.0f ms, beside the view) %.2f us: %.2f\n", begin,
	    hundred, hundred / first);
	open_view(l);
}

/* --- diff and commit --- */

static int
count_entry(void *arg, const struct diff_entry *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

static void
time_diff(struct lives *l, int changed)
{
	struct client_options o = { .name = "d", .image = "golden" };
	struct image_info info;
	struct snapshot s;
	struct diff_side x, y;
	struct view *v;
	struct client c;
	char name[32];
	int n = 0;
	double begin;

	must(client_add(l->store, &o));
	must(client_find(l->store, "d", &c));
	must(view_open(l->store, &c, &v));
	for (int i = 0; i < changed; i++) {
		int at = (int)((long)i * IMAGE_FILES / changed);
		uint32_t dir;

		snprintf(name, sizeof(name), "d%03d", at / PER_FOLDER);
		dir = child(v, INO_ROOT, name);
		snprintf(name, sizeof(name), "f%06d", at);
		write_file(v, child(v, dir, name), "changed");
	}
	must(snapshot_create(l->store, &(struct snapshot_of){ "d", v }, 1, "one", NULL));
	must(snapshot_find(l->store, "d", "one", &s));
	view_close(v);
	x = (struct diff_side){ s.image_id, 0 };
	y = (struct diff_side){ s.image_id, s.layer };
	begin = now_ms();
	must(diff_run(l->store, &x, &y, count_entry, &n));
	printf("diff         %d of %d files: %.1f ms\n", n, IMAGE_FILES, now_ms() - begin);
	snprintf(name, sizeof(name), "committed%d", changed);
	begin = now_ms();
	must(image_commit(l->store, &s.image_id, s.layer, name, &info));
	printf("image commit %d changed of %llu: %.1f ms\n", changed,
	    (unsigned long long)info.entries, now_ms() - begin);
	must(client_remove(l->store, "d"));
}

/* --- the collector --- */

static int
flush(void *arg)
{
	return view_flush(((struct lives *)arg)->view);
}

struct worker {
	struct lives *lives;
	atomic_bool stop;
	double ms[200000];
	int n;
};

/* Durable creates, one after the other. */
static void *
work(void *arg)
{
	struct worker *w = arg;
	struct view_set none = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	char name[32];

	for (int i = 0; !atomic_load(&w->stop) && w->n < 200000; i++) {
		struct view_op op = { 0 };
		double begin = now_ms();

		snprintf(name, sizeof(name), "w%d-%ld", i, (long)now_ms());
		must(view_create(w->lives->view, &op, INO_ROOT, str_of(name), VIEW_UNCHECKED, &none,
		    0, &attr, &wcc));
		must(batch_wait(store_batch(w->lives->store), op.ticket));
		w->ms[w->n++] = now_ms() - begin;
	}
	return NULL;
}

static void
begin_work(struct worker *w, pthread_t *thread)
{
	w->n = 0;
	atomic_store(&w->stop, false);
	must(-pthread_create(thread, NULL, work, w));
}

static double
end_work(struct worker *w, pthread_t thread)
{
	atomic_store(&w->stop, true);
	pthread_join(thread, NULL);
	return quantile(w->ms, w->n, 0.99);
}

static void
time_gc(struct lives *l)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct gc_options o = { .flush = flush, .arg = l };
	struct gc_result seen, done;
	struct timespec second = { 2, 0 };
	pthread_t thread;
	double begin, mark, alone, beside;

	if (!w)
		exit(1);
	w->lives = l;
	o.dry_run = true;
	begin = now_ms();
	must(gc_run(l->store, &o, &seen));
	mark = now_ms() - begin;
	printf("gc           %llu blocks marked in %.0f ms: %.0f a second\n",
	    (unsigned long long)seen.blocks_seen, mark, (double)seen.blocks_seen / mark * 1e3);
	begin_work(w, &thread);
	nanosleep(&second, NULL);
	alone = end_work(w, thread);
	begin_work(w, &thread);
	o.dry_run = false;
	begin = now_ms();
	must(gc_run(l->store, &o, &done));
	mark = now_ms() - begin;
	beside = end_work(w, thread);
	printf("gc           gave back %llu rows, %llu blocks, in %.0f ms; p99 of a durable create "
	       "%.2f ms, beside it %.2f ms: %.2f\n",
	    (unsigned long long)done.rows, (unsigned long long)done.blocks, mark, alone, beside,
	    beside / alone);
	free(w);
}

int
main(int argc, char **argv)
{
	struct store_options so = { .mode = STORE_OWN, .create = true };
	struct import_options io = { .name = "golden" };
	struct client_options co = { .name = "a", .image = "golden" };
	struct lives l = { .files = argc > 2 ? (uint32_t)atoi(argv[2]) : 200000 };
	struct import_result result;
	char path[512];

	if (argc < 2) {
		fputs("usage: lives FOLDER [FILES]\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(path, sizeof(path), "%s/store", argv[1]);
	must(store_open(path, &so, &l.store));
	snprintf(path, sizeof(path), "%s/tree", argv[1]);
	make_tree(path);
	must(import_run(l.store, path, &io, &result));
	must(client_add(l.store, &co));
	open_view(&l);
	snapshot(&l, "base");
	time_all(&l, "empty delta");
	time_class(&l, argv[1]);
	time_diff(&l, 2000);
	time_diff(&l, 20000);
	make_delta(l.view, l.files);
	must(snapshot_remove(l.store, "a", "base"));
	snapshot(&l, "base");
	snprintf(path, sizeof(path), "%u files", l.files);
	time_all(&l, path);
	time_lookups(&l);
	must(snapshot_remove(l.store, "a", "base"));
	snapshot(&l, "base");
	time_all(&l, "100 layers");
	must(snapshot_expire(l.store, 0, 0));
	time_gc(&l);
	view_close(l.view);
	store_close(l.store);
	return 0;
}

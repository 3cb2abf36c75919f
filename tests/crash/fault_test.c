/* Full disks and I/O errors at every write and every sync in turn: the call answers ENOSPC or EIO,
 * memory and disk agree, and it goes on when there is room again. A failed sync is final, and what
 * was acknowledged before it outlives that the rest is lost.
 *
 * One run for each k: the k-th event fails, alone or with all after it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/inode.h"
#include "tests/crash/world.h"

/* In this order none of them fails by itself. */
static const char *const steps[] = { "create", "write-small", "write-blocks", "write-new",
	"write-later", "commit", "cut", "grow", "chmod", "mkdir", "symlink", "mknod", "link",
	"rename-away", "add-client", "import", "rename-folder", "rename-new", "write-blocks",
	"rmdir-new", "remove-link", "snapshot", "commit-image", "collect", "remove-snapshot",
	"remove-client", "remove-image", "create-exclusive", "empty", "remove-golden" };

struct fault {
	enum file_event event;
	int err;
	unsigned at, seen;
	bool lasting; /* all that come after it fail, too */
	bool hit;
	char name[128]; /* which file's was the first */
};

struct job {
	char top[200], live[256], after[256], source[256];
	struct disk *disk;
	struct cut *cut;
	struct cut_state *state;
	unsigned runs, refused, ended, cuts;
};

static const char *const events[] = {
	[FILE_OPEN] = "new file", [FILE_WRITE] = "write", [FILE_FSYNC] = "sync"
};

static int
fail(void *arg, enum file_event event, const char *name, uint64_t off, size_t *len)
{
	struct fault *f = arg;
	unsigned seen;

	(void)off;
	if (event != f->event)
		return 0;
	seen = __atomic_fetch_add(&f->seen, 1, __ATOMIC_SEQ_CST);
	if (seen != f->at && !(f->lasting && seen > f->at))
		return 0;
	if (!f->hit)
		snprintf(f->name, sizeof(f->name), "%s", name);
	f->hit = true;
	/* An I/O error may come in the middle. */
	if (event == FILE_WRITE && f->err == -EIO && f->at % 2 && *len > 1) {
		*len /= 2;
		return 0;
	}
	return f->err;
}

static unsigned
call_named(const char *name)
{
	unsigned i = 0;

	while (strcmp(world_call_name(i), name) != 0)
		if (++i == world_calls())
			die("no call %s", name);
	return i;
}

static unsigned
last_acknowledged(const struct world *w)
{
	unsigned last = 0;

	for (unsigned i = 1; i < w->n; i++)
		if (w->acks[i] == 0)
			last = i;
	return last;
}

/* The fault's own error; or what a call meets because `refused` earlier ones were. */
static bool
is_expected(int err, const struct fault *f, unsigned refused)
{
	if (err == f->err || err == -EIO)
		return f->hit;
	return refused && (err == -ENOENT || err == -ESTALE || err == -EEXIST ||
			      err == -ENOTEMPTY || err == -ENOTDIR || err == -EISDIR);
}

/* 1: a call was refused, 0: it was not. */
static int
run_step(
    struct world *w, const struct fault *f, const char *name, unsigned refused, const char *what)
{
	bool was_fatal = __atomic_load_n(&w->fatal, __ATOMIC_SEQ_CST);
	unsigned before = w->n;
	int err = world_call(w, call_named(name), true);

	world_wait(w);
	if (err == 0 && w->n > before && w->acks[before] != 2) {
		err = w->acks[before];
		if (err == 0 && was_fatal)
			die("%s: %s is acknowledged after the end", what, name);
	}
	if (err < 0 && !is_expected(err, f, refused))
		die("%s: %s: %s (%s)", what, name, strerror(-err), err_text(err));
	return err < 0;
}

static void
must(int err, const char *what)
{
	if (err < 0)
		die("%s: %s", what, err_text(err));
}

static void
read_views(struct store *store, struct tree out[WORLD_VIEWS], const char *what)
{
	static const char *const names[WORLD_VIEWS] = { "a", "b" };

	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		struct client client;
		struct view *view;

		must(client_find(store, names[v], &client), what);
		must(view_open(store, &client, &view), what);
		must(tree_read(view, NULL, 0, &out[v]), what);
		view_close(view);
	}
}

static void
must_agree(const struct tree a[WORLD_VIEWS], const struct tree b[WORLD_VIEWS], const char *when,
    const char *what)
{
	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		const char *differs = tree_differs(&a[v], 0, &b[v]);

		if (differs)
			die("%s: %s differ: %s", what, when, differs);
	}
}

static void
free_trees(struct tree trees[WORLD_VIEWS])
{
	for (unsigned v = 0; v < WORLD_VIEWS; v++)
		tree_free(&trees[v]);
}

/* What the views show is what views opened now show. That is in disk. */
static void
check_agreement(struct world *w, struct tree disk[WORLD_VIEWS], const char *what)
{
	struct tree memory[WORLD_VIEWS];

	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		must(view_flush(w->views[v]), what);
		must(batch_flush(store_batch(w->store)), what);
		must(tree_read(w->views[v], NULL, 0, &memory[v]), what);
	}
	read_views(w->store, disk, what);
	must_agree(memory, disk, "memory and disk", what);
	free_trees(memory);
}

static void
goes_on(struct world *w, const char *what)
{
	struct view_set set = { .set_mode = true, .mode = 0644 };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	must(view_create(
		 w->views[0], &op, INO_ROOT, STR("later"), VIEW_GUARDED, &set, 0, &attr, &wcc),
	    what);
	must(batch_wait(store_batch(w->store), op.ticket), what);
}

static void
open_again(const char *folder, struct store **out, const char *what)
{
	struct store_options o = { .mode = STORE_OWN, .start = true };

	must(store_open(folder, &o, out), what);
	world_check_store(*out, what);
}

/* After the end: opened again, all that was acknowledged is there. */
static void
check_acknowledged(const char *folder, struct world *w, const char *what)
{
	struct store *store;
	char why[1024];

	open_again(folder, &store, what);
	if (world_moment(w, store, last_acknowledged(w), w->n - 1, why) < 0)
		die("%s: after a restart:%s", what, why);
	store_close(store);
}

/* Without an end: opened again, all is as it was. */
static void
check_same(const char *folder, const struct tree before[WORLD_VIEWS], const char *what)
{
	struct tree now[WORLD_VIEWS];
	struct store *store;

	open_again(folder, &store, what);
	read_views(store, now, what);
	must_agree(before, now, "before and after a restart", what);
	free_trees(now);
	store_close(store);
}

/* The power fails when `length` changes are done, and takes with it what wasn't synced, the bytes
 * of the failed sync among it: the kernel forgets that they were to be written. */
static void
check_power_cut(
    struct job *job, struct disk *disk, unsigned length, struct world *w, const char *what)
{
	struct cut *cut = cut_open(disk);
	uint64_t value;
	int kind;

	while (cut_at(cut) < length)
		cut_next(cut, &kind, &value);
	for (unsigned i = 0; i < cut_states(cut, 0); i++) {
		struct cut_state *state = cut_state(cut, i, 1);
		char when[300];

		cut_state_write(state, job->after);
		snprintf(
		    when, sizeof(when), "%s, then a power cut (%s)", what, cut_state_text(state));
		check_acknowledged(job->after, w, when);
		cut_state_free(state);
		job->cuts++;
	}
	cut_close(cut);
}

/* Whoever needs the disk next is told, and the store's owner. (An import's segments are its own:
 * the sync of one ends no more than the import.) */
static bool
check_end(struct world *w, const struct fault *f, unsigned refused, const char *what)
{
	bool database = strncmp(f->name, "store.db", 8) == 0;

	if (f->hit && f->event == FILE_FSYNC && database && !w->fatal) {
		world_call(w, call_named("write-blocks"), true);
		world_wait(w);
		if (!w->fatal)
			die("%s: the sync of %s failed, and nobody was told", what, f->name);
	}
	if (f->hit && f->event == FILE_FSYNC && !w->fatal && !refused)
		die("%s: the sync of %s failed, and no call was refused", what, f->name);
	if (w->fatal && f->event != FILE_FSYNC && f->err == -ENOSPC)
		die("%s: a full disk (%s) was the end", what, f->name);
	return w->fatal;
}

static unsigned
run_steps(struct world *w, struct fault *f, const char *what)
{
	unsigned refused = 0;

	files_hook(store_files(w->store), fail, f);
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
		refused += (unsigned)run_step(w, f, steps[i], refused, what);
	files_hook(store_files(w->store), NULL, NULL);
	return refused;
}

/* False: there was no such event any more. */
static bool
run(struct job *job, struct fault *f)
{
	struct tree last[WORLD_VIEWS];
	unsigned length, refused;
	struct disk *disk;
	struct world w;
	char what[200];
	bool ended;

	snprintf(what, sizeof(what), "%s %u %s: %s", events[f->event], f->at,
	    f->lasting ? "and all after it" : "alone", strerror(-f->err));
	cut_state_write(job->state, job->live);
	disk = disk_open(job->live);
	world_open(&w, job->live, disk, 1);
	snprintf(w.source, sizeof(w.source), "%s", job->source);
	refused = run_steps(&w, f, what);
	if (refused && !f->hit)
		die("%s: refused without a fault", what);
	ended = check_end(&w, f, refused, what);
	length = disk_length(disk);
	if (!ended) {
		check_agreement(&w, last, what);
		free_trees(last);
		goes_on(&w, what);
		check_agreement(&w, last, what);
	}
	world_close(&w);
	if (ended) {
		check_acknowledged(job->live, &w, what);
		check_power_cut(job, disk, length, &w, what);
	} else {
		check_same(job->live, last, what);
		free_trees(last);
	}
	world_free(&w);
	disk_close(disk);
	job->runs++;
	job->refused += refused;
	job->ended += ended;
	return f->hit;
}

static void
open_job(struct job *job)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

	snprintf(job->top, sizeof(job->top), "%s/rubus-fault-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(job->top))
		die("%s: %m", job->top);
	snprintf(job->live, sizeof(job->live), "%s/live", job->top);
	snprintf(job->after, sizeof(job->after), "%s/after", job->top);
	snprintf(job->source, sizeof(job->source), "%s/source", job->top);
	if (mkdir(job->live, 0700) < 0 || mkdir(job->after, 0700) < 0 ||
	    mkdir(job->source, 0700) < 0)
		die("%s: %m", job->live);
	world_make(job->live, job->source);
	job->disk = disk_open(job->live);
	job->cut = cut_open(job->disk);
	job->state = cut_state(job->cut, 0, 1);
}

static void
close_job(struct job *job)
{
	char command[300];

	cut_state_free(job->state);
	cut_close(job->cut);
	disk_close(job->disk);
	snprintf(command, sizeof(command), "rm -rf '%s'", job->top);
	if (system(command) != 0)
		die("%s: can't be removed", job->top);
}

int
main(void)
{
	static const struct fault kinds[] = {
		{ FILE_OPEN, -ENOSPC },
		{ FILE_OPEN, -ENOSPC, .lasting = true },
		{ FILE_WRITE, -ENOSPC },
		{ FILE_WRITE, -ENOSPC, .lasting = true },
		{ FILE_WRITE, -EIO },
		{ FILE_WRITE, -EIO, .lasting = true },
		{ FILE_FSYNC, -EIO },
		{ FILE_FSYNC, -ENOSPC },
		{ FILE_FSYNC, -EIO, .lasting = true },
	};
	struct job job = { 0 };

	open_job(&job);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct fault f;

		job.runs = job.refused = job.ended = job.cuts = 0;
		for (unsigned k = 0;; k++) {
			f = kinds[i];
			f.at = k;
			if (!run(&job, &f))
				break;
		}
		printf("%s %s%s: %u runs, %u calls refused, %u ends, %u power cuts after them\n",
		    events[kinds[i].event], strerror(-kinds[i].err),
		    kinds[i].lasting ? " for ever" : "", job.runs, job.refused, job.ended,
		    job.cuts);
		fflush(stdout);
	}
	close_job(&job);
	return 0;
}

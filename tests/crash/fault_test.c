/* Full disks and I/O errors at every write and every sync in turn: the call answers ENOSPC or EIO,
 * memory and disk agree, and it goes on when there is room again. A failed sync is final.
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

static const char *const steps[] = { "create", "write-small", "write-blocks", "write-new",
	"write-later", "commit", "cut", "chmod", "mkdir", "symlink", "mknod", "link", "add-client",
	"import", "rename-folder", "rename-new", "write-blocks", "remove-link", "rename-away",
	"rmdir", "remove-client", "remove-image", "create-exclusive", "empty", "remove-golden" };

struct fault {
	enum file_event event;
	int err;
	unsigned at, seen;
	bool lasting; /* all that come after it fail, too */
	bool hit;
	char name[128]; /* which file's was the first */
};

struct job {
	char top[200], live[256], source[256];
	struct disk *disk;
	struct cut *cut;
	struct cut_state *state;
	unsigned runs, refused, ended;
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

/* The fault's own error; or what a call meets because an earlier one was refused. */
static bool
is_expected(int err, const struct fault *f)
{
	return err == f->err || err == -EIO || err == -ENOENT || err == -ESTALE || err == -EEXIST ||
	       err == -ENOTEMPTY || err == -ENOTDIR || err == -EISDIR;
}

/* 1: a call was refused, 0: it was not. */
static int
run_step(struct world *w, const struct fault *f, const char *name, const char *what)
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
	if (err < 0 && !is_expected(err, f))
		die("%s: %s: %s", what, name, err_text(err));
	return err < 0;
}

static void
must(int err, const char *what)
{
	if (err < 0)
		die("%s: %s", what, err_text(err));
}

/* What the views show is what views opened now show. */
static void
check_agreement(struct world *w, const char *what)
{
	static const char *const names[] = { "a", "b" };
	const char *differs;

	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		struct tree memory, disk;
		struct client client;
		struct view *fresh;

		must(view_flush(w->views[v]), what);
		must(batch_flush(store_batch(w->store)), what);
		must(tree_read(w->views[v], NULL, 0, &memory), what);
		must(client_find(w->store, names[v], &client), what);
		must(view_open(w->store, &client, &fresh), what);
		must(tree_read(fresh, NULL, 0, &disk), what);
		if ((differs = tree_differs(&memory, 0, &disk)))
			die("%s: memory and disk differ: %s", what, differs);
		view_close(fresh);
		tree_free(&memory);
		tree_free(&disk);
	}
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

/* After the end: opened again, all that was acknowledged is there. */
static void
check_restart(struct job *job, struct world *w, bool ended, const char *what)
{
	struct store_options o = { .mode = STORE_OWN, .start = true };
	struct store *store;
	char why[1024];

	must(store_open(job->live, &o, &store), what);
	world_check_store(store, what);
	if (ended && world_moment(w, store, last_acknowledged(w), w->n - 1, why) < 0)
		die("%s: after a restart:%s", what, why);
	store_close(store);
}

/* Whoever needs the disk next is told, and the store's owner. */
static bool
check_end(struct world *w, const struct fault *f, const char *what)
{
	bool database = strncmp(f->name, "store.db", 8) == 0;

	if (f->hit && f->event == FILE_FSYNC && database && !w->fatal) {
		world_call(w, call_named("chmod"), true);
		world_wait(w);
		if (!w->fatal)
			die("%s: the sync of %s failed, and nobody was told", what, f->name);
	}
	if (w->fatal && f->event == FILE_WRITE && f->err == -ENOSPC)
		die("%s: a full disk (%s) was the end", what, f->name);
	return w->fatal;
}

/* False: there was no such event any more. */
static bool
run(struct job *job, struct fault *f)
{
	unsigned refused = 0;
	struct world w;
	char what[200];
	bool ended;

	snprintf(what, sizeof(what), "%s %u %s: %s", f->event == FILE_WRITE ? "write" : "sync",
	    f->at, f->lasting ? "and all after it" : "alone", strerror(-f->err));
	cut_state_write(job->state, job->live);
	world_open(&w, job->live, NULL, 1);
	snprintf(w.source, sizeof(w.source), "%s", job->source);
	files_hook(store_files(w.store), fail, f);
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
		refused += (unsigned)run_step(&w, f, steps[i], what);
	files_hook(store_files(w.store), NULL, NULL);
	ended = check_end(&w, f, what);
	if (!ended) {
		check_agreement(&w, what);
		goes_on(&w, what);
		check_agreement(&w, what);
	}
	world_close(&w);
	check_restart(job, &w, ended, what);
	world_free(&w);
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
	snprintf(job->source, sizeof(job->source), "%s/source", job->top);
	if (mkdir(job->live, 0700) < 0 || mkdir(job->source, 0700) < 0)
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

		job.runs = job.refused = job.ended = 0;
		for (unsigned k = 0;; k++) {
			f = kinds[i];
			f.at = k;
			if (!run(&job, &f))
				break;
		}
		printf("%s %s%s: %u runs, %u calls refused, %u ends\n",
		    kinds[i].event == FILE_WRITE ? "write" : "sync", strerror(-kinds[i].err),
		    kinds[i].lasting ? " for ever" : "", job.runs, job.refused, job.ended);
		fflush(stdout);
	}
	close_job(&job);
	return 0;
}

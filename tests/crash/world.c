/* A store under test, and what it must be again after a cut. */
#include "tests/crash/world.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/extent.h"
#include "cow/import/import.h"
#include "cow/snapshot.h"
#include "tests/crash/disk_priv.h"
#include "tests/crash/world_priv.h"

static const char *const client_names[WORLD_VIEWS] = { "a", "b" };

void
world_die(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stdout, "FAILED at %s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stdout, format, args);
	va_end(args);
	fputc('\n', stdout);
	fflush(stdout);
	_exit(1);
}

uint64_t
world_seed(int argc, char **argv, uint64_t otherwise)
{
	const char *set = argc > 1 ? argv[1] : getenv("RUBUS_SEED");

	return set && *set ? strtoull(set, NULL, 10) : otherwise;
}

uint64_t
world_random(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random * 0x2545f4914f6cdd1d >> 16;
}

/* --- making one --- */

static void
put_file(const char *folder, const char *name, unsigned n, unsigned seed)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (!(f = fopen(path, "w")))
		die("%s: %m", path);
	for (unsigned i = 0; i < n; i++)
		fputc((int)((i * 7 + i / 256 + seed) % 255 + 1), f);
	fclose(f);
}

static void
put_folder(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die("%s: %m", path);
}

void
world_source(const char *source)
{
	char old[512], new[512];

	put_folder(source, "");
	put_folder(source, "d");
	put_folder(source, "e");
	put_file(source, "f", 10000, 1);
	put_file(source, "g", 100, 2);
	put_file(source, "d/x", 5000, 3);
	put_file(source, "d/y", 10, 4);
	snprintf(old, sizeof(old), "%s/g", source);
	snprintf(new, sizeof(new), "%s/h", source);
	if (link(old, new) < 0 && errno != EEXIST)
		die("%s: %m", new);
}

void
world_make(const char *folder, const char *source)
{
	struct store_options options = { .mode = STORE_OWN, .create = true, .block_size = 4096 };
	struct import_options import = { .name = "golden" };
	struct import_result result;
	struct store *store;
	int err;

	world_source(source);
	if ((err = store_open(folder, &options, &store)) < 0 ||
	    (err = import_run(store, source, &import, &result)) < 0)
		die("%s", err_text(err));
	for (unsigned i = 0; i < WORLD_VIEWS; i++) {
		struct client_options c = { .name = client_names[i], .image = "golden" };

		if ((err = client_add(store, &c)) < 0)
			die("%s", err_text(err));
	}
	store_close(store);
	put_file(source, "z", 9000, 9); /* a later import is of another tree */
}

/* --- what is seen --- */

static int
add_client(void *arg, const struct client *c)
{
	char **text = arg, *more;

	if (asprintf(&more, "%sclient %s image %s head %llu incarnation %u\n", *text, c->name,
		c->image, (unsigned long long)c->head, c->incarnation) < 0)
		abort();
	free(*text);
	*text = more;
	return 0;
}

static int
add_image(void *arg, const struct image_info *info)
{
	char **text = arg, *more, hex[ID_HEX_SIZE];

	id_hex(&info->id, hex);
	if (asprintf(&more, "%simage %s %s %llu %llu\n", *text, info->name, hex,
		(unsigned long long)info->entries, (unsigned long long)info->bytes) < 0)
		abort();
	free(*text);
	*text = more;
	return 0;
}

static int
add_snapshot(void *arg, const struct snapshot *s)
{
	char **text = arg, *more;

	if (asprintf(&more, "%ssnapshot %s %d layer %llu\n", *text, s->client, (int)s->kind,
		(unsigned long long)s->layer) < 0)
		abort();
	free(*text);
	*text = more;
	return 0;
}

static char *
read_catalogue(struct store *store)
{
	char *text = strdup("");
	int err = store_images(store, add_image, &text);

	if (err == 0)
		err = client_each(store, add_client, &text);
	if (err == 0)
		err = snapshot_each(store, NULL, add_snapshot, &text);
	if (err < 0)
		die("the catalogue can't be read: %s", err_text(err));
	return text;
}

static void
forget_removed(struct world *w, unsigned v)
{
	const struct tree *t = &w->moments[v][w->n];

	for (unsigned i = 0; i < w->nloose[v]; i++) {
		bool there = false;

		for (unsigned k = 0; k < t->n; k++)
			there = there || t->files[k].ino == w->loose[v][i];
		if (!there)
			w->loose[v][i--] = w->loose[v][--w->nloose[v]];
	}
}

void
world_remember_views(struct world *w)
{
	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		int err;

		w->moments[v] = disk_grow(w->moments[v], w->n, sizeof(struct tree));
		err = tree_read(w->views[v], w->loose[v], w->nloose[v], &w->moments[v][w->n]);
		if (err < 0)
			die("view %u after call %u: %s", v, w->n, err_text(err));
		forget_removed(w, v);
	}
}

void
world_remember_catalogue(struct world *w)
{
	w->catalogues = disk_grow(w->catalogues, w->ncatalogues, sizeof(char *));
	w->catalogues[w->ncatalogues] = read_catalogue(w->store);
}

static struct view *
open_view(struct store *store, unsigned v)
{
	struct client client;
	struct view *view;
	int err = client_find(store, client_names[v], &client);

	if (err == 0)
		err = view_open(store, &client, &view);
	if (err < 0)
		die("view %s: %s", client_names[v], err_text(err));
	return view;
}

static void
on_fatal(void *arg, const char *why)
{
	struct world *w = arg;

	(void)why;
	__atomic_store_n(&w->fatal, true, __ATOMIC_SEQ_CST);
}

void
world_open(struct world *w, const char *folder, struct disk *disk, uint64_t seed)
{
	int err;

	memset(w, 0, sizeof(*w));
	snprintf(w->folder, sizeof(w->folder), "%s", folder);
	w->random = seed * 0x9e3779b97f4a7c15 | 1;
	w->disk = disk;
	w->options = (struct store_options){ .mode = STORE_OWN };
	if (disk) {
		w->options.watch = disk_watch;
		w->options.file_arg = disk;
	}
	if ((err = store_open(folder, &w->options, &w->store)) < 0)
		die("%s", err_text(err));
	store_on_fatal(w->store, on_fatal, w);
	for (unsigned v = 0; v < WORLD_VIEWS; v++)
		w->views[v] = open_view(w->store, v);
	world_remember_views(w);
	world_remember_catalogue(w);
	w->n = w->ncatalogues = 1;
	w->acks = calloc(WORLD_CALLS, sizeof(*w->acks));
	w->tickets = calloc(WORLD_CALLS, sizeof(*w->tickets));
	w->acks[0] = 2;
}

void
world_close(struct world *w)
{
	for (unsigned v = 0; v < WORLD_VIEWS; v++)
		view_close(w->views[v]);
	store_close(w->store);
	w->store = NULL;
}

void
world_free(struct world *w)
{
	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		for (unsigned i = 0; i < w->n; i++)
			tree_free(&w->moments[v][i]);
		free(w->moments[v]);
	}
	for (unsigned i = 0; i < w->ncatalogues; i++)
		free(w->catalogues[i]);
	free(w->catalogues);
	free(w->acks);
	free(w->tickets);
}

int
world_wait(struct world *w)
{
	int err = w->ticket ? batch_wait(store_batch(w->store), w->ticket) : 0;

	/* The committer wakes who waits before it calls who is to be called. */
	for (unsigned i = 0; i < w->n; i++)
		while (__atomic_load_n(&w->acks[i], __ATOMIC_SEQ_CST) == 1)
			sched_yield();
	return err;
}

/* --- comparing --- */

int
world_moment(struct world *w, struct store *store, unsigned low, unsigned high, char why[1024])
{
	struct tree now[WORLD_VIEWS];
	int found = -1;

	for (unsigned v = 0; v < WORLD_VIEWS; v++) {
		struct view *view = open_view(store, v);
		int err = tree_read(view, NULL, 0, &now[v]);

		if (err < 0)
			die("view %s can't be read: %s", client_names[v], err_text(err));
		view_close(view);
	}
	why[0] = '\0';
	for (unsigned i = low; i <= high && found < 0; i++) {
		const char *differs = NULL;

		for (unsigned v = 0; v < WORLD_VIEWS && !differs; v++)
			differs = tree_differs(w->moments[v], i, &now[v]);
		if (!differs)
			found = (int)i;
		else
			snprintf(why + strlen(why), 1024 - strlen(why), "\n  after call %u: %.300s",
			    i, differs);
	}
	for (unsigned v = 0; v < WORLD_VIEWS; v++)
		tree_free(&now[v]);
	return found;
}

int
world_catalogue(struct world *w, struct store *store, unsigned low, unsigned high, char why[1024])
{
	char *now = read_catalogue(store);
	int found = -1;

	for (unsigned i = low; i <= high && found < 0; i++)
		if (strcmp(w->catalogues[i], now) == 0)
			found = (int)i;
	snprintf(
	    why, 1024, "\n  the catalogue is\n%.400s  and was\n%.400s", now, w->catalogues[low]);
	free(now);
	return found;
}

/* The golden folder is read once, before anything is measured. */
#include "tests/bench/tree.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/bench/load.h"

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void *
grown(void *array, uint32_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	array = realloc(array, (n ? n * 2u : 1u) * size);
	if (!array)
		die("no memory");
	return array;
}

static char *
copied(const char *s)
{
	char *p = strdup(s);

	if (!p)
		die("no memory");
	return p;
}

static void
add_dir(struct tree *t, FTSENT *e)
{
	t->dirs = grown(t->dirs, t->ndirs, sizeof(*t->dirs));
	t->dirs[t->ndirs].parent = e->fts_level ? (uint32_t)e->fts_parent->fts_number : 0;
	t->dirs[t->ndirs].name = copied(e->fts_level ? e->fts_name : "");
	e->fts_number = (long)t->ndirs++;
}

static void
add_file(struct tree *t, const FTSENT *e)
{
	t->files = grown(t->files, t->nfiles, sizeof(*t->files));
	t->files[t->nfiles++] = (struct tree_file){ (uint32_t)e->fts_parent->fts_number,
		copied(e->fts_name), (uint64_t)e->fts_statp->st_size };
}

struct tree *
tree_read(const char *folder)
{
	char *paths[] = { copied(folder), NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	struct tree *t = must_alloc(1, sizeof(*t));
	FTSENT *e;

	while (fts && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			die("%s: %s", e->fts_path, strerror(e->fts_errno));
		if (e->fts_info == FTS_DP)
			continue;
		t->entries += e->fts_level > 0;
		if (e->fts_info == FTS_D)
			add_dir(t, e);
		else if (e->fts_info == FTS_F && e->fts_level > 0)
			add_file(t, e);
	}
	if (!t->ndirs || !t->nfiles)
		die("%s: no golden folder", folder);
	fts_close(fts);
	free(paths[0]);
	return t;
}

void
tree_free(struct tree *t)
{
	uint32_t i;

	for (i = 0; i < t->ndirs; i++)
		free(t->dirs[i].name);
	for (i = 0; i < t->nfiles; i++)
		free(t->files[i].name);
	free(t->dirs);
	free(t->files);
	free(t);
}

/* The first n of the shuffled files that are no larger than `most`. */
static void
pick(const struct tree *t, const uint32_t *order, uint32_t n, uint64_t least, uint64_t most,
    struct sample *out)
{
	const struct tree_file *f;
	uint32_t i;

	out->n = 0;
	out->bytes = 0;
	for (i = 0; i < t->nfiles && out->n < n; i++) {
		f = &t->files[order[i]];
		if (f->size < least || f->size > most)
			continue;
		out->files[out->n++] = f;
		out->bytes += f->size;
	}
}

static uint32_t *
shuffled(uint32_t n)
{
	uint32_t *order = must_alloc(n, sizeof(*order)), i, j, swap, seed = 1;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		seed = seed * 1664525u + 1013904223u;
		j = (uint32_t)((uint64_t)seed * (i + 1) >> 32);
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
	return order;
}

/* What the sample comes to is decided by the largest size that is let into it. */
void
sample_take(const struct tree *t, uint32_t n, uint64_t least, uint64_t bytes, struct sample *out)
{
	uint64_t low = least, high = UINT64_C(1) << 40, middle;
	uint32_t *order = shuffled(t->nfiles);

	out->files = must_alloc(n, sizeof(struct tree_file *));
	while (bytes && high - low > 1) {
		middle = low + (high - low) / 2;
		pick(t, order, n, least, middle, out);
		if (out->n == n && out->bytes > bytes)
			high = middle;
		else
			low = middle;
	}
	pick(t, order, n, least, bytes ? low : high, out);
	if (!out->n)
		die("the golden folder has no file of %llu bytes", (unsigned long long)least);
	free(order);
}

void
sample_free(struct sample *s)
{
	free(s->files);
}

/* The regular files of a view. */
#include "tests/bench/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/inode.h"
#include "tests/bench/bench.h"

struct numbers {
	uint32_t *ino;
	uint32_t n, room;
};

static void
push(struct numbers *s, uint32_t ino)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->ino = realloc(s->ino, s->room * sizeof(*s->ino));
	}
	s->ino[s->n++] = ino;
}

static void
take(struct bench_files *all, uint32_t ino, uint64_t size)
{
	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 256;
		all->files = realloc(all->files, all->room * sizeof(*all->files));
	}
	all->files[all->n++] = (struct bench_file){ ino, size };
	all->bytes += size;
}

static int
note_name(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	(void)cookie;
	(void)attr;
	if (!str_eq(name, str_of(".")) && !str_eq(name, str_of("..")))
		push(arg, ino);
	return 0;
}

static void
list(struct view *v, uint32_t dir, struct numbers *names)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	bool eof;

	names->n = 0;
	bench_must(
	    view_readdir(v, &op, dir, 0, false, note_name, names, &eof, &attr), "listing a folder");
}

static int
by_number(const void *a, const void *b)
{
	const struct bench_file *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* Numbers follow the walk, so sorting them restores its order. */
static void
sort_once(struct bench_files *all)
{
	uint32_t kept = 0;

	qsort(all->files, all->n, sizeof(*all->files), by_number);
	for (uint32_t i = 0; i < all->n; i++) {
		if (kept && all->files[kept - 1].ino == all->files[i].ino)
			all->bytes -= all->files[i].size;
		else
			all->files[kept++] = all->files[i];
	}
	all->n = kept;
}

struct bench_files
bench_files_find(struct view *v, uint64_t least)
{
	struct bench_files all = { 0 };
	struct numbers dirs = { 0 }, names = { 0 };

	push(&dirs, INO_ROOT);
	while (dirs.n) {
		list(v, dirs.ino[--dirs.n], &names);
		for (uint32_t i = 0; i < names.n; i++) {
			struct view_attr attr;

			bench_must(view_getattr(v, names.ino[i], &attr), "looking at a file");
			if (S_ISDIR(attr.mode))
				push(&dirs, names.ino[i]);
			else if (S_ISREG(attr.mode) && attr.size >= least)
				take(&all, names.ino[i], attr.size);
		}
	}
	free(dirs.ino);
	free(names.ino);
	sort_once(&all);
	if (!all.n) {
		fprintf(stderr, "no file of %llu bytes in the source\n", (unsigned long long)least);
		exit(1);
	}
	return all;
}

void
bench_files_free(struct bench_files *all)
{
	free(all->files);
	*all = (struct bench_files){ 0 };
}

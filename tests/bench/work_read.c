/* Works that change nothing. */
#include <stdlib.h>

#include "tests/bench/work.h"

/* Takes the client's next number below n, round and round. */
static uint32_t
next_of(struct slot *s, uint32_t n)
{
	return s->client->next++ % n;
}

void
ready_sample(struct slot *s)
{
	const struct sample *sample = &s->client->load->sample;
	uint32_t i;

	s->client->files = must_alloc(sample->n, sizeof(struct fh));
	for (i = 0; i < sample->n; i++)
		nfs_file(s, sample->files[i], &s->client->files[i]);
}

void
run_null(struct slot *s)
{
	for (; slot_goes_on(s); s->client->load->ops++)
		slot_call_null(s);
}

void
run_getattr(struct slot *s)
{
	uint32_t n = s->client->load->sample.n;

	for (; slot_goes_on(s); s->client->load->ops++)
		nfs_getattr(s, &s->client->files[next_of(s, n)]);
}

void
run_access(struct slot *s)
{
	uint32_t n = s->client->load->sample.n;

	for (; slot_goes_on(s); s->client->load->ops++)
		nfs_access(s, &s->client->files[next_of(s, n)]);
}

void
run_lookup(struct slot *s)
{
	const struct sample *sample = &s->client->load->sample;
	const struct tree_file *f;

	for (; slot_goes_on(s); s->client->load->ops++) {
		f = sample->files[next_of(s, sample->n)];
		if (nfs_lookup(s, &s->client->dirs[f->dir], f->name, NULL))
			die("%s is not there", f->name);
	}
}

void
run_read_small(struct slot *s)
{
	const struct sample *sample = &s->client->load->sample;
	uint32_t i;

	for (; slot_goes_on(s); s->client->load->ops++) {
		i = work_random(s) % sample->n;
		nfs_read(s, &s->client->files[i],
		    work_random(s) % (sample->files[i]->size / 4096) * 4096, 4096, NULL);
	}
}

/* Where the client's slots are in its files, in whole MiB. */
struct reading {
	uint32_t file;
	uint64_t offset;
};

void
run_read_large(struct slot *s)
{
	const struct sample *sample = &s->client->load->sample;
	struct reading *r = s->client->state, at;

	if (!r)
		r = s->client->state = must_alloc(1, sizeof(*r));
	for (; slot_goes_on(s); s->client->load->ops++) {
		if (r->offset + (1 << 20) > sample->files[r->file]->size) {
			r->file = (r->file + 1) % sample->n;
			r->offset = 0;
		}
		at = *r;
		r->offset += 1 << 20;
		if (nfs_read(s, &s->client->files[at.file], at.offset, 1 << 20, NULL) != 1 << 20)
			die("a READ that was short in mid-file");
	}
}

/* --- The whole tree: a list of directories that are still to be read, for all slots of a client.
 */

struct walk {
	struct fh *dirs;
	uint32_t n, done, busy;
	uint64_t entries;
};

static void
walk_push(struct walk *w, const struct fh *fh)
{
	if (!(w->n & (w->n - 1))) {
		w->dirs = realloc(w->dirs, (w->n ? w->n * 2u : 1u) * sizeof(*w->dirs));
		if (!w->dirs)
			die("no memory");
	}
	w->dirs[w->n++] = *fh;
}

static void
walk_entry(struct slot *s, const uint8_t *name, uint32_t n, const struct fh *fh, bool is_dir)
{
	struct walk *w = s->client->state;

	if (n <= 2 && !memcmp(name, "..", n))
		return;
	w->entries++;
	s->client->load->ops++;
	if (is_dir && !fh)
		die("READDIRPLUS: a directory without a handle");
	if (is_dir)
		walk_push(w, fh);
}

void
run_walk(struct slot *s)
{
	struct walk *w = s->client->state;
	uint8_t verifier[8];
	uint64_t cookie;
	struct fh dir;

	if (!w) {
		w = s->client->state = must_alloc(1, sizeof(*w));
		walk_push(w, &s->client->root);
	}
	for (;;) {
		while (w->done == w->n && w->busy)
			slot_park(s);
		if (w->done == w->n)
			break;
		dir = w->dirs[w->done++];
		w->busy++;
		cookie = 0;
		memset(verifier, 0, sizeof(verifier));
		while (!nfs_readdirplus(s, &dir, &cookie, verifier, walk_entry))
			;
		w->busy--;
	}
	if (w->entries && s->index == 0 && w->entries < s->client->load->tree->entries)
		die("READDIRPLUS: %llu of %u names", (unsigned long long)w->entries,
		    s->client->load->tree->entries);
}

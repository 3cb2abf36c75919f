/* What a Pi does while it boots, as its server sees it. */
#include <stdio.h>

#include "tests/bench/work.h"

enum { ABSENT = 360, LISTINGS = 60, FRESH = 40, LOGS = 45, REMOVED = 18, FIRST = 15 };

/* LOOKUP, ACCESS and GETATTR as a client with cold caches opens a file, then all its bytes. */
static void
boot_read(struct slot *s, const struct tree_file *f)
{
	const struct fh *dir = nfs_dir(s, f->dir, true);
	uint64_t at = 0;
	bool eof = false;
	struct fh fh;

	if (nfs_lookup(s, dir, f->name, &fh))
		die("boot: %s is not there", f->name);
	nfs_access(s, &fh);
	nfs_getattr(s, &fh);
	while (at < f->size && !eof)
		at += nfs_read(s, &fh, at, 128 << 10, &eof);
	if (at != f->size)
		die("boot: %s is too short", f->name);
}

static void
no_entry(struct slot *s, const uint8_t *name, uint32_t n, const struct fh *fh, bool is_dir)
{
	(void)s, (void)name, (void)n, (void)fh, (void)is_dir;
}

static void
boot_list(struct slot *s, const struct tree_file *f)
{
	uint8_t verifier[8] = { 0 };
	uint64_t cookie = 0;

	while (!nfs_readdirplus(s, nfs_dir(s, f->dir, true), &cookie, verifier, no_entry))
		;
}

static void
boot_absent(struct slot *s, const struct tree_file *f, uint32_t i)
{
	char name[32];

	snprintf(name, sizeof(name), "libabsent.so.%u", i);
	if (nfs_lookup(s, nfs_dir(s, f->dir, true), name, NULL) != NOENT)
		die("boot: %s is there", name);
}

static void
boot_write(struct slot *s, const struct fh *fh, uint64_t at, uint32_t n, uint32_t i)
{
	uint8_t page[16384];

	memcpy(page, work_noise(), n);
	work_stamp(s, page, s->client->index, ((uint64_t)i << 32) + at);
	nfs_write(s, fh, at, page, n, UNSTABLE);
	nfs_commit(s, fh);
}

/* A file that takes another's place; log lines; a file that comes and goes; a golden file. */
static void
boot_change(struct slot *s, uint32_t i)
{
	const struct sample *sample = &s->client->load->sample;
	const struct fh *dir = &s->client->root;
	char name[32], final[32];
	struct fh fh;

	snprintf(final, sizeof(final), "state-%u", i);
	snprintf(name, sizeof(name), ".state-%u.new", i);
	if (i < FRESH) {
		nfs_create(s, dir, name, &fh);
		boot_write(s, &fh, 0, 1000 + i * 200, i);
		nfs_rename(s, dir, name, dir, final);
	} else if (i < FRESH + LOGS) {
		snprintf(name, sizeof(name), "log-%u", i % 4);
		nfs_create(s, dir, name, &fh);
		boot_write(s, &fh, i * 200, 200, i);
	} else if (i < FRESH + LOGS + REMOVED) {
		nfs_create(s, dir, name, &fh);
		nfs_remove(s, dir, name);
	} else {
		nfs_file(s, sample->files[i], &fh);
		boot_write(s, &fh, 0, 4096, i);
	}
}

void
run_boot(struct slot *s)
{
	const struct sample *sample = &s->client->load->sample;
	const uint32_t changes = FRESH + LOGS + REMOVED + FIRST;
	uint32_t i;

	while ((i = s->client->next++) < sample->n) {
		boot_read(s, sample->files[i]);
		if (i % (sample->n / LISTINGS + 1) == 0)
			boot_list(s, sample->files[i]);
		if (i * ABSENT / sample->n != (i + 1) * ABSENT / sample->n)
			boot_absent(s, sample->files[i], i);
		/* The last two thirds of a boot write. */
		if (i >= sample->n / 3 && i - sample->n / 3 < changes * 11 &&
		    (i - sample->n / 3) % 11 == 0)
			boot_change(s, (i - sample->n / 3) / 11);
	}
	if (s->index == 0)
		s->client->load->ops++;
}

/* Works that change files. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/work.h"

enum { REWRITTEN = 16, REWRITES = 4000, CREATES = 4000, LARGE_MIB = 256, COMMIT_EACH = 64 };

static uint32_t
share_of(const struct slot *s, uint32_t all)
{
	uint32_t share = all / s->client->load->options.clients;

	return share < 50 ? 50 : share;
}

/* 4 KiB into the middle of each file of the sample, once. */
void
run_first_write(struct slot *s)
{
	struct client *c = s->client;
	const struct sample *sample = &c->load->sample;
	uint8_t page[4096];
	uint32_t i;

	memcpy(page, work_noise(), sizeof(page));
	for (; (i = c->next++) < sample->n; c->load->ops++) {
		work_stamp(s, page, c->index, i);
		nfs_write(s, &c->files[i], sample->files[i]->size / 2 / 4096 * 4096, page, 4096,
		    UNSTABLE);
		nfs_commit(s, &c->files[i]);
	}
}

/* Files of 1 MiB of the client's own. */
void
ready_rewrite(struct slot *s)
{
	struct client *c = s->client;
	char name[32];
	uint32_t i;

	c->files = must_alloc(REWRITTEN, sizeof(*c->files));
	for (i = 0; i < REWRITTEN; i++) {
		snprintf(name, sizeof(name), "rewritten-%u", i);
		nfs_create(s, &c->root, name, &c->files[i]);
		nfs_write(s, &c->files[i], 0, work_noise(), 1 << 20, UNSTABLE);
		nfs_commit(s, &c->files[i]);
	}
}

void
run_rewrite(struct slot *s)
{
	struct client *c = s->client;
	uint8_t page[4096];
	uint32_t i, where;

	memcpy(page, work_noise(), sizeof(page));
	for (; (i = c->next++) < share_of(s, REWRITES); c->load->ops++) {
		where = work_random(s) % 256 * 4096;
		work_stamp(s, page, c->index, UINT64_C(1) << 40 | i);
		nfs_write(s, &c->files[i % REWRITTEN], where, page, 4096, UNSTABLE);
		nfs_commit(s, &c->files[i % REWRITTEN]);
	}
}

void
ready_create(struct slot *s)
{
	s->client->files = must_alloc(1, sizeof(struct fh));
	nfs_mkdir(s, &s->client->root, "created", &s->client->files[0]);
}

void
run_create(struct slot *s)
{
	struct client *c = s->client;
	const struct fh *dir = &c->files[0];
	uint8_t page[4096];
	char name[32];
	struct fh fh;
	uint32_t i;

	memcpy(page, work_noise(), sizeof(page));
	for (; (i = c->next++) < share_of(s, CREATES); c->load->ops++) {
		snprintf(name, sizeof(name), "file-%u", i);
		work_stamp(s, page, c->index, UINT64_C(2) << 40 | i);
		if (nfs_lookup(s, dir, name, NULL) != NOENT)
			die("%s is there", name);
		nfs_create(s, dir, name, &fh);
		nfs_write(s, &fh, 0, page, 4096, UNSTABLE);
		nfs_commit(s, &fh);
		nfs_setattr(s, &fh, 0600);
	}
}

void
ready_write_large(struct slot *s)
{
	s->client->files = must_alloc(1, sizeof(struct fh));
	nfs_create(s, &s->client->root, "large", &s->client->files[0]);
}

/* One file; a COMMIT each 64 MiB, when what was sent before it is there. */
void
run_write_large(struct slot *s)
{
	struct client *c = s->client;
	uint8_t *piece = must_alloc(1, 1 << 20);
	uint32_t i, at;

	memcpy(piece, work_noise(), 1 << 20);
	for (; (i = c->next++) < LARGE_MIB; c->load->ops++) {
		for (at = 0; at < 1 << 20; at += 4096)
			work_stamp(
			    s, piece + at, c->index, UINT64_C(3) << 40 | (uint64_t)i << 20 | at);
		nfs_write(s, &c->files[0], (uint64_t)i << 20, piece, 1 << 20, UNSTABLE);
		if (i % COMMIT_EACH == COMMIT_EACH - 1)
			nfs_commit(s, &c->files[0]);
	}
	if (i == LARGE_MIB + c->load->options.depth - 1)
		nfs_commit(s, &c->files[0]);
	free(piece);
}

static void
write_all(struct slot *s, const struct fh *fh, uint32_t number, uint64_t size)
{
	uint8_t *piece = must_alloc(1, 128 << 10);
	uint64_t at;
	uint32_t i, n;

	memcpy(piece, work_noise(), 128 << 10);
	for (at = 0; at < size; at += n) {
		n = size - at < 128 << 10 ? (uint32_t)(size - at) : 128 << 10;
		for (i = 0; i < n; i += 4096)
			work_stamp(
			    s, piece + i, 0, UINT64_C(4) << 40 | (uint64_t)number << 24 | (at + i));
		nfs_write(s, fh, at, piece, n, UNSTABLE);
	}
	free(piece);
}

/* The same new bytes for all clients, as an upgrade brings them: written beside and renamed over.
 */
void
run_replace(struct slot *s)
{
	struct client *c = s->client;
	const struct sample *sample = &c->load->sample;
	const struct tree_file *f;
	const struct fh *dir;
	char name[32];
	struct fh fh;
	uint32_t i;

	for (; (i = c->next++) < sample->n; c->load->ops++) {
		f = sample->files[i];
		dir = nfs_dir(s, f->dir, false);
		snprintf(name, sizeof(name), ".new-%u", i);
		nfs_create(s, dir, name, &fh);
		write_all(s, &fh, i, f->size);
		nfs_commit(s, &fh);
		nfs_setattr(s, &fh, 0755);
		nfs_rename(s, dir, name, dir, f->name);
	}
}

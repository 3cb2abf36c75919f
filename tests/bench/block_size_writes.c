/* What small changes cost: their time, what they store, what they write to the disk. */
#include "tests/bench/block_size.h"

#include <stdio.h>

#define STRIDE  65536u /* no two writes of a kind share a block of any size */
#define WRITES  400u   /* durable ones of a kind */
#define SCATTER 500u   /* files with one write each */

static uint64_t
write_at(struct bench *b, uint32_t ino, uint64_t off, uint32_t n, enum view_stable want)
{
	static uint8_t bytes[MIB];
	struct view_op op = { 0 };
	enum view_stable got;
	struct view_wcc wcc;

	bench_fill(&b->random, bytes, n);
	bench_must(view_write(b->view, &op, ino, off, bytes, n, want, &got, &wcc), "writing");
	return op.ticket;
}

static uint64_t
commit(struct bench *b, uint32_t ino)
{
	struct view_op op = { 0 };
	struct view_wcc wcc;

	bench_must(view_commit(b->view, &op, ino, &wcc), "committing");
	return op.ticket;
}

static void
wait_for(struct bench *b, uint64_t ticket)
{
	bench_must(batch_wait(store_batch(b->store), ticket), "waiting for a batch");
}

static uint32_t
create(struct bench *b, const char *name, uint64_t *ticket)
{
	struct view_set set = { .set_mode = true, .mode = 0644 };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	bench_must(
	    view_create(b->view, &op, INO_ROOT, str_of(name), VIEW_GUARDED, &set, 0, &attr, &wcc),
	    "creating a file");
	*ticket = op.ticket;
	return attr.ino;
}

/* A kind of small change, done again and again; each call is durable when it returns, unless the
 * kind's end makes all durable. */
struct kind {
	const char *name;
	uint32_t times;
	void (*begin)(struct bench *, struct bench_files *);
	void (*once)(struct bench *, struct bench_files *, uint32_t i);
	void (*end)(struct bench *, struct bench_files *);
};

/* Place i of WRITES that are spread over the large files. */
static void
place(const struct bench_files *f, uint32_t i, uint32_t *ino, uint64_t *off)
{
	const struct bench_file *file = f->files;
	uint64_t strides = 0, at;

	for (uint32_t k = 0; k < f->n; k++)
		strides += f->files[k].size / STRIDE;
	at = i * strides / WRITES;
	for (; at >= file->size / STRIDE; file++)
		at -= file->size / STRIDE;
	*ino = file->ino;
	*off = at * STRIDE + (uint64_t)(i * 5 % (STRIDE / PAGE)) * PAGE;
}

static void
write_page(struct bench *b, struct bench_files *f, uint32_t i)
{
	uint64_t off;
	uint32_t ino;

	place(f, i, &ino, &off);
	wait_for(b, write_at(b, ino, off, PAGE, VIEW_FILE_SYNC));
}

static void
write_small_file(struct bench *b, struct bench_files *f, uint32_t i)
{
	char name[32];
	uint64_t ticket;
	uint32_t ino;

	(void)f;
	snprintf(name, sizeof(name), "small-%u", i);
	ino = create(b, name, &ticket);
	wait_for(b, ticket);
	write_at(b, ino, 0, PAGE, VIEW_UNSTABLE);
	wait_for(b, commit(b, ino));
}

static void
make_file(struct bench *b, struct bench_files *f)
{
	uint64_t ticket;

	(void)f;
	b->own = create(b, b->own ? "second" : "first", &ticket);
	wait_for(b, ticket);
}

static void
append_line(struct bench *b, struct bench_files *f, uint32_t i)
{
	(void)f;
	wait_for(b, write_at(b, b->own, (uint64_t)i * 200, 200, VIEW_FILE_SYNC));
}

static void
scatter(struct bench *b, struct bench_files *f, uint32_t i)
{
	const struct bench_file *file = &f->files[(uint64_t)i * f->n / SCATTER];

	write_at(
	    b, file->ino, bench_pick(&b->random, file->size / PAGE) * PAGE, PAGE, VIEW_UNSTABLE);
}

static void
commit_scattered(struct bench *b, struct bench_files *f)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < SCATTER; i++) {
		uint64_t ticket = commit(b, f->files[(uint64_t)i * f->n / SCATTER].ino);

		last = ticket > last ? ticket : last;
	}
	wait_for(b, last);
}

static void
write_large(struct bench *b, struct bench_files *f, uint32_t i)
{
	(void)f;
	write_at(b, b->own, (uint64_t)i * MIB, MIB, VIEW_UNSTABLE);
}

static void
commit_own(struct bench *b, struct bench_files *f)
{
	(void)f;
	wait_for(b, commit(b, b->own));
}

static const struct kind kinds[] = {
	{ "4 KiB durable, golden file, first", WRITES, NULL, write_page, NULL },
	{ "4 KiB durable, the same places again", WRITES, NULL, write_page, NULL },
	{ "small file created, 4 KiB, durable", WRITES, NULL, write_small_file, NULL },
	{ "200 bytes appended, durable", WRITES, make_file, append_line, NULL },
	{ "1 MiB of a new large file", 64, make_file, write_large, commit_own },
};

static const struct kind scattered = { "4 KiB into each of 500 cold files, then commit", SCATTER,
	NULL, scatter, commit_scattered };

static void
result_of(const struct kind *k, const char *what, const char *unit, double value)
{
	char name[128];

	snprintf(name, sizeof(name), "%s: %s", k->name, what);
	bench_result(name, unit, value / k->times);
}

static void
measure_kind(struct bench *b, const struct kind *k, struct bench_files *f)
{
	struct block_stats before, after;
	struct bench_clock t;

	if (k->begin)
		k->begin(b, f);
	blocks_stats(store_blocks(b->store), &before);
	t = bench_start();
	for (uint32_t i = 0; i < k->times; i++)
		k->once(b, f, i);
	if (k->end)
		k->end(b, f);
	t = bench_since(&t);
	blocks_stats(store_blocks(b->store), &after);
	result_of(k, "clock", "ms", t.wall * 1e3);
	result_of(k, "processor", "us", t.cpu * 1e6);
	result_of(k, "stored", "KiB", (double)(after.bytes_stored - before.bytes_stored) / 1024);
	result_of(k, "written to disk", "KiB", (double)t.disk_written / 1024);
}

void
block_size_writes(struct bench *b)
{
	struct bench_files large, any;

	block_size_open(b);
	large = bench_files_find(b->view, MIB);
	any = bench_files_find(b->view, PAGE);
	block_size_cool(b);
	measure_kind(b, &scattered, &any);
	block_size_read_large(b, &large);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		measure_kind(b, &kinds[i], &large);
	bench_files_free(&any);
	bench_files_free(&large);
	block_size_close(b);
}

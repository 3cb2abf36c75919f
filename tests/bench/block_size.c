/*
 * Block size: what one block size costs: an import, what the store takes, reads and small writes
 * through a view. block-size.sh runs it for each size; docs/decisions/ has what came of it.
 */
#include "tests/bench/block_size.h"

#include <stdio.h>
#include <stdlib.h>

#include "cow/import/import.h"

#define READS 4000u                 /* random ones */
#define LARGE ((uint64_t)512 << 20) /* bytes of large files that are read, at most */

static void
open_store(struct bench *b)
{
	struct store_options options = {
		.mode = STORE_OWN, .create = true, .start = true, .block_size = b->block_size
	};

	bench_must(store_open(b->path, &options, &b->store), "opening the store");
}

void
block_size_open(struct bench *b)
{
	struct client client;

	open_store(b);
	bench_must(client_find(b->store, "pi", &client), "finding the client");
	bench_must(view_open(b->store, &client, &b->view), "opening the view");
	b->random.state = 20;
}

void
block_size_close(struct bench *b)
{
	view_close(b->view);
	store_close(b->store);
	b->view = NULL;
	b->store = NULL;
}

static double
in_mib(uint64_t bytes)
{
	return (double)bytes / MIB;
}

static uint64_t
size_of(const struct bench *b, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", b->path, name);
	return bench_size(path);
}

static void
import(struct bench *b, const char *source, const char *name)
{
	struct import_options options = { .name = name, .skip_errors = true };
	struct import_result result;

	bench_must(import_run(b->store, source, &options, &result), source);
}

static void
measure_import(struct bench *b, const char *source)
{
	struct bench_clock t;

	open_store(b);
	t = bench_start();
	import(b, source, "golden");
	t = bench_since(&t);
	bench_result("import, processor", "s", t.cpu);
	bench_result("import, clock", "s", t.wall);
	bench_must(
	    client_add(b->store, &(struct client_options){ .name = "pi", .image = "golden" }),
	    "adding a client");
	store_close(b->store);
	bench_result("store: segments", "MiB", in_mib(size_of(b, "segments")));
	bench_result("store: image file", "MiB", in_mib(size_of(b, "images")));
	bench_result("store: store.db", "MiB", in_mib(size_of(b, "store.db")));
}

/* What a second, newer image adds. */
static void
measure_newer(struct bench *b, const char *newer)
{
	uint64_t segments = size_of(b, "segments"), all = bench_size(b->path);
	struct bench_clock t;

	open_store(b);
	t = bench_start();
	import(b, newer, "newer");
	t = bench_since(&t);
	store_close(b->store);
	bench_result("upgraded image: import, processor", "s", t.cpu);
	bench_result(
	    "upgraded image: adds to segments", "MiB", in_mib(size_of(b, "segments") - segments));
	bench_result("upgraded image: adds in all", "MiB", in_mib(bench_size(b->path) - all));
}

static uint32_t
read_at(struct bench *b, uint32_t ino, uint64_t off, uint32_t n)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_data data;
	uint32_t len;

	bench_must(view_read(b->view, &op, ino, off, n, &data, &attr), "reading");
	len = data.len;
	view_data_release(&data);
	return len;
}

uint64_t
block_size_read_large(struct bench *b, const struct bench_files *large)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < large->n && bytes < LARGE; i++) {
		for (uint64_t off = 0; off < large->files[i].size; off += MIB)
			bytes += read_at(b, large->files[i].ino, off, MIB);
	}
	return bytes;
}

static void
read_random(struct bench *b, const struct bench_files *large)
{
	for (uint32_t i = 0; i < READS; i++) {
		const struct bench_file *f = &large->files[bench_pick(&b->random, large->n)];

		read_at(b, f->ino, bench_pick(&b->random, f->size / PAGE) * PAGE, PAGE);
	}
}

void
block_size_cool(struct bench *b)
{
	block_size_close(b);
	bench_cool(b->path);
	block_size_open(b);
}

static void
measure_reads(struct bench *b)
{
	struct bench_files large;
	struct bench_clock t;
	double n;

	block_size_open(b);
	large = bench_files_find(b->view, MIB);
	block_size_cool(b);
	t = bench_start();
	n = in_mib(block_size_read_large(b, &large));
	t = bench_since(&t);
	bench_result("1 MiB reads, cold: clock", "ms/MiB", t.wall * 1e3 / n);
	bench_result("1 MiB reads, cold: processor", "ms/MiB", t.cpu * 1e3 / n);
	bench_result("1 MiB reads: memory of the image's caches then", "KiB/MiB",
	    (double)store_image_memory(b->store) / 1024 / n);
	t = bench_start();
	block_size_read_large(b, &large);
	t = bench_since(&t);
	bench_result("1 MiB reads, warm: processor", "ms/MiB", t.cpu * 1e3 / n);
	block_size_cool(b);
	t = bench_start();
	read_random(b, &large);
	t = bench_since(&t);
	bench_result("4 KiB random reads, cold: clock", "us", t.wall * 1e6 / READS);
	bench_result("4 KiB random reads, cold: processor", "us", t.cpu * 1e6 / READS);
	bench_result(
	    "4 KiB random reads, cold: read from disk", "KiB", (double)t.disk_read / 1024 / READS);
	b->random.state = 20;
	t = bench_start();
	read_random(b, &large);
	t = bench_since(&t);
	bench_result("4 KiB random reads, warm: processor", "us", t.cpu * 1e6 / READS);
	bench_files_free(&large);
	block_size_close(b);
}

int
main(int argc, char **argv)
{
	struct bench b = { 0 };

	if (argc < 4 || argc > 5) {
		fprintf(
		    stderr, "block_size STORE BYTES SOURCE [NEWER] - measures one block size\n");
		return 2;
	}
	b.path = argv[1];
	b.block_size = (uint32_t)strtoul(argv[2], NULL, 10);
	measure_import(&b, argv[3]);
	measure_reads(&b);
	block_size_writes(&b);
	if (argc == 5)
		measure_newer(&b, argv[4]);
	return 0;
}

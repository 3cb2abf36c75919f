/* A small golden image, imported from a tar that is made here, so that no root is needed for its
 * device nodes and owners. */
#include "tests/lib/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/import/import.h"
#include "tests/lib/tarball.h"

#define FILE_OF(s) .data = { (s), sizeof(s) - 1 }
#define NS         (GOLDEN_TIME * 1000000000ll + 7)

static const struct tarball_entry entries[] = {
	{ ".", S_IFDIR | 0755 },
	{ "dev", S_IFDIR | 0755 },
	{ "dev/null", S_IFCHR | 0666, .rdev = { 1, 3 } },
	{ "dev/pipe", S_IFIFO | 0600 },
	{ "dev/sda", S_IFBLK | 0660, 0, 6, .rdev = { 8, 1 } },
	{ "empty", S_IFDIR | 0755 },
	{ "etc", S_IFDIR | 0755 },
	{ "etc/hostname", S_IFREG | 0644, FILE_OF("golden\n") },
	{ "etc/shadow", S_IFREG | 0640, 0, 42, FILE_OF("secret\n") },
	{ "hard1", S_IFREG | 0644, FILE_OF("one file\n") },
	{ "hard2", .link = "hard1" },
	{ "home", S_IFDIR | 0755 },
	{ "home/pi", S_IFDIR | 0755, 1000, 1000 },
	{ "home/pi/own", S_IFREG | 0600, 1000, 1000, FILE_OF("mine\n") },
	{ "home/pi/readonly", S_IFREG | 0444, 1000, 1000, FILE_OF("look\n") },
	{ "link", S_IFLNK | 0777, .link = "etc/hostname" },
	{ "many", S_IFDIR | 0755 },
	{ "setuid", S_IFREG | 06755, FILE_OF("#!/bin/sh\n") },
	{ "shared", S_IFDIR | 02775, 0, 50 },
	{ "tmp", S_IFDIR | 01777 },
};

int
must(int r)
{
	if (r < 0)
		fail_msg("%s", err_text(r));
	return r;
}

static void
add(struct tarball *tar, const struct tarball_entry *like)
{
	struct tarball_entry e = *like;

	e.mtime = NS;
	tarball_add(tar, &e);
}

static void
make_tar(const char *path)
{
	struct tarball tar;
	char name[16];

	tarball_open(&tar, path);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		add(&tar, &entries[i]);
	for (int i = 0; i < GOLDEN_MANY; i++) {
		snprintf(name, sizeof(name), "many/%03d", i);
		add(&tar, &(struct tarball_entry){ name, S_IFREG | 0644, .data = str_of(name) });
	}
	tarball_close(&tar);
}

void
golden_open(struct golden *g)
{
	struct store_options store = { .mode = STORE_OWN, .create = true, .start = true };
	struct import_options options = { .name = "golden" };
	struct import_result result;
	const char *tar;

	tmpdir_make(&g->dir);
	tar = tmpdir_path(&g->dir, "golden.tar");
	make_tar(tar);
	must(store_open(tmpdir_path(&g->dir, "store"), &store, &g->store));
	must(import_run(g->store, tar, &options, &result));
}

void
golden_reopen(struct golden *g)
{
	struct store_options options = { .mode = STORE_OWN, .start = true };

	store_close(g->store);
	must(store_open(tmpdir_path(&g->dir, "store"), &options, &g->store));
}

void
golden_close(struct golden *g)
{
	store_close(g->store);
	tmpdir_remove(&g->dir);
}

void
golden_client(struct golden *g, const char *name, const char *address, bool any_address)
{
	struct client_options options = { .name = name,
		.image = "golden",
		.any_address = any_address,
		.naddresses = address ? 1 : 0,
		.addresses = { address } };

	must(client_add(g->store, &options));
}

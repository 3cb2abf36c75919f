/*
 * Tar: any bytes as a golden root to import. What is refused leaves nothing behind; what is taken
 * can be removed again.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cow/import/import.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

#define RUNS_MAX 1000 /* with one store, which keeps the blocks of removed images */

static char place[128];
static struct store *store;

static void
close_all(void)
{
	store_close(store);
	store = NULL;
	if (place[0])
		folder_remove(place);
	place[0] = '\0';
}

static void
open_all(void)
{
	struct store_options options = { .mode = STORE_OWN, .create = true };
	static bool registered;
	char path[160];

	if (!registered)
		PROMISE(atexit(close_all) == 0);
	registered = true;
	snprintf(path, sizeof(path), "%s/store", folder_make(place));
	PROMISE(store_open(path, &options, &store) == 0);
}

static int
note(void *arg, const struct image_info *info)
{
	(void)info;
	++*(int *)arg;
	return 0;
}

static int
images(void)
{
	int n = 0;

	PROMISE(store_images(store, note, &n) == 0);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	struct import_options options = { .name = "golden", .skip_errors = size % 2 };
	struct import_result result;
	char path[160];

	if (runs++ % RUNS_MAX == 0) {
		close_all();
		open_all();
	}
	folder_write(place, "tar", data, size);
	snprintf(path, sizeof(path), "%s/tar", place);
	if (import_run(store, path, &options, &result) == 0) {
		PROMISE(images() == 1);
		PROMISE(store_image_remove(store, "golden") == 0);
	}
	PROMISE(images() == 0);
	return 0;
}

/*
 * Stream: any frames as an image that is received. Their checks are made right here, for what a
 * sender means to send is what must be met: what is refused leaves nothing behind.
 *
 * Input: frames, each its length in two bytes and then its kind and contents.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cow/import/import.h"
#include "cow/import/receive.h"
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

/* A file of the frames. */
static int
file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("stream", 0);
	struct stream *s;

	PROMISE(fd >= 0 && stream_open(-1, fd, &s) == 0);
	while (size > 2) {
		size_t n = data[0] | (size_t)data[1] << 8;
		struct str contents;

		data += 2;
		size -= 2;
		n = n > size ? size : n;
		if (n == 0)
			continue;
		contents = (struct str){ (const char *)data + 1, (uint32_t)n - 1 };
		PROMISE(stream_put(s, (char)data[0], &contents, 1) == 0);
		data += n;
		size -= n;
	}
	PROMISE(stream_flush(s) == 0);
	stream_close(s);
	PROMISE(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
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

static int
receive(struct stream *s)
{
	struct import_options options = { .name = "received" };
	struct import_result result;
	struct receive_head head;
	struct source *source;
	int err = receive_head(s, &head);

	if (err == 0)
		err = receive_open(store, s, &head, &source);
	return err < 0 ? err
		       : import_run_source(
			     store, source, "x", head.exact ? &head.id : NULL, &options, &result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	int in = file_of(data, size), out = memfd_create("answer", 0);
	struct stream *s;

	PROMISE(out >= 0);
	if (runs++ % RUNS_MAX == 0) {
		close_all();
		open_all();
	}
	PROMISE(stream_open(in, out, &s) == 0);
	if (receive(s) == 0) {
		PROMISE(images() == 1);
		PROMISE(store_image_remove(store, "received") == 0);
	}
	PROMISE(images() == 0);
	stream_close(s);
	close(in);
	close(out);
	return 0;
}

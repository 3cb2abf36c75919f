/* An NFS client that looks at everything, and takes what it gets. */
#include "tests/crash/damage_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/crash/damage.h"
#include "tests/crash/wire.h"
#include "tests/crash/world.h"

#define MOUNT     100005
#define NFS       100003
#define DEPTH_MAX 5   /* a damaged folder may hold itself */
#define NAMES_MAX 200 /* of a folder */
#define PAGES_MAX 50

enum {
	GETATTR = 1,
	LOOKUP = 3,
	ACCESS = 4,
	READLINK = 5,
	READ = 6,
	WRITE = 7,
	CREATE = 8,
	REMOVE = 12,
	READDIR = 16,
	COMMIT = 21
};

enum { IO = 5, STALE = 70, SERVERFAULT = 10006 };

struct walker {
	struct walk *walk;
	struct wire wire;
	uint32_t procedure; /* of NFS; 0: MNT */
	int depth;
	char path[2048];
};

/* The status, or -1: no answer. */
static int
call(struct walker *w)
{
	struct timespec a, b;
	uint32_t status;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &a);
	rc = wire_try(&w->wire, &status);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 > w->walk->patience)
		die("a call took more than %d ms", w->walk->patience);
	if (rc < 0) {
		snprintf(w->walk->unanswered, sizeof(w->walk->unanswered),
		    "no answer to procedure %u at %.150s/", w->procedure, w->path);
		return -1;
	}
	if (status == IO || status == STALE || status == SERVERFAULT)
		w->walk->errors++;
	return (int)status;
}

static void
begin(struct walker *w, uint32_t procedure, const struct wire_fh *fh)
{
	w->procedure = procedure;
	wire_begin(&w->wire, NFS, procedure);
	wire_put_fh(&w->wire, fh);
}

static int
read_file(struct walker *w, const struct wire_fh *fh, uint64_t size)
{
	struct walk_file *f = &w->walk->files[w->walk->n];
	const uint8_t *p;
	uint32_t n;

	if (w->walk->n == WALK_FILES)
		return 0;
	w->walk->n++;
	snprintf(f->path, sizeof(f->path), "%.255s", w->path);
	f->n = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
	f->bytes = calloc(WALK_BLOCKS, DAMAGE_BLOCK);
	for (uint32_t at = 0; at < WALK_BLOCKS && at * DAMAGE_BLOCK < size; at++) {
		int status;

		begin(w, READ, fh);
		wire_put64(&w->wire, at * DAMAGE_BLOCK);
		wire_put(&w->wire, DAMAGE_BLOCK);
		if ((status = call(w)) < 0)
			return -1;
		f->status[at] = (uint32_t)status;
		if (status)
			continue;
		wire_skip_post(&w->wire);
		wire_skip(&w->wire, 2);
		p = wire_take_bytes(&w->wire, &n);
		if (w->wire.bad || n > DAMAGE_BLOCK)
			die("%s: a READ answered with %u bytes", w->path, n);
		memcpy(f->bytes + at * DAMAGE_BLOCK, p, n);
	}
	return 0;
}

/* The names of a folder; their number, or -1. */
static int
list(struct walker *w, const struct wire_fh *fh, char names[NAMES_MAX][256])
{
	uint64_t cookie = 0;
	int n = 0;

	for (int page = 0; page < PAGES_MAX; page++) {
		int status;

		begin(w, READDIR, fh);
		wire_put64(&w->wire, cookie);
		wire_put64(&w->wire, 0);
		wire_put(&w->wire, 4096);
		if ((status = call(w)) != 0)
			return status < 0 ? -1 : n;
		wire_skip_post(&w->wire);
		wire_take64(&w->wire);
		while (wire_take(&w->wire) && !w->wire.bad) {
			const uint8_t *p;
			uint32_t length;

			wire_take64(&w->wire);
			p = wire_take_bytes(&w->wire, &length);
			if (length > 255)
				die("%s: a name of %u bytes", w->path, length);
			memcpy(names[n], p, length);
			names[n][length] = '\0';
			cookie = wire_take64(&w->wire);
			if (n < NAMES_MAX - 1 && strcmp(names[n], ".") != 0 &&
			    strcmp(names[n], "..") != 0)
				n++;
		}
		if (wire_take(&w->wire) || w->wire.bad)
			break;
	}
	return n;
}

static int look(struct walker *, const struct wire_fh *);

static int
look_at_name(struct walker *w, const struct wire_fh *dir, const char *name)
{
	size_t before = strlen(w->path);
	struct wire_fh fh;
	int status;

	begin(w, LOOKUP, dir);
	wire_put_name(&w->wire, name);
	if ((status = call(w)) != 0)
		return status < 0 ? -1 : 0;
	wire_take_fh(&w->wire, &fh);
	snprintf(w->path + before, sizeof(w->path) - before, "/%s", name);
	status = look(w, &fh);
	w->path[before] = '\0';
	return status;
}

static int
look_at_folder(struct walker *w, const struct wire_fh *fh)
{
	char(*names)[256] = malloc(NAMES_MAX * sizeof(*names));
	int n = w->depth == DEPTH_MAX ? 0 : list(w, fh, names), rc = 0;

	w->depth++;
	for (int i = 0; i < n && rc == 0; i++)
		rc = look_at_name(w, fh, names[i]);
	w->depth--;
	free(names);
	return n < 0 ? -1 : rc;
}

static int
look(struct walker *w, const struct wire_fh *fh)
{
	uint32_t type;
	uint64_t size;
	int status;

	begin(w, ACCESS, fh);
	wire_put(&w->wire, 0x3f);
	if (call(w) < 0)
		return -1;
	begin(w, GETATTR, fh);
	if ((status = call(w)) != 0)
		return status < 0 ? -1 : 0;
	type = wire_take(&w->wire);
	wire_skip(&w->wire, 4);
	size = wire_take64(&w->wire);
	if (type == 2)
		return look_at_folder(w, fh);
	if (type == 1)
		return read_file(w, fh, size);
	begin(w, READLINK, fh);
	return call(w) < 0 ? -1 : 0;
}

/* --- changes --- */

static int
write_to(struct walker *w, const struct wire_fh *fh, uint32_t off, uint32_t stable)
{
	begin(w, WRITE, fh);
	wire_put64(&w->wire, off);
	wire_put(&w->wire, 6);
	wire_put(&w->wire, stable);
	wire_put_bytes(&w->wire, "across", 6);
	return call(w);
}

static int
change_file(struct walker *w, const struct wire_fh *root, const char *name)
{
	struct wire_fh fh;
	int status;

	begin(w, CREATE, root); /* UNCHECKED */
	wire_put_name(&w->wire, name);
	for (int i = 0; i < 7; i++)
		wire_put(&w->wire, 0);
	if ((status = call(w)) != 0)
		return status;
	if (!wire_take(&w->wire))
		return 0;
	wire_take_fh(&w->wire, &fh);
	if (write_to(w, &fh, 4093, 0) < 0 || write_to(w, &fh, 140000, 2) < 0)
		return -1;
	begin(w, COMMIT, &fh);
	wire_put64(&w->wire, 0);
	wire_put(&w->wire, 0);
	return call(w);
}

static int
change_all(struct walker *w, const struct wire_fh *root)
{
	static const char *const names[] = { "a", "big", "mine", "made", "new" };
	static const char *const goes[] = { "a", "mine", "d", "small" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (change_file(w, root, names[i]) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(goes) / sizeof(goes[0]); i++) {
		begin(w, REMOVE, root);
		wire_put_name(&w->wire, goes[i]);
		if (call(w) < 0)
			return -1;
	}
	return 0;
}

int
walk(struct walk *walk, uint16_t port, const char *client, bool change)
{
	struct walker w = { .walk = walk };
	struct wire_fh root;
	char name[72];
	int status;

	wire_open(&w.wire, port, 1);
	snprintf(name, sizeof(name), "/%s", client);
	wire_begin(&w.wire, MOUNT, 1);
	wire_put_name(&w.wire, name);
	status = call(&w);
	if (status == 0) {
		wire_take_fh(&w.wire, &root);
		status = look(&w, &root);
		if (status == 0 && change)
			status = change_all(&w, &root);
		if (status == 0 && change)
			status = look(&w, &root);
	} else if (status > 0) {
		status = 0; /* refused, and looked at no further */
	}
	wire_close(&w.wire);
	return status < 0 ? -1 : 0;
}

const struct walk_file *
walk_find(const struct walk *walk, const char *path)
{
	for (int i = 0; i < walk->n; i++)
		if (strcmp(walk->files[i].path, path) == 0)
			return &walk->files[i];
	return NULL;
}

void
walk_free(struct walk *walk, int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < walk[i].n; k++)
			free(walk[i].files[k].bytes);
}

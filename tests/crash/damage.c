/* Making the store that is to be damaged, and keeping in mind what is in it. */
#include "tests/crash/damage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/client.h"
#include "cow/err.h"
#include "cow/format.h"
#include "cow/import/import.h"
#include "cow/snapshot.h"
#include "cow/view.h"
#include "tests/crash/world.h"

enum { GOLDEN, OTHER, ONE, CUT, TWO, THREE };

static int
must(int rc)
{
	if (rc < 0)
		die("%s", err_text(rc));
	return rc;
}

/* Never zero, and no two blocks of all are alike. */
static void
fill(uint8_t *p, uint32_t n, uint32_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 | 1;

	for (uint32_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)(x >> 32) | 1;
	}
}

static struct damage_file *
find(struct damage_state *state, const char *path)
{
	for (int i = 0; i < state->n; i++)
		if (strcmp(state->files[i].path, path) == 0)
			return &state->files[i];
	return NULL;
}

/* Bytes of a file, which is made where there is none. */
static struct damage_file *
know(struct damage_state *state, const char *path, uint32_t off, uint32_t n, uint32_t seed)
{
	struct damage_file *f = find(state, path);
	uint8_t *bytes;

	if (!f) {
		if (state->n == DAMAGE_FILES)
			die("more files than thought of");
		f = &state->files[state->n++];
		*f = (struct damage_file){ .n = 0 };
		snprintf(f->path, sizeof(f->path), "%s", path);
	}
	if (off + n > f->n) {
		bytes = calloc(1, off + n);
		if (f->n)
			memcpy(bytes, f->bytes, f->n);
		f->bytes = bytes; /* the old ones may be another state's, too */
		f->n = off + n;
	} else {
		bytes = malloc(f->n);
		memcpy(bytes, f->bytes, f->n);
		f->bytes = bytes;
	}
	fill(f->bytes + off, n, seed);
	return f;
}

/* --- images --- */

static void
source_file(struct damage_state *state, const char *folder, const char *path, uint32_t n)
{
	static uint32_t seed;
	struct damage_file *f = know(state, path, 0, n, 1000 + seed++);
	char name[400];
	FILE *file;

	snprintf(name, sizeof(name), "%s%s", folder, path);
	file = fopen(name, "we");
	if (!file || fwrite(f->bytes, 1, n, file) != n || fclose(file) != 0)
		die("%s: %m", name);
}

static void
make_image(struct store *s, struct damage_state *state, const char *top, const char *name)
{
	struct import_options io = { .name = name };
	struct import_result result;
	char folder[300], path[320];

	snprintf(folder, sizeof(folder), "%s/%s", top, name);
	snprintf(path, sizeof(path), "%s/d", folder);
	if (mkdir(folder, 0755) < 0 || mkdir(path, 0755) < 0)
		die("%s: %m", path);
	source_file(state, folder, "/a", 10000);
	source_file(state, folder, "/d/x", 30000);
	if (state->image < 0 && strcmp(name, "golden") == 0) {
		source_file(state, folder, "/big", 150000);
		source_file(state, folder, "/d/y", 5000);
		source_file(state, folder, "/small", 10);
	}
	must(import_run(s, folder, &io, &result));
}

/* --- clients --- */

struct life {
	struct store *store;
	struct view *view;
	struct damage_state *state;
};

static void
lives(struct damage_store *d, struct life *l, int state, const char *image)
{
	struct damage_state *s = &d->states[state];
	struct client_options co = { .name = s->client, .image = image, .any_address = true };
	struct client client;

	must(client_add(l->store, &co));
	must(client_find(l->store, s->client, &client));
	must(view_open(l->store, &client, &l->view));
	memcpy(s->files, d->states[s->image].files, sizeof(s->files));
	s->n = d->states[s->image].n;
	l->state = s;
}

/* In the root, or a folder of it called "d". */
static uint32_t
parent_of(struct life *l, const char **name, const char *path)
{
	struct view_op op = { 0 };
	struct view_attr attr, dir;

	*name = strrchr(path, '/') + 1;
	if (*name == path + 1)
		return INO_ROOT;
	must(view_lookup(l->view, &op, INO_ROOT, STR("d"), &attr, &dir));
	return (uint32_t)attr.ino;
}

static void
writes(struct life *l, const char *path, uint32_t off, uint32_t n)
{
	static uint32_t seed;
	struct damage_file *f = know(l->state, path, off, n, 2000 + seed++);
	struct view_set set = { .set_mode = true, .mode = 0644 };
	enum view_stable got;
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;
	const char *name;
	uint32_t dir = parent_of(l, &name, path);
	struct str s = { name, (uint32_t)strlen(name) };

	must(view_create(l->view, &op, dir, s, VIEW_UNCHECKED, &set, 0, &attr, &wcc));
	must(view_write(
	    l->view, &op, (uint32_t)attr.ino, off, f->bytes + off, n, VIEW_FILE_SYNC, &got, &wcc));
}

static void
removes(struct life *l, const char *path)
{
	struct damage_file *f = find(l->state, path);
	struct view_op op = { 0 };
	struct view_wcc wcc;
	const char *name;
	uint32_t dir = parent_of(l, &name, path);

	must(view_remove(l->view, &op, dir, (struct str){ name, (uint32_t)strlen(name) }, &wcc));
	*f = l->state->files[--l->state->n];
}

static void
make_clients(struct damage_store *d, struct store *s)
{
	struct life one = { .store = s }, two = one, three = one;

	lives(d, &one, ONE, "golden");
	writes(&one, "/new", 0, 20000);
	writes(&one, "/a", 5000, 4);
	writes(&one, "/d/y", 4096, 4096);
	must(snapshot_create(s, &(struct snapshot_of){ "one", one.view }, 1, "cut", NULL));
	memcpy(d->states[CUT].files, d->states[ONE].files, sizeof(d->states[ONE].files));
	d->states[CUT].n = d->states[ONE].n;
	writes(&one, "/new2", 0, 9000);
	writes(&one, "/new", 8192, 4096);
	writes(&one, "/big", 33 * DAMAGE_BLOCK, 100);
	removes(&one, "/small");
	lives(d, &two, TWO, "golden");
	writes(&two, "/mine", 0, 12000);
	writes(&two, "/big", 0, 2 * DAMAGE_BLOCK);
	writes(&two, "/d/z", 0, 7);
	lives(d, &three, THREE, "other");
	writes(&three, "/d/x", 9000, 100);
	writes(&three, "/three", 0, 6000);
	must(batch_flush(store_batch(s)));
	view_close(one.view);
	view_close(two.view);
	view_close(three.view);
}

/* --- what came of it --- */

static void
keep_part(struct damage_store *d, const char *folder, const char *name)
{
	struct damage_part *p = &d->parts[d->nparts++];
	char path[600];
	struct stat st;
	FILE *f;

	if (d->nparts > DAMAGE_PARTS)
		die("more files than thought of");
	snprintf(p->name, sizeof(p->name), "%.79s", name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) < 0)
		die("%s: %m", path);
	p->n = (size_t)st.st_size;
	p->bytes = malloc(p->n + 1);
	if (fread(p->bytes, 1, p->n, f) != p->n)
		die("%s: %m", path);
	fclose(f);
}

static void
keep_parts(struct damage_store *d, const char *folder, const char *sub)
{
	struct dirent **names;
	char path[300], name[300];
	int n;

	snprintf(path, sizeof(path), "%s/%s", folder, sub);
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		die("%s: %m", path);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%s%s", sub, *sub ? "/" : "", names[i]->d_name);
		/* The index of the log dies with its processes' machine. */
		if (names[i]->d_type == DT_REG && !strstr(name, "-shm"))
			keep_part(d, folder, name);
		free(names[i]);
	}
	free(names);
}

static int
segment_part(const struct damage_store *d, uint32_t segment)
{
	for (int i = 0; i < d->nparts; i++)
		if (strncmp(d->parts[i].name, "segments/", 9) == 0 &&
		    strtoul(d->parts[i].name + 9, NULL, 16) == segment)
			return i;
	die("no segment %u", segment);
}

static void
keep_blocks(struct damage_store *d, struct store *s)
{
	static const char sql[] = "SELECT lower(hex(id)), segment, off, stored FROM block";
	struct db *db = db_lend(store_readers(s));
	sqlite3_stmt *stmt = db_stmt(db, sql);

	while (must(db_step(db, stmt)) == 1) {
		struct damage_block *b = &d->blocks[d->nblocks++];

		if (d->nblocks > DAMAGE_BLOCKS)
			die("more blocks than thought of");
		snprintf(b->hex, sizeof(b->hex), "%s", (const char *)sqlite3_column_text(stmt, 0));
		b->segment = (uint32_t)sqlite3_column_int(stmt, 1);
		b->part = segment_part(d, b->segment);
		b->off = (uint64_t)sqlite3_column_int64(stmt, 2);
		b->stored = (uint32_t)sqlite3_column_int(stmt, 3);
	}
	db_return(store_readers(s), db);
}

static void
keep(struct damage_store *d, struct store *s, const char *folder)
{
	keep_parts(d, folder, "");
	keep_parts(d, folder, "images");
	keep_parts(d, folder, "leases");
	keep_parts(d, folder, "segments");
	keep_blocks(d, s);
}

void
damage_make(struct damage_store *d, const char *folder, bool killed)
{
	static const struct damage_state states[] = {
		[GOLDEN] = { "image golden", NULL, -1, { { "", NULL, 0 } }, 0 },
		[OTHER] = { "image other", NULL, -1, { { "", NULL, 0 } }, 0 },
		[ONE] = { "client one", "one", GOLDEN, { { "", NULL, 0 } }, 0 },
		[CUT] = { "snapshot one@cut", NULL, GOLDEN, { { "", NULL, 0 } }, 0 },
		[TWO] = { "client two", "two", GOLDEN, { { "", NULL, 0 } }, 0 },
		[THREE] = { "client three", "three", OTHER, { { "", NULL, 0 } }, 0 },
	};
	static const uint8_t secret[HASH_SECRET_SIZE] = { 1, 2, 3 };
	struct store_options o = {
		.mode = STORE_OWN, .create = true, .block_size = DAMAGE_BLOCK, .secret = secret
	};
	char path[300];
	struct store *s;

	memset(d, 0, sizeof(*d));
	memcpy(d->states, states, sizeof(states));
	snprintf(path, sizeof(path), "%s/store", folder);
	must(store_open(path, &o, &s));
	make_image(s, &d->states[GOLDEN], folder, "golden");
	make_image(s, &d->states[OTHER], folder, "other");
	make_clients(d, s);
	if (killed)
		keep(d, s, path);
	store_close(s);
	if (killed)
		return;
	o.mode = STORE_LOOK;
	must(store_open(path, &o, &s));
	keep(d, s, path);
	store_close(s);
}

void
damage_lay_down(const struct damage_part *parts, int n, const char *folder)
{
	static const char *const subs[] = { "", "/images", "/segments", "/leases" };
	char path[600];

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, subs[i]);
		if (mkdir(path, 0700) < 0)
			die("%s: %m", path);
	}
	for (int i = 0; i < n; i++) {
		FILE *f;

		if (parts[i].gone)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, parts[i].name);
		f = fopen(path, "we");
		if (!f || fwrite(parts[i].bytes, 1, parts[i].n, f) != parts[i].n || fclose(f) != 0)
			die("%s: %m", path);
	}
}

bool
damage_in_file(const struct damage_store *d, const struct damage_block *b,
    const struct damage_file *f, uint32_t at)
{
	uint32_t from = at * DAMAGE_BLOCK;
	uint32_t n = f->n - from < DAMAGE_BLOCK ? f->n - from : DAMAGE_BLOCK;

	/* Nothing of ours ends in zeros, so what is stored is as long as what is read. */
	return b->stored == n && memcmp(d->parts[b->part].bytes + b->off, f->bytes + from, n) == 0;
}

const struct damage_file *
damage_beneath(
    const struct damage_store *d, const struct damage_state *state, const struct damage_file *f)
{
	const struct damage_state *image = state->image < 0 ? NULL : &d->states[state->image];

	for (int i = 0; image && i < image->n; i++)
		if (strcmp(image->files[i].path, f->path) == 0)
			return &image->files[i];
	return NULL;
}

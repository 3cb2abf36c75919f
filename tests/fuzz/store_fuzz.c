/*
 * Store: a store whose files were changed, by records of 5 bytes each: which file, where, how. It
 * is refused, or served as far as it goes; its names are walked, its files read, some are changed.
 */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/import/import.h"
#include "cow/view.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

#define RECORD   5
#define FILES    16
#define WALK_MAX 200 /* inodes, since a damaged folder may hold itself */

/* The store as it was made. */
static struct whole {
	char name[300];
	uint8_t *bytes;
	size_t n;
} files[FILES];
static int nfiles;

static void
make_store(const char *place)
{
	struct store_options options = { .mode = STORE_OWN, .create = true, .block_size = 4096 };
	struct import_options io = { .name = "golden" };
	struct client_options co = { .name = "c", .image = "golden", .any_address = true };
	struct view_set set = { .set_mode = true, .mode = 0644 };
	struct import_result result;
	enum view_stable got;
	struct client client;
	struct store *store;
	struct view *view;
	struct view_op op = { 0 };
	struct view_attr attr, dir;
	struct view_wcc wcc;
	char path[160], bytes[20000];

	snprintf(path, sizeof(path), "%s/tree", place);
	PROMISE(mkdir(path, 0755) == 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * i / 7);
	folder_write(path, "large", bytes, sizeof(bytes));
	folder_write(path, "small", "small\n", 6);
	strcat(path, "/folder");
	PROMISE(mkdir(path, 0755) == 0);
	folder_write(path, "inside", "inside\n", 7);
	PROMISE(symlink("../small", strcat(path, "/link")) == 0);

	snprintf(path, sizeof(path), "%s/store", place);
	PROMISE(store_open(path, &options, &store) == 0);
	snprintf(path, sizeof(path), "%s/tree", place);
	PROMISE(import_run(store, path, &io, &result) == 0);
	PROMISE(client_add(store, &co) == 0 && client_find(store, "c", &client) == 0);
	PROMISE(view_open(store, &client, &view) == 0);
	PROMISE(view_create(
		    view, &op, INO_ROOT, STR("new"), VIEW_UNCHECKED, &set, 0, &attr, &wcc) == 0);
	PROMISE(
	    view_write(view, &op, attr.ino, 0, bytes + 1, 9000, VIEW_FILE_SYNC, &got, &wcc) == 0);
	PROMISE(view_lookup(view, &op, INO_ROOT, STR("large"), &attr, &dir) == 0);
	PROMISE(view_write(view, &op, attr.ino, 5000, "here", 4, VIEW_FILE_SYNC, &got, &wcc) == 0);
	PROMISE(view_remove(view, &op, INO_ROOT, STR("small"), &wcc) == 0);
	view_close(view);
	store_close(store);
}

static void
keep_file(const char *folder, const char *name)
{
	struct whole *w = &files[nfiles++];
	char path[600];
	FILE *f;

	PROMISE(nfiles <= FILES);
	snprintf(w->name, sizeof(w->name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	w->bytes = malloc(1 << 20);
	f = fopen(path, "rb");
	PROMISE(f && w->bytes);
	w->n = fread(w->bytes, 1, 1 << 20, f);
	fclose(f);
}

/* Files of the folder's sub-folder, in the order of their names. */
static void
keep_files(const char *folder, const char *sub)
{
	struct dirent **names;
	char path[300], name[300];
	int n;

	snprintf(path, sizeof(path), "%s/%s", folder, sub);
	n = scandir(path, &names, NULL, alphasort);
	PROMISE(n > 0);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%s%s", sub, *sub ? "/" : "", names[i]->d_name);
		if (names[i]->d_type == DT_REG)
			keep_file(folder, name);
		free(names[i]);
	}
	free(names);
}

static void
learn_store(void)
{
	char place[128], path[160];

	if (nfiles)
		return;
	make_store(folder_make(place));
	snprintf(path, sizeof(path), "%s/store", place);
	keep_files(path, "");
	keep_files(path, "images");
	keep_files(path, "segments");
	folder_remove(place);
}

/* Lays the store down, changed: a byte put or flipped, or the file cut off there. */
static void
lay_down(const char *store, const uint8_t *data, size_t size)
{
	static const char *const subs[] = { "", "/images", "/segments" };
	struct whole now[FILES];
	char path[300];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", store, subs[i]);
		PROMISE(mkdir(path, 0700) == 0);
	}
	for (int i = 0; i < nfiles; i++) {
		now[i] = files[i];
		now[i].bytes = malloc(files[i].n + 1);
		PROMISE(now[i].bytes);
		memcpy(now[i].bytes, files[i].bytes, files[i].n);
	}
	for (; size >= RECORD; data += RECORD, size -= RECORD) {
		struct whole *w = &now[data[0] % (unsigned)nfiles];
		size_t at = (size_t)(data[1] << 16 | data[2] << 8 | data[3]);

		if (!w->n)
			continue;
		if (data[0] >= 0xf0)
			w->n = at % (w->n + 1);
		else if (data[0] >= 0x80)
			w->bytes[at % w->n] ^= data[4];
		else
			w->bytes[at % w->n] = data[4];
	}
	for (int i = 0; i < nfiles; i++) {
		folder_write(store, now[i].name, now[i].bytes, now[i].n);
		free(now[i].bytes);
	}
}

/* Inodes that are still to be looked at. */
struct walk {
	uint32_t inos[WALK_MAX];
	int n, done;
};

static int
note(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *attr)
{
	struct walk *w = arg;

	(void)cookie, (void)attr;
	PROMISE(name.n >= 1 && name.n <= 255);
	if (w->n < WALK_MAX)
		w->inos[w->n++] = ino;
	return w->n == WALK_MAX;
}

static void
look_at(struct view *view, struct walk *walk, uint32_t ino)
{
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_data data;
	char target[TARGET_BYTES_MAX + 1];
	uint32_t n;
	bool eof;

	if (view_getattr(view, ino, &attr) < 0)
		return;
	view_readdir(view, &op, ino, 0, true, note, walk, &eof, &attr);
	view_readlink(view, &op, ino, target, &n, &attr);
	for (uint64_t off = 0; off < 65536; off += 8192) {
		if (view_read(view, &op, ino, off, 8192, &data, &attr) < 0)
			break;
		PROMISE(data.len <= 8192);
		view_data_release(&data);
	}
}

static void
change(struct view *view, uint32_t ino)
{
	struct view_set set = { .set_size = true, .size = 100 };
	enum view_stable got;
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	view_write(view, &op, ino, 4090, "across", 6, VIEW_UNSTABLE, &got, &wcc);
	view_commit(view, &op, ino, &wcc);
	view_setattr(view, &op, ino, &set, &wcc);
	view_create(view, &op, ino, STR("made"), VIEW_UNCHECKED, &set, 0, &attr, &wcc);
	view_rename(view, &op, ino, STR("inside"), INO_ROOT, STR("large"), &wcc, &wcc);
	view_remove(view, &op, ino, STR("link"), &wcc);
}

static void
serve(struct store *store)
{
	struct walk walk = { { INO_ROOT }, 1, 0 };
	struct client client;
	struct view *view;

	if (client_find(store, "c", &client) < 0 || view_open(store, &client, &view) < 0)
		return;
	for (int i = 0; i < walk.n; i++)
		look_at(view, &walk, walk.inos[i]);
	for (int i = 0; i < walk.n && i < 20; i++)
		change(view, walk.inos[i]);
	batch_flush(store_batch(store));
	view_trim(view, 0);
	for (int i = 0; i < walk.n && i < 20; i++)
		look_at(view, &walk, walk.inos[i]);
	view_close(view);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_options options = { .mode = STORE_OWN, .start = true };
	char place[128], path[160];
	struct store *store;

	learn_store();
	snprintf(path, sizeof(path), "%s/store", folder_make(place));
	lay_down(path, data, size);
	if (store_open(path, &options, &store) == 0) {
		serve(store);
		store_close(store);
	}
	folder_remove(place);
	return 0;
}

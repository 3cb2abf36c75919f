/*
 * What rubusd keeps in memory, however many files there are: a large image, clients that walk all
 * of it, clients that change very much, large writes. With RUBUS_LONG at the size that is promised
 * for: an image of 500,000 files, 64 clients, deltas of 200,000 files, memory = 256M.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "cow/err.h"
#include "cow/import/import.h"
#include "tests/crash/wire.h"
#include "tests/crash/world.h"
#include "tests/lib/daemon.h"

#define MOUNT      100005
#define NFS        100003
#define PER_FOLDER 1000u

struct size {
	uint32_t files, clients, walkers, writers, delta, large_mib;
	const char *memory;
	uint64_t bound; /* KiB that may be resident */
};

/* The bound: what the configuration says, and the program itself: replies that are kept, rows that
 * gather, SQLite's own. */
#define ITSELF 48
static const struct size small = { 20000, 8, 8, 2, 20000, 32, "32M", (32 + ITSELF) << 10 };
static const struct size large = { 500000, 64, 64, 4, 200000, 256, "256M", (256 + ITSELF) << 10 };

struct memory {
	const struct size *size;
	char top[200], store[256], config[256];
	struct daemon daemon;
};

static int
must(int r)
{
	if (r < 0)
		die("%s", err_text(r));
	return r;
}

/* --- the store --- */

/* Straight into an image: a tree of half a million files on disk would take longer to make. */
static void
make_image(struct store *store, uint32_t files)
{
	struct image_writer *w;
	struct inode dir = { .mode = S_IFDIR | 0755, .nlink = 2, .size = 4096 };
	struct inode file = { .mode = S_IFREG | 0644, .nlink = 1, .mtime = 1 };
	uint32_t folders = (files + PER_FOLDER - 1) / PER_FOLDER, ino;
	uint32_t *inos = calloc(files + folders + 3, sizeof(*inos));
	char name[64];
	struct id id;

	must(image_writer_open(store, &w));
	dir.parent = 2;
	dir.cookie = 3 + folders;
	dir.nlink = 2 + folders;
	must(image_writer_inode(w, &dir, (struct str){ 0 }, NULL, &ino));
	dir.nlink = 2;
	dir.cookie = 3 + PER_FOLDER;
	for (uint32_t d = 0; d < folders; d++) {
		must(image_writer_inode(
		    w, &dir, (struct str){ 0 }, NULL, &inos[d * (PER_FOLDER + 1)]));
		for (uint32_t i = 0; i < PER_FOLDER; i++)
			must(image_writer_inode(w, &file, (struct str){ 0 }, NULL,
			    &inos[d * (PER_FOLDER + 1) + 1 + i]));
	}
	for (uint32_t d = 0; d < folders; d++) {
		snprintf(name, sizeof(name), "folder-%05u", d);
		must(image_writer_name(w, 2, str_of(name), inos[d * (PER_FOLDER + 1)]));
	}
	for (uint32_t d = 0; d < folders; d++) {
		for (uint32_t i = 0; i < PER_FOLDER; i++) {
			snprintf(name, sizeof(name), "a-file-of-the-image-%05u", i);
			must(image_writer_name(w, inos[d * (PER_FOLDER + 1)], str_of(name),
			    inos[d * (PER_FOLDER + 1) + 1 + i]));
		}
	}
	must(image_writer_publish(w, "golden", &id));
	image_writer_close(w);
	free(inos);
}

static void
make_store(struct memory *m)
{
	struct store_options o = { .mode = STORE_OWN, .create = true };
	const char *tmp = getenv("TMPDIR");
	struct store *store;
	char name[16];
	FILE *f;

	snprintf(m->top, sizeof(m->top), "%.150s/rubus-memory-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(m->top))
		die("%s: %m", m->top);
	snprintf(m->store, sizeof(m->store), "%s/store", m->top);
	snprintf(m->config, sizeof(m->config), "%s/rubus.conf", m->top);
	if (!(f = fopen(m->config, "we")) || fprintf(f, "memory = %s\n", m->size->memory) < 0 ||
	    fclose(f) != 0)
		die("%s: %m", m->config);
	must(store_open(m->store, &o, &store));
	make_image(store, m->size->files);
	for (uint32_t i = 0; i < m->size->clients; i++) {
		struct client_options c = { .name = name, .image = "golden", .any_address = true };

		snprintf(name, sizeof(name), "c%u", i);
		must(client_add(store, &c));
	}
	store_close(store);
}

/* --- what clients do --- */

static void
expect(uint32_t status, const char *what)
{
	if (status != 0)
		die("%s: status %u", what, status);
}

static void
mount_root(struct wire *w, const struct memory *m, uint32_t client, struct wire_fh *root)
{
	char export[16];

	snprintf(export, sizeof(export), "/c%u", client);
	wire_open(w, m->daemon.port, client * 7919u + 1);
	wire_begin(w, MOUNT, 1);
	wire_put_name(w, export);
	expect(wire_send(w, WIRE_WELL), "MNT");
	wire_take_fh(w, root);
}

/* One folder by READDIRPLUS; its folders' handles into `below`, if it isn't NULL. How many names.
 */
static uint32_t
list(struct wire *w, const struct wire_fh *dir, struct wire_fh *below, uint32_t most)
{
	uint64_t cookie = 0;
	uint32_t names = 0, eof = 0, n, status;

	while (!eof) {
		wire_begin(w, NFS, 17);
		wire_put_fh(w, dir);
		wire_put64(w, cookie);
		wire_put64(w, 0);
		wire_put(w, 30000);
		wire_put(w, 30000);
		status = wire_send(w, WIRE_WELL);
		if (status == 20) /* no folder */
			return 0;
		expect(status, "READDIRPLUS");
		wire_skip_post(w);
		wire_take64(w);
		while (wire_take(w)) {
			wire_take64(w);
			wire_take_bytes(w, &n);
			cookie = wire_take64(w);
			wire_skip_post(w);
			if (wire_take(w)) {
				struct wire_fh fh;

				wire_take_fh(w, &fh);
				if (below && cookie > 2 && names < most)
					below[names] = fh;
			}
			names += cookie > 2;
		}
		eof = wire_take(w);
	}
	return names;
}

static uint64_t
walk(const struct memory *m, uint32_t client)
{
	/* Those of the delta, too. */
	uint32_t folders = (m->size->files + m->size->delta) / PER_FOLDER + 10, n;
	struct wire_fh root, *below = calloc(folders, sizeof(*below));
	uint64_t names = 0;
	static struct wire w;

	mount_root(&w, m, client, &root);
	n = list(&w, &root, below, folders);
	for (uint32_t i = 0; i < n && i < folders; i++)
		names += list(&w, &below[i], NULL, 0);
	wire_close(&w);
	free(below);
	if (names < m->size->files)
		die("client %u found %llu of %u files", client, (unsigned long long)names,
		    m->size->files);
	return names;
}

static void
make_dir(struct wire *w, const struct wire_fh *in, const char *name, struct wire_fh *out)
{
	wire_begin(w, NFS, 9);
	wire_put_fh(w, in);
	wire_put_name(w, name);
	for (int i = 0; i < 6; i++)
		wire_put(w, 0);
	expect(wire_send(w, WIRE_WELL), "MKDIR");
	wire_take(w);
	wire_take_fh(w, out);
}

static void
make_file(struct wire *w, const struct wire_fh *in, const char *name, struct wire_fh *out)
{
	wire_begin(w, NFS, 8);
	wire_put_fh(w, in);
	wire_put_name(w, name);
	for (int i = 0; i < 7; i++)
		wire_put(w, 0);
	expect(wire_send(w, WIRE_WELL), "CREATE");
	wire_take(w);
	wire_take_fh(w, out);
}

/* Half of it in one folder, the other half in many. */
static void
change(const struct memory *m, uint32_t client)
{
	struct wire_fh root, all, dir, file;
	static struct wire w;
	char name[64];

	mount_root(&w, m, client, &root);
	make_dir(&w, &root, "all", &all);
	for (uint32_t i = 0; i < m->size->delta; i++) {
		if (i % PER_FOLDER == 0) {
			snprintf(name, sizeof(name), "new-%05u", i / PER_FOLDER);
			make_dir(&w, &root, name, &dir);
		}
		snprintf(name, sizeof(name), "a-file-of-the-delta-%06u", i);
		make_file(&w, i % 2 ? &all : &dir, name, &file);
	}
	wire_close(&w);
}

static void
write_large(const struct memory *m, uint32_t client)
{
	static struct wire w;
	static uint8_t bytes[30000];
	struct wire_fh root, file;
	uint64_t end = (uint64_t)m->size->large_mib << 20;

	mount_root(&w, m, client, &root);
	make_file(&w, &root, "large", &file);
	for (uint64_t off = 0; off < end; off += sizeof(bytes)) {
		for (size_t i = 0; i < sizeof(bytes); i += 512)
			memcpy(bytes + i, &(uint64_t){ off + i + client * end }, 8);
		wire_begin(&w, NFS, 7);
		wire_put_fh(&w, &file);
		wire_put64(&w, off);
		wire_put(&w, sizeof(bytes));
		wire_put(&w, 0);
		wire_put_bytes(&w, bytes, sizeof(bytes));
		expect(wire_send(&w, WIRE_WELL), "WRITE");
	}
	wire_begin(&w, NFS, 21);
	wire_put_fh(&w, &file);
	wire_put64(&w, 0);
	wire_put(&w, 0);
	expect(wire_send(&w, WIRE_WELL), "COMMIT");
	wire_close(&w);
}

/* --- the stages --- */

static double
now(void)
{
	struct timeval t;

	gettimeofday(&t, NULL);
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void
tell(const struct memory *m, const char *stage, double since)
{
	uint64_t is, peak;

	daemon_memory(&m->daemon, &is, &peak);
	printf("%-44s %6.1f s, %4llu MiB now, %4llu at most, of %llu\n", stage, now() - since,
	    (unsigned long long)is >> 10, (unsigned long long)peak >> 10,
	    (unsigned long long)m->size->bound >> 10);
	fflush(stdout);
	if (DAEMON_BOUNDED && peak > m->size->bound)
		die("%s: %llu KiB are more than %llu", stage, (unsigned long long)peak,
		    (unsigned long long)m->size->bound);
}

static void
stage(struct memory *m, const char *name, uint32_t clients,
    void (*fn)(const struct memory *, uint32_t))
{
	double since = now();

	for (uint32_t i = 0; i < clients; i++)
		fn(m, i);
	tell(m, name, since);
}

static void
walk_one(const struct memory *m, uint32_t client)
{
	walk(m, client);
}

int
main(void)
{
	const char *set = getenv("RUBUS_LONG");
	struct memory m = { .size = set && *set && *set != '0' ? &large : &small };
	double since = now();
	char command[300];

	make_store(&m);
	daemon_start(&m.daemon, m.top, m.store, m.config);
	tell(&m, "started", since);
	stage(&m, "clients walk all of the image", m.size->walkers, walk_one);
	stage(&m, "clients make large deltas", m.size->writers, change);
	stage(&m, "clients write large files", m.size->writers, write_large);
	stage(&m, "all walk again", m.size->walkers, walk_one);
	daemon_stop(&m.daemon);
	daemon_start(&m.daemon, m.top, m.store, m.config);
	stage(&m, "after a restart those of the deltas walk", m.size->writers, walk_one);
	daemon_stop(&m.daemon);
	snprintf(command, sizeof(command), "rm -rf '%s'", m.top);
	return system(command) != 0;
}

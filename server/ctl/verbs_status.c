/* Verbs about the server as a whole: status and stats. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/snapshot.h"
#include "server/ctl/verbs_priv.h"
#include "server/server.h"
#include "server/stats.h"
#include <config.h>

static uint64_t disk_use_of(int folder, const char *name, int depth);

/* Takes the descriptor over. */
static uint64_t
disk_use_in(int folder, int depth)
{
	DIR *dir = fdopendir(folder);
	uint64_t sum = 0;
	struct dirent *e;

	if (!dir) {
		close(folder);
		return 0;
	}
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			sum += disk_use_of(dirfd(dir), e->d_name, depth);
	}
	closedir(dir);
	return sum;
}

/* Bytes that the file, or the folder and what is in it, takes on disk. */
static uint64_t
disk_use_of(int folder, const char *name, int depth)
{
	struct stat st;
	uint64_t sum;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	sum = (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode) || depth == 0)
		return sum;
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? sum : sum + disk_use_in(fd, depth - 1);
}

static uint64_t
resident_memory(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long all = 0, resident = 0;

	if (f && fscanf(f, "%lu %lu", &all, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct totals {
	uint64_t images, clients, delta_bytes;
};

static int
count_image(void *arg, const struct image_info *i)
{
	(void)i;
	((struct totals *)arg)->images++;
	return 0;
}

static int
count_client(void *arg, const struct client *c)
{
	struct totals *t = arg;

	t->clients++;
	t->delta_bytes += c->delta_bytes;
	return 0;
}

static void
write_store(struct verb_call *v, const struct totals *totals)
{
	struct store *store = v->service->store;
	int folder = files_dirfd(store_files(store));
	struct proto_text *t = v->answer;
	struct statvfs fs = { 0 };
	char hex[ID_HEX_SIZE];

	id_hex(store_id(store), hex);
	fstatvfs(folder, &fs);
	proto_row(t, "store");
	proto_str(t, "path", files_path(store_files(store)));
	proto_str(t, "id", hex);
	proto_uint(t, "epoch", store_epoch(store));
	proto_uint(t, "images", totals->images);
	proto_uint(t, "clients", totals->clients);
	proto_uint(t, "delta_bytes", totals->delta_bytes);
	proto_uint(t, "disk_used", disk_use_of(folder, ".", 2));
	proto_uint(t, "disk_free", (uint64_t)fs.f_bavail * fs.f_frsize);
	proto_row_end(t);
}

static void
write_server(struct verb_call *v, const struct verb_use *use)
{
	const struct server *server = v->service->server;
	struct proto_text *t = v->answer;

	proto_row(t, "server");
	proto_uint(t, "running", server != NULL);
	proto_str(t, "version", PACKAGE_VERSION);
	if (server) {
		proto_uint(t, "pid", (uint64_t)getpid());
		proto_uint(t, "started", v->service->started);
		proto_str(t, "address", server_address(server));
		proto_uint(t, "port", server_port(server));
		proto_uint(t, "connections", server_connections(server));
		proto_uint(t, "mounts", verb_use_mounted(use));
		proto_uint(t, "memory", resident_memory());
		proto_uint(t, "view_memory", verb_use_memory(use));
		proto_uint(t, "image_memory", store_image_memory(v->service->store));
	}
	proto_row_end(t);
}

int
verb_status(struct verb_call *v)
{
	struct verb_use *use CLEANUP(verb_use_free) = NULL;
	struct totals totals = { 0 };
	int err = verb_use_get(v, &use);

	if (err == 0)
		err = store_images(v->service->store, count_image, &totals);
	if (err == 0)
		err = client_each(v->service->store, count_client, &totals);
	if (err < 0)
		return err;
	write_server(v, use);
	write_store(v, &totals);
	err = verb_write_alarms(v);
	return err < 0 ? err : verb_client_list(v);
}

static void
write_proc(void *arg, const struct stats_proc *p)
{
	struct verb_call *v = arg;
	struct proto_text *t = v->answer;

	proto_row(t, "procedure");
	proto_str(t, "program", p->program);
	proto_str(t, "name", p->name ? p->name : "");
	proto_uint(t, "calls", p->calls);
	proto_uint(t, "errors", p->errors);
	proto_uint(t, "bytes_in", p->bytes_in);
	proto_uint(t, "bytes_out", p->bytes_out);
	proto_uint(t, "p50_us", stats_percentile(p, 50));
	proto_uint(t, "p99_us", stats_percentile(p, 99));
	proto_uint(t, "max_us", p->max_us);
	proto_row_end(t);
}

static void
write_batch(struct verb_call *v)
{
	struct batch_stats b;
	struct block_stats k;
	struct proto_text *t = v->answer;

	batch_stats(store_batch(v->service->store), &b);
	blocks_stats(store_blocks(v->service->store), &k);
	proto_row(t, "commits");
	proto_uint(t, "commits", b.commits);
	proto_uint(t, "rows", b.rows);
	proto_uint(t, "waiters", b.waiters);
	proto_uint(t, "failures", b.failures);
	proto_uint(t, "commit_us", b.commits ? b.commit_ns / b.commits / 1000 : 0);
	proto_row_end(t);
	proto_row(t, "blocks");
	proto_uint(t, "puts", k.puts);
	proto_uint(t, "zeros", k.zeros);
	proto_uint(t, "found", k.found);
	proto_uint(t, "stored", k.stored);
	proto_uint(t, "bytes_stored", k.bytes_stored);
	proto_uint(t, "collisions", k.collisions);
	proto_row_end(t);
}

int
verb_stats(struct verb_call *v)
{
	const struct stats *stats = v->service->stats;

	if (!stats)
		return err_set(ENOTCONN, "rubusd doesn't run on %s: there is nothing to count",
		    files_path(store_files(v->service->store)));
	stats_each(stats, write_proc, v);
	write_batch(v);
	proto_row(v->answer, "events");
	proto_uint(v->answer, "rejected", stats_counted(stats, STATS_REJECTED));
	proto_uint(v->answer, "duplicates", stats_counted(stats, STATS_DUPLICATE));
	proto_uint(v->answer, "refused", stats_counted(stats, STATS_REFUSED));
	proto_row_end(v->answer);
	return 0;
}

/* What takes space: of the disk, of each image, client and snapshot. */
static void
write_space(struct verb_call *v)
{
	struct store *store = v->service->store;
	int folder = files_dirfd(store_files(store));
	struct proto_text *t = v->answer;
	struct statvfs fs = { 0 };

	fstatvfs(folder, &fs);
	proto_row(t, "space");
	proto_uint(t, "blocks", disk_use_of(folder, "segments", 1));
	proto_uint(t, "images", disk_use_of(folder, "images", 1));
	proto_uint(t, "database",
	    disk_use_of(folder, "store.db", 0) + disk_use_of(folder, "store.db-wal", 0));
	proto_uint(t, "free", (uint64_t)fs.f_bavail * fs.f_frsize);
	proto_row_end(t);
}

static int
write_image_space(void *arg, const struct image_info *i)
{
	struct verb_call *v = arg;

	proto_row(v->answer, "image");
	proto_str(v->answer, "name", i->name);
	proto_uint(v->answer, "bytes", i->bytes);
	proto_uint(v->answer, "stored", i->stored);
	proto_uint(v->answer, "clients", i->clients);
	proto_row_end(v->answer);
	return 0;
}

static int
write_client_space(void *arg, const struct client *c)
{
	struct verb_call *v = arg;

	proto_row(v->answer, "client");
	proto_str(v->answer, "name", c->name);
	proto_str(v->answer, "image", c->image);
	proto_uint(v->answer, "files", c->delta_files);
	proto_uint(v->answer, "bytes", c->delta_bytes);
	proto_row_end(v->answer);
	return 0;
}

static int
write_snapshot_space(void *arg, const struct snapshot *s)
{
	struct verb_call *v = arg;

	proto_row(v->answer, "snapshot");
	proto_str(v->answer, "name", s->name);
	proto_str(v->answer, "client", s->client);
	proto_uint(v->answer, "files", s->delta_files);
	proto_uint(v->answer, "bytes", s->delta_bytes);
	proto_row_end(v->answer);
	return 0;
}

int
verb_df(struct verb_call *v)
{
	struct store *store = v->service->store;
	int err;

	write_space(v);
	err = store_images(store, write_image_space, v);
	if (err == 0)
		err = client_each(store, write_client_space, v);
	return err < 0 ? err : snapshot_each(store, NULL, write_snapshot_space, v);
}

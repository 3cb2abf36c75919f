/*
 * Walks an export through libnfs and a local folder side by side, and says every difference in
 * names, attributes and bytes. compare_tree URL FOLDER, where URL is as libnfs takes it, such as
 * "nfs://127.0.0.1/pi-1?version=3&nfsport=20490&mountport=20490". Exit 0: equal.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define CHUNK (1u << 20)

struct walk {
	struct nfs_context *nfs;
	const char *local;
	dev_t dev;
	unsigned long names, bytes, differences;
};

static void
differs(struct walk *w, const char *path, const char *what, unsigned long long here,
    unsigned long long there)
{
	w->differences++;
	printf("%s: %s: %llu in the folder, %llu in the export\n", path[0] ? path : "/", what, here,
	    there);
}

static void
compare_attr(struct walk *w, const char *path, const struct stat *a, const struct nfs_stat_64 *b)
{
	bool device = S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode);
	const struct {
		const char *what;
		uint64_t here, there;
	} fields[] = {
		{ "mode", a->st_mode, b->nfs_mode },
		{ "links", a->st_nlink, b->nfs_nlink },
		{ "uid", a->st_uid, b->nfs_uid },
		{ "gid", a->st_gid, b->nfs_gid },
		{ "size", (uint64_t)a->st_size, b->nfs_size },
		{ "mtime", (uint64_t)a->st_mtim.tv_sec, b->nfs_mtime },
		{ "mtime nanoseconds", (uint64_t)a->st_mtim.tv_nsec, b->nfs_mtime_nsec },
		{ "major", device ? major(a->st_rdev) : 0, device ? major(b->nfs_rdev) : 0 },
		{ "minor", device ? minor(a->st_rdev) : 0, device ? minor(b->nfs_rdev) : 0 },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].here != fields[i].there)
			differs(w, path, fields[i].what, fields[i].here, fields[i].there);
}

/* Of a long hole only one piece in 64 is read. */
static uint64_t
after(int fd, uint64_t off)
{
	uint64_t next = off + CHUNK, data = (uint64_t)lseek(fd, (off_t)next, SEEK_DATA);

	return data != UINT64_MAX && data > off + 64 * CHUNK ? off + 64 * CHUNK : next;
}

static void
compare_bytes(struct walk *w, const char *path, const char *here, uint64_t size)
{
	static char a[CHUNK], b[CHUNK];
	struct nfsfh *fh;
	int fd = open(here, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || nfs_open(w->nfs, path, O_RDONLY, &fh) < 0) {
		differs(w, path, "open", fd >= 0, 0);
		if (fd >= 0)
			close(fd);
		return;
	}
	for (uint64_t off = 0; off < size;) {
		ssize_t n = pread(fd, a, CHUNK, (off_t)off);
		int m = n > 0 ? nfs_pread(w->nfs, fh, off, (uint64_t)n, b) : 0;

		if (n <= 0 || m != n || memcmp(a, b, (size_t)n) != 0) {
			differs(w, path, "bytes at", off, off);
			break;
		}
		w->bytes += (uint64_t)n;
		off = after(fd, off);
	}
	nfs_close(w->nfs, fh);
	close(fd);
}

static void
compare_target(struct walk *w, const char *path, const char *here)
{
	char a[4096], b[4096] = { 0 };
	ssize_t n = readlink(here, a, sizeof(a) - 1);

	a[n > 0 ? n : 0] = '\0';
	if (nfs_readlink(w->nfs, path, b, sizeof(b)) < 0 || strcmp(a, b) != 0)
		differs(w, path, "target", strlen(a), strlen(b));
}

static void compare_folder(struct walk *, const char *path, const char *here);

static void
compare(struct walk *w, const char *path, const char *here)
{
	struct nfs_stat_64 b;
	struct stat a;

	w->names++;
	if (lstat(here, &a) < 0 || nfs_lstat64(w->nfs, path, &b) < 0) {
		differs(w, path, nfs_get_error(w->nfs), 1, 0);
		return;
	}
	compare_attr(w, path, &a, &b);
	if (S_ISREG(a.st_mode))
		compare_bytes(w, path, here, (uint64_t)a.st_size);
	else if (S_ISLNK(a.st_mode))
		compare_target(w, path, here);
	else if (S_ISDIR(a.st_mode) && a.st_dev == w->dev)
		compare_folder(w, path, here);
}

static unsigned
count_names(DIR *d)
{
	unsigned n = 0;

	while (readdir(d))
		n++;
	rewinddir(d);
	return n;
}

static void
compare_folder(struct walk *w, const char *path, const char *here)
{
	struct nfsdir *there;
	struct dirent *e;
	DIR *d = opendir(here);
	unsigned names = 0, listed = 0;

	if (!d || nfs_opendir(w->nfs, path[0] ? path : "/", &there) < 0) {
		differs(w, path, nfs_get_error(w->nfs), d != NULL, 0);
		if (d)
			closedir(d);
		return;
	}
	while (nfs_readdir(w->nfs, there))
		listed++;
	nfs_closedir(w->nfs, there);
	names = count_names(d);
	if (names != listed)
		differs(w, path, "names", names, listed);
	while ((e = readdir(d))) {
		char p[4096], h[4096];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if ((size_t)snprintf(p, sizeof(p), "%s/%s", path, e->d_name) < sizeof(p) &&
		    (size_t)snprintf(h, sizeof(h), "%s/%s", here, e->d_name) < sizeof(h))
			compare(w, p, h);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	struct walk w = { .nfs = nfs_init_context() };
	struct nfs_url *url;
	struct stat st;

	if (argc != 3 || !w.nfs || lstat(argv[2], &st) < 0) {
		fprintf(stderr, "usage: compare_tree URL FOLDER\n");
		return 2;
	}
	w.dev = st.st_dev;
	url = nfs_parse_url_dir(w.nfs, argv[1]);
	if (!url || nfs_mount(w.nfs, url->server, url->path) < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], nfs_get_error(w.nfs));
		return 1;
	}
	compare_folder(&w, "", argv[2]);
	printf("compared %lu names, %lu bytes: %lu differences\n", w.names, w.bytes, w.differences);
	nfs_destroy_url(url);
	nfs_destroy_context(w.nfs);
	return w.differences != 0;
}

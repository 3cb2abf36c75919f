/* The record: every change with its bytes, in the order in which the store's threads made them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/disk_priv.h"

void *
disk_grow(void *array, unsigned n, size_t element)
{
	if (n & (n - 1) || (n && n < 16))
		return array;
	array = realloc(array, (n ? 2 * (size_t)n : 16) * element);
	if (!array)
		abort();
	return array;
}

static void
add(struct disk *d, struct record *r)
{
	SCOPED_LOCK(&d->lock);

	d->records = disk_grow(d->records, d->n, sizeof(*d->records));
	d->records[d->n++] = *r;
}

void
disk_watch(void *arg, const struct file_change *c)
{
	struct record r = { c->event, strdup(c->name), c->to ? strdup(c->to) : NULL,
		.folder = c->folder, .off = c->off, .len = c->len };
	size_t at = 0;

	if (c->event == FILE_WRITE)
		r.bytes = malloc(c->len ? c->len : 1);
	for (int i = 0; i < c->n && at < c->len; i++) {
		memcpy(r.bytes + at, c->iov[i].iov_base, c->iov[i].iov_len);
		at += c->iov[i].iov_len;
	}
	add(arg, &r);
}

void
disk_mark(struct disk *d, int kind, uint64_t value)
{
	struct record r = { .mark = true, .kind = kind, .off = value };

	add(d, &r);
}

unsigned
disk_length(struct disk *d)
{
	SCOPED_LOCK(&d->lock);

	return d->n;
}

static void
base_file(struct disk *d, int dir, const char *name)
{
	struct base *b;
	struct stat st;
	int fd = openat(dir, name, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	d->base = disk_grow(d->base, d->nbase, sizeof(*d->base));
	b = &d->base[d->nbase++];
	*b = (struct base){ strdup(name), S_ISDIR(st.st_mode) };
	if (!b->folder) {
		b->n = (size_t)st.st_size;
		b->bytes = malloc(b->n ? b->n : 1);
		if (read(fd, b->bytes, b->n) != (ssize_t)b->n)
			abort();
	}
	close(fd);
}

static void
base_folder(struct disk *d, int root, const char *folder)
{
	int fd = openat(root, folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(fd);
	char name[512];

	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s%s%s", folder, folder[0] ? "/" : "", e->d_name);
		base_file(d, root, name);
		if (d->base[d->nbase - 1].folder)
			base_folder(d, root, name);
	}
	closedir(dir);
}

struct disk *
disk_open(const char *folder)
{
	struct disk *d = calloc(1, sizeof(*d));
	int root = open(folder, O_RDONLY | O_DIRECTORY);

	if (!d || root < 0)
		abort();
	pthread_mutex_init(&d->lock, NULL);
	base_folder(d, root, "");
	close(root);
	return d;
}

void
disk_close(struct disk *d)
{
	for (unsigned i = 0; i < d->n; i++) {
		free(d->records[i].name);
		free(d->records[i].to);
		free(d->records[i].bytes);
	}
	for (unsigned i = 0; i < d->nbase; i++) {
		free(d->base[i].name);
		free(d->base[i].bytes);
	}
	free(d->records);
	free(d->base);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* The walk through a folder tree that others may be changing. */
#include "cow/import/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/import/path.h"

struct walk_folder {
	struct walk_folder *next;
	dev_t dev;
	ino_t ino;
	uint32_t n;
	char path[]; /* n bytes */
};

static int
problem(struct str path, const char *what)
{
	char shown[PATH_SHOWN];

	return err_errno("%s: can't %s the folder", path_show(path, shown), what);
}

static int
folder_push(struct walk_folder **list, struct str path, const struct stat *st)
{
	struct walk_folder *f = malloc(sizeof(*f) + path.n);

	if (!f)
		return -ENOMEM;
	*f = (struct walk_folder){
		.next = *list, .dev = st->st_dev, .ino = st->st_ino, .n = path.n
	};
	memcpy(f->path, path.p, path.n);
	*list = f;
	return 0;
}

static void
folders_free(struct walk_folder *f)
{
	while (f) {
		struct walk_folder *next = f->next;

		free(f);
		f = next;
	}
}

/* Opens a folder by its path, following no symlink; -1 with errno. */
static int
open_below(int root, struct str path)
{
	char name[NAME_MAX + 1];
	struct str part;
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && path_next(&path, &part)) {
		int up = fd;

		memcpy(name, part.p, part.n);
		name[part.n] = '\0';
		fd = openat(
		    up, name, (path.n ? O_PATH : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(up);
	}
	return fd;
}

static int
compare_names(const void *a, const void *b, void *names)
{
	return strcmp((char *)names + *(const size_t *)a, (char *)names + *(const size_t *)b);
}

/* Frees what it held; room for the next folder's names. */
static void
names_clear(struct walk *w)
{
	free(w->names);
	free(w->order);
	w->names = NULL;
	w->order = NULL;
	w->names_n = w->names_room = 0;
	w->count = w->order_room = w->at = 0;
}

static int
names_add(struct walk *w, const char *name)
{
	size_t n = strlen(name) + 1;

	if (w->names_n + n > w->names_room) {
		size_t room = (w->names_n + n) * 2 + 1024;
		char *names = realloc(w->names, room);

		if (!names)
			return -ENOMEM;
		w->names = names;
		w->names_room = room;
	}
	if (w->count == w->order_room) {
		uint32_t room = w->order_room * 2 + 64;
		size_t *order = reallocarray(w->order, room, sizeof(*order));

		if (!order)
			return -ENOMEM;
		w->order = order;
		w->order_room = room;
	}
	memcpy(w->names + w->names_n, name, n);
	w->order[w->count++] = w->names_n;
	w->names_n += n;
	return 0;
}

/* The names of the folder at w->fd, sorted by bytes. */
static int
list_names(struct walk *w)
{
	int fd = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!dir) {
		err = -errno;
		cleanup_fd(&fd);
		return err;
	}
	names_clear(w);
	while (errno = 0, !err && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = names_add(w, e->d_name);
	}
	if (!err)
		err = -errno;
	closedir(dir);
	if (err)
		w->count = 0;
	else if (w->count)
		qsort_r(w->order, w->count, sizeof(*w->order), compare_names, w->names);
	return err;
}

static void
leave_folder(struct walk *w)
{
	cleanup_fd(&w->fd);
	w->fd = -1;
	free(w->here);
	w->here = NULL;
	w->count = w->at = 0;
	while (w->found) { /* the last found lies on top: turned round, the first will */
		struct walk_folder *f = w->found;

		w->found = f->next;
		f->next = w->waiting;
		w->waiting = f;
	}
}

/* 1: there is a folder to read on in; 0: none is left. */
static int
enter_folder(struct walk *w)
{
	struct str path;
	struct stat st;
	int err;

	leave_folder(w);
	w->here = w->waiting;
	if (!w->here)
		return 0;
	w->waiting = w->here->next;
	path = (struct str){ w->here->path, w->here->n };
	w->fd = open_below(w->root, path);
	if (w->fd < 0 || fstat(w->fd, &st) != 0)
		return problem(path, "open");
	if (st.st_dev != w->here->dev || st.st_ino != w->here->ino) {
		errno = ESTALE;
		return problem(path, "open");
	}
	w->dev = st.st_dev;
	err = list_names(w);
	errno = -err;
	return !err ? 1 : err == -ENOMEM ? err : problem(path, "list");
}

/* Makes w->path the path of w->name. */
static int
set_path(struct walk *w)
{
	bool root = strcmp(w->name, ".") == 0;
	uint32_t n = root ? 0 : (uint32_t)strlen(w->name), base = w->here->n;

	if (base + n + 2 > w->path_room) {
		uint32_t room = (base + n + 2) * 2;
		char *path = realloc(w->path_buf, room);

		if (!path)
			return -ENOMEM;
		w->path_buf = path;
		w->path_room = room;
	}
	memcpy(w->path_buf, w->here->path, base);
	if (base)
		w->path_buf[base++] = '/';
	memcpy(w->path_buf + base, w->name, n);
	w->path_buf[base + n] = '\0';
	w->path = (struct str){ w->path_buf, base + n };
	return 0;
}

int
walk_next(struct walk *w)
{
	int err;

	while (w->at == w->count) {
		err = enter_folder(w);
		if (err != 1)
			return err;
	}
	w->name = w->names + w->order[w->at++];
	err = set_path(w);
	return err ? err : 1;
}

int
walk_into(struct walk *w, const struct stat *st)
{
	return folder_push(&w->found, w->path, st);
}

/* Begins in a folder whose one name is the root's. */
static int
begin(struct walk *w)
{
	struct stat st;
	int err = fstat(w->root, &st) == 0 ? folder_push(&w->here, STR(""), &st) : -errno;

	if (!err)
		err = names_add(w, ".");
	if (err)
		return err;
	w->dev = st.st_dev;
	w->fd = fcntl(w->root, F_DUPFD_CLOEXEC, 0);
	return w->fd < 0 ? -errno : 0;
}

int
walk_open(const char *path, struct walk *out)
{
	int err;

	*out = (struct walk){ .fd = -1 };
	out->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->root < 0)
		return err_errno("can't open the folder %s", path);
	err = begin(out);
	if (err)
		walk_close(out);
	return err;
}

void
walk_close(struct walk *w)
{
	leave_folder(w);
	folders_free(w->waiting);
	names_clear(w);
	cleanup_fd(&w->root);
	free(w->path_buf);
}

/*
 * The segments that are open for reading. An index row names a segment by its sequence alone; the
 * epoch, the other half of the file's name, is learned from the folder's listing, which is read
 * again when a number is new (another process may have made it).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/segment.h"

struct segment_epoch {
	uint32_t seq, epoch;
};

struct segments {
	struct files *files;
	struct id store_id;
	pthread_mutex_t lock;
	struct segment_epoch *known; /* sorted by seq */
	size_t known_count;
	uint64_t clock; /* counts uses */
	unsigned max, count;
	struct segment *open[];
};

int
segments_open(struct files *files, const struct id *store_id, unsigned max, struct segments **out)
{
	struct segments *t = calloc(1, sizeof(*t) + max * sizeof(t->open[0]));

	if (!t)
		return err_set(ENOMEM, "out of memory for %u segments", max);
	t->files = files;
	t->store_id = *store_id;
	t->max = max;
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return 0;
}

void
segments_close(struct segments *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->count; i++)
		segment_close(t->open[i]);
	pthread_mutex_destroy(&t->lock);
	free(t->known);
	free(t);
}

static int
compare_seq(const void *a, const void *b)
{
	uint32_t x = ((const struct segment_epoch *)a)->seq;
	uint32_t y = ((const struct segment_epoch *)b)->seq;

	return (x > y) - (x < y);
}

static bool
parse_name(const char *name, struct segment_epoch *out)
{
	char again[FORMAT_SEGMENT_NAME_SIZE];

	if (sscanf(name, "%8x-%8x.seg", &out->seq, &out->epoch) != 2)
		return false;
	snprintf(again, sizeof(again), FORMAT_SEGMENT_NAME, out->seq, out->epoch);
	return strcmp(again, name) == 0;
}

/* Reads the folder's names into a new array of *n; NULL: none, or -errno in *err. */
static struct segment_epoch *
list_names(DIR *dir, size_t *n, int *err)
{
	struct segment_epoch *all = NULL, one;
	size_t room = 0;

	for (struct dirent *e; (e = readdir(dir));) {
		if (!parse_name(e->d_name, &one))
			continue;
		if (*n == room) {
			void *more = reallocarray(all, room ? 2 * room : 64, sizeof(*all));

			if (!more) {
				free(all);
				*err = err_set(ENOMEM, "out of memory for names of segments");
				return NULL;
			}
			all = more;
			room = room ? 2 * room : 64;
		}
		all[(*n)++] = one;
	}
	return all;
}

static int
learn_names(struct segments *t)
{
	int err = 0, fd = file_open(t->files, FORMAT_SEGMENTS_DIR, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct segment_epoch *all;
	size_t n = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (!dir) {
		err = err_errno("%s", FORMAT_SEGMENTS_DIR);
		close(fd);
		return err;
	}
	all = list_names(dir, &n, &err);
	closedir(dir);
	if (err < 0)
		return err;
	if (n)
		qsort(all, n, sizeof(*all), compare_seq);
	free(t->known);
	t->known = all;
	t->known_count = n;
	return 0;
}

static const struct segment_epoch *
find_known(const struct segments *t, uint32_t seq)
{
	struct segment_epoch key = { .seq = seq };

	return t->known_count ? bsearch(&key, t->known, t->known_count, sizeof(key), compare_seq)
			      : NULL;
}

static int
epoch_of(struct segments *t, uint32_t seq, uint32_t *epoch)
{
	SCOPED_LOCK(&t->lock);
	const struct segment_epoch *known = find_known(t, seq);

	if (!known) {
		int err = learn_names(t);

		if (err < 0)
			return err;
		known = find_known(t, seq);
	}
	if (!known)
		return err_set(EIO, "%s/%s: segment %u is missing", files_path(t->files),
		    FORMAT_SEGMENTS_DIR, seq);
	*epoch = known->epoch;
	return 0;
}

/* Takes it into use if it is open. The lock is held. */
static struct segment *
use_open(struct segments *t, uint32_t seq)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (t->open[i]->seq == seq) {
			t->open[i]->users++;
			t->open[i]->last_use = ++t->clock;
			return t->open[i];
		}
	}
	return NULL;
}

/* A place for one more: a free one, or that of the longest unused. NULL: all are in use. */
static struct segment **
make_place(struct segments *t)
{
	struct segment **oldest = NULL;

	if (t->count < t->max)
		return &t->open[t->count++];
	for (unsigned i = 0; i < t->count; i++) {
		if (t->open[i]->users == 0 &&
		    (!oldest || t->open[i]->last_use < (*oldest)->last_use))
			oldest = &t->open[i];
	}
	if (oldest)
		segment_close(*oldest);
	return oldest;
}

/* Takes a segment into the table and into use. The lock is held. */
static void
keep(struct segments *t, struct segment *s)
{
	struct segment **place = make_place(t);

	s->users = 1;
	s->last_use = ++t->clock;
	if (place)
		*place = s;
	else
		s->last_use = 0; /* in no place: closed by its last release */
}

void
segments_add(struct segments *t, struct segment *s)
{
	SCOPED_LOCK(&t->lock);

	keep(t, s);
}

/* Keeps a segment just opened, or closes it when another thread was faster. */
static struct segment *
keep_opened(struct segments *t, struct segment *s)
{
	SCOPED_LOCK(&t->lock);
	struct segment *other = use_open(t, s->seq);

	if (other)
		segment_close(s);
	else
		keep(t, s);
	return other ? other : s;
}

int
segments_get(struct segments *t, uint32_t seq, struct segment **out)
{
	struct segment *s;
	uint32_t epoch = 0;
	int err;

	pthread_mutex_lock(&t->lock);
	*out = use_open(t, seq);
	pthread_mutex_unlock(&t->lock);
	if (*out)
		return 0;
	err = epoch_of(t, seq, &epoch);
	if (err == 0)
		err = segment_open(t->files, &t->store_id, seq, epoch, &s);
	if (err == -ENOENT)
		err = err_set(EIO, "segment %u: removed while it was looked for", seq);
	if (err < 0)
		return err;
	*out = keep_opened(t, s);
	return 0;
}

int
segments_forget(struct segments *t, uint32_t seq, char name[SEGMENT_NAME_SIZE])
{
	uint32_t epoch = 0;
	int err = epoch_of(t, seq, &epoch);

	if (err < 0)
		return err;
	snprintf(name, SEGMENT_NAME_SIZE, FORMAT_SEGMENTS_DIR "/" FORMAT_SEGMENT_NAME, seq, epoch);
	SCOPED_LOCK(&t->lock);
	for (unsigned i = 0; i < t->count; i++) {
		struct segment *s = t->open[i];

		if (s->seq != seq)
			continue;
		t->open[i] = t->open[--t->count];
		s->last_use = 0;
		if (s->users == 0)
			segment_close(s);
		break;
	}
	return 0;
}

void
segments_release(struct segments *t, struct segment *s)
{
	SCOPED_LOCK(&t->lock);

	if (--s->users == 0 && s->last_use == 0)
		segment_close(s);
}

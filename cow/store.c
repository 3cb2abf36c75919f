/* A store that is open: writing to it, what it lends, and who must hear of its failures. */
#include "cow/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/store_priv.h"

int
store_path(const struct store *s, const char *name, char out[STORE_PATH_SIZE])
{
	int n = snprintf(out, STORE_PATH_SIZE, "%s/%s", files_path(s->files), name);

	return n < STORE_PATH_SIZE ? 0 : err_set(ENAMETOOLONG, "%s: too long a path", out);
}

int
store_write_side(struct store *s, int (*fn)(struct db *, void *arg), void *arg)
{
	SCOPED_LOCK(&s->side_lock);
	int rc = db_begin(s->side);

	if (rc < 0)
		return rc;
	rc = fn(s->side, arg);
	if (rc >= 0)
		return db_commit(s->side);
	db_rollback(s->side);
	return rc;
}

int
store_write(struct store *s, int (*fn)(struct db *, void *arg), void *arg)
{
	if (s->batch)
		return batch_exclusive(s->batch, fn, arg);
	if (!s->side)
		return err_set(EROFS, "the store was opened for looking only");
	return store_write_side(s, fn, arg);
}

struct files *
store_files(struct store *s)
{
	return s->files;
}

uint64_t
store_keep_free(struct store *s)
{
	struct file_space space;

	if (files_space(s->files, &space) < 0)
		return 0;
	return space.total / 16 < STORE_KEEP_MAX ? space.total / 16 : STORE_KEEP_MAX;
}

struct blocks *
store_blocks(struct store *s)
{
	return s->blocks;
}

struct batch *
store_batch(struct store *s)
{
	return s->batch;
}

struct db_pool *
store_readers(struct store *s)
{
	return s->readers;
}

const struct id *
store_id(const struct store *s)
{
	return &s->id;
}

uint32_t
store_epoch(const struct store *s)
{
	return s->epoch;
}

int
store_add_view(struct store *s, struct view *view, void (*forget)(struct view *))
{
	struct store_view *entry = malloc(sizeof(*entry));

	if (!entry)
		return err_set(ENOMEM, "out of memory for a view");
	SCOPED_LOCK(&s->views_lock);
	*entry = (struct store_view){ view, forget, s->views };
	s->views = entry;
	return 0;
}

void
store_remove_view(struct store *s, struct view *view)
{
	struct store_view **at, *victim;

	SCOPED_LOCK(&s->views_lock);
	for (at = &s->views; *at && (*at)->view != view; at = &(*at)->next)
		continue;
	if (!(victim = *at))
		return;
	*at = victim->next;
	free(victim);
}

void
store_count_loss(struct store *s)
{
	__atomic_add_fetch(&s->losses, 1, __ATOMIC_SEQ_CST);
}

void
store_commit_failed(void *arg, int err, bool final)
{
	struct store *s = arg;

	store_count_loss(s);
	SCOPED_LOCK(&s->views_lock);
	if (final && s->fatal)
		s->fatal(s->fatal_arg, err_text(err));
	for (struct store_view *v = s->views; v; v = v->next)
		v->forget(v->view);
}

uint32_t
store_losses(const struct store *s)
{
	return __atomic_load_n(&s->losses, __ATOMIC_SEQ_CST);
}

void
store_on_fatal(struct store *s, void (*fn)(void *arg, const char *why), void *arg)
{
	SCOPED_LOCK(&s->views_lock);
	s->fatal = fn;
	s->fatal_arg = arg;
}

uint64_t
store_new_layer(struct store *s)
{
	return __atomic_add_fetch(&s->last_layer, 1, __ATOMIC_RELAXED);
}

pthread_mutex_t *
store_catalogue(struct store *s)
{
	return &s->catalogue;
}

static struct image *
find_open(struct store *s, const struct id *id)
{
	for (struct store_images *entry = s->images; entry; entry = entry->next)
		if (id_eq(image_id(entry->image), id))
			return entry->image;
	return NULL;
}

int
store_image_db(struct store *s, const struct id *id, struct db **out)
{
	char name[STORE_NAME_SIZE], path[STORE_PATH_SIZE];
	int rc;

	store_image_name(id, ".db", name);
	rc = store_path(s, name, path);
	return rc < 0 ? rc : db_open_in(s->files, path, DB_IMMUTABLE, out);
}

int
store_image(struct store *s, const struct id *id, struct image **out)
{
	SCOPED_LOCK(&s->images_lock);
	struct image *image = find_open(s, id);
	struct store_images *entry;
	int rc;

	if (!image) {
		entry = malloc(sizeof(*entry));
		if (!entry)
			return err_set(ENOMEM, "out of memory for an image");
		rc = image_open(s->files, s->blocks, id, s->image_memory, &image);
		if (rc < 0) {
			free(entry);
			return rc;
		}
		*entry = (struct store_images){ image, s->images };
		s->images = entry;
	}
	*out = image_hold(image);
	return 0;
}

void
store_forget_image(struct store *s, const struct id *id)
{
	struct store_images **at, *victim;

	SCOPED_LOCK(&s->images_lock);
	for (at = &s->images; *at && !id_eq(image_id((*at)->image), id); at = &(*at)->next)
		continue;
	if (!(victim = *at))
		return;
	*at = victim->next;
	image_release(victim->image);
	free(victim);
}

uint64_t
store_image_memory(struct store *s)
{
	uint64_t bytes = 0;

	SCOPED_LOCK(&s->images_lock);
	for (struct store_images *entry = s->images; entry; entry = entry->next)
		bytes += image_memory(entry->image);
	return bytes;
}

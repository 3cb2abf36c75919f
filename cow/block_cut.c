/* What makes blocks durable: rows are cut off, segments synced, and rows given back or let go. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/blkindex.h"
#include "cow/block_priv.h"
#include "cow/err.h"

/* What a cut must sync. */
struct cut_segments {
	struct segment *open;    /* NULL: not written */
	struct segment *retired; /* let go after it */
	bool names;
};

static void
take_rows(struct blocks *b, struct block_rows *rows, struct rowset *set)
{
	set->map = b->pending;
	set->next = b->returned;
	b->pending = (struct idmap){ 0 };
	b->returned = NULL;
	rows->sets = set;
	for (const struct rowset *s = set; s; s = s->next)
		rows->count += s->map.used;
	rows->next = b->cuts;
	b->cuts = rows;
}

static int
begin_cut(struct blocks *b, struct block_rows *rows, struct rowset *set, struct cut_segments *todo)
{
	SCOPED_LOCK(&b->lock);

	if (b->failed)
		return err_set(EIO, "the block store has failed before");
	*todo = (struct cut_segments){ b->dirty ? b->open : NULL, b->retired, b->new_names };
	b->dirty = b->new_names = false;
	b->retired = NULL;
	take_rows(b, rows, set);
	return 0;
}

/* What has gathered and can't be written is given up, so that a full disk doesn't stop the commits
 * of those who wrote nothing. Its rows are those since the last cut that succeeded. */
static void
discard(struct blocks *b, struct segment *open)
{
	uint64_t from;
	int err;

	SCOPED_LOCK(&b->lock);
	segment_discard(open, &from);
	b->discards++;
	err = idmap_cut(&b->pending, open->seq, from);
	for (struct rowset *set = b->returned; set && err == 0; set = set->next)
		err = idmap_cut(&set->map, open->seq, from);
	b->failed = b->failed || err < 0;
}

/* Gives a cut back whose bytes can't all be written. */
static void
undo_cut(struct blocks *b, struct block_rows *rows, struct cut_segments *todo)
{
	block_rows_end(b, rows, false);
	discard(b, todo->open);
	SCOPED_LOCK(&b->lock);
	struct segment **last = &b->retired;

	while (*last)
		last = &(*last)->next;
	*last = todo->retired;
	b->dirty = true;
	b->new_names = b->new_names || todo->names;
}

static int
sync_segments(struct blocks *b, const struct cut_segments *todo)
{
	int err = 0;

	for (struct segment *s = todo->retired; s && err == 0; s = s->next)
		err = file_sync(b->env.files, s->fd, s->name);
	if (err == 0 && todo->open)
		err = file_sync(b->env.files, todo->open->fd, todo->open->name);
	if (err == 0 && todo->names)
		err = file_sync_dir(b->env.files, FORMAT_SEGMENTS_DIR);
	if (err == 0 && todo->names)
		err = file_sync_dir(b->env.files, "");
	return err;
}

int
blocks_cut(struct blocks *b, struct block_rows **out)
{
	CLEANUP_FREE struct rowset *set = calloc(1, sizeof(*set));
	CLEANUP_FREE struct block_rows *rows = calloc(1, sizeof(*rows));
	struct cut_segments todo = { 0 };
	char why[256];
	int err;

	if (!set || !rows)
		return err_set(ENOMEM, "out of memory for index rows");
	rows->blocks = b;
	SCOPED_LOCK(&b->cutting);
	err = begin_cut(b, rows, set, &todo);
	if (err < 0)
		return err;
	*out = rows;
	rows = NULL;
	set = NULL;
	err = todo.open ? segment_flush(b->env.files, todo.open) : 0;
	if (err < 0) {
		undo_cut(b, *out, &todo);
		*out = NULL;
		return err;
	}
	err = sync_segments(b, &todo);
	blocks_release(b, todo.retired);
	if (err == 0)
		return 0;

	snprintf(why, sizeof(why), "%s", err_text(err));
	pthread_mutex_lock(&b->lock);
	b->failed = true;
	pthread_mutex_unlock(&b->lock);
	block_rows_end(b, *out, false);
	*out = NULL;
	return err_set(EIO, "segments can't be synced: %s", why);
}

/* The id has a row already: of this process (inserted, not known to be committed), or another
 * process put the same bytes. Other bytes under one id can't be served: nothing is committed. */
static int
settle(struct block_rows *rows, struct db *db, struct idmap_row *row)
{
	struct blocks *b = rows->blocks;
	CLEANUP_FREE uint8_t *bytes = malloc(row->loc.stored);
	struct block_loc winner;
	int r = blkindex_find(db, &row->id, &winner);

	if (r <= 0 || memcmp(&winner, &row->loc, sizeof(winner)) == 0)
		return r < 0 ? r : 0;
	if (!bytes)
		return err_set(ENOMEM, "out of memory for a block");
	r = block_read(b, &row->loc, 0, bytes, row->loc.stored);
	if (r == 0)
		r = block_compare(b, &winner, bytes, row->loc.stored);
	if (r <= 0)
		return r < 0 ? r : err_set(EIO, "two blocks of two processes have one id");
	SCOPED_LOCK(&b->lock);
	row->loc = winner;
	return 0;
}

int
block_rows_insert(struct block_rows *rows, struct db *db)
{
	for (struct rowset *set = rows->sets; set; set = set->next) {
		for (uint32_t i = 0; i < set->map.size; i++) {
			struct idmap_row *row = &set->map.slots[i];
			int r = 1;

			if (!id_is_zero(&row->id))
				r = blkindex_insert(db, &row->id, &row->loc);
			if (r == 0)
				r = settle(rows, db, row);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void
remember(struct blocks *b, const struct idmap *map)
{
	for (uint32_t i = 0; i < map->size; i++) {
		if (!id_is_zero(&map->slots[i].id))
			idcache_set(b->cache, &map->slots[i].id, &map->slots[i].loc);
	}
}

static void
end_set(struct blocks *b, struct rowset *set, bool committed)
{
	if (!committed) {
		set->next = b->returned;
		b->returned = set;
		return;
	}
	remember(b, &set->map);
	idmap_free(&set->map);
	free(set);
}

void
block_rows_end(struct blocks *b, struct block_rows *rows, bool committed)
{
	if (!rows)
		return;
	SCOPED_LOCK(&b->lock);
	struct block_rows **link = &b->cuts;

	while (*link != rows)
		link = &(*link)->next;
	*link = rows->next;
	for (struct rowset *set; (set = rows->sets);) {
		rows->sets = set->next;
		end_set(b, set, committed);
	}
	b->commits += committed;
	free(rows);
}

bool
blocks_failed(struct blocks *b)
{
	SCOPED_LOCK(&b->lock);

	return b->failed;
}

uint32_t
block_rows_count(const struct block_rows *rows)
{
	return rows->count;
}

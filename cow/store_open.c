/* Opening a store folder: the lock, and its parts in the order in which they need each other. */
#include "cow/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/lease.h"
#include "cow/store_priv.h"

#define LOCK_FILE     "lock"
#define READERS       16u
#define BLOCK_READERS 8u
#define IMAGE_MEMORY  ((uint64_t)32 << 20)

/* Changes rows of layers, not only an import's. */
static bool
has_batch(const struct store *s)
{
	return s->mode == STORE_OWN || s->mode == STORE_CHANGE;
}

static bool
has_db(const struct store *s)
{
	struct stat st;

	return fstatat(files_dirfd(s->files), STORE_DB, &st, 0) == 0;
}

static int
owned_by_other(struct store *s)
{
	char text[32] = "";
	ssize_t n = pread(s->lock, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		return err_set(EBUSY, "%s is in use by process %ld", files_path(s->files), pid);
	return err_set(EBUSY, "%s is in use by another process", files_path(s->files));
}

/* The lock is the flock; the process number in it is for people. */
static int
take_lock(struct store *s)
{
	char text[32];
	int rc, n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	s->lock = file_open(s->files, LOCK_FILE, O_RDWR | O_CREAT, 0600);
	if (s->lock < 0)
		return s->lock;
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? owned_by_other(s) : err_errno("locking the store");
	rc = file_truncate(s->files, s->lock, LOCK_FILE, 0);
	return rc < 0 ? rc : file_pwrite(s->files, s->lock, LOCK_FILE, text, (size_t)n, 0);
}

/* The folder, and under the lock the store in it. */
static int
open_folder(struct store *s, const char *path, const struct store_options *o)
{
	bool make = o->create && o->mode == STORE_OWN;
	char *real CLEANUP_FREE = NULL;
	int rc;

	if (make && (rc = store_make_folder(path)) < 0)
		return rc;
	real = realpath(path, NULL);
	if (!real)
		return errno == ENOENT ? err_set(ENOENT, "there is no store at %s", path)
				       : err_errno("%s", path);
	if ((rc = files_open(real, &s->files)) < 0)
		return rc;
	files_hook(s->files, o->hook, o->file_arg);
	files_watch(s->files, o->watch, o->file_arg);
	if (!has_db(s) && !make)
		return err_set(ENOENT, "there is no store at %s", path);
	if (!has_db(s) && (rc = store_check_empty(s->files)) < 0)
		return rc;
	if (o->mode == STORE_OWN && (rc = take_lock(s)) < 0)
		return rc;
	if (!has_db(s) && (rc = store_make(s->files, o->block_size, o->secret)) < 0)
		return rc;
	return store_check(s->files, s->mode == STORE_OWN);
}

static int
raise_epoch(struct db *db, void *arg)
{
	struct store *s = arg;
	int rc = db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'epoch'");

	if (rc == 0)
		s->epoch++;
	return rc;
}

static int
upgrade(struct db *db, void *arg)
{
	(void)arg;
	return store_upgrade(db);
}

static int
open_dbs(struct store *s, const struct store_options *o)
{
	char path[STORE_PATH_SIZE];
	struct db *db;
	int rc;

	if ((rc = store_path(s, STORE_DB, path)) < 0 ||
	    (rc = db_pool_open(s->files, path, DB_READ, READERS, &s->readers)) < 0 ||
	    (rc = db_pool_open(s->files, path, DB_READ, BLOCK_READERS, &s->block_readers)) < 0)
		return rc;
	if (s->mode != STORE_LOOK && (rc = db_open_in(s->files, path, DB_WRITE, &s->side)) < 0)
		return rc;
	if (has_batch(s) && (rc = db_open_in(s->files, path, DB_WRITE, &s->writer)) < 0)
		return rc;
	if (s->mode == STORE_OWN && (rc = store_write_side(s, upgrade, NULL)) < 0)
		return rc;
	db = db_lend(s->readers);
	rc = db ? store_read_meta(s, db, o->hash_bits) : -EIO;
	db_return(s->readers, db);
	if (rc == 0 && o->start && s->mode == STORE_OWN)
		rc = store_write_side(s, raise_epoch, s);
	return rc;
}

static int
next_segment(void *arg, uint32_t *out)
{
	struct store *s = arg;

	if (!has_batch(s))
		return err_set(EROFS, "an import adds blocks to segments of its own only");
	return store_new_segment(s, NULL, out);
}

static int
open_blocks(struct store *s)
{
	struct blocks_env blocks = { .files = s->files,
		.readers = s->block_readers,
		.hash = s->hash,
		.store_id = s->id,
		.block_size = s->block_size,
		.epoch = s->epoch,
		.segment_max = STORE_SEGMENT_MAX,
		.keep_free = store_keep_free(s),
		.next_segment = next_segment,
		.arg = s };
	struct batch_env batch = { .db = s->writer, .failed = store_commit_failed, .arg = s };
	int rc = blocks_open(&blocks, &s->blocks);

	if (rc < 0 || !has_batch(s))
		return rc;
	batch.blocks = s->blocks;
	return batch_open(&batch, &s->batch);
}

static int
open_parts(struct store *s, const char *path, const struct store_options *o)
{
	int rc = open_folder(s, path, o);

	if (rc < 0 || (rc = open_dbs(s, o)) < 0)
		return rc;
	if (s->mode != STORE_LOOK && ((rc = file_mkdir(s->files, "images", 0700)) < 0 ||
					 (rc = file_mkdir(s->files, "segments", 0700)) < 0 ||
					 (rc = file_mkdir(s->files, STORE_LEASES, 0700)) < 0 ||
					 (rc = file_sync_dir(s->files, "")) < 0))
		return rc;
	if (s->mode == STORE_CHANGE && (rc = lease_share_blocks(s)) < 0)
		return rc;
	if (s->mode != STORE_LOOK && (rc = store_sweep(s)) < 0)
		return rc;
	return open_blocks(s);
}

int
store_open(const char *path, const struct store_options *o, struct store **out)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(ENOMEM, "%s: out of memory", path);
	s->mode = o->mode;
	s->lock = s->sharing = -1;
	s->image_memory = o->image_memory ? o->image_memory : IMAGE_MEMORY;
	pthread_mutex_init(&s->side_lock, NULL);
	pthread_mutex_init(&s->catalogue, NULL);
	pthread_mutex_init(&s->images_lock, NULL);
	pthread_mutex_init(&s->leases_lock, NULL);
	pthread_mutex_init(&s->views_lock, NULL);
	rc = open_parts(s, path, o);
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void
close_images(struct store *s)
{
	struct store_images *entry;

	while ((entry = s->images)) {
		s->images = entry->next;
		image_release(entry->image);
		free(entry);
	}
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	batch_close(s->batch);
	close_images(s);
	if (s->blocks)
		blocks_close(s->blocks);
	/* Writers last: the last to close empties the write-ahead log, which readers can't. */
	db_pool_close(s->block_readers);
	db_pool_close(s->readers);
	db_close(s->writer);
	db_close(s->side);
	if (s->hash)
		hash_close(s->hash);
	if (s->sharing >= 0)
		close(s->sharing);
	if (s->lock >= 0)
		close(s->lock);
	if (s->files)
		files_close(s->files);
	pthread_mutex_destroy(&s->side_lock);
	pthread_mutex_destroy(&s->catalogue);
	pthread_mutex_destroy(&s->images_lock);
	pthread_mutex_destroy(&s->leases_lock);
	pthread_mutex_destroy(&s->views_lock);
	free(s);
}

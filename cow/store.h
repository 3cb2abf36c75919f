/*
 * Store: a store folder opened: its lock, keys, databases, blocks, batch. One process at a time
 * owns it (STORE_OWN: rubusd, or the command line when no rubusd runs); beside the owner others
 * may look (STORE_LOOK), import (STORE_IMPORT), or change a client that the owner doesn't serve
 * (STORE_CHANGE; cow/lease.h).
 */
#ifndef COW_STORE_H
#define COW_STORE_H

#include <pthread.h>

#include "cow/batch.h"
#include "cow/block.h"
#include "cow/file.h"
#include "cow/image.h"

enum store_mode {
	STORE_OWN,    /* holds the lock `lock`; sweeps what dead imports left; -EBUSY if owned */
	STORE_IMPORT, /* imports, beside an owner or without one; no batch */
	STORE_CHANGE, /* changes heads by their leases, beside an owner or without one */
	STORE_LOOK,   /* reads only */
};

struct store;

struct store_options {
	enum store_mode mode;
	bool create;           /* make the store if the folder is absent or empty */
	bool start;            /* a server's start: raises the epoch */
	uint32_t block_size;   /* for create; 0: the default */
	const uint8_t *secret; /* for create: what block ids are keyed with; NULL: a new one */
	uint64_t image_memory; /* bytes of cache an image may take; 0: the default */
	unsigned hash_bits;    /* tests: see hash_weaken; 0: all */
	file_hook *hook;       /* tests: see files_hook, files_watch; from the start on */
	file_watch *watch;
	void *file_arg;
};

/* -ENOENT: no store there; -EBUSY: owned by another process; -EPROTO: not a store, or a version
 * that this program doesn't know. The sentence names the path. */
int store_open(const char *path, const struct store_options *, struct store **out);
void store_close(struct store *);

/* What a store has; all borrowed, valid till store_close. */
struct files *store_files(struct store *);
/* Bytes of the disk that files' blocks leave to the database. */
uint64_t store_keep_free(struct store *);
struct blocks *store_blocks(struct store *);
struct batch *store_batch(struct store *);     /* STORE_OWN and STORE_CHANGE, else NULL */
struct db_pool *store_readers(struct store *); /* reading connections to store.db */
const struct id *store_id(const struct store *);
uint32_t store_epoch(const struct store *);

/* From now on the rows of the layer's chain are seen as they are on disk now, whatever their owner
 * does. STORE_LOOK only, and before a view is opened: nobody may have a reader. -EBUSY: it is being
 * collected; until store_close it isn't. */
int store_freeze(struct store *, uint64_t layer);

/* The number of a new layer. Numbers are given out once only: rows may name one before the layer
 * itself is committed. STORE_OWN only. */
uint64_t store_new_layer(struct store *);
/* Held while the catalogue of clients, layers and snapshots is changed after a look at it. Taken
 * before any view's lock. */
pthread_mutex_t *store_catalogue(struct store *);

/* Runs fn in a write transaction on store.db: through the batch where there is one, on a connection
 * of its own for STORE_IMPORT; -EROFS for STORE_LOOK. */
int store_write(struct store *, int (*fn)(struct db *, void *arg), void *arg);

/* The image's open object, shared; release with image_release. */
int store_image(struct store *, const struct id *, struct image **out);
/* The bytes that all images' caches take. */
uint64_t store_image_memory(struct store *);

/* Called by views while they are open, so that a failed commit reaches them (see batch_env):
 * forget is then called from the committer's thread. Neither may be called with the view locked;
 * after store_remove_view forget isn't running and won't be called. */
struct view;
int store_add_view(struct store *, struct view *, void (*forget)(struct view *));
void store_remove_view(struct store *, struct view *);
/* Changes when uncommitted writes were lost without a restart: part of the write verifier. A view
 * that loses some counts it before anybody can see that they are gone. */
uint32_t store_losses(const struct store *);
void store_count_loss(struct store *);
/* fn is called when the store can't go on after a failed sync; default: nothing. */
void store_on_fatal(struct store *, void (*fn)(void *arg, const char *why), void *arg);

/* What a person has set for the whole store (store_setting.c): text of less than `size` bytes; ""
 * where nothing is. */
int store_setting(struct store *, const char *key, char *out, size_t size);
int store_set_setting(struct store *, const char *key, const char *value); /* "": nothing */

/* --- the catalogue: images (image_catalogue.c) --- */

struct image_info {
	char name[65];
	struct id id;
	int64_t created; /* seconds since 1970 */
	uint64_t entries, bytes, stored;
	uint32_t clients; /* how many use it */
};
typedef int image_info_fn(void *arg, const struct image_info *);
int store_images(struct store *, image_info_fn *, void *arg);                   /* by name */
int store_image_find(struct store *, const char *name, struct image_info *out); /* -ENOENT */
/* -EBUSY: clients use it, and the sentence names them. */
int store_image_remove(struct store *, const char *name);
/* The image `made` gets the name `name`, whose image is called `old` from now on; in one
 * transaction. -EEXIST: there is one called so; -ENOENT. */
int store_image_replace(struct store *, const char *name, const char *made, const char *old);

/* Removes (dry: counts) files of images that neither a name nor a layer means any more. */
int store_collect_images(struct store *, bool dry, uint64_t *n);

/* Calls fn for each image's file that is there, named or only lain upon. */
int store_each_image_file(struct store *, int (*fn)(void *arg, const struct id *), void *arg);
/* An image's database, for reading; the caller closes it. */
int store_image_db(struct store *, const struct id *, struct db **out);

/* --- imports (store_import.c): what image_writer makes its image with --- */

struct store_import;
/* Makes images/<uuid>.tmp, empty and locked (flock) while this process lives, and the row by which
 * a later sweep finds what a dead import left. -EROFS for STORE_LOOK. */
int store_import_begin(struct store *, struct store_import **out);
/* The .tmp file's path, for db_open with DB_SCRATCH. */
const char *store_import_path(const struct store_import *);
/* The import's own blocks, not store_blocks: its segments carry the uuid, and nobody else finds
 * what is put here before it is published. Blocks that are published already are found. */
struct blocks *store_import_blocks(struct store_import *);
/* The writer has closed its connection to the .tmp. Syncs blocks and file; then one transaction
 * brings in the blocks' index rows, the file under its name images/<id>.db and the image's row.
 * info: name, id, entries, bytes, stored. -EEXIST: the name is taken. A file of that id that
 * is there already is used. After a failure only store_import_end can follow. */
int store_import_publish(struct store_import *, const struct image_info *);
/* Frees it; what was not published is given back: file, segments, rows. NULL is fine. */
void store_import_end(struct store_import *);
/* Removes (dry: doesn't) what imports have left that died, or that couldn't be given back on a full
 * disk. *living: how many go on. -EIO: of one only a restart tells whether it is there. */
int store_sweep_imports(struct store *, bool dry, uint64_t *living);

/* A good name for an image or a client: 1 to 64 of A-Z a-z 0-9 . _ - and not first . or -;
 * what says which kind of thing it names. -EINVAL with a sentence. */
int name_check(const char *what, const char *name);

#endif

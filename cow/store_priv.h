/*
 * What the store_*.c files and image_catalogue.c share.
 *
 * Locks: images_lock, views_lock, leases_lock and side_lock are leaves but for what they call into:
 * image_open under images_lock, a view's forget under views_lock, SQLite under side_lock.
 */
#ifndef COW_STORE_PRIV_H
#define COW_STORE_PRIV_H

#include <pthread.h>

#include "cow/db.h"
#include "cow/store.h"

#define STORE_DB             "store.db"
#define STORE_LEASES         "leases"
#define STORE_VERSION        3
#define STORE_VERSION_OLDEST 1
#define STORE_APP_ID         0x52756275 /* "Rubu", in schema_store.sql, too */
#define STORE_SEGMENT_MAX    ((uint64_t)256 << 20)
#define STORE_KEEP_MAX       ((uint64_t)64 << 20)

struct store_view {
	struct view *view;
	void (*forget)(struct view *);
	struct store_view *next;
};

struct store_images {
	struct image *image; /* one reference */
	struct store_images *next;
};

struct store {
	enum store_mode mode;
	int lock;    /* descriptor that holds the owner's flock, or -1 */
	int sharing; /* .. lease_share_blocks's, or -1 */
	struct files *files;
	struct id id;
	uint32_t block_size, epoch;
	struct hash *hash;
	/* Two pools: who holds a reader may look up blocks, and must not wait for himself. */
	struct db_pool *readers, *block_readers;
	struct db *writer; /* the batch's */
	struct batch *batch;
	struct db *side; /* short writes beside the batch's; under side_lock */
	pthread_mutex_t side_lock;
	pthread_mutex_t catalogue;
	uint64_t last_layer; /* atomic */
	struct blocks *blocks;

	uint64_t image_memory;
	pthread_mutex_t images_lock;
	struct store_images *images;

	pthread_mutex_t leases_lock;
	struct lease *leases;

	pthread_mutex_t views_lock;
	struct store_view *views;
	uint32_t losses; /* atomic */
	void (*fatal)(void *arg, const char *why);
	void *fatal_arg;
	_Atomic bool in_doubt; /* a commit failed, and only a restart tells whether it is on disk */
};

/* PATH of a file of the store. -ENAMETOOLONG. */
#define STORE_PATH_SIZE 4096
int store_path(const struct store *, const char *name, char out[STORE_PATH_SIZE]);

/* "images/<hex><suffix>" */
#define STORE_NAME_SIZE 64
void store_image_name(const struct id *, const char *suffix, char out[STORE_NAME_SIZE]);

/* batch_env's failed; arg is the store. */
void store_commit_failed(void *arg, int err, bool final);
/* Lets an open image go that was removed from the catalogue. */
void store_forget_image(struct store *, const struct id *);

/* Runs fn in a transaction on the side connection, whatever the mode. */
int store_write_side(struct store *, int (*fn)(struct db *, void *arg), void *arg);

/* --- store_make.c --- */

/* Makes an absent folder. */
int store_make_folder(const char *path);
/* -EPROTO unless the folder is empty, but for what a making that was interrupted leaves. */
int store_check_empty(struct files *);
/* Makes store.db in a folder that has nothing else; the lock is held. */
int store_make(struct files *, uint32_t block_size, const uint8_t *secret);
/* What block ids are keyed with. */
int store_secret(struct store *, uint8_t out[HASH_SECRET_SIZE]);
/* -EPROTO unless store.db is one of a version that we know; an older one is the owner's to bring up
 * to date. */
int store_check(struct files *, bool owner);
/* The same for a database that is open; path names the store. */
int store_check_db(struct db *, const char *path, bool owner);
/* Reads what meta says into the store, hash included. */
int store_read_meta(struct store *, struct db *, unsigned hash_bits);

/* --- store_upgrade.c --- */

/* In a transaction: makes store.db one of STORE_VERSION. */
int store_upgrade(struct db *);

/* --- store_import.c --- */

/* Makes the number of a new segment known, in a transaction of its own; import NULL: the owner's.
 */
int store_new_segment(struct store *, const struct id *import, uint32_t *out);

/* --- store_sweep.c --- */

/* Removes what dead imports left and, for the owner, files that no row names. */
int store_sweep(struct store *);
/* In a transaction: removes an import's rows and files. */
int store_sweep_import(struct store *, struct db *, const struct id *import);

/* --- image_catalogue.c --- */

/* Removes the image's file when neither an image nor a layer names it. */
int store_drop_image_file(struct store *, const struct id *);
/* In a transaction: 1 when an image or a layer names it, else 0. */
int store_image_named(struct db *, const struct id *);

#endif

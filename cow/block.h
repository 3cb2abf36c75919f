/*
 * Block: the content-addressed block store of one store folder. put finds equal bytes that are
 * there already (after comparing them) or appends them to the open segment. Thread-safe.
 *
 * What is put gathers in memory first; it is durable after blocks_cut, and found after a restart
 * once its index rows are committed: blocks_cut hands out the rows that the next transaction must
 * insert.
 */
#ifndef COW_BLOCK_H
#define COW_BLOCK_H

#include <stdint.h>

#include "cow/bytes.h"
#include "cow/db.h"
#include "cow/file.h"
#include "cow/hash.h"

/* Where a block's bytes lie. stored bytes are what is left after cutting the zeros at the end; the
 * rest of the block reads as zeros. stored 0: the block of zeros, which lies nowhere. */
struct block_loc {
	uint32_t segment; /* sequence number of the segment */
	uint32_t stored;
	uint64_t off; /* of the first byte in the segment's file */
};

struct blocks;

/* Everything that blocks needs from its store. next_segment gives the number of a new segment and
 * makes it known to the store before the file is made (a transaction of its own). */
struct blocks_env {
	struct files *files;     /* borrowed */
	struct db_pool *readers; /* borrowed; on store.db */
	const struct hash *hash; /* borrowed */
	struct id store_id;
	uint32_t block_size; /* power of two, 4096 to 65536 */
	uint32_t epoch;
	uint64_t segment_max; /* bytes; a new segment is begun beyond it */
	/* Bytes of the disk that blocks leave to the database: on a full disk, too, it must be
	 * possible to start, and to remove what fills it. -ENOSPC from block_put when less is left.
	 */
	uint64_t keep_free;
	int (*next_segment)(void *arg, uint32_t *out);
	void *arg;
};

int blocks_open(const struct blocks_env *, struct blocks **out);
void blocks_close(struct blocks *);
uint32_t blocks_size(const struct blocks *); /* the block size in bytes */

/* Stores n <= block size bytes. Zeros only (or n == 0): *id is zero and nothing is stored. */
int block_put(struct blocks *, const void *p, uint32_t n, struct id *id, struct block_loc *loc);
/* Whether rows of so many bytes may come into the database: -ENOSPC when they would take more than
 * half of what blocks leave to it. The other half is for starting, and for removing. */
int block_room(struct blocks *, uint64_t bytes);
/* Where the n blocks lie; the zero id gives stored 0. A block that is nowhere gives a place that
 * can't be read (-EIO), so that it takes none of the others with it. */
int block_find(struct blocks *, const struct id *ids, uint32_t n, struct block_loc *out);
/* Reads n bytes from byte `from` of the block; what is past the stored bytes reads as zeros. */
int block_read(struct blocks *, const struct block_loc *, uint32_t from, void *p, uint32_t n);
/* Reads a run of whole blocks into p (count * block size bytes), with as few system calls as their
 * places allow: neighbours in a segment are read by one. */
int block_read_run(struct blocks *, const struct block_loc *, uint32_t count, void *p);
/* Who looks up places and reads there later, with no lock that keeps their rows, does so between
 * these two: the collector gives no space back before. Returns what blocks_read_end wants. */
unsigned blocks_read_begin(struct blocks *);
void blocks_read_end(struct blocks *, unsigned turn);

/* The index rows of blocks that were put since the last cut. */
struct block_rows;
/* Takes them, writes what has gathered, and syncs the segments that hold them: after 0 their bytes
 * are durable. When it can't be written, the blocks that had gathered are gone, with their rows:
 * whoever put them must forget them. A failed fdatasync is final: -EIO, and blocks_failed. On any
 * failure the other rows are given back to the next cut. */
int blocks_cut(struct blocks *, struct block_rows **out);
/* Whether the block store is of no use any more, and all that wasn't committed is in doubt. */
bool blocks_failed(struct blocks *);
/* Inserts them in db's open transaction. */
int block_rows_insert(struct block_rows *, struct db *);
/* Ends a cut: committed (true), or the next cut takes the same rows again. rows may be NULL. */
void block_rows_end(struct blocks *, struct block_rows *, bool committed);
uint32_t block_rows_count(const struct block_rows *);

/* --- for the check (check.h) --- */

/* 1: what the index says of the block is so; 0: it isn't; -EIO: it can't be read. bytes: they are
 * compared with the id, too, else only the block's head and that its bytes are in the file. */
int block_verify(struct blocks *, const struct id *, const struct block_loc *, bool bytes);
/* Calls fn for each whole block of a segment, in order; see segment_scan. */
typedef int block_scan_fn(
    void *arg, const struct id *, const struct block_loc *, const void *bytes);
int blocks_scan(struct blocks *, uint32_t segment, block_scan_fn *, void *arg);

/* --- for the collector (gc.h) --- */

/* From now on it is kept in mind which blocks are put, found ones included. What is put next goes
 * to a new segment. One collection at a time: -EBUSY. */
int blocks_collect_begin(struct blocks *);
void blocks_collect_end(struct blocks *);
/* Takes out of n ids those that were put meanwhile (*n is what is left), and holds up whoever puts
 * one of the others until blocks_forgotten: their rows are deleted in between. -ENOSPC: too much
 * was put for it all to be kept in mind. */
int blocks_forget(struct blocks *, struct id *ids, uint32_t *n);
/* deleted: the rows are gone, and so are the blocks; else they are as before. */
void blocks_forgotten(struct blocks *, const struct id *ids, uint32_t n, bool deleted);
/* Is anything appended to the segment, or not synced yet? */
bool blocks_writing(struct blocks *, uint32_t segment);
/* Waits till all have ended that are between blocks_read_begin and blocks_read_end now. still is
 * called now and then meanwhile: what it returns below 0 ends the waiting and is returned. */
int blocks_await_readers(struct blocks *, int (*still)(void *arg), void *arg);
/* Gives the disk space of [off, off + n) of a segment back. */
int blocks_punch(struct blocks *, uint32_t segment, uint64_t off, uint64_t n);
/* Removes the segment's file, of which no row tells any more. */
int blocks_drop_segment(struct blocks *, uint32_t segment);

struct block_stats {
	uint64_t puts, zeros, found, stored, bytes_stored, collisions;
};
void blocks_stats(struct blocks *, struct block_stats *out);

#endif

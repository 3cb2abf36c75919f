/*
 * Segment: one append-only file of blocks (format.h has the picture), written by the one process
 * that made it, read by all; and the table of those that are open for reading.
 */
#ifndef COW_SEGMENT_H
#define COW_SEGMENT_H

#include <pthread.h>
#include <stdint.h>

#include "cow/block.h"
#include "cow/file.h"
#include "cow/format.h"
#include "cow/hash.h"

#define SEGMENT_NAME_SIZE (sizeof(FORMAT_SEGMENTS_DIR) + FORMAT_SEGMENT_NAME_SIZE)

struct segment {
	uint32_t seq, epoch;
	int fd;
	uint64_t seed; /* of the checks of its blocks */
	/* Of the segment that is written. Blocks gather in memory, as they will lie in the file. */
	pthread_mutex_t tail; /* of the three that follow */
	uint64_t end;         /* where the next block's head goes */
	uint64_t written;     /* what is before lies in the file; atomic; UINT64_MAX: all of it */
	uint8_t *gathered;    /* bytes from written to end */
	char name[SEGMENT_NAME_SIZE];
	struct segment *next; /* for lists of its user */
	unsigned users;       /* the table's */
	uint64_t last_use;    /* the table's */
};

/* Makes a new segment file with its head; -EEXIST if there is one. What failed half is removed. */
int segment_create(
    struct files *, const struct id *store_id, uint32_t seq, uint32_t epoch, struct segment **out);
/* Opens one for reading and looks at its head. -EIO: not a segment of this store. */
int segment_open(
    struct files *, const struct id *store_id, uint32_t seq, uint32_t epoch, struct segment **out);
void segment_close(struct segment *);

/* Bytes that a block of so many stored bytes takes, with head and padding. */
uint64_t segment_room(uint32_t stored);
/* Where the stored bytes of a block lie that follows right behind loc. */
uint64_t segment_neighbour(const struct block_loc *loc);

/* Whether a block of so many stored bytes may follow in a segment of at most max bytes; the first
 * always may. */
bool segment_takes(struct segment *, uint32_t stored, uint64_t max);

#define SEGMENT_GATHER ((uint32_t)128 << 10) /* bytes of blocks that are written at once */

/* Appends a block of 1 to FORMAT_BLOCK_MAX bytes; *loc tells where they are. It may stay in memory
 * till segment_flush. On failure the segment is as it was: the next block goes to the same place.
 * One thread at a time, beside any that flush and read. */
int segment_append(struct files *, struct segment *, const struct id *, const void *p, uint32_t n,
    struct block_loc *loc);
/* Writes what has gathered. On failure it goes on being kept, and can be flushed again. Not synced.
 */
int segment_flush(struct files *, struct segment *);
/* Gives up what has gathered, from offset *from on. */
void segment_discard(struct segment *, uint64_t *from);
/* Nothing more will be appended; all is flushed. */
void segment_end(struct segment *);
/* Reads all of iov (which it may change) at off, be it in the file or gathered. */
int segment_read(struct segment *, struct iovec *iov, int n, uint64_t off);

/* Is p (with `bytes`: head and bytes, else the head alone) a block that belongs at off? */
bool segment_is_block(const struct segment *, uint64_t off, const uint8_t *p, bool bytes);
/* Called for each whole block; bytes is borrowed. Negative: ends the scan. */
typedef int segment_scan_fn(
    void *arg, const struct id *, const struct block_loc *, const void *bytes);
struct segment_scan {
	uint64_t blocks;
	uint64_t end; /* of the last whole block */
	uint64_t
	    skipped;   /* bytes that are no whole block, in the middle (a failed append, a hole) */
	uint64_t torn; /* the same, behind the last block */
};
/* Reads all of the segment, in order. out may be NULL. */
int segment_scan(const struct segment *, segment_scan_fn *, void *arg, struct segment_scan *out);

/* --- the table of open segments (segment_table.c); thread-safe --- */

struct segments;
/* At most max descriptors are kept open, those in use aside. files is borrowed. */
int segments_open(struct files *, const struct id *store_id, unsigned max, struct segments **out);
void segments_close(struct segments *);
/* Takes in a segment just created, whose users are its creator's; until segments_release. */
void segments_add(struct segments *, struct segment *);
/* The segment, open until segments_release. -EIO: there is none of this number. */
int segments_get(struct segments *, uint32_t seq, struct segment **out);
/* Its name; it is closed as soon as nobody uses it, and isn't found any more. */
int segments_forget(struct segments *, uint32_t seq, char name[SEGMENT_NAME_SIZE]);
void segments_release(struct segments *, struct segment *);

#endif

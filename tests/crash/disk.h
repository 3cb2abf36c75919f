/*
 * Disk: what a store did to its files, recorded, and the states that a power cut can leave of it.
 *
 * Bytes are durable by a sync of their file, names by a sync of their folder. What was not synced
 * is there, or not, or torn at 512 bytes, each piece for itself.
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include "cow/file.h"

struct disk;

/* Starts from the files that are in a folder now (and durable). */
struct disk *disk_open(const char *folder);
void disk_close(struct disk *);
/* The watch for a store in that folder; arg is the disk. Thread-safe. */
void disk_watch(void *arg, const struct file_change *);
/* Notes that something else has happened (an operation begun, one acknowledged). */
void disk_mark(struct disk *, int kind, uint64_t value);
unsigned disk_length(struct disk *); /* records so far */

/* --- going through the record, from its start --- */

struct cut;
struct cut *cut_open(struct disk *);
void cut_close(struct cut *);

enum cut_step { CUT_END, CUT_MARK, CUT_CHANGE };
/* Takes one record; a mark's *kind and *value. */
enum cut_step cut_next(struct cut *, int *kind, uint64_t *value);
unsigned cut_at(const struct cut *); /* records taken */
/* What the last record was, for a sentence. */
void cut_describe(const struct cut *, char *out, size_t size);

/* How many states are looked at for a cut here, besides `more` random ones. */
unsigned cut_states(const struct cut *, unsigned more);
struct cut_state;
/* State number i; the random ones follow from seed. */
struct cut_state *cut_state(struct cut *, unsigned i, uint64_t seed);
void cut_state_free(struct cut_state *);
uint64_t cut_state_hash(const struct cut_state *);
/* What was lost, for a sentence. */
const char *cut_state_text(const struct cut_state *);
/* Makes the folder hold this and nothing else; NULL: nothing. */
void cut_state_write(const struct cut_state *, const char *folder);

#endif

/*
 * Damage: a small store whose every byte is known: two images, three clients with changes, a
 * snapshot, and which of its blocks lies where. It is laid down again for each case.
 */
#ifndef TESTS_CRASH_DAMAGE_H
#define TESTS_CRASH_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAMAGE_BLOCK  4096u
#define DAMAGE_FILES  16  /* of a state */
#define DAMAGE_STATES 6   /* images, clients and a snapshot */
#define DAMAGE_PARTS  24  /* files of the store */
#define DAMAGE_BLOCKS 512 /* of the store */

/* A file as a client sees it. */
struct damage_file {
	char path[32];
	uint8_t *bytes;
	uint32_t n;
};

/* An image, a client or a snapshot; what is its own isn't the image's. */
struct damage_state {
	const char *what;   /* as `rubus check` calls it */
	const char *client; /* to be mounted; NULL: none */
	int image;          /* number of the state that it lies on; -1: it is one */
	struct damage_file files[DAMAGE_FILES];
	int n;
};

/* A file of the store. */
struct damage_part {
	char name[80];
	uint8_t *bytes;
	size_t n;
	bool gone;
};

struct damage_block {
	char hex[40];
	int part; /* a segment */
	uint32_t segment;
	uint64_t off; /* of its bytes; its head is before */
	uint32_t stored;
};

struct damage_store {
	struct damage_state states[DAMAGE_STATES];
	struct damage_part parts[DAMAGE_PARTS];
	int nparts;
	struct damage_block blocks[DAMAGE_BLOCKS];
	int nblocks;
};

/* Made in `folder`, which must be there. killed: its process died, and left a write-ahead log. */
void damage_make(struct damage_store *, const char *folder, bool killed);
/* Writes the parts as files of a new folder. */
void damage_lay_down(const struct damage_part *parts, int n, const char *folder);
/* Is it in block `at` of the file? */
bool damage_in_file(const struct damage_store *, const struct damage_block *,
    const struct damage_file *, uint32_t at);
/* The image's file of that path that a state's own may be a copy of, or NULL. */
const struct damage_file *damage_beneath(
    const struct damage_store *, const struct damage_state *, const struct damage_file *);

#endif

/*
 * World: a store with a small golden tree, the views of two clients, and changing calls upon them.
 * Each call is numbered; what can be seen after it is kept, to be compared with what a restart
 * finds. Programs that use it are no cmocka tests: what fails is printed and ends them.
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include "tests/crash/disk.h"
#include "tests/crash/tree.h"

/* Prints and ends the process. */
#define die(...) world_die(__FILE__, __LINE__, __VA_ARGS__)
void world_die(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* The seed of random parts: the program's argument, else RUBUS_SEED, else `otherwise`. */
uint64_t world_seed(int argc, char **argv, uint64_t otherwise);

#define WORLD_VIEWS 2
#define WORLD_LOOSE 64
#define WORLD_CALLS 4096

enum world_mark {
	WORLD_BEGUN,     /* a call on a view; value: its number */
	WORLD_DONE,      /* ... is acknowledged */
	CATALOGUE_BEGUN, /* the same for the catalogue of clients and images */
	CATALOGUE_DONE,
};

struct world {
	char folder[256];  /* of the store */
	char source[256];  /* the golden tree, for imports; empty: no imports */
	struct disk *disk; /* NULL: nothing is recorded */
	struct store_options options;
	struct store *store;
	struct view *views[WORLD_VIEWS];
	uint32_t loose[WORLD_VIEWS][WORLD_LOOSE];
	unsigned nloose[WORLD_VIEWS];
	/* moment[v][i]: view v after call i; 0: before all */
	struct tree *moments[WORLD_VIEWS];
	uint64_t *tickets; /* of call i; 0: none */
	int *acks;         /* of call i: 1 not yet, 0 durable, -errno; calls without a ticket: 2 */
	unsigned n;
	char **catalogues; /* the same of the catalogue */
	unsigned ncatalogues;
	uint64_t ticket; /* of the last call that had one */
	uint64_t random;
	bool fatal; /* store_on_fatal was called */
};

/* What world_open finds; the golden tree is made as the folder `source`. The store is closed. */
void world_make(const char *folder, const char *source);
/* Opens store and views; calls are recorded on disk, if it isn't NULL. */
void world_open(struct world *, const char *folder, struct disk *, uint64_t seed);
void world_close(struct world *); /* store and views; what was seen stays till world_free */
void world_free(struct world *);
/* Waits till all that was called is durable. */
int world_wait(struct world *);

/* A call by its number, which is remembered when it succeeded; -errno when it wasn't. fixed: the
 * same arguments each time, else random ones. */
unsigned world_calls(void);
const char *world_call_name(unsigned call);
bool world_call_is_catalogue(unsigned call);
int world_call(struct world *, unsigned call, bool fixed);

/* The first moment from `low` to `high` that the views of a store agree with; or -1, and why. */
int world_moment(struct world *, struct store *, unsigned low, unsigned high, char why[1024]);
int world_catalogue(struct world *, struct store *, unsigned low, unsigned high, char why[1024]);
/* Ends the process unless the store is sound: its databases, the blocks that its rows name. */
void world_check_store(struct store *, const char *what);

uint64_t world_random(struct world *);

#endif

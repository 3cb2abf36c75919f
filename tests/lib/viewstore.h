/*
 * Viewstore: a store of one test, with a golden image of most kinds of file and the views of two
 * clients, "a" and "b". Whatever fails here fails the test.
 */
#ifndef TESTS_LIB_VIEWSTORE_H
#define TESTS_LIB_VIEWSTORE_H

#include "cow/view.h"
#include "tests/lib/tmpdir.h"

/*
 *  data        VIEWSTORE_DATA bytes of op_pattern(.., 1): its last block and run are cut short
 *  dev/null    character device 1:3;  dev/pipe  FIFO
 *  dir/a dir/b dir/c  "a\n" ..;  dir/sub/deep  "deep\n"
 *  empty/
 *  hard1 hard2 one file, "one file\n"
 *  home/       of 1000:1000;  home/own 0600;  home/readonly 0444, "look\n"
 *  huge        with `huge`: 1 GiB, a pattern of 64 KiB at its begin, middle and end
 *  link        a symlink to dir/a
 *  many/       `many` files 000000 ..
 *  setid       06755, of root
 *  shared/     02775, group 50
 *  tmp/        01777
 */
#define VIEWSTORE_DATA 300000u
#define VIEWSTORE_HUGE ((uint64_t)1 << 30)
#define VIEWSTORE_TIME 1600000000 /* every mtime, in seconds */

struct viewstore_options {
	uint32_t block_size; /* 0: 4096 */
	unsigned hash_bits;
	uint32_t many;
	bool huge;
};

struct viewstore {
	struct tmpdir dir;
	struct store_options options;
	struct store *store;
	struct view *a, *b;
};

/* options NULL: as if all were 0. */
void viewstore_make(struct viewstore *, const struct viewstore_options *);
/* Everything is closed and opened again, as by a restart of the server. */
void viewstore_reopen(struct viewstore *);
/* What was made durable is all that is left: as by a killed server. In two steps: the folder as it
 * is now is taken aside; and it takes the store's place, which is then opened. */
void viewstore_crash(struct viewstore *);
void viewstore_crash_begin(struct viewstore *);
void viewstore_crash_end(struct viewstore *);
void viewstore_remove(struct viewstore *);

/* Makes all durable. */
void viewstore_flush(struct viewstore *);
/* The number that an SQL text selects. */
int64_t viewstore_count(struct viewstore *, const char *sql);
/* Runs SQL on the store's database while the store is closed, and opens it again. */
void viewstore_exec(struct viewstore *, const char *sql);
/* Seals a client's head and lays a new one on it; its view is closed before and opened after. */
void viewstore_push(struct viewstore *, const char *client);

/* For cmocka: *state is a viewstore made without options. */
int viewstore_setup(void **state);
int viewstore_teardown(void **state);

#endif

/*
 * What the files of the check share.
 */
#ifndef COW_CHECK_PRIV_H
#define COW_CHECK_PRIV_H

#include "cow/check.h"

/* Blocks that are wrong, in order of ids once `sorted`. */
struct check_ids {
	struct id *all;
	size_t n, size;
};

struct check {
	struct store *store;
	const struct check_options *options;
	struct check_result *result;
	struct check_ids bad;
};

int check_tell(struct check *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int check_progress(struct check *, const char *what, uint64_t done, uint64_t of);
int check_add_bad(struct check *, const struct id *);
bool check_is_bad(const struct check *, const struct id *);

/* --- check_rows.c --- */
int check_databases(struct check *);
int check_rules(struct check *);

/* --- check_blocks.c --- */
/* Every block that is named is in the index, and where the index says. */
int check_blocks(struct check *);

/* --- check_paths.c --- */
/* Every name leads to a file; which files need the bad blocks. */
int check_paths(struct check *);

#endif

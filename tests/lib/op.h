/*
 * Op: calls of a view in short, by the superuser, that fail the test when they fail.
 */
#ifndef TESTS_LIB_OP_H
#define TESTS_LIB_OP_H

#include "cow/view.h"

/* Who calls, without supplementary groups. */
struct view_op op_as(uint32_t uid, uint32_t gid);
/* Fails the test with the kept sentence unless r >= 0; gives r back. */
int op_must(int r);

/* By a path from the root. */
uint32_t op_find(struct view *, const char *path);
/* One name; -errno instead of failing the test. *ino may be NULL. */
int op_lookup(struct view *, uint32_t dir, const char *name, uint32_t *ino);
struct view_attr op_attr(struct view *, uint32_t ino);
uint32_t op_mode(struct view *, uint32_t ino); /* without the type */

uint32_t op_create(struct view *, uint32_t dir, const char *name);
uint32_t op_mkdir(struct view *, uint32_t dir, const char *name);
uint32_t op_symlink(struct view *, uint32_t dir, const char *name, const char *target);
void op_link(struct view *, uint32_t ino, uint32_t dir, const char *name);
void op_remove(struct view *, uint32_t dir, const char *name);
void op_rmdir(struct view *, uint32_t dir, const char *name);
void op_rename(struct view *, uint32_t from, const char *old, uint32_t to, const char *new);
/* The same, with the -errno for the test. */
int op_try_remove(struct view *, uint32_t dir, const char *name);
int op_try_rmdir(struct view *, uint32_t dir, const char *name);
int op_try_rename(struct view *, uint32_t from, const char *old, uint32_t to, const char *new);

void op_chmod(struct view *, uint32_t ino, uint32_t mode);
void op_truncate(struct view *, uint32_t ino, uint64_t size);
int op_try_truncate(struct view *, uint32_t ino, uint64_t size);

/* FILE_SYNC; op_write_later: UNSTABLE. */
void op_write(struct view *, uint32_t ino, uint64_t off, const void *p, uint32_t n);
void op_write_later(struct view *, uint32_t ino, uint64_t off, const void *p, uint32_t n);
int op_try_write(
    struct view *, uint32_t ino, uint64_t off, const void *p, uint32_t n, enum view_stable);
void op_commit(struct view *, uint32_t ino);
/* Reads n bytes, which must be there. */
void op_read(struct view *, uint32_t ino, uint64_t off, void *p, uint32_t n);

/* n bytes that follow from seed; never zero. */
void op_pattern(void *p, uint32_t n, uint32_t seed);
void op_write_pattern(struct view *, uint32_t ino, uint64_t off, uint32_t n, uint32_t seed);
void op_assert_bytes(struct view *, uint32_t ino, uint64_t off, const void *p, uint32_t n);
/* The bytes [from, from + n) of the pattern are at off. */
void op_assert_pattern(
    struct view *, uint32_t ino, uint64_t off, uint32_t from, uint32_t n, uint32_t seed);
void op_assert_zeros(struct view *, uint32_t ino, uint64_t off, uint32_t n);
/* Nothing differs but, with `times` false, atime, mtime and ctime. */
void op_assert_same(const struct view_attr *, const struct view_attr *, bool times);

struct op_entry {
	char name[256];
	uint32_t cookie, ino;
};

struct op_list {
	uint32_t n, size;
	struct op_entry *entries; /* free(3) */
};

/* Appends the names after a cookie, at most `most` of them; *eof as view_readdir says. */
void op_list_page(
    struct view *, uint32_t dir, uint64_t after, uint32_t most, struct op_list *, bool *eof);
/* All names, by pages of so many. */
struct op_list op_list(struct view *, uint32_t dir, uint32_t page);
/* NULL: not listed. */
const struct op_entry *op_list_find(const struct op_list *, const char *name);

#endif

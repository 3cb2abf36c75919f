/*
 * Nfs: the calls that works are made of, as functions that return when the reply is there. What
 * must not fail dies with a sentence when it does.
 */
#ifndef TESTS_BENCH_NFS_H
#define TESTS_BENCH_NFS_H

#include "tests/bench/load.h"

enum { NOENT = 2, UNSTABLE = 0, FILE_SYNC = 2 };

void nfs_getattr(struct slot *, const struct fh *);
/* The whole of it: all bits asked for. */
void nfs_access(struct slot *, const struct fh *);
/* 0 or NOENT. out may be NULL. */
uint32_t nfs_lookup(struct slot *, const struct fh *dir, const char *name, struct fh *out);
/* Bytes read; counts them. *eof may be NULL. */
uint32_t nfs_read(struct slot *, const struct fh *, uint64_t offset, uint32_t n, bool *eof);
void nfs_write(
    struct slot *, const struct fh *, uint64_t offset, const void *, uint32_t n, int how);
void nfs_commit(struct slot *, const struct fh *);
/* UNCHECKED, mode 0644. */
void nfs_create(struct slot *, const struct fh *dir, const char *name, struct fh *out);
/* Sets mode and, to given values, both times. */
void nfs_setattr(struct slot *, const struct fh *, uint32_t mode);
void nfs_rename(
    struct slot *, const struct fh *from, const char *old, const struct fh *to, const char *new);
void nfs_remove(struct slot *, const struct fh *dir, const char *name);
void nfs_mkdir(struct slot *, const struct fh *dir, const char *name, struct fh *out);

/* A page of a directory; each entry goes to fn with the handle, if there is one, and whether it is
 * a directory. *cookie goes on; true: this was the last page. */
typedef void nfs_entry_fn(
    struct slot *, const uint8_t *name, uint32_t n, const struct fh *, bool is_dir);
bool nfs_readdirplus(
    struct slot *, const struct fh *dir, uint64_t *cookie, uint8_t verifier[8], nfs_entry_fn *);

/* The handle of a directory of the tree, looked up as a client does that knows none (with an ACCESS
 * of each, too, if asked). */
const struct fh *nfs_dir(struct slot *, uint32_t dir, bool access);
void nfs_file(struct slot *, const struct tree_file *, struct fh *out);

#endif

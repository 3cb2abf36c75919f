/*
 * Perm: the Unix permission check on attributes.
 */
#ifndef COW_PERM_H
#define COW_PERM_H

#include <stdbool.h>

#include "cow/inode.h"
#include "cow/view.h"

enum { PERM_EXEC = 1, PERM_WRITE = 2, PERM_READ = 4 };

/* Does the caller have all of `want` (PERM_ bits)? uid 0 has, but for executing a file that nobody
 * may execute. */
bool perm_may(const struct inode *, const struct view_op *, unsigned want);
bool perm_owner(const struct inode *, const struct view_op *); /* or uid 0 */
bool perm_member(const struct view_op *, uint32_t gid);
/* What a write or a change of owner does: set-user-id goes, and set-group-id where it means a group
 * (not a mandatory lock), or where the caller is outside that group. */
void perm_clear_set_id(struct inode *, const struct view_op *);
/* May the caller take the name of `victim` out of the folder? (Write and search permission, the
 * sticky bit.) 0, -EACCES or -EPERM. */
int perm_unname(const struct inode *dir, const struct inode *victim, const struct view_op *);

#endif

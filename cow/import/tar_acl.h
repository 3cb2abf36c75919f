/*
 * Tar ACL: a tar's POSIX ACLs (SCHILY.acl.access, SCHILY.acl.default) as the xattrs that Linux
 * keeps them in.
 */
#ifndef COW_IMPORT_TAR_ACL_H
#define COW_IMPORT_TAR_ACL_H

#include <archive_entry.h>

#include "cow/import/source.h"

/* The entry's mode: where an ACL has a mask, that is what the group's bits show. */
uint32_t tar_acl_mode(struct archive_entry *);
/* Calls fn for each ACL of the entry. -EINVAL: it names a user or group without the number; then
 * *who is that name, borrowed from the entry. */
int tar_acl_xattrs(struct archive_entry *, source_xattr_fn *, void *arg, const char **who);

#endif

/*
 * Export_acl: an ACL as a tar has it, of the extended attribute that holds it.
 */
#ifndef COW_EXPORT_ACL_H
#define COW_EXPORT_ACL_H

#include <stdbool.h>
#include <stdint.h>

struct archive_entry;

/* Puts it into the entry; false: it is no ACL (or none that is understood), but another attribute.
 */
bool export_acl(struct archive_entry *, const char *name, const void *value, uint32_t n);

#endif

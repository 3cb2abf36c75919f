/* The reverse of cow/import/tar_acl.c: what linux/posix_acl_xattr.h packs, as libarchive's entries.
 */
#include "cow/export_acl.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "cow/bytes.h"

#define ACL_VERSION 2u
#define ACL_HEAD    4u
#define ACL_ENTRY   8u

static const struct {
	uint16_t linux_tag;
	int archive;
	bool has_id;
} tags[] = {
	{ 0x01, ARCHIVE_ENTRY_ACL_USER_OBJ, false },
	{ 0x02, ARCHIVE_ENTRY_ACL_USER, true },
	{ 0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ, false },
	{ 0x08, ARCHIVE_ENTRY_ACL_GROUP, true },
	{ 0x10, ARCHIVE_ENTRY_ACL_MASK, false },
	{ 0x20, ARCHIVE_ENTRY_ACL_OTHER, false },
};

/* -1: unknown. */
static int
find_tag(const uint8_t *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (tags[i].linux_tag == (entry[0] | entry[1] << 8))
			return (int)i;
	return -1;
}

static bool
is_known(const uint8_t *p, uint32_t n)
{
	if (n < ACL_HEAD + ACL_ENTRY || (n - ACL_HEAD) % ACL_ENTRY || get_le32(p) != ACL_VERSION)
		return false;
	for (uint32_t at = ACL_HEAD; at < n; at += ACL_ENTRY)
		if (find_tag(p + at) < 0 || p[at + 2] > 7 || p[at + 3])
			return false;
	return true;
}

bool
export_acl(struct archive_entry *e, const char *name, const void *value, uint32_t n)
{
	const uint8_t *p = value;
	int type = strcmp(name, "system.posix_acl_access") == 0    ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS
		   : strcmp(name, "system.posix_acl_default") == 0 ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT
								   : 0;

	if (!type || !is_known(p, n))
		return false;
	for (uint32_t at = ACL_HEAD; at < n; at += ACL_ENTRY) {
		int tag = find_tag(p + at);

		archive_entry_acl_add_entry(e, type, p[at + 2], tags[tag].archive,
		    tags[tag].has_id ? (int)get_le32(p + at + 4) : -1, NULL);
	}
	return true;
}

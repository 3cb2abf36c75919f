/* POSIX ACLs as libarchive has read them, packed as linux/posix_acl_xattr.h says. */
#include "cow/import/tar_acl.h"

#include <archive.h>
#include <errno.h>
#include <stdlib.h>

#include "cow/cleanup.h"

#define ACL_VERSION 2u
#define ACL_NOBODY  0xffffffffu
#define ACL_HEAD    4u
#define ACL_ENTRY   8u
#define ACL_MAX     8000 /* entries: an xattr has 64 KiB */

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

static const struct {
	int archive;
	uint16_t linux_tag;
} tags[] = {
	{ ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01 },
	{ ARCHIVE_ENTRY_ACL_USER, 0x02 },
	{ ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04 },
	{ ARCHIVE_ENTRY_ACL_GROUP, 0x08 },
	{ ARCHIVE_ENTRY_ACL_MASK, 0x10 },
	{ ARCHIVE_ENTRY_ACL_OTHER, 0x20 },
};

uint32_t
tar_acl_mode(struct archive_entry *e)
{
	const int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	uint32_t mode = archive_entry_mode(e);
	int t, perm, tag, id;
	const char *name;

	if (archive_entry_acl_reset(e, type) <= 0)
		return mode;
	while (archive_entry_acl_next(e, type, &t, &perm, &tag, &id, &name) == ARCHIVE_OK) {
		if (tag == ARCHIVE_ENTRY_ACL_MASK)
			mode = (mode & ~070u) | (uint32_t)(perm & 7) << 3;
	}
	return mode;
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Fills entries (at most max); their number, or -EINVAL. */
static int
take(struct archive_entry *e, int type, struct entry *entries, int max, const char **who)
{
	int t, perm, tag, id, n = 0;
	const char *name;

	while (
	    n < max && archive_entry_acl_next(e, type, &t, &perm, &tag, &id, &name) == ARCHIVE_OK) {
		struct entry *to = &entries[n++];
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

		*to = (struct entry){ .perm = perm & 7, .id = named ? (uint32_t)id : ACL_NOBODY };
		for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
			to->tag = tags[i].archive == tag ? tags[i].linux_tag : to->tag;
		if (to->tag == 0 || (named && id < 0)) {
			*who = name && *name ? name : "?";
			return -EINVAL;
		}
	}
	qsort(entries, (size_t)n, sizeof(*entries), compare);
	return n;
}

static int
give(struct archive_entry *e, int type, struct str name, source_xattr_fn *fn, void *arg,
    const char **who)
{
	struct entry *entries CLEANUP_FREE = NULL;
	uint8_t *value CLEANUP_FREE = NULL;
	int max = archive_entry_acl_reset(e, type), n;

	if (max <= 0)
		return 0;
	max = max > ACL_MAX ? ACL_MAX : max;
	entries = calloc((size_t)max, sizeof(*entries));
	value = malloc(ACL_HEAD + (size_t)max * ACL_ENTRY);
	if (!entries || !value)
		return -ENOMEM;
	n = take(e, type, entries, max, who);
	if (n <= 0)
		return n;
	put_le32(value, ACL_VERSION);
	for (int i = 0; i < n; i++) {
		uint8_t *to = value + ACL_HEAD + (size_t)i * ACL_ENTRY;

		put_le32(to, entries[i].tag | (uint32_t)entries[i].perm << 16);
		put_le32(to + 4, entries[i].id);
	}
	return fn(arg, name, (struct str){ (char *)value, ACL_HEAD + (uint32_t)n * ACL_ENTRY });
}

int
tar_acl_xattrs(struct archive_entry *e, source_xattr_fn *fn, void *arg, const char **who)
{
	int err =
	    give(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, STR("system.posix_acl_access"), fn, arg, who);

	return err ? err
		   : give(e, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, STR("system.posix_acl_default"), fn,
			 arg, who);
}

/*
 * Ext: an ext2, ext3 or ext4 file system in an image, as a source: by libext2fs, at an offset,
 * without a mount. Its root is the image's root.
 */
#ifndef COW_IMPORT_EXT_H
#define COW_IMPORT_EXT_H

#include "cow/import/disk.h"
#include "cow/import/source.h"

/* fd is borrowed; name: for messages. -EINVAL: it can't be read: not a clean one, cut off, or with
 * features that aren't known. */
int source_ext_open(int fd, const char *name, const struct disk_part *, struct source **out);
/* Is there such a folder? Before the first entry is asked for. */
bool source_ext_has_folder(struct source *, const char *path);

#endif

/*
 * Viewfile: small files of a view by their paths, for what the server itself reads and writes
 * there. Names are resolved by view calls only, symlinks within the view: nothing that a client has
 * put there leads out of it, and no walk is without end. As the superuser; changes are durable when
 * the view was flushed.
 */
#ifndef SERVER_BOOT_VIEWFILE_H
#define SERVER_BOOT_VIEWFILE_H

#include "cow/view.h"

/* From a folder on (INO_ROOT: absolute); the last name is followed, too. -ENOENT, -ENOTDIR, -ELOOP.
 */
int viewfile_find(struct view *, uint32_t dir, const char *path, struct view_attr *out);
/* At most max bytes of it, with a NUL behind them; *out is the caller's to free. */
int viewfile_read(struct view *, const struct view_attr *, uint32_t max, char **out, size_t *n);
/* The file has these bytes from now on; folders are made as needed. What isn't a regular file:
 * -EEXIST. 1: that is new; 0: it had them already. */
int viewfile_write(struct view *, const char *path, uint32_t mode, const char *bytes, size_t n);
/* The name is a symlink to the target from now on, in place of a file or symlink. 1, 0 as above. */
int viewfile_symlink(struct view *, const char *path, const char *target);
/* A name that isn't there is fine. */
int viewfile_remove(struct view *, const char *path);

#endif

/*
 * Path: the components of a source's paths, and paths as sentences show them.
 */
#ifndef COW_IMPORT_PATH_H
#define COW_IMPORT_PATH_H

#include "cow/bytes.h"

/* Takes the next component off *rest, passing over "." and empty ones. 1; 0: none is left. */
int path_next(struct str *rest, struct str *out);

/* The path as a name on a terminal or in JSON may be shown: in double quotes, valid UTF-8, control
 * characters and stray bytes as \ooo, a long one without its middle. Returns out. */
#define PATH_SHOWN 224
const char *path_show(struct str path, char out[PATH_SHOWN]);

#endif

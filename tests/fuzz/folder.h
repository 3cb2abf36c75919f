/*
 * Folder: a place in memory, where there is one, for targets that need files. Whatever fails here
 * ends the run.
 */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include <stddef.h>

/* A new folder under /dev/shm, or ${TMPDIR:-/tmp}. */
const char *folder_make(char path[128]);
/* Removes it and all that is in it. */
void folder_remove(const char *path);
void folder_write(const char *folder, const char *name, const void *p, size_t n);

#endif

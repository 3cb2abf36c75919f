/*
 * Tinyimage: an image of a root folder and a few empty files, made by the store's own doors, for
 * tests that need some image but not what is in it.
 */
#ifndef TESTS_LIB_TINYIMAGE_H
#define TESTS_LIB_TINYIMAGE_H

#include "cow/store.h"

/* Fills an import's file with inodes INO_ROOT to last_ino. */
void tinyimage_fill(struct store_import *, uint32_t last_ino);
/* The catalogue's entry for it; its id is made of last_ino. */
struct image_info tinyimage_info(const char *name, uint32_t last_ino);
/* Publishes one under the name. */
void tinyimage_publish(struct store *, const char *name, uint32_t last_ino);

#endif

/* What the files of the world share. */
#ifndef TESTS_CRASH_WORLD_PRIV_H
#define TESTS_CRASH_WORLD_PRIV_H

#include "tests/crash/world.h"

/* The golden tree, as a folder. */
void world_source(const char *source);
/* What is to be seen now becomes the moment after call n. */
void world_remember_views(struct world *);
void world_remember_catalogue(struct world *);

#endif

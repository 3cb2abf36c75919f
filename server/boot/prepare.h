/*
 * Prepare: what makes Raspberry Pi OS run from a network root. Doing it twice changes nothing.
 */
#ifndef SERVER_BOOT_PREPARE_H
#define SERVER_BOOT_PREPARE_H

#include "cow/view.h"

/* Called with what was done, or what a person should know. */
typedef void prepare_note_fn(void *arg, const char *sentence);

/* 1: the view holds a Raspberry Pi OS; 0: something else. */
int prepare_knows(struct view *);
/* Changes the view. How many things were changed. */
int prepare_view(struct view *, prepare_note_fn *, void *arg);

#endif

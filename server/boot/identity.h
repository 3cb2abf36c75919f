/*
 * Identity: what a client calls itself: hostname, machine-id, SSH host keys. It is of the client,
 * not of what it has changed: written when it boots with a new state, so a reset, a rollback and
 * another image keep it, and a clone has another one.
 */
#ifndef SERVER_BOOT_IDENTITY_H
#define SERVER_BOOT_IDENTITY_H

#include "cow/view.h"

/* Writes it into the client's view if that holds a Raspberry Pi OS which hasn't it yet. Keys are
 * made the first time; where they can't be (no ssh-keygen), the Pi makes its own. 1: something was
 * written, and is on disk when the view was flushed; 0: there was nothing to do. */
int identity_apply(struct store *, const struct client *, struct view *);

#endif

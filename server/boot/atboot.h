/*
 * Atboot: what waits for a client's next boot is done when it boots, and its identity written: at
 * the first file that its bootloader asks for, so that the kernel is that of the new state, else
 * when it mounts its root.
 */
#ifndef SERVER_BOOT_ATBOOT_H
#define SERVER_BOOT_ATBOOT_H

#include "server/service.h"

/* Its view must not be held by the caller. What can't be done is dropped with a line in the log,
 * and the client boots as it was. */
void atboot_run(struct service *, const char *client);

#endif

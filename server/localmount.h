/*
 * Localmount: views that are mounted on this machine, as the kernel's list of mounts has them. The
 * source names the view and the process: "rubus:NAME:PID".
 */
#ifndef SERVER_LOCALMOUNT_H
#define SERVER_LOCALMOUNT_H

#include <sys/types.h>

#define LOCALMOUNT_SUBTYPE "rubus"

/* The process that serves the view that is mounted last on the folder (its absolute path).
 * -ENOENT: none is. */
int localmount_find(const char *path, pid_t *out);

#endif

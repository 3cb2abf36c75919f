/*
 * Daemon: the part of a program that goes on in the background while the one that was called waits
 * until all is well, and says what went wrong meanwhile.
 */
#ifndef SERVER_FUSE_DAEMON_H
#define SERVER_FUSE_DAEMON_H

struct daemon {
	int ready; /* where "all is well" is told; -1: nobody waits */
};

/* Call it while there is one thread. Returns in the background, with standard error to the waiting
 * process; that one exits by itself, 0 when daemon_ready was called, 1 if it never is. */
int daemon_begin(struct daemon *out);
/* From now on nothing of whoever called the program is used. */
void daemon_ready(struct daemon *);

#endif

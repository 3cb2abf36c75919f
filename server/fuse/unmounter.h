/*
 * Unmounter: a process that keeps what mounting takes, and unmounts when this one has ended, be it
 * killed.
 */
#ifndef SERVER_FUSE_UNMOUNTER_H
#define SERVER_FUSE_UNMOUNTER_H

/* Call it before anything is mounted or opened, while there is one thread. */
int unmounter_start(const char *dir);

#endif

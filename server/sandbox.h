/*
 * Sandbox: a program gives up what it doesn't need, before its first thread and before the first
 * byte from a stranger.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

/* What is kept of root's powers. */
enum sandbox_keep {
	SANDBOX_READ_ALL = 1,  /* reads files and folders whatever their modes */
	SANDBOX_LOW_PORTS = 2, /* binds to ports below 1024 */
};

/* Root becomes the owner of the store's folder, or of that in which it will be made, and keeps no
 * capability but those of keep (bits of enum sandbox_keep). Whoever it is, no program that it runs
 * can gain any. Call it while there is one thread. On failure nothing may go on. */
int sandbox_enter(const char *store, unsigned keep);

#endif

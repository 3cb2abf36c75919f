/*
 * Daemon: a real rubusd as a process of its own, on a port of 127.0.0.1. For programs that are no
 * cmocka tests: what fails is printed and ends them.
 */
#ifndef TESTS_LIB_DAEMON_H
#define TESTS_LIB_DAEMON_H

#include <stdint.h>

/* A sanitizer takes memory and time of its own: bounds are for builds without one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DAEMON_BOUNDED 0
#else
#define DAEMON_BOUNDED 1
#endif

struct daemon {
	char log[256], port_text[8];
	uint16_t port;
	int pid;
};

/* Starts the rubusd of the build folder and waits till it answers. Its log goes into `folder`.
 * config: a file, or NULL. */
void daemon_start(struct daemon *, const char *folder, const char *store, const char *config);
/* What it has resident now, and had at most, in KiB. */
void daemon_memory(const struct daemon *, uint64_t *now, uint64_t *peak);
/* It must be alive, end well, and no sanitizer may have said anything. */
void daemon_stop(struct daemon *);

#endif

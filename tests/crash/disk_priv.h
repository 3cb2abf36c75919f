/* What the files of the simulated disk share. */
#ifndef TESTS_CRASH_DISK_PRIV_H
#define TESTS_CRASH_DISK_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "cow/cleanup.h"
#include "tests/crash/disk.h"

struct record {
	enum file_event event;
	char *name, *to;
	bool folder, mark;
	int kind;
	uint64_t off, len;
	uint8_t *bytes;
};

struct base {
	char *name;
	bool folder;
	uint8_t *bytes;
	size_t n;
};

struct disk {
	pthread_mutex_t lock;
	struct record *records;
	unsigned n;
	struct base *base;
	unsigned nbase;
};

/* Room for one more than n. */
void *disk_grow(void *array, unsigned n, size_t element);

#endif

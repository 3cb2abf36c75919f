/*
 * Disk: where the root and the boot file system of a disk image lie: by an MBR or a GPT, or one
 * file system that takes all of it.
 */
#ifndef COW_IMPORT_DISK_H
#define COW_IMPORT_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk_part {
	uint64_t off, n; /* bytes; n 0: there is none */
};

struct disk {
	uint64_t size; /* bytes of the image */
	struct disk_part ext, fat;
};

/* Do these bytes (4096 of the beginning, if there are so many) begin a disk image? */
bool disk_knows(const uint8_t *head, uint64_t n);
/* Reads the tables of the image that fd is. The ext file system is the largest one; the FAT one is
 * the first. -EINVAL: there is no ext file system; the sentence says what there is. */
int disk_read(int fd, const char *name, struct disk *out);

#endif

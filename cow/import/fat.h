/*
 * Fat: a FAT16 or FAT32 file system in an image, read only. There is no library for it in Debian.
 *
 * All numbers are a stranger's: chains of clusters that run in a circle end, and so do folders.
 */
#ifndef COW_IMPORT_FAT_H
#define COW_IMPORT_FAT_H

#include <stdbool.h>
#include <stdint.h>

struct fat;

/* fd is borrowed. -EINVAL: this isn't one, or a FAT12. */
int fat_open(int fd, uint64_t off, uint64_t n, struct fat **out);
void fat_close(struct fat *);

struct fat_entry {
	char name[256 * 3]; /* UTF-8 */
	bool folder;
	uint32_t first; /* cluster; 0: empty, or the root */
	uint32_t size;  /* bytes */
	int64_t mtime;  /* seconds since 1970, as if the local time were UTC */
};
/* Calls fn for each name of a folder (first 0: the root) but . and .., in the order of the disk.
 * -EPIPE: the folder is damaged. */
typedef int fat_entry_fn(void *arg, const struct fat_entry *);
int fat_folder(struct fat *, uint32_t first, fat_entry_fn *, void *arg);

/* A file's bytes, cluster by cluster. */
struct fat_file {
	uint32_t cluster, left;
	uint32_t steps;
};
void fat_file_begin(const struct fat_entry *, struct fat_file *out);
/* The number of bytes at *out, valid until the next call; 0: the end; -EPIPE: the file is damaged.
 */
int64_t fat_file_next(struct fat *, struct fat_file *, const void **out);

#endif

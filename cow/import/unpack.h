/*
 * Unpack: the bytes in a compressed file of a disk image: gz, xz, zst, or the image in a zip.
 */
#ifndef COW_IMPORT_UNPACK_H
#define COW_IMPORT_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct unpack;

/* Is what begins so compressed in one of these ways? */
bool unpack_knows(const uint8_t *head, size_t n);
/* fd: of the file, at its beginning, borrowed; name: for messages. -EINVAL: a zip without a file.
 */
int unpack_open(int fd, const char *name, struct unpack **out);
void unpack_close(struct unpack *); /* NULL is fine */
/* The number of bytes at *out, valid until the next call; 0: the end. -EPIPE: damaged. */
ssize_t unpack_next(struct unpack *, const void **out);
uint64_t unpack_taken(const struct unpack *); /* bytes of the file so far */

#endif

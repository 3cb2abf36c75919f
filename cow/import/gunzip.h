/*
 * Gunzip: the bytes in a gzip file. libarchive inflates too, but looks neither at the sum nor at
 * the length behind each member: one flipped bit would go into an image unseen.
 */
#ifndef COW_IMPORT_GUNZIP_H
#define COW_IMPORT_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct gunzip;

/* Do these bytes begin a gzip file? */
bool gunzip_knows(const void *p, size_t n);
/* -ENOMEM */
int gunzip_open(struct gunzip **out);
/* NULL is fine. */
void gunzip_close(struct gunzip *);
/* More of the file, to be kept until gunzip_next returns 0. n == 0: it has ended. */
void gunzip_feed(struct gunzip *, const void *p, size_t n);
/* The number of bytes at *out, valid until the next call; 0: it wants to be fed, or is at the end.
 * -EPIPE: damaged or cut off; gunzip_why says how. */
ssize_t gunzip_next(struct gunzip *, const void **out);
const char *gunzip_why(const struct gunzip *);

#endif

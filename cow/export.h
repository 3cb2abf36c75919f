/*
 * Export: all that a view holds, as a tar.
 */
#ifndef COW_EXPORT_H
#define COW_EXPORT_H

#include "cow/view.h"

struct export_options {
	/* May be NULL; negative ends it. */
	int (*progress)(void *arg, uint64_t entries, uint64_t bytes);
	/* Called for each entry that a tar can't hold, with a sentence that names it; may be NULL.
	 */
	void (*problem)(void *arg, const char *sentence);
	void *arg;
};

struct export_result {
	uint64_t entries, bytes; /* bytes of files */
	uint32_t skipped;
};

/* Writes the tar (pax) to fd: names as they are, numbers in place of users' names, hard links,
 * holes, extended attributes and ACLs. Imported again it gives the same image, but for sockets,
 * which no tar holds. compress: "", "gz", "xz" or "zst". Nobody may change the view meanwhile. */
int export_tar(struct view *, int fd, const char *compress, const struct export_options *,
    struct export_result *out);

#endif

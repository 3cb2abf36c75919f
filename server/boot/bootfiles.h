/*
 * Bootfiles: what a client's boot folder holds, for TFTP: the files of its own view, with
 * cmdline.txt made for it and config.txt completed. Names are resolved by view calls only, so that
 * nothing in a view leads out of it.
 */
#ifndef SERVER_BOOT_BOOTFILES_H
#define SERVER_BOOT_BOOTFILES_H

#include "cow/view.h"

/* Where the client finds us. */
struct boot_server {
	const char *address; /* numeric, IPv4 */
	uint16_t port;       /* of NFS */
};

struct bootfile;

/* path: as a bootloader says it, from the boot folder on; the view isn't kept. -ENOENT: no such
 * file; -EACCES: a path that tries to leave the folder; -EISDIR, -ELOOP; -ENOTSUP: it has no boot
 * folder at all. */
int bootfile_open(struct view *, const char *client, const struct boot_server *, const char *path,
    struct bootfile **out);
void bootfile_close(struct bootfile *);
uint64_t bootfile_size(const struct bootfile *);
/* n bytes from off, which lie within the file, out of the view where it was found. -ESTALE: it has
 * changed since it was opened. */
int bootfile_read(struct bootfile *, struct view *, uint64_t off, void *p, uint32_t n);

/* The kernel's command line: what the image says, but for its root, and ours. Returns its length,
 * at most size - 1. */
size_t bootfile_cmdline(const char *own, size_t n, const char *client, const struct boot_server *,
    char *out, size_t size);

#endif

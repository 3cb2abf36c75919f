/*
 * File: every open, write, sync, rename and removal of a store passes here, by names relative to
 * the store's folder. Tests put hooks in its way: to cut the power, to fill the disk.
 */
#ifndef COW_FILE_H
#define COW_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct files; /* a store's folder and the way to its disk; shared by all threads */

enum file_event {
	FILE_OPEN, /* with O_CREAT only */
	FILE_WRITE,
	FILE_FSYNC,
	FILE_RENAME,
	FILE_UNLINK,
	FILE_TRUNCATE, /* off: the new size */
	FILE_PUNCH,
	FILE_MKDIR,
};

/* Called before each event; 0 lets it happen, -errno is returned in its place. For FILE_WRITE,
 * *len may be lowered: so much is written, and then the call fails with -EIO. */
typedef int file_hook(
    void *arg, enum file_event event, const char *name, uint64_t off, size_t *len);

/* A change that was done; FILE_FSYNC: that is about to be. */
struct file_change {
	enum file_event event;
	const char *name, *to;   /* to: FILE_RENAME only */
	bool folder;             /* FILE_FSYNC of a folder */
	uint64_t off, len;       /* FILE_WRITE, FILE_PUNCH; off: FILE_TRUNCATE */
	const struct iovec *iov; /* the bytes of a FILE_WRITE */
	int n;
};
/* Sees every change, from the thread that makes it: what it was told of before a FILE_FSYNC is
 * durable after it. */
typedef void file_watch(void *arg, const struct file_change *);

/* Opens the folder, which must exist. *out is the caller's: files_close. */
int files_open(const char *path, struct files **out);
void files_close(struct files *);
void files_hook(struct files *, file_hook *, void *arg);
void files_watch(struct files *, file_watch *, void *arg);
/* The folder's path as it was given; lives as long as files. */
const char *files_path(const struct files *);
/* The folder's descriptor, for what needs it; files' own. */
int files_dirfd(const struct files *);

/* Bytes of the disk that the folder is on. */
struct file_space {
	uint64_t total, free, avail; /* avail: without what is kept for root */
};
int files_space(const struct files *, struct file_space *out);

/* A descriptor (caller closes it) or -errno. flags as open(2); O_CLOEXEC is added. What root makes
 * is given to the folder's owner; the same for file_mkdir. */
int file_open(struct files *, const char *name, int flags, mode_t mode);
/* Writes all of iov at off, or fails. name is for hooks and error sentences. */
int file_pwritev(struct files *, int fd, const char *name, struct iovec *iov, int n, uint64_t off);
int file_pwrite(struct files *, int fd, const char *name, const void *p, size_t n, uint64_t off);
/* Reads exactly n bytes at off; -EIO with a sentence when the file ends before. */
int file_pread(int fd, const char *name, void *p, size_t n, uint64_t off);
int file_preadv(int fd, const char *name, struct iovec *iov, int n, uint64_t off);
/* fdatasync(2). An error is final: the same descriptor must not be trusted again. */
int file_sync(struct files *, int fd, const char *name);
/* Syncs a folder (name "" is the store's own), so that names in it are durable. */
int file_sync_dir(struct files *, const char *name);
int file_rename(struct files *, const char *from, const char *to);
int file_unlink(struct files *, const char *name);
int file_truncate(struct files *, int fd, const char *name, uint64_t size);
/* Gives the disk space of [off, off+len) back; the file keeps its length. */
int file_punch(struct files *, int fd, const char *name, uint64_t off, uint64_t len);
/* Makes a folder; one that exists already is fine. */
int file_mkdir(struct files *, const char *name, mode_t mode);

/* For who changes files by descriptors of his own (db_vfs.c): asks the hook, before; tells the
 * watch, after. */
int file_ask(struct files *, enum file_event, const char *name, uint64_t off, size_t *len);
void file_tell(struct files *, const struct file_change *);

#endif

/*
 * View: the file system of one client: its image and its chain of layers, merged. This is THE
 * interface of the file system: NFS, FUSE, TFTP and export come through it and nothing else.
 *
 * Files are named by inode number and generation is the caller's to compare (handles). Names are
 * any bytes but '/' and NUL, 1 to 255. Functions return 0 or a count, else -errno as the system
 * call of that name gives it; -ESTALE for an inode that is not there (any more).
 *
 * One lock a view: a Pi speaks over one connection, so there is nothing to contend for. Changes
 * are in memory when a call returns, and durable when its ticket is (cow/batch.h).
 */
#ifndef COW_VIEW_H
#define COW_VIEW_H

#include <sys/uio.h>
#include <time.h>

#include "cow/bytes.h"
#include "cow/client.h"

struct view;

/* Who calls, and what the call came to. Superuser (uid 0) may everything. */
struct view_op {
	uint32_t uid, gid, ngroups;
	const uint32_t *groups;
	bool owes;       /* in: a change that succeeds will be paid by batch_reply (batch_add) */
	uint64_t ticket; /* out: > 0 when the call changed something durably: reply after it */
};

struct view_attr {
	uint32_t ino, gen, mode, nlink, uid, gid, rdev[2];
	uint64_t size, used;
	struct timespec atime, mtime, ctime;
};

/* Attributes around a change; present only where have is set (errors, too, once the inode was
 * found). */
struct view_wcc {
	bool have;
	struct view_attr before, after;
};

/* Bytes that were read: n pieces, valid till view_data_release. */
struct view_data {
	const struct iovec *iov;
	int n;
	uint32_t len;
	bool eof;
	struct iovec one; /* private from here on */
	void *buf;
};

struct view_statfs {
	uint64_t bytes, bytes_free, bytes_avail, files, files_free;
};

enum view_stable { VIEW_UNSTABLE, VIEW_DATA_SYNC, VIEW_FILE_SYNC };

/* What a SETATTR or the attributes of a new file set. */
struct view_set {
	bool set_mode, set_uid, set_gid, set_size;
	enum view_set_time { VIEW_TIME_KEEP, VIEW_TIME_NOW, VIEW_TIME_GIVEN } set_atime, set_mtime;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec atime, mtime;
	bool guard; /* only if the ctime is still this, else -EAGAIN (NFS3ERR_NOT_SYNC) */
	struct timespec guard_ctime;
};

#define VIEW_FILE_COST 512u /* bytes that a changed file counts in a quota, besides its blocks */
#define VIEW_FILE_MAX  INODE_SIZE_MAX /* largest file size */

/* With its lease, where the store may be changed: -EBUSY as lease_get. */
int view_open(struct store *, const struct client *, struct view **out);
/* A view of a layer and what lies beneath it, layer 0: of the image alone; as it is on disk. With
 * `change` the layer must be an open one that no other view, and no client, has; else changing
 * calls are -EROFS. */
int view_open_layer(
    struct store *, const struct id *image, uint64_t layer, bool change, struct view **out);
/* Makes what is written durable first. NULL is fine. */
void view_close(struct view *);
uint32_t view_incarnation(const struct view *);

/* A lookup's name may be "." and "..": at the root both are the root. */
int view_lookup(struct view *, struct view_op *, uint32_t dir, struct str name,
    struct view_attr *out, struct view_attr *dir_out);
int view_getattr(struct view *, uint32_t ino, struct view_attr *out);
int view_setattr(
    struct view *, struct view_op *, uint32_t ino, const struct view_set *, struct view_wcc *);

/* NFS's bits (RFC 1813 section 3.3.4): of `want`, what is allowed. */
#define VIEW_ACCESS_READ    0x01
#define VIEW_ACCESS_LOOKUP  0x02
#define VIEW_ACCESS_MODIFY  0x04
#define VIEW_ACCESS_EXTEND  0x08
#define VIEW_ACCESS_DELETE  0x10
#define VIEW_ACCESS_EXECUTE 0x20
int view_access(struct view *, struct view_op *, uint32_t ino, uint32_t want, uint32_t *allowed,
    struct view_attr *out);

/* The target into buf, its length by *n. -EINVAL: not a symlink. */
int view_readlink(struct view *, struct view_op *, uint32_t ino, char buf[TARGET_BYTES_MAX + 1],
    uint32_t *n, struct view_attr *out);

/* Reading needs permission to read, or to execute, or to own the file (the NFS rule). */
int view_read(struct view *, struct view_op *, uint32_t ino, uint64_t off, uint32_t len,
    struct view_data *out, struct view_attr *attr);
void view_data_release(struct view_data *);
/* *got tells what the write came to: VIEW_UNSTABLE needs a view_commit. */
int view_write(struct view *, struct view_op *, uint32_t ino, uint64_t off, const void *p,
    uint32_t n, enum view_stable want, enum view_stable *got, struct view_wcc *);
/* The whole file, whatever range was asked for. */
int view_commit(struct view *, struct view_op *, uint32_t ino, struct view_wcc *);

/* Calls fn for each name with a cookie above `after` (0: from the start), in cookie order, until fn
 * says 1; . and .. come first with cookies 1 and 2. With attr false, fn gets attr NULL but for the
 * inode number. fn runs under the view's lock and must not call the view. *eof: no name is left.
 * *dir_out as at the time. */
typedef int view_dirent_fn(
    void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *);
int view_readdir(struct view *, struct view_op *, uint32_t dir, uint64_t after, bool attr,
    view_dirent_fn *, void *arg, bool *eof, struct view_attr *dir_out);

enum view_create { VIEW_UNCHECKED, VIEW_GUARDED, VIEW_EXCLUSIVE };
/* A regular file. UNCHECKED: one that is there is used (and its size set, if set says so);
 * EXCLUSIVE: verf in place of set; the same verf again succeeds again. */
int view_create(struct view *, struct view_op *, uint32_t dir, struct str name, enum view_create,
    const struct view_set *, uint64_t verf, struct view_attr *out, struct view_wcc *);
int view_mkdir(struct view *, struct view_op *, uint32_t dir, struct str name,
    const struct view_set *, struct view_attr *out, struct view_wcc *);
int view_symlink(struct view *, struct view_op *, uint32_t dir, struct str name,
    const struct view_set *, struct str target, struct view_attr *out, struct view_wcc *);
/* type: S_IFCHR, S_IFBLK (rdev: major, minor), S_IFIFO or S_IFSOCK. */
int view_mknod(struct view *, struct view_op *, uint32_t dir, struct str name, uint32_t type,
    const uint32_t rdev[2], const struct view_set *, struct view_attr *out, struct view_wcc *);
int view_link(struct view *, struct view_op *, uint32_t ino, uint32_t dir, struct str name,
    struct view_attr *out, struct view_wcc *);
int view_remove(struct view *, struct view_op *, uint32_t dir, struct str name, struct view_wcc *);
int view_rmdir(struct view *, struct view_op *, uint32_t dir, struct str name, struct view_wcc *);
int view_rename(struct view *, struct view_op *, uint32_t from, struct str old, uint32_t to,
    struct str new, struct view_wcc *wfrom, struct view_wcc *wto);

/* Extended attributes, which NFS knows nothing of. Reads give the length; size 0: no more than
 * that, else -ERANGE where it doesn't fit. -ENODATA: there is none of that name. The list is of
 * names, each with a NUL. Of names that begin with "user." the file's permissions decide; others
 * are the superuser's to change. */
int view_getxattr(
    struct view *, struct view_op *, uint32_t ino, struct str name, void *buf, uint32_t size);
int view_listxattr(struct view *, uint32_t ino, char *buf, uint32_t size);
enum view_xattr { VIEW_XATTR_ANY, VIEW_XATTR_CREATE, VIEW_XATTR_REPLACE };
int view_setxattr(struct view *, struct view_op *, uint32_t ino, struct str name, struct str value,
    enum view_xattr);
int view_removexattr(struct view *, struct view_op *, uint32_t ino, struct str name);

/* While it is held (counted), a regular file can be read, written and looked at after its last name
 * is gone; what is left of it then is in memory only. */
int view_hold(struct view *, uint32_t ino);
void view_release(struct view *, uint32_t ino);

int view_statfs(struct view *, uint32_t ino, struct view_statfs *out, struct view_attr *attr);

/* An empty file of `to` gets the contents of one of `from`, another view, by reference. */
int view_share(struct view *from, uint32_t ino, struct view *to, uint32_t to_ino);
/* And its extended attributes become those of the other. */
int view_copy_xattrs(struct view *from, uint32_t ino, struct view *to, uint32_t to_ino);
/* Have two files the same ones? 1, 0 or -errno. */
int view_same_xattrs(struct view *, uint32_t ino, struct view *, uint32_t other);
/* Is it the same inode of the same image, unchanged in both? Not to be asked while either changes.
 */
bool view_same(const struct view *, uint32_t ino, const struct view *, uint32_t other);

/* 1: the contents of two files of one size differ; 0: they don't. Blocks are compared by id. */
int view_differs(struct view *, uint32_t ino, struct view *, uint32_t other);

/* 1: the file has a block for which fn says so, at byte *off; 0: it has none. own: the image's
 * files as they are have none. */
int view_find_block(struct view *, uint32_t ino, bool own, bool (*fn)(void *arg, const struct id *),
    void *arg, uint64_t *off);

/* A cut between two operations, in two steps that hold the view's lock: all that was written, what
 * no COMMIT asked for yet included, goes into the batch; then, when whoever cuts has added to the
 * batch (ticket) that the old head is sealed and `head` lies on it, the view goes on with that.
 * head 0: nothing came of it. Several views may be held at once by who holds store_catalogue. */
int view_cut_begin(struct view *); /* locked on 0 only */
void view_cut_end(struct view *, uint64_t head, uint64_t ticket);

/* Makes every uncommitted write durable (timer, shutdown). */
int view_flush(struct view *);
/* Drops clean state until at most `bytes` are used; returns what is used. */
uint64_t view_trim(struct view *, uint64_t bytes);
/* From now on a call that finds more in memory drops files' clean state, down to three quarters of
 * it if so much can go. */
void view_limit(struct view *, uint64_t bytes);
struct view_usage {
	uint64_t memory, inodes;           /* in memory now */
	uint64_t delta_files, delta_bytes; /* of the head */
	uint64_t quota, quota_used;        /* quota 0: none */
};
void view_usage(struct view *, struct view_usage *out);

#endif

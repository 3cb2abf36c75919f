/* Leases: a locked file by client. The text in it is for the sentence that refuses another. */
#include "cow/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/store_priv.h"

struct lease {
	struct store *store;
	struct id client;
	uint32_t refs;
	int fd;
	struct lease *next;
};

static void
file_name(const struct id *client, char out[STORE_NAME_SIZE])
{
	char hex[ID_HEX_SIZE];

	id_hex(client, hex);
	snprintf(out, STORE_NAME_SIZE, STORE_LEASES "/%s", hex);
}

#define BLOCKS_FILE STORE_LEASES "/blocks"

static int
held_by_other(int fd, const char *client)
{
	char text[64] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_set(
	    EBUSY, "client %s is in use by %s", client, *text ? text : "another process");
}

/* Nothing depends on the text, so it isn't an error when a full disk has no room for it. */
static void
sign(struct files *files, int fd, const char *name)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%.32s, process %ld\n", program_invocation_short_name,
	    (long)getpid());

	if (file_truncate(files, fd, name, 0) == 0)
		file_pwrite(files, fd, name, text, (size_t)n, 0);
}

/* 1: the file is locked by us, 0: it was removed meanwhile. */
static int
lock_file(struct lease *l, const char *name, const char *client)
{
	struct stat st;

	l->fd = file_open(l->store->files, name, O_RDWR | O_CREAT, 0600);
	if (l->fd < 0)
		return l->fd;
	if (flock(l->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? held_by_other(l->fd, client)
					    : err_errno("locking %s", name);
	if (fstat(l->fd, &st) < 0)
		return err_errno("%s", name);
	return st.st_nlink > 0;
}

static int
take(struct lease *l, const char *client)
{
	char name[STORE_NAME_SIZE];
	int rc;

	file_name(&l->client, name);
	while ((rc = lock_file(l, name, client)) == 0)
		close(l->fd);
	if (rc > 0)
		sign(l->store->files, l->fd, name);
	return rc < 0 ? rc : 0;
}

int
lease_get(struct store *s, const struct client *c, struct lease **out)
{
	SCOPED_LOCK(&s->leases_lock);
	struct lease *l = s->leases;
	int rc;

	while (l && !id_eq(&l->client, &c->id))
		l = l->next;
	if (l) {
		l->refs++;
		*out = l;
		return 0;
	}
	if (!(l = malloc(sizeof(*l))))
		return err_set(ENOMEM, "out of memory for a lease");
	*l = (struct lease){ s, c->id, 1, -1, s->leases };
	if ((rc = take(l, c->name)) < 0) {
		if (l->fd >= 0)
			close(l->fd);
		free(l);
		return rc;
	}
	*out = s->leases = l;
	return 0;
}

/* Under leases_lock. */
static void
release(struct lease *l)
{
	struct lease **at = &l->store->leases;

	if (--l->refs)
		return;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	close(l->fd);
	free(l);
}

void
lease_release(struct lease *l)
{
	if (!l)
		return;
	SCOPED_LOCK(&l->store->leases_lock);
	release(l);
}

void
lease_drop(struct lease *l)
{
	char name[STORE_NAME_SIZE];

	file_name(&l->client, name);
	SCOPED_LOCK(&l->store->leases_lock);
	file_unlink(l->store->files, name);
	release(l);
}

/* --- all blocks --- */

static int
lock_blocks(struct store *s, int how, const char *refused, int *out)
{
	int rc = file_mkdir(s->files, STORE_LEASES, 0700), fd;

	if (rc < 0)
		return rc;
	fd = file_open(s->files, BLOCKS_FILE, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return fd;
	if (flock(fd, how | LOCK_NB) == 0) {
		*out = fd;
		return 0;
	}
	rc = errno == EWOULDBLOCK ? err_set(EBUSY, "%s", refused)
				  : err_errno("locking %s", BLOCKS_FILE);
	close(fd);
	return rc;
}

int
lease_share_blocks(struct store *s)
{
	return s->sharing >= 0
		   ? 0
		   : lock_blocks(s, LOCK_SH,
			 "the store is being collected: try again when that is done", &s->sharing);
}

int
lease_collect_blocks(struct store *s, int *fd)
{
	return lock_blocks(s, LOCK_EX,
	    "a client or a snapshot is mounted on this machine (rubus mount): collect when it is"
	    " unmounted",
	    fd);
}

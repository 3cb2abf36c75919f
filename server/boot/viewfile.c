/* Paths to inodes, one name at a time. */
#include "server/boot/viewfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"

#define LINKS_MAX 8
#define PATH_ROOM 512

struct walk {
	struct view *view;
	int links;
};

static int resolve(struct walk *, uint32_t dir, const char *path, struct view_attr *out);

/* Goes on with a symlink's target. */
static int
follow(struct walk *w, uint32_t dir, struct view_attr *at)
{
	char target[TARGET_BYTES_MAX + 1];
	struct view_op op = { 0 };
	uint32_t n, ino = at->ino;
	int rc;

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	rc = view_readlink(w->view, &op, ino, target, &n, at);
	if (rc < 0)
		return rc;
	target[n] = '\0';
	return resolve(w, target[0] == '/' ? INO_ROOT : dir, target, at);
}

static int
step(struct walk *w, uint32_t dir, struct str name, struct view_attr *out)
{
	struct view_op op = { 0 };
	struct view_attr parent;
	int rc = view_lookup(w->view, &op, dir, name, out, &parent);

	return rc == 0 && S_ISLNK(out->mode) ? follow(w, dir, out) : rc;
}

static int
resolve(struct walk *w, uint32_t dir, const char *path, struct view_attr *out)
{
	int rc = view_getattr(w->view, dir, out);

	while (rc == 0) {
		size_t n = strcspn(path += strspn(path, "/"), "/");

		if (n == 0)
			break;
		if (n > NAME_BYTES_MAX)
			return -ENAMETOOLONG;
		rc = S_ISDIR(out->mode) ? step(w, out->ino, (struct str){ path, (uint32_t)n }, out)
					: -ENOTDIR;
		path += n;
	}
	return rc;
}

int
viewfile_find(struct view *view, uint32_t dir, const char *path, struct view_attr *out)
{
	struct walk w = { view, 0 };

	return resolve(&w, dir, path, out);
}

int
viewfile_read(struct view *view, const struct view_attr *attr, uint32_t max, char **out, size_t *n)
{
	struct view_op op = { 0 };
	struct view_attr now;
	struct view_data data;
	uint32_t want = attr->size < max ? (uint32_t)attr->size : max;
	int rc;

	*n = 0;
	if (!(*out = malloc((size_t)want + 1)))
		return -ENOMEM;
	rc = view_read(view, &op, attr->ino, 0, want, &data, &now);
	for (int i = 0; rc == 0 && i < data.n; i++) {
		memcpy(*out + *n, data.iov[i].iov_base, data.iov[i].iov_len);
		*n += data.iov[i].iov_len;
	}
	if (rc == 0)
		view_data_release(&data);
	(*out)[*n] = '\0';
	return rc;
}

/* --- changing --- */

/* The folder of a path, made if need be, and the path's last name. */
static int
find_parent(struct view *view, const char *path, struct view_attr *dir, struct str *last)
{
	struct view_set set = { .set_mode = true, .mode = 0755 };
	struct view_op op = { 0 };
	char part[PATH_ROOM];
	int rc = view_getattr(view, INO_ROOT, dir);

	while (rc == 0) {
		size_t n = strcspn(path += strspn(path, "/"), "/");
		struct view_attr made;
		struct view_wcc wcc;

		*last = (struct str){ path, (uint32_t)n };
		if (n == 0 || n >= sizeof(part))
			return -EINVAL;
		if (path[n + strspn(path + n, "/")] == '\0')
			break;
		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		path += n;
		rc = viewfile_find(view, dir->ino, part, &made);
		if (rc == -ENOENT)
			rc = view_mkdir(view, &op, dir->ino, *last, &set, &made, &wcc);
		*dir = made;
	}
	return rc == 0 && !S_ISDIR(dir->mode) ? -ENOTDIR : rc;
}

static bool
has_bytes(struct view *view, const struct view_attr *attr, const char *bytes, size_t n)
{
	char *now CLEANUP_FREE = NULL;
	size_t have = 0;

	return attr->size == n && viewfile_read(view, attr, (uint32_t)n, &now, &have) == 0 &&
	       have == n && memcmp(now, bytes, n) == 0;
}

int
viewfile_write(struct view *view, const char *path, uint32_t mode, const char *bytes, size_t n)
{
	struct view_set set = { .set_mode = true, .mode = mode, .set_size = true };
	enum view_stable got;
	struct view_op op = { 0 };
	struct view_attr dir, attr;
	struct view_wcc wcc;
	struct str last;
	int rc = find_parent(view, path, &dir, &last);

	if (rc < 0)
		return rc;
	rc = viewfile_find(view, INO_ROOT, path, &attr);
	if (rc == 0 && !S_ISREG(attr.mode))
		return -EEXIST;
	if (rc == 0 && has_bytes(view, &attr, bytes, n) && (attr.mode & 07777) == mode)
		return 0;
	if (rc == -ENOENT) { /* also a symlink that leads nowhere, which goes */
		view_remove(view, &op, dir.ino, last, &wcc);
		rc = view_create(view, &op, dir.ino, last, VIEW_GUARDED, &set, 0, &attr, &wcc);
	} else if (rc == 0)
		rc = view_setattr(view, &op, attr.ino, &set, &wcc);
	if (rc == 0 && n)
		rc = view_write(
		    view, &op, attr.ino, 0, bytes, (uint32_t)n, VIEW_UNSTABLE, &got, &wcc);
	if (rc >= 0)
		rc = view_commit(view, &op, attr.ino, &wcc);
	return rc < 0 ? rc : 1;
}

int
viewfile_symlink(struct view *view, const char *path, const char *target)
{
	char now[TARGET_BYTES_MAX + 1];
	struct view_set set = { 0 };
	struct view_op op = { 0 };
	struct view_attr dir, attr, parent;
	struct view_wcc wcc;
	struct str last;
	uint32_t n;
	int rc = find_parent(view, path, &dir, &last);

	if (rc < 0)
		return rc;
	rc = view_lookup(view, &op, dir.ino, last, &attr, &parent);
	if (rc == 0 && S_ISLNK(attr.mode) &&
	    view_readlink(view, &op, attr.ino, now, &n, &attr) == 0 && n == strlen(target) &&
	    memcmp(now, target, n) == 0)
		return 0;
	if (rc == 0)
		rc = S_ISDIR(attr.mode) ? -EEXIST : view_remove(view, &op, dir.ino, last, &wcc);
	if (rc == 0 || rc == -ENOENT)
		rc = view_symlink(view, &op, dir.ino, last, &set, str_of(target), &attr, &wcc);
	return rc < 0 ? rc : 1;
}

int
viewfile_remove(struct view *view, const char *path)
{
	struct view_op op = { 0 };
	struct view_attr dir;
	struct view_wcc wcc;
	struct str last;
	int rc = find_parent(view, path, &dir, &last);

	if (rc == 0)
		rc = view_remove(view, &op, dir.ino, last, &wcc);
	return rc == -ENOENT ? 0 : rc;
}

/* Which folders a client keeps. */
#include "cow/keep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cow/err.h"

static bool
is_dots(const char *p, size_t n)
{
	return (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
}

int
keep_normalise(const char *path, char out[KEEP_PATH])
{
	const char *p = path;
	size_t at = 0;

	if (*p != '/')
		return err_set(
		    EINVAL, "\"%.80s\": a folder to keep is a path from the root, /home", path);
	while (*p) {
		size_t n = strcspn(p += strspn(p, "/"), "/");

		if (n == 0)
			break;
		if (is_dots(p, n))
			return err_set(EINVAL, "\"%.80s\": . and .. are of no use here", path);
		if (n > NAME_BYTES_MAX || at + n + 2 > KEEP_PATH || memchr(p, '\n', n))
			return err_set(EINVAL, "\"%.80s\": too long, or a line's end in it", path);
		out[at++] = '/';
		memcpy(out + at, p, n);
		at += n;
		p += n;
	}
	out[at] = '\0';
	return at ? 0 : err_set(EINVAL, "keeping all of / would leave nothing to be reset");
}

/* Is `path` the same as `in`, or a folder within it? */
static bool
lies_in(const char *path, const char *in)
{
	size_t n = strlen(in);

	return strncmp(path, in, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

int
keep_add(struct keeps *k, const char *path)
{
	char clean[KEEP_PATH];
	int rc = keep_normalise(path, clean), left = 0;

	if (rc < 0)
		return rc;
	for (int i = 0; i < k->n; i++)
		if (lies_in(clean, k->paths[i]))
			return 0;
	for (int i = 0; i < k->n; i++)
		if (!lies_in(k->paths[i], clean))
			memmove(k->paths[left++], k->paths[i], sizeof(clean));
	k->n = left;
	if (k->n == KEEP_MAX)
		return err_set(E2BIG, "at most %d folders can be kept", KEEP_MAX);
	memcpy(k->paths[k->n++], clean, sizeof(clean));
	return 0;
}

static int
add_owner(struct db *db, const char *owner, struct keeps *out)
{
	static const char sql[] = "SELECT path FROM keep WHERE client = ?1 ORDER BY path";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	char path[KEEP_PATH];
	int rc;

	sqlite3_bind_text(stmt, 1, owner, -1, SQLITE_STATIC);
	while ((rc = db_step(db, stmt)) == 1) {
		struct str s = db_column_str(stmt, 0);

		snprintf(path, sizeof(path), "%.*s", (int)s.n, s.p);
		rc = keep_add(out, path);
		if (rc < 0) {
			db_reset(stmt);
			break;
		}
	}
	return rc;
}

int
keep_of(struct store *s, const struct client *c, struct keeps *out)
{
	struct db *db = db_lend(store_readers(s));
	char group[sizeof(c->group) + 1];
	int rc = db ? add_owner(db, c->name, out) : -EIO;

	snprintf(group, sizeof(group), "@%s", c->group);
	if (rc == 0 && *c->group)
		rc = add_owner(db, group, out);
	db_return(store_readers(s), db);
	return rc;
}

struct setting {
	const char *owner;
	const struct keeps *keeps;
};

static int
set(struct db *db, void *arg)
{
	const struct setting *setting = arg;
	sqlite3_stmt *stmt = db_stmt(db, "DELETE FROM keep WHERE client = ?1");
	int rc;

	sqlite3_bind_text(stmt, 1, setting->owner, -1, SQLITE_STATIC);
	rc = db_run(db, stmt);
	for (int i = 0; i < setting->keeps->n && rc == 0; i++) {
		stmt = db_stmt(db, "INSERT INTO keep(client, path) VALUES(?1, ?2)");
		sqlite3_bind_text(stmt, 1, setting->owner, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 2, setting->keeps->paths[i], -1, SQLITE_STATIC);
		rc = db_run(db, stmt);
	}
	return rc;
}

int
keep_set(struct store *s, const char *owner, const struct keeps *k)
{
	struct setting setting = { owner, k };

	return store_write(s, set, &setting);
}

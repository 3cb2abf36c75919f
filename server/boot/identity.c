/* Kept as facts of the client in the catalogue; its view only has copies. */
#include "server/boot/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/boot/prepare.h"
#include "server/boot/viewfile.h"

#define KEY_MAX  8192
#define TEXT_MAX 65536u

extern char **environ;

static const char *const kinds[] = { "ed25519", "ecdsa" };

/* --- names --- */

static int
write_hostname(const struct client *c, struct view *v)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%s\n", c->name);

	return viewfile_write(v, "/etc/hostname", 0644, text, (size_t)n);
}

/* The line of 127.0.1.1 tells the machine's own name; the others stay. */
static int
write_hosts(const struct client *c, struct view *v)
{
	char *old CLEANUP_FREE = NULL, *new CLEANUP_FREE = NULL;
	struct view_attr attr;
	size_t have = 0, n = 0;
	int rc = viewfile_find(v, INO_ROOT, "/etc/hosts", &attr);

	if (rc == 0)
		rc =
		    attr.size <= TEXT_MAX ? viewfile_read(v, &attr, TEXT_MAX, &old, &have) : -EFBIG;
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (!(new = malloc(have + 200)))
		return -ENOMEM;
	for (const char *line = old ? old : "127.0.0.1\tlocalhost\n"; *line;) {
		size_t length = strcspn(line, "\n");

		length += line[length] == '\n';
		if (strncmp(line, "127.0.1.1", 9) != 0) {
			memcpy(new + n, line, length);
			n += length;
		}
		line += length;
	}
	if (n && new[n - 1] != '\n')
		new[n++] = '\n';
	n += (size_t)sprintf(new + n, "127.0.1.1\t%s\n", c->name);
	return viewfile_write(v, "/etc/hosts", 0644, new, n);
}

/* Of the serial number, where it is known: the same again if the client is made anew. It stays as
 * it was at the first boot. */
static int
find_machine_id(struct store *s, const struct client *c, char out[ID_HEX_SIZE])
{
	struct hash_stream *h;
	struct id id;
	int rc = client_fact(s, c->name, "machine_id", out, ID_HEX_SIZE);

	if (rc < 0 || *out)
		return rc;
	if (hash_stream_open(&h) < 0)
		return -ENOMEM;
	hash_stream_add(h, "machine-id", 10);
	if (*c->serial)
		hash_stream_add(h, c->serial, strlen(c->serial));
	else
		hash_stream_add(h, c->id.b, ID_SIZE);
	id = hash_stream_end(h);
	hash_stream_close(h);
	id_hex(&id, out);
	return client_set_fact(s, c->name, "machine_id", out);
}

static int
write_machine_id(struct store *s, const struct client *c, struct view *v)
{
	char text[ID_HEX_SIZE + 1];
	int rc = find_machine_id(s, c, text);

	strcat(text, "\n");
	return rc < 0 ? rc : viewfile_write(v, "/etc/machine-id", 0444, text, strlen(text));
}

/* --- keys --- */

/* Runs ssh-keygen; the file and FILE.pub are there on 0. */
static int
run_keygen(const char *kind, const char *comment, const char *file)
{
	char name[] = "ssh-keygen", quiet[] = "-q", type[] = "-t", pass[] = "-N", none[] = "",
	     about[] = "-C", to[] = "-f", kind_arg[16], comment_arg[80], file_arg[4200];
	char *const argv[] = { name, quiet, type, kind_arg, pass, none, about, comment_arg, to,
		file_arg, NULL };
	int status, rc;
	pid_t pid;

	snprintf(kind_arg, sizeof(kind_arg), "%s", kind);
	snprintf(comment_arg, sizeof(comment_arg), "%s", comment);
	snprintf(file_arg, sizeof(file_arg), "%s", file);
	rc = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int
read_key(const char *path, char out[KEY_MAX])
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, out, KEY_MAX - 1);

	if (n <= 0 || n == KEY_MAX - 1)
		return -EIO;
	out[n] = '\0';
	return 0;
}

static int
make_key(struct store *s, const struct client *c, const char *kind, const char *file)
{
	char path[4200], secret[KEY_MAX], public[KEY_MAX], comment[80], name[40];
	int rc;

	snprintf(comment, sizeof(comment), "root@%s", c->name);
	snprintf(path, sizeof(path), "%s.pub", file);
	rc = run_keygen(kind, comment, file);
	if (rc == 0)
		rc = read_key(file, secret);
	if (rc == 0)
		rc = read_key(path, public);
	unlink(file);
	unlink(path);
	snprintf(name, sizeof(name), "ssh_%s_pub", kind);
	if (rc == 0)
		rc = client_set_fact(s, c->name, name, public);
	snprintf(name, sizeof(name), "ssh_%s", kind);
	if (rc == 0)
		rc = client_set_fact(s, c->name, name, secret);
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* Those that aren't there yet, in a folder that nobody else may read. */
static int
make_keys(struct store *s, const struct client *c)
{
	char folder[] = "/tmp/rubus-identity-XXXXXX", file[64], name[40], have[2];
	int rc = 0;

	if (!mkdtemp(folder))
		return err_errno("%s", folder);
	snprintf(file, sizeof(file), "%s/key", folder);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && rc == 0; i++) {
		snprintf(name, sizeof(name), "ssh_%s", kinds[i]);
		rc = client_fact(s, c->name, name, have, sizeof(have));
		if (rc == 0 && !*have)
			rc = make_key(s, c, kinds[i], file);
	}
	rmdir(folder);
	return rc;
}

/* The image's own keys, which all of its clients would share. */
static int
remove_keys(struct view *v)
{
	static const char *const all[] = { "rsa", "dsa", "ecdsa", "ed25519" };
	char path[80];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && rc == 0; i++) {
		snprintf(path, sizeof(path), "/etc/ssh/ssh_host_%s_key.pub", all[i]);
		rc = viewfile_remove(v, path);
		path[strlen(path) - strlen(".pub")] = '\0';
		if (rc == 0)
			rc = viewfile_remove(v, path);
	}
	return rc;
}

static int
write_key(struct store *s, const struct client *c, struct view *v, const char *kind)
{
	char text[KEY_MAX], path[80], name[40];
	int rc;

	snprintf(name, sizeof(name), "ssh_%s", kind);
	snprintf(path, sizeof(path), "/etc/ssh/ssh_host_%s_key", kind);
	rc = client_fact(s, c->name, name, text, sizeof(text));
	if (rc == 0 && *text)
		rc = viewfile_write(v, path, 0600, text, strlen(text));
	explicit_bzero(text, sizeof(text));
	strcat(name, "_pub");
	strcat(path, ".pub");
	if (rc >= 0)
		rc = client_fact(s, c->name, name, text, sizeof(text));
	if (rc == 0 && *text)
		rc = viewfile_write(v, path, 0644, text, strlen(text));
	return rc;
}

/* Where none can be made, the Pi makes its own at its boot. */
static int
write_keys(struct store *s, const struct client *c, struct view *v)
{
	static const char maker[] = "regenerate_ssh_host_keys.service";
	struct view_attr attr;
	char path[100];
	int rc;

	if (viewfile_find(v, INO_ROOT, "/etc/ssh", &attr) < 0)
		return 0;
	rc = remove_keys(v);
	if (rc < 0 || make_keys(s, c) < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && rc >= 0; i++)
		rc = write_key(s, c, v, kinds[i]);
	/* The system's first boot would make others in their place. */
	snprintf(path, sizeof(path), "/usr/lib/systemd/system/%s", maker);
	if (rc < 0 || viewfile_find(v, INO_ROOT, path, &attr) < 0)
		return rc;
	snprintf(path, sizeof(path), "/etc/systemd/system/%s", maker);
	return viewfile_symlink(v, path, "/dev/null");
}

/* --- when --- */

/* It was written into this state of the client already? Each reset and the like is another one. */
static bool
is_written(struct store *s, const struct client *c)
{
	char at[24], now[24];

	snprintf(now, sizeof(now), "%u", c->incarnation);
	return client_fact(s, c->name, "identity_at", at, sizeof(at)) == 0 && strcmp(at, now) == 0;
}

int
identity_apply(struct store *s, const struct client *c, struct view *v)
{
	char now[24];
	int rc;

	if (is_written(s, c) || prepare_knows(v) != 1)
		return 0;
	if ((rc = write_hostname(c, v)) < 0 || (rc = write_hosts(c, v)) < 0 ||
	    (rc = write_machine_id(s, c, v)) < 0 || (rc = write_keys(s, c, v)) < 0)
		return err_set(
		    -rc, "the identity of %s can't be written: %s", c->name, err_text(rc));
	if ((rc = view_flush(v)) < 0)
		return rc;
	snprintf(now, sizeof(now), "%u", c->incarnation);
	rc = client_set_fact(s, c->name, "identity_at", now);
	return rc < 0 ? rc : 1;
}

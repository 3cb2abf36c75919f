/* A file's bytes come from the view as they are asked for; what is made lies in memory. */
#include "server/boot/bootfiles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/boot/viewfile.h"

#define PATH_MAXIMUM 1024
#define TEXT_MAX     65536u /* bytes of a cmdline.txt or config.txt that are looked at */
#define MADE_MAX     (TEXT_MAX + 4096u)
#define NFS_PORT     2049

/* What klibc's nfsmount and the kernel both take. Larger transfers than these make the first
 * programs wait for bytes that they don't need. */
#define NFS_OPTIONS "vers=3,tcp,nolock,noacl,hard,rsize=131072,wsize=131072"

/* A Pi without a card would ask for one for ever. */
static const char netboot_config[] = "\n[all]\ndtparam=sd_poll_once\n";

struct bootfile {
	uint32_t ino;
	uint64_t size;
	struct timespec ctime;
	char *made; /* its bytes, where they aren't the view's */
};

/* --- names --- */

/* Where the firmware's files are. */
static int
find_folder(struct view *view, struct view_attr *out)
{
	static const char *const folders[] = { "/boot/firmware", "/boot" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (viewfile_find(view, INO_ROOT, folders[i], out) == 0 && S_ISDIR(out->mode))
			return 0;
	}
	return err_set(ENOTSUP, "it has neither /boot/firmware nor /boot");
}

static bool
leads_out(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n = strcspn(p += strspn(p, "/"), "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n;
	}
	return strchr(path, '\\') != NULL;
}

/* --- what is made --- */

/* Words of the image's own command line that are about its root, or about what its first boot
 * from a card does. */
static bool
is_dropped(const char *word, size_t n)
{
	static const char *const begins[] = { "root=", "rootfstype=", "rootflags=", "rootdelay=",
		"nfsroot=", "nfsrootdebug",
		"ip=", "fsck.repair=", "fsck.mode=", "boot=", "init=/usr/lib/raspi-config/",
		"init=/usr/lib/raspberrypi-sys-mods/", "init=/usr/bin/raspi-config" };
	static const char *const whole[] = { "rootwait", "ro", "rw", "resize", "noswap" };

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (n >= strlen(begins[i]) && memcmp(word, begins[i], strlen(begins[i])) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (n == strlen(whole[i]) && memcmp(word, whole[i], n) == 0)
			return true;
	return false;
}

size_t
bootfile_cmdline(const char *own, size_t n, const char *client, const struct boot_server *server,
    char *out, size_t size)
{
	static const char blanks[] = " \t\r\n";
	char port[24] = "";
	size_t at = 0, i = 0;

	if (server->port != NFS_PORT)
		snprintf(port, sizeof(port), ",port=%u", server->port);
	at = (size_t)snprintf(out, size,
	    "root=/dev/nfs nfsroot=%s:/%s," NFS_OPTIONS "%s rw ip=dhcp rootwait", server->address,
	    client, port);
	while (i < n && own[i]) {
		size_t from;

		while (i < n && own[i] && strchr(blanks, own[i]))
			i++;
		for (from = i; i < n && own[i] && !strchr(blanks, own[i]);)
			i++;
		if (i == from || is_dropped(own + from, i - from) || at + (i - from) + 3 > size)
			continue;
		out[at++] = ' ';
		memcpy(out + at, own + from, i - from);
		at += i - from;
	}
	out[at++] = '\n';
	return at;
}

static int
make_cmdline(struct bootfile *f, struct view *view, const struct view_attr *attr,
    const char *client, const struct boot_server *server)
{
	static const char usual[] = "console=serial0,115200 console=tty1";
	char *own CLEANUP_FREE = NULL;
	size_t n = 0;
	int rc = attr ? viewfile_read(view, attr, TEXT_MAX, &own, &n) : 0;

	if (rc < 0)
		return rc;
	if (!(f->made = malloc(MADE_MAX)))
		return -ENOMEM;
	f->size =
	    own ? bootfile_cmdline(own, n, client, server, f->made, MADE_MAX)
		: bootfile_cmdline(usual, sizeof(usual) - 1, client, server, f->made, MADE_MAX);
	return 0;
}

static int
make_config(struct bootfile *f, struct view *view, const struct view_attr *attr)
{
	char *own CLEANUP_FREE = NULL;
	size_t n = 0;
	int rc = attr->size < TEXT_MAX ? viewfile_read(view, attr, TEXT_MAX, &own, &n)
				       : err_set(EFBIG, "config.txt has more than 64 KiB");

	if (rc < 0)
		return rc;
	if (!(f->made = malloc(MADE_MAX)))
		return -ENOMEM;
	memcpy(f->made, own, n);
	memcpy(f->made + n, netboot_config, sizeof(netboot_config) - 1);
	f->size = n + sizeof(netboot_config) - 1;
	return 0;
}

/* --- files --- */

static int
find_file(struct view *view, const char *path, struct view_attr *out)
{
	struct view_attr folder;
	int rc = find_folder(view, &folder);

	if (rc == 0)
		rc = viewfile_find(view, folder.ino, path, out);
	if (rc == 0 && !S_ISREG(out->mode))
		rc = S_ISDIR(out->mode) ? -EISDIR : -ENOENT;
	return rc == -ENOTDIR ? -ENOENT : rc;
}

static int
fill(struct bootfile *f, struct view *view, const char *client, const struct boot_server *server,
    const char *path)
{
	struct view_attr attr;
	int rc = find_file(view, path, &attr);

	if (strcmp(path, "cmdline.txt") == 0 && (rc == 0 || rc == -ENOENT))
		return make_cmdline(f, view, rc == 0 ? &attr : NULL, client, server);
	if (rc < 0)
		return rc;
	if (strcmp(path, "config.txt") == 0)
		return make_config(f, view, &attr);
	f->ino = attr.ino;
	f->size = attr.size;
	f->ctime = attr.ctime;
	return 0;
}

int
bootfile_open(struct view *view, const char *client, const struct boot_server *server,
    const char *path, struct bootfile **out)
{
	struct bootfile *f;
	int rc;

	path += strspn(path, "/");
	if (leads_out(path))
		return err_set(EACCES, "%.80s: a path without .. is needed", path);
	if (strlen(path) >= PATH_MAXIMUM)
		return -ENAMETOOLONG;
	if (!(f = calloc(1, sizeof(*f))))
		return -ENOMEM;
	rc = fill(f, view, client, server, path);
	if (rc < 0)
		bootfile_close(f);
	else
		*out = f;
	return rc;
}

void
bootfile_close(struct bootfile *f)
{
	if (f)
		free(f->made);
	free(f);
}

uint64_t
bootfile_size(const struct bootfile *f)
{
	return f->size;
}

int
bootfile_read(struct bootfile *f, struct view *view, uint64_t off, void *p, uint32_t n)
{
	struct view_op op = { 0 };
	struct view_attr now;
	struct view_data data;
	char *to = p;
	int rc;

	if (f->made) {
		memcpy(p, f->made + off, n);
		return 0;
	}
	rc = view_read(view, &op, f->ino, off, n, &data, &now);
	if (rc < 0)
		return rc;
	if (data.len != n || now.size != f->size || now.ctime.tv_sec != f->ctime.tv_sec ||
	    now.ctime.tv_nsec != f->ctime.tv_nsec)
		rc = -ESTALE;
	for (int i = 0; i < data.n && rc == 0; i++) {
		memcpy(to, data.iov[i].iov_base, data.iov[i].iov_len);
		to += data.iov[i].iov_len;
	}
	view_data_release(&data);
	return rc;
}

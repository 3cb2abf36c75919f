/*
 * Steps, most of them in tables. Each is there for what is seen without it: a boot that waits for a
 * card's partitions, a system that takes its own network down, a room that upgrades itself at once.
 */
#include "server/boot/prepare.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/listing.h"
#include "server/boot/viewfile.h"

#define TEXT_MAX  65536u
#define DEPTH_MAX 64
#define TOLD_MAX  20 /* files that are named, of many of one kind */

struct prepare {
	struct view *view;
	prepare_note_fn *note;
	void *arg;
	int changed;
};

static bool
exists(struct view *view, const char *path)
{
	struct view_attr attr;

	return viewfile_find(view, INO_ROOT, path, &attr) == 0;
}

/* The text of a small regular file, or NULL. */
static char *
text_of(struct view *view, const char *path)
{
	struct view_attr attr;
	char *text = NULL;
	size_t n;

	if (viewfile_find(view, INO_ROOT, path, &attr) < 0 || !S_ISREG(attr.mode) ||
	    attr.size > TEXT_MAX || viewfile_read(view, &attr, TEXT_MAX, &text, &n) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

int
prepare_knows(struct view *view)
{
	char *release CLEANUP_FREE = text_of(view, "/etc/os-release");

	return release &&
	       (strstr(release, "\nID=raspbian") || strncmp(release, "ID=raspbian", 11) == 0 ||
		   strstr(release, "\nID=debian") || strncmp(release, "ID=debian", 9) == 0) &&
	       (exists(view, "/etc/rpi-issue") || exists(view, "/boot/firmware/config.txt") ||
		   exists(view, "/boot/config.txt"));
}

static void tell(struct prepare *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
tell(struct prepare *p, const char *fmt, ...)
{
	char sentence[300];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	p->note(p->arg, sentence);
}

/* rc of a change: 1 it was made, 0 there was nothing to do. */
static int
done(struct prepare *p, int rc, const char *sentence)
{
	if (rc == 1) {
		p->changed++;
		p->note(p->arg, sentence);
	}
	return rc < 0 ? rc : 0;
}

/* --- /etc/fstab --- */

/* A line whose mount is there already, from the network, or that is a swap partition's. */
static bool
is_dropped(const char *line)
{
	char device[256], folder[256], type[64];

	if (sscanf(line, " %255s %255s %63s", device, folder, type) < 2 || device[0] == '#')
		return false;
	return strcmp(folder, "/") == 0 || strcmp(folder, "/boot") == 0 ||
	       strcmp(folder, "/boot/firmware") == 0 || strcmp(type, "swap") == 0;
}

static int
edit_fstab(struct prepare *p)
{
	char *old CLEANUP_FREE = text_of(p->view, "/etc/fstab"), *new CLEANUP_FREE = NULL;
	size_t n = 0;

	if (!old)
		return 0;
	if (!(new = malloc(strlen(old) + 1)))
		return -ENOMEM;
	for (const char *line = old; *line;) {
		size_t length = strcspn(line, "\n");
		char one[600];

		length += line[length] == '\n';
		snprintf(one, sizeof(one), "%.*s", (int)(length < 599 ? length : 599), line);
		if (!is_dropped(one)) {
			memcpy(new + n, line, length);
			n += length;
		}
		line += length;
	}
	return done(p, viewfile_write(p->view, "/etc/fstab", 0644, new, n),
	    "/etc/fstab: the card's partitions and swap are no longer mounted");
}

/* --- units that must not run --- */

static const struct {
	const char *unit, *why;
} masked[] = {
	{ "dphys-swapfile.service", "no swap file over the network" },
	{ "rpi-resize.service", "there is no card to be filled" },
	{ "rpi-resize-swap-file.service", "no swap file over the network" },
	{ "resize2fs_once.service", "there is no card to be filled" },
	{ "systemd-growfs-root.service", "there is no card to be filled" },
	{ "apt-daily.timer", "not all Pis shall upgrade at once" },
	{ "apt-daily-upgrade.timer", "not all Pis shall upgrade at once" },
	{ "unattended-upgrades.service", "not all Pis shall upgrade at once" },
	{ "packagekit.service", "not all Pis shall upgrade at once" },
	{ "fstrim.timer", "there is no card" },
	{ "e2scrub_all.timer", "there is no card" },
	{ "NetworkManager-wait-online.service", "the network is up before the system is" },
	{ "dhcpcd.service", "the network is up before the system is, and must stay so" },
};

static bool
has_unit(struct view *view, const char *unit)
{
	static const char *const folders[] = { "/usr/lib/systemd/system", "/lib/systemd/system",
		"/etc/systemd/system", "/etc/init.d" };
	char path[200];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		size_t n = strcspn(unit, ".");

		if (i + 1 < ARRAY_SIZE(folders))
			snprintf(path, sizeof(path), "%s/%s", folders[i], unit);
		else
			snprintf(path, sizeof(path), "%s/%.*s", folders[i], (int)n, unit);
		if (exists(view, path))
			return true;
	}
	return false;
}

static int
mask_units(struct prepare *p)
{
	char path[200], sentence[300];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(masked) && rc == 0; i++) {
		if (!has_unit(p->view, masked[i].unit))
			continue;
		snprintf(path, sizeof(path), "/etc/systemd/system/%s", masked[i].unit);
		snprintf(
		    sentence, sizeof(sentence), "%s is off: %s", masked[i].unit, masked[i].why);
		rc = done(p, viewfile_symlink(p->view, path, "/dev/null"), sentence);
	}
	return rc;
}

/* --- files --- */

/* Written where the first path is there. */
static const struct {
	const char *if_there, *path;
	uint32_t mode;
	const char *text, *why;
} files[] = {
	{ "/etc/NetworkManager", "/etc/NetworkManager/conf.d/10-rubus.conf", 0644,
	    "# The network that the root comes by is not to be touched.\n"
	    "[main]\n"
	    "rc-manager=unmanaged\n"
	    "[keyfile]\n"
	    "unmanaged-devices=interface-name:eth*;interface-name:en*\n",
	    "NetworkManager leaves the wired network alone, by which the root comes" },
	{ "/etc/cloud", "/etc/cloud/cloud.cfg.d/99-rubus.cfg", 0644,
	    "# Name, keys and network are the server's.\n"
	    "ssh_deletekeys: false\n"
	    "preserve_hostname: true\n"
	    "manage_etc_hosts: false\n"
	    "network: {config: disabled}\n",
	    "cloud-init leaves name, SSH keys and network alone" },
	{ "/etc/rpi", "/etc/rpi/swap.conf.d/10-rubus.conf", 0644, "[Main]\nMechanism=zram\n",
	    "rpi-swap: in memory only" },
	{ "/usr/lib/systemd/systemd", "/etc/systemd/system/rubus-resolv.service", 0644,
	    "[Unit]\n"
	    "Description=Name servers that the network told at boot\n"
	    "DefaultDependencies=no\n"
	    "After=local-fs.target\n"
	    "Before=network.target\n"
	    "[Service]\n"
	    "Type=oneshot\n"
	    "ExecStart=/bin/sh -c 'cat /run/net-*.conf /proc/net/pnp 2>/dev/null | sed -n"
	    " -e \"s/^IPV4DNS[01]=.\\\\([1-9][0-9.]*\\\\).$/nameserver \\\\1/p\""
	    " -e \"s/^DNSDOMAIN=.\\\\([a-zA-Z0-9.-]\\\\+\\\\).$/search \\\\1/p\""
	    " -e \"/^nameserver [1-9]/p\" >/run/rubus-resolv;"
	    " test ! -s /run/rubus-resolv || cp /run/rubus-resolv /etc/resolv.conf'\n"
	    "[Install]\n"
	    "WantedBy=sysinit.target\n",
	    "name servers come from the network's boot" },
};

static int
write_files(struct prepare *p)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && rc == 0; i++)
		if (exists(p->view, files[i].if_there))
			rc = done(p,
			    viewfile_write(p->view, files[i].path, files[i].mode, files[i].text,
				strlen(files[i].text)),
			    files[i].why);
	if (rc == 0 && exists(p->view, "/etc/systemd/system/rubus-resolv.service")) {
		rc = viewfile_symlink(p->view,
		    "/etc/systemd/system/sysinit.target.wants/rubus-resolv.service",
		    "/etc/systemd/system/rubus-resolv.service");
		p->changed += rc == 1;
	}
	return rc < 0 ? rc : 0;
}

/* --- what NFS can't carry --- */

struct search {
	struct prepare *p;
	char path[1024];
	uint32_t capable, acls;
};

static void
look_at(struct search *s, uint32_t ino)
{
	struct view_op op = { 0 };

	if (view_getxattr(s->p->view, &op, ino, STR("security.capability"), NULL, 0) > 0 &&
	    ++s->capable <= TOLD_MAX)
		tell(s->p,
		    "%s has file capabilities, which NFS doesn't know: it works for root only",
		    s->path);
	if (view_getxattr(s->p->view, &op, ino, STR("system.posix_acl_access"), NULL, 0) > 0)
		s->acls++;
}

static int
search(struct search *s, uint32_t dir, int depth)
{
	struct listing listing CLEANUP(listing_free) = { 0 };
	size_t old = strlen(s->path);
	int rc = depth < DEPTH_MAX ? listing_read(s->p->view, dir, &listing) : 0;

	for (size_t i = 0; i < listing.n && rc == 0; i++) {
		struct view_attr attr;

		rc = view_getattr(s->p->view, listing.all[i].ino, &attr);
		if (rc < 0 || S_ISLNK(attr.mode))
			continue;
		snprintf(s->path + old, sizeof(s->path) - old, "/%.*s", (int)listing.all[i].n,
		    listing.all[i].bytes);
		look_at(s, attr.ino);
		if (S_ISDIR(attr.mode))
			rc = search(s, attr.ino, depth + 1);
		s->path[old] = '\0';
	}
	return rc;
}

static int
report_lost(struct prepare *p)
{
	struct search s = { .p = p };
	int rc = search(&s, INO_ROOT, 0);

	if (s.capable > TOLD_MAX)
		tell(p, "%u more files have file capabilities", s.capable - TOLD_MAX);
	if (s.acls)
		tell(p, "%u files have ACLs, which NFSv3 doesn't carry: their modes count alone",
		    s.acls);
	return rc;
}

int
prepare_view(struct view *view, prepare_note_fn *note, void *arg)
{
	static int (*const steps[])(
	    struct prepare *) = { edit_fstab, mask_units, write_files, report_lost };
	struct prepare p = { view, note, arg, 0 };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && rc == 0; i++)
		rc = steps[i](&p);
	return rc < 0 ? rc : p.changed;
}

/* Owners and device nodes are data to Rubus, so root's powers are of no use to it. */
#include "server/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/cleanup.h"
#include "cow/err.h"

static const struct {
	unsigned keep;
	cap_value_t cap;
} kept[] = {
	{ SANDBOX_READ_ALL, CAP_DAC_READ_SEARCH },
	{ SANDBOX_LOW_PORTS, CAP_NET_BIND_SERVICE },
};

static void
cleanup_cap(cap_t *caps)
{
	cap_free(*caps);
}

static bool
keeps(unsigned keep, cap_value_t cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i].cap == cap && kept[i].keep & keep)
			return true;
	return false;
}

/* Not even a program of root's gets back what is dropped here. Refused to those who may not, who
 * have nothing to drop. */
static void
drop_bounds(unsigned keep)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
		if (!keeps(keep, cap))
			cap_drop_bound(cap);
}

/* Of the folder, or of that in which it will be made. */
static int
owner_of(const char *store, struct stat *out)
{
	CLEANUP_FREE char *path = NULL;

	if (stat(store, out) == 0)
		return 0;
	if (errno != ENOENT)
		return err_errno("%s", store);
	path = strdup(store);
	if (!path)
		return err_set(ENOMEM, "out of memory for a path");
	return stat(dirname(path), out) < 0 ? err_errno("%s", store) : 0;
}

static int
become_owner(const char *store)
{
	struct stat st;
	int err = owner_of(store, &st);

	if (err < 0)
		return err;
	if (st.st_uid == 0)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
		return err_errno("%s: become its owner, user %u", store, st.st_uid);
	return 0;
}

/* From what there is, only what is kept. */
static int
drop_capabilities(unsigned keep)
{
	cap_t CLEANUP(cleanup_cap) now = cap_get_proc(), CLEANUP(cleanup_cap) left = cap_init();

	if (!now || !left)
		return err_errno("capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		cap_flag_value_t has = CAP_CLEAR;

		cap_get_flag(now, kept[i].cap, CAP_PERMITTED, &has);
		if (has == CAP_CLEAR || !(kept[i].keep & keep))
			continue;
		if (cap_set_flag(left, CAP_PERMITTED, 1, &kept[i].cap, CAP_SET) < 0 ||
		    cap_set_flag(left, CAP_EFFECTIVE, 1, &kept[i].cap, CAP_SET) < 0)
			return err_errno("capabilities");
	}
	return cap_set_proc(left) < 0 ? err_errno("drop capabilities") : 0;
}

int
sandbox_enter(const char *store, unsigned keep)
{
	int err = 0;

	drop_bounds(keep);
	if (geteuid() == 0)
		err = become_owner(store);
	if (err == 0)
		err = drop_capabilities(keep);
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = err_errno("no new privileges");
	return err;
}

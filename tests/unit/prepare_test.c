/* Raspberry Pi OS made ready for a network root: what is changed, twice, and in hostile trees. */
#include "server/boot/prepare.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "server/boot/viewfile.h"
#include "tests/lib/viewstore.h"

static int
must_be(int rc)
{
	assert_true(rc >= 0);
	return rc;
}

static void
put(struct view *v, const char *path, const char *text)
{
	must_be(viewfile_write(v, path, 0644, text, strlen(text)));
}

/* As Bookworm's root has them. */
static void
make_bookworm(struct view *v)
{
	put(v, "/etc/os-release",
	    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n");
	put(v, "/etc/rpi-issue", "Raspberry Pi reference 2024-11-19\n");
	put(v, "/etc/fstab",
	    "proc            /proc           proc    defaults          0       0\n"
	    "PARTUUID=4e639091-01  /boot/firmware  vfat    defaults          0       2\n"
	    "PARTUUID=4e639091-02  /               ext4    defaults,noatime  0       1\n"
	    "# a swapfile is not a swap partition, no line here\n"
	    "server:/share /mnt/share nfs defaults 0 0");
	put(v, "/usr/lib/systemd/systemd", "x");
	put(v, "/usr/lib/systemd/system/apt-daily.timer", "x");
	put(v, "/usr/lib/systemd/system/dphys-swapfile.service", "x");
	put(v, "/etc/init.d/resize2fs_once", "x");
	put(v, "/etc/NetworkManager/NetworkManager.conf", "x");
	put(v, "/boot/firmware/config.txt", "arm_64bit=1\n");
}

struct notes {
	int n;
	char all[4000];
};

static void
note(void *arg, const char *sentence)
{
	struct notes *notes = arg;

	notes->n++;
	snprintf(notes->all + strlen(notes->all), sizeof(notes->all) - strlen(notes->all), "%s\n",
	    sentence);
}

static char *
text_of(struct view *v, const char *path)
{
	struct view_attr attr;
	char *text;
	size_t n;

	must_be(viewfile_find(v, INO_ROOT, path, &attr));
	must_be(viewfile_read(v, &attr, 65536, &text, &n));
	return text;
}

static void
assert_masked(struct view *v, const char *unit, bool masked)
{
	char path[200], target[TARGET_BYTES_MAX + 1];
	struct view_op op = { 0 };
	struct view_attr dir, attr;
	uint32_t n;

	snprintf(path, sizeof(path), "/etc/systemd/system");
	must_be(viewfile_find(v, INO_ROOT, path, &dir));
	if (view_lookup(v, &op, dir.ino, str_of(unit), &attr, &dir) < 0) {
		assert_false(masked);
		return;
	}
	assert_true(masked);
	must_be(view_readlink(v, &op, attr.ino, target, &n, &attr));
	assert_int_equal(n, strlen("/dev/null"));
	assert_memory_equal(target, "/dev/null", n);
}

static void
bookworm_is_known_and_changed_once(void **state)
{
	struct viewstore *vs = *state;
	struct notes notes = { 0 }, again = { 0 };
	char *fstab;

	assert_int_equal(prepare_knows(vs->a), 0);
	make_bookworm(vs->a);
	assert_int_equal(prepare_knows(vs->a), 1);
	assert_true(prepare_view(vs->a, note, &notes) >= 5);
	fstab = text_of(vs->a, "/etc/fstab");
	assert_null(strstr(fstab, "PARTUUID"));
	assert_non_null(strstr(fstab, "/proc "));
	assert_non_null(strstr(fstab, "# a swapfile"));
	assert_non_null(strstr(fstab, "server:/share /mnt/share nfs defaults 0 0"));
	free(fstab);
	assert_masked(vs->a, "apt-daily.timer", true);
	assert_masked(vs->a, "dphys-swapfile.service", true);
	assert_masked(vs->a, "resize2fs_once.service", true);
	assert_masked(vs->a, "packagekit.service", false); /* it isn't there */
	fstab = text_of(vs->a, "/etc/NetworkManager/conf.d/10-rubus.conf");
	assert_non_null(strstr(fstab, "unmanaged-devices="));
	free(fstab);
	assert_non_null(strstr(notes.all, "apt-daily.timer is off"));
	assert_int_equal(prepare_view(vs->a, note, &again), 0);
	assert_int_equal(again.n, 0);
}

static void
what_nfs_does_not_carry_is_told(void **state)
{
	struct viewstore *vs = *state;
	struct notes notes = { 0 };
	struct view_op op = { 0 };
	struct view_attr attr;

	make_bookworm(vs->a);
	put(vs->a, "/usr/bin/ping", "x");
	must_be(viewfile_find(vs->a, INO_ROOT, "/usr/bin/ping", &attr));
	must_be(view_setxattr(
	    vs->a, &op, attr.ino, STR("security.capability"), STR("123"), VIEW_XATTR_ANY));
	must_be(prepare_view(vs->a, note, &notes));
	assert_non_null(strstr(notes.all, "/usr/bin/ping has file capabilities"));
}

/* A tree that was made to lead us astray: nothing outside of the view can be reached anyway, and
 * no walk is without end. */
static void
a_hostile_tree_is_an_error_at_most(void **state)
{
	struct viewstore *vs = *state;
	struct notes notes = { 0 };
	struct view_set set = { .set_mode = true, .mode = 0755, .set_size = true };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	make_bookworm(vs->a);
	must_be(viewfile_symlink(vs->a, "/etc/fstab", "/etc/fstab"));
	must_be(viewfile_symlink(vs->a, "/etc/rpi", "/etc/rpi"));
	must_be(viewfile_remove(vs->a, "/etc/NetworkManager/NetworkManager.conf"));
	must_be(viewfile_symlink(vs->a, "/etc/NetworkManager/conf.d", "../../../../dir"));
	prepare_view(vs->a, note, &notes);
	must_be(viewfile_find(vs->a, INO_ROOT, "/dir/10-rubus.conf", &attr)); /* the view's own */
	/* A file of 5 GiB, and a folder, where a small text is looked for. */
	must_be(viewfile_remove(vs->a, "/etc/fstab"));
	put(vs->a, "/etc/fstab", "");
	must_be(viewfile_find(vs->a, INO_ROOT, "/etc/fstab", &attr));
	set.size = 5ull << 30;
	must_be(view_setattr(vs->a, &op, attr.ino, &set, &wcc));
	must_be(prepare_view(vs->a, note, &notes));
	must_be(viewfile_find(vs->a, INO_ROOT, "/etc/fstab", &attr));
	assert_int_equal(attr.size, 5ull << 30);
	must_be(viewfile_remove(vs->a, "/etc/fstab"));
	put(vs->a, "/etc/fstab/x", "");
	must_be(prepare_view(vs->a, note, &notes));
	must_be(viewfile_remove(vs->a, "/etc/os-release"));
	put(vs->a, "/etc/os-release/x", "");
	assert_int_equal(prepare_knows(vs->a), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, viewstore_setup, viewstore_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bookworm_is_known_and_changed_once),
		TEST(what_nfs_does_not_carry_is_told),
		TEST(a_hostile_tree_is_an_error_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

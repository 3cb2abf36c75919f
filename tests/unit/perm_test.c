/* The permission check. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/perm.h"

static const uint32_t groups[] = { 7, 100, 4294967295u };

static struct view_op
as(uint32_t uid, uint32_t gid)
{
	return (struct view_op){ .uid = uid, .gid = gid, .ngroups = 3, .groups = groups };
}

static struct inode
file(uint32_t mode, uint32_t uid, uint32_t gid)
{
	return (struct inode){ .mode = S_IFREG | mode, .uid = uid, .gid = gid };
}

static struct inode
folder(uint32_t mode, uint32_t uid, uint32_t gid)
{
	return (struct inode){ .mode = S_IFDIR | mode, .uid = uid, .gid = gid };
}

static void
the_first_class_that_fits_decides(void **state)
{
	static const struct {
		uint32_t mode, uid, gid;
		unsigned may;
	} rows[] = {
		{ 0700, 5, 50, 7 },
		{ 0077, 5, 50, 0 },  /* the owner isn't the group nor others */
		{ 0070, 6, 50, 7 },  /* the caller's own group */
		{ 0707, 6, 50, 0 },  /* a member isn't others */
		{ 0050, 6, 100, 5 }, /* a supplementary group */
		{ 0020, 6, 4294967295u, 2 },
		{ 0771, 6, 51, 1 },
		{ 0640, 6, 51, 0 },
		{ 07777, 6, 51, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct inode f = file(rows[i].mode, rows[i].uid, rows[i].gid);
		struct view_op op = as(5, 50);

		for (unsigned want = 0; want < 8; want++)
			assert_int_equal(perm_may(&f, &op, want), (rows[i].may & want) == want);
	}
}

static void
root_may_all_but_execute_what_nobody_may(void **state)
{
	struct view_op root = { 0 };
	struct inode f = file(0, 5, 5), d = folder(0, 5, 5);

	(void)state;
	assert_true(perm_may(&f, &root, PERM_READ | PERM_WRITE));
	assert_false(perm_may(&f, &root, PERM_EXEC));
	assert_true(perm_may(&d, &root, PERM_READ | PERM_WRITE | PERM_EXEC));
	f.mode |= 01;
	assert_true(perm_may(&f, &root, PERM_EXEC));
}

static void
owners_and_members_are_known(void **state)
{
	struct view_op op = as(5, 50), root = { 0 };
	struct inode own = file(0, 5, 1), other = file(0, 6, 5);

	(void)state;
	assert_true(perm_owner(&own, &op));
	assert_false(perm_owner(&other, &op));
	assert_true(perm_owner(&other, &root));
	assert_true(perm_member(&op, 50) && perm_member(&op, 7) && perm_member(&op, 100));
	assert_false(perm_member(&op, 0) || perm_member(&op, 5));
}

static void
a_name_is_taken_away_by_whom_the_folder_lets(void **state)
{
	static const struct {
		uint32_t mode, dir_uid, file_uid;
		int result;
	} rows[] = {
		{ 0777, 0, 0, 0 },
		{ 0755, 0, 5, -EACCES },
		{ 0776, 0, 5, -EACCES }, /* written, not searched */
		{ 01777, 0, 0, -EPERM },
		{ 01777, 0, 5, 0 },
		{ 01777, 5, 0, 0 },
		{ 01755, 0, 5, -EACCES },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct inode dir = folder(rows[i].mode, rows[i].dir_uid, 0);
		struct inode victim = file(0644, rows[i].file_uid, 0);
		struct view_op op = as(5, 50), root = { 0 };

		assert_int_equal(perm_unname(&dir, &victim, &op), rows[i].result);
		assert_int_equal(perm_unname(&dir, &victim, &root), 0);
	}
}

static void
set_id_bits_are_cleared_where_they_give_power(void **state)
{
	static const struct {
		uint32_t mode, gid, want;
	} rows[] = {
		{ 06775, 50, 0775 },
		{ 06755, 51, 0755 },
		{ 06765, 50, 02765 }, /* a lock, for a member */
		{ 06765, 51, 0765 },
		{ 04644, 50, 0644 },
		{ 01777, 50, 01777 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct inode f = file(rows[i].mode, 5, rows[i].gid);
		struct view_op op = as(5, 50);

		perm_clear_set_id(&f, &op);
		assert_int_equal(f.mode, S_IFREG | rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_class_that_fits_decides),
		cmocka_unit_test(root_may_all_but_execute_what_nobody_may),
		cmocka_unit_test(owners_and_members_are_known),
		cmocka_unit_test(a_name_is_taken_away_by_whom_the_folder_lets),
		cmocka_unit_test(set_id_bits_are_cleared_where_they_give_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

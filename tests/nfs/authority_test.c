/* Who may do what with which handle: every way in that must stay shut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/mount3/mount3.h"
#include "server/nfs3/fh.h"
#include "server/nfs3/nfs3.h"
#include "tests/lib/direct.h"

#define ONE   "10.0.0.1"
#define TWO   "10.0.0.2"
#define OTHER "10.0.0.9"

static int
setup(void **state)
{
	struct direct *d = malloc(sizeof(*d));

	assert_non_null(d);
	direct_open(d);
	golden_client(&d->golden, "one", ONE, false);
	golden_client(&d->golden, "two", TWO, false);
	golden_client(&d->golden, "local", NULL, false);
	golden_client(&d->golden, "open", NULL, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	direct_close(*state);
	free(*state);
	return 0;
}

static nfsstat3
getattr(struct direct *d, const nfs_fh3 *fh)
{
	GETATTR3args args = { *fh };
	GETATTR3res res = { 0 };

	return direct_nfs(d, GETATTR, &args, &res);
}

static void
a_client_reaches_its_own_view_by_name_and_by_address(void **state)
{
	struct direct *d = *state;
	nfs_fh3 named, own;

	direct_peer(d, ONE, 700);
	named = direct_mount(d, "/one");
	own = direct_mount(d, "/");
	assert_int_equal(own.n, named.n);
	assert_memory_equal(own.bytes, named.bytes, own.n);
	assert_int_equal(getattr(d, &own), NFS3_OK);
}

static void
another_clients_view_is_refused_to_a_client(void **state)
{
	struct direct *d = *state;

	direct_peer(d, ONE, 700);
	assert_int_equal(direct_mount_status(d, "/two", NULL), MNT3ERR_ACCES);
	assert_int_equal(direct_mount_status(d, "/local", NULL), MNT3ERR_ACCES);
	assert_int_equal(direct_mount_status(d, "/none", NULL), MNT3ERR_NOENT);
}

static void
a_good_handle_from_a_wrong_address_is_refused(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh;

	direct_peer(d, ONE, 700);
	fh = direct_mount(d, "/one");
	direct_peer(d, TWO, 700);
	assert_int_equal(getattr(d, &fh), NFS3ERR_ACCES);
	direct_peer(d, "::1", 700);
	assert_int_equal(getattr(d, &fh), NFS3_OK);
	direct_peer(d, "2001:db8::1", 700);
	assert_int_equal(getattr(d, &fh), NFS3ERR_ACCES);
	direct_peer(d, "::ffff:" ONE, 700);
	assert_int_equal(getattr(d, &fh), NFS3_OK);
}

static void
a_client_without_an_address_is_loopbacks_unless_it_says_otherwise(void **state)
{
	struct direct *d = *state;

	direct_mount(d, "/local");
	direct_mount(d, "/open");
	assert_int_equal(direct_mount_status(d, "/", NULL), MNT3ERR_NOENT);
	direct_peer(d, OTHER, 700);
	assert_int_equal(direct_mount_status(d, "/local", NULL), MNT3ERR_ACCES);
	direct_mount(d, "/open");
}

static void
a_source_port_that_anybody_may_use_is_refused(void **state)
{
	struct direct *d = *state;
	nfs_fh3 fh;

	direct_peer(d, ONE, 1023);
	fh = direct_mount(d, "/one");
	direct_peer(d, ONE, 1024);
	assert_int_equal(direct_mount_status(d, "/one", NULL), MNT3ERR_ACCES);
	assert_int_equal(getattr(d, &fh), NFS3ERR_PERM);
	d->config.insecure_ports = true;
	assert_int_equal(getattr(d, &fh), NFS3_OK);
	d->config.insecure_ports = false;
	direct_peer(d, "127.0.0.1", 50000);
	assert_int_equal(getattr(d, &fh), NFS3_OK);
}

static void
without_credentials_only_null_and_mount_answer(void **state)
{
	struct direct *d = *state;
	GETATTR3args args;
	GETATTR3res res;

	d->cred.flavor = RPC_FLAVOR_NONE;
	args.object = direct_mount(d, "/one");
	assert_int_equal(
	    direct_call(d, &nfs3_program, NFSPROC3_GETATTR, &args, &res, NULL), DIRECT_DENIED + 5);
	assert_int_equal(direct_call(d, &nfs3_program, 0, NULL, NULL, NULL), RPC_ACCEPT_SUCCESS);
	for (uint32_t i = 0; i < nfs3_program.nprocs; i++)
		assert_int_equal(!!(nfs3_program.procs[i].flags & RPC_ANY_AUTH), i == 0);
}

static void
a_handle_that_is_not_one_of_ours_is_bad(void **state)
{
	struct direct *d = *state;
	nfs_fh3 good = direct_mount(d, "/one"), fh;

	for (uint32_t n = 0; n <= LEAF_FH_MAX; n++) {
		fh = good;
		fh.n = n;
		assert_int_equal(getattr(d, &fh), n == FH_SIZE ? NFS3_OK : NFS3ERR_BADHANDLE);
	}
	fh = good;
	fh.bytes[0] = 2;
	assert_int_equal(getattr(d, &fh), NFS3ERR_BADHANDLE);
}

static void
a_forged_handle_is_stale(void **state)
{
	struct direct *d = *state;
	nfs_fh3 good = direct_mount(d, "/one"), fh;

	for (uint32_t i = 4; i < FH_SIZE; i++) {
		fh = good;
		fh.bytes[i] ^= 1;
		assert_int_equal(getattr(d, &fh), NFS3ERR_STALE);
	}
}

/* Signed with the right key, but for a file or a time that isn't. */
static void
a_signed_handle_of_another_generation_or_incarnation_is_stale(void **state)
{
	struct direct *d = *state;
	nfs_fh3 good = direct_mount(d, "/one"), fh = good;
	struct client info;
	struct fh claim;

	must(client_find(d->golden.store, "one", &info));
	assert_int_equal(fh_unpack(good.bytes, good.n, &claim), 0);
	claim.gen++;
	fh_pack(&claim, info.key, fh.bytes);
	assert_int_equal(getattr(d, &fh), NFS3ERR_STALE);
	claim.gen--;
	claim.incarnation++;
	fh_pack(&claim, info.key, fh.bytes);
	assert_int_equal(getattr(d, &fh), NFS3ERR_STALE);
	claim.incarnation--;
	claim.ino = INO_MAX;
	fh_pack(&claim, info.key, fh.bytes);
	assert_int_equal(getattr(d, &fh), NFS3ERR_STALE);
	claim.ino = INO_ROOT;
	fh_pack(&claim, info.key, fh.bytes);
	assert_int_equal(getattr(d, &fh), NFS3_OK);
}

static void
two_views_never_meet_in_one_call(void **state)
{
	struct direct *d = *state;
	nfs_fh3 one = direct_mount(d, "/one"), two = direct_mount(d, "/two");
	RENAME3args rename = { { one, wire_name("hard1") }, { two, wire_name("x") } };
	RENAME3res renamed = { 0 };
	LINK3args link = { direct_walk(d, &one, "hard1"), { two, wire_name("x") } };
	LINK3res linked = { 0 };

	assert_int_equal(direct_nfs(d, RENAME, &rename, &renamed), NFS3ERR_XDEV);
	assert_int_equal(direct_nfs(d, LINK, &link, &linked), NFS3ERR_XDEV);
	rename.to.dir.n--;
	assert_int_equal(direct_nfs(d, RENAME, &rename, &renamed), NFS3ERR_BADHANDLE);
	link.link.dir = one;
	link.link.dir.bytes[FH_SIZE - 1] ^= 1;
	assert_int_equal(direct_nfs(d, LINK, &link, &linked), NFS3ERR_STALE);
}

static void
a_handle_lives_over_a_restart(void **state)
{
	struct direct *d = *state;
	nfs_fh3 root = direct_mount(d, "/one"), file = direct_walk(d, &root, "etc/hostname");

	direct_reopen(d);
	assert_int_equal(getattr(d, &root), NFS3_OK);
	assert_int_equal(getattr(d, &file), NFS3_OK);
}

static int
remove_one(void *d)
{
	return client_remove(((struct direct *)d)->golden.store, "one");
}

static void
a_removed_clients_handles_are_stale(void **state)
{
	struct direct *d = *state;
	nfs_fh3 one = direct_mount(d, "/one"), two = direct_mount(d, "/two");

	must(peers_without(d->service.peers, "one", remove_one, d));
	assert_int_equal(getattr(d, &one), NFS3ERR_STALE);
	assert_int_equal(direct_mount_status(d, "/one", NULL), MNT3ERR_NOENT);
	assert_int_equal(getattr(d, &two), NFS3_OK);
}

static void
a_change_hands_its_ticket_on_and_a_failure_has_none(void **state)
{
	struct direct *d = *state;
	nfs_fh3 root = direct_mount(d, "/one");
	MKDIR3args args = { { root, wire_name("new") }, { { 0 } } };
	MKDIR3res res = { 0 };

	assert_int_equal(direct_nfs(d, MKDIR, &args, &res), NFS3_OK);
	assert_true(d->ticket > 0);
	assert_int_equal(direct_nfs(d, MKDIR, &args, &res), NFS3ERR_EXIST);
	assert_true(d->ticket == 0);
	assert_int_equal(getattr(d, &root), NFS3_OK);
	assert_true(d->ticket == 0);
}

static void
what_one_client_changes_the_other_does_not_see(void **state)
{
	struct direct *d = *state;
	nfs_fh3 one = direct_mount(d, "/one"), two = direct_mount(d, "/two");
	nfs_fh3 etc = direct_walk(d, &one, "etc"), file = direct_walk(d, &one, "etc/hostname");
	REMOVE3args args = { { etc, wire_name("hostname") } };
	REMOVE3res res = { 0 };

	assert_int_equal(direct_nfs(d, REMOVE, &args, &res), NFS3_OK);
	assert_int_equal(getattr(d, &file), NFS3ERR_STALE);
	file = direct_walk(d, &two, "etc/hostname");
	assert_int_equal(getattr(d, &file), NFS3_OK);
}

/* --- MOUNT --- */

static void
a_folder_within_an_export_can_be_mounted(void **state)
{
	struct direct *d = *state;
	nfs_fh3 root = direct_mount(d, "/one"), home, walked;

	walked = direct_walk(d, &root, "home/pi");
	home = direct_mount(d, "/one/home//pi/");
	assert_memory_equal(home.bytes, walked.bytes, FH_SIZE);
	home = direct_mount(d, "/one/../..");
	assert_memory_equal(home.bytes, root.bytes, FH_SIZE);
	assert_int_equal(direct_mount_status(d, "/one/nothing", NULL), MNT3ERR_NOENT);
	assert_int_equal(direct_mount_status(d, "/one/hard1", NULL), MNT3ERR_NOTDIR);
	assert_int_equal(direct_mount_status(d, "/one/link", NULL), MNT3ERR_NOTDIR);
	assert_int_equal(direct_mount_status(d, "one", NULL), MNT3ERR_NOENT);
	assert_int_equal(direct_mount_status(d, "", NULL), MNT3ERR_NOENT);
}

static int
count_mount(void *arg, const struct peer_mount *m)
{
	(void)m;
	++*(int *)arg;
	return 0;
}

static int
mounts(struct direct *d)
{
	int n = 0;

	assert_int_equal(peers_mounts(d->service.peers, count_mount, &n), 0);
	return n;
}

static void
a_mount_is_listed_until_it_is_given_up(void **state)
{
	struct direct *d = *state;
	dirpath path = wire_name("/one");

	direct_mount(d, "/one");
	direct_mount(d, "/one");
	direct_mount(d, "/one/etc");
	direct_peer(d, TWO, 700);
	direct_mount(d, "/");
	assert_int_equal(mounts(d), 3);
	assert_int_equal(direct_call(d, &mount3_program, MOUNTPROC3_UMNT, &path, NULL, NULL), 0);
	assert_int_equal(mounts(d), 3); /* TWO didn't mount it */
	direct_peer(d, "127.0.0.1", 700);
	assert_int_equal(direct_call(d, &mount3_program, MOUNTPROC3_UMNT, &path, NULL, NULL), 0);
	assert_int_equal(mounts(d), 2);
	assert_int_equal(direct_call(d, &mount3_program, MOUNTPROC3_UMNTALL, NULL, NULL, NULL), 0);
	assert_int_equal(mounts(d), 1);
}

static void
the_list_of_mounts_is_bounded(void **state)
{
	static const char slashes[] = "////////////////////////////////////////";
	struct direct *d = *state;
	char path[64];

	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "/one%.*s", i, slashes);
		direct_mount(d, path);
	}
	assert_int_equal(mounts(d), 16);
}

static bool
contains(struct str data, const char *s)
{
	return memmem(data.p, data.n, s, strlen(s)) != NULL;
}

static void
a_stranger_is_told_only_of_what_he_may_use(void **state)
{
	struct direct *d = *state;
	struct str list;

	assert_int_equal(direct_call(d, &mount3_program, MOUNTPROC3_EXPORT, NULL, NULL, &list), 0);
	assert_true(contains(list, "/one") && contains(list, "/two") && contains(list, ONE));
	direct_mount(d, "/one");
	direct_peer(d, TWO, 700);
	direct_mount(d, "/two");
	assert_int_equal(direct_call(d, &mount3_program, MOUNTPROC3_EXPORT, NULL, NULL, &list), 0);
	assert_true(contains(list, "/two") && contains(list, "/open"));
	assert_false(contains(list, "/one") || contains(list, ONE) || contains(list, "/local"));
	assert_int_equal(direct_call(d, &mount3_program, MOUNTPROC3_DUMP, NULL, NULL, &list), 0);
	assert_true(contains(list, "/two"));
	assert_false(contains(list, "/one"));
}

/* --- the tables --- */

/* A failed commit is answered from the table alone, so its size must be that of the failed arm. */
static void
the_table_knows_the_size_of_each_failure(void **state)
{
	typedef bool_t codec_fn(XDR *, void *);
	char out[1024];
	XDR xdrs;

	(void)state;
	for (uint32_t i = 1; i < nfs3_program.nprocs; i++) {
		const struct rpc_proc *p = &nfs3_program.procs[i];
		_Alignas(16) char res[RPC_RES_MAX] = { 0 };

		assert_non_null(p->name);
		assert_non_null(p->handler);
		assert_true(p->args_size <= RPC_ARGS_MAX && p->res_size <= RPC_RES_MAX);
		*(nfsstat3 *)(void *)res = NFS3ERR_IO;
		xdrmem_create(&xdrs, out, sizeof(out), XDR_ENCODE);
		assert_true(((codec_fn *)(void (*)(void))p->encode)(&xdrs, res));
		assert_int_equal(XDR_GETPOS(&xdrs), 4 + 4 * p->fail_words);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_reaches_its_own_view_by_name_and_by_address),
		TEST(another_clients_view_is_refused_to_a_client),
		TEST(a_good_handle_from_a_wrong_address_is_refused),
		TEST(a_client_without_an_address_is_loopbacks_unless_it_says_otherwise),
		TEST(a_source_port_that_anybody_may_use_is_refused),
		TEST(without_credentials_only_null_and_mount_answer),
		TEST(a_handle_that_is_not_one_of_ours_is_bad),
		TEST(a_forged_handle_is_stale),
		TEST(a_signed_handle_of_another_generation_or_incarnation_is_stale),
		TEST(two_views_never_meet_in_one_call),
		TEST(a_handle_lives_over_a_restart),
		TEST(a_removed_clients_handles_are_stale),
		TEST(a_change_hands_its_ticket_on_and_a_failure_has_none),
		TEST(what_one_client_changes_the_other_does_not_see),
		TEST(a_folder_within_an_export_can_be_mounted),
		TEST(a_mount_is_listed_until_it_is_given_up),
		TEST(the_list_of_mounts_is_bounded),
		TEST(a_stranger_is_told_only_of_what_he_may_use),
		cmocka_unit_test(the_table_knows_the_size_of_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Open views: found, held, closed when nobody uses them, while calls go on. */
#include "server/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "server/config.h"
#include "tests/lib/golden.h"

struct fixture {
	struct golden golden;
	struct config config;
	struct service service;
	struct peers *peers;
	struct peer loopback;
	struct client one;
};

static struct peer
peer_at(const char *address, uint16_t port)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *four = (void *)&ss;
	struct peer peer;

	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, address, &four->sin_addr), 1);
	peer_from_sockaddr(&ss, &peer);
	return peer;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	golden_open(&f->golden);
	golden_client(&f->golden, "one", "10.0.0.1", false);
	golden_client(&f->golden, "two", NULL, false);
	must(client_find(f->golden.store, "one", &f->one));
	f->config.memory = 64 << 20;
	f->service = (struct service){ .config = &f->config, .store = f->golden.store };
	must(peers_open(&f->service, &f->peers));
	f->loopback = peer_at("127.0.0.1", 700);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	peers_close(f->peers);
	golden_close(&f->golden);
	free(f);
	return 0;
}

static int
count(void *arg, struct peer_client *client)
{
	assert_non_null(client->view);
	++*(int *)arg;
	return 0;
}

static int
open_views(struct fixture *f)
{
	int n = 0;

	assert_int_equal(peers_each(f->peers, count, &n), 0);
	return n;
}

static void
an_address_is_written_as_people_do(void **state)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in6 *six = (void *)&ss;
	struct peer four = peer_at("10.0.0.1", 700), peer;

	(void)state;
	assert_string_equal(four.text, "10.0.0.1");
	assert_int_equal(four.port, 700);
	assert_false(four.loopback);
	assert_true(peer_at("127.255.0.9", 1).loopback);
	six->sin6_family = AF_INET6;
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &six->sin6_addr);
	peer_from_sockaddr(&ss, &peer);
	assert_string_equal(peer.text, "10.0.0.1");
	assert_memory_equal(peer.address, four.address, 16);
	inet_pton(AF_INET6, "fe80::1", &six->sin6_addr);
	peer_from_sockaddr(&ss, &peer);
	assert_string_equal(peer.text, "fe80::1");
	inet_pton(AF_INET6, "::1", &six->sin6_addr);
	peer_from_sockaddr(&ss, &peer);
	assert_true(peer.loopback);
}

static void
a_view_is_opened_once_and_only_for_whom_it_is(void **state)
{
	struct fixture *f = *state;
	struct peer stranger = peer_at("10.0.0.2", 700);
	struct peer_client *a, *b;
	struct id none = { { 1 } };

	assert_int_equal(peer_by_id(f->peers, &stranger, &f->one.id, &a), -EACCES);
	assert_int_equal(peer_by_id(f->peers, &stranger, &none, &a), -ESTALE);
	assert_int_equal(open_views(f), 0);
	assert_int_equal(peer_by_id(f->peers, &f->loopback, &f->one.id, &a), 0);
	assert_int_equal(peer_by_path(f->peers, &f->loopback, STR("/one"), &b), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(open_views(f), 1);
	peer_release(f->peers, a);
	peer_release(f->peers, b);
	assert_int_equal(open_views(f), 1);
}

static void
a_path_must_be_an_exports(void **state)
{
	static const char *const bad[] = { "", "one", "/none", "/one/", "//one", "/ONE" };
	struct fixture *f = *state;
	struct peer_client *c;
	char name[80] = "/";

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(peer_by_path(f->peers, &f->loopback, str_of(bad[i]), &c), -ENOENT);
	memset(name + 1, 'x', sizeof(name) - 1);
	for (uint32_t n = 60; n <= sizeof(name); n++)
		assert_int_equal(
		    peer_by_path(f->peers, &f->loopback, (struct str){ name, n }, &c), -ENOENT);
	assert_int_equal(
	    peer_by_path(f->peers, &f->loopback, (struct str){ "/one\0", 5 }, &c), -ENOENT);
}

struct dropper {
	struct fixture *f;
	atomic_bool done;
};

static void *
drop_one(void *arg)
{
	struct dropper *d = arg;

	peers_drop(d->f->peers, "one");
	atomic_store(&d->done, true);
	return NULL;
}

static void
a_view_in_use_is_closed_when_its_last_user_is_done(void **state)
{
	struct fixture *f = *state;
	struct dropper d = { .f = f };
	struct timespec a_while = { .tv_nsec = 50000000 };
	struct peer_client *held;
	struct view_attr attr;
	pthread_t thread;

	assert_int_equal(peer_by_id(f->peers, &f->loopback, &f->one.id, &held), 0);
	assert_int_equal(pthread_create(&thread, NULL, drop_one, &d), 0);
	nanosleep(&a_while, NULL);
	assert_false(atomic_load(&d.done));
	assert_int_equal(view_getattr(held->view, 2, &attr), 0);
	peer_release(f->peers, held);
	pthread_join(thread, NULL);
	assert_int_equal(open_views(f), 0);
	assert_int_equal(peer_by_id(f->peers, &f->loopback, &f->one.id, &held), 0);
	peer_release(f->peers, held);
}

static int
probe(void *arg)
{
	return open_views(arg) == 0 ? -ENOTEMPTY : -EISDIR; /* any error: it is handed back */
}

static void
something_can_be_done_while_no_view_of_a_client_is_open(void **state)
{
	struct fixture *f = *state;
	struct peer_client *c;

	assert_int_equal(peer_by_id(f->peers, &f->loopback, &f->one.id, &c), 0);
	peer_release(f->peers, c);
	assert_int_equal(open_views(f), 1);
	assert_int_equal(peers_without(f->peers, "one", probe, f), -ENOTEMPTY);
}

static int
keep_last(void *arg, const struct peer_mount *m)
{
	*(struct peer_mount *)arg = *m;
	return 0;
}

static void
a_mount_knows_when_it_was_last_used(void **state)
{
	struct fixture *f = *state;
	struct peer_mount m = { 0 };
	struct peer pi = peer_at("10.0.0.1", 700);
	struct peer_client *c;

	assert_int_equal(peer_by_path(f->peers, &pi, STR("/"), &c), 0);
	peer_mounted(f->peers, &pi, c, STR("/"));
	peer_release(f->peers, c);
	assert_int_equal(peers_mounts(f->peers, keep_last, &m), 0);
	assert_string_equal(m.client, "one");
	assert_string_equal(m.address, "10.0.0.1");
	assert_string_equal(m.path, "/");
	assert_true(m.last >= m.since && m.since > GOLDEN_TIME);
	peers_drop(f->peers, "one"); /* the list stays: the Pi still has it mounted */
	memset(&m, 0, sizeof(m));
	assert_int_equal(peers_mounts(f->peers, keep_last, &m), 0);
	assert_string_equal(m.client, "one");
}

/* --- all at once, for the thread sanitizer's eyes --- */

#define ROUNDS 300

static void *
use(void *arg)
{
	struct fixture *f = arg;
	struct peer_client *c;
	struct view_attr attr;

	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(peer_by_id(f->peers, &f->loopback, &f->one.id, &c), 0);
		assert_int_equal(view_getattr(c->view, 2, &attr), 0);
		if (i % 10 == 0)
			peer_mounted(f->peers, &f->loopback, c, STR("/one"));
		peer_release(f->peers, c);
	}
	return NULL;
}

static void *
disturb(void *arg)
{
	struct fixture *f = arg;
	struct peer_mount m;

	for (int i = 0; i < ROUNDS / 10; i++) {
		peers_drop(f->peers, "one");
		peers_tick(f->peers);
		peers_mounts(f->peers, keep_last, &m);
	}
	return NULL;
}

static void
views_come_and_go_under_load(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i ? use : disturb, f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_true(open_views(f) <= 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_written_as_people_do),
		TEST(a_view_is_opened_once_and_only_for_whom_it_is),
		TEST(a_path_must_be_an_exports),
		TEST(a_view_in_use_is_closed_when_its_last_user_is_done),
		TEST(something_can_be_done_while_no_view_of_a_client_is_open),
		TEST(a_mount_knows_when_it_was_last_used),
		TEST(views_come_and_go_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

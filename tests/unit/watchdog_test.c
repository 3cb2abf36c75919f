/* When systemd is told that the server is alive, and when it isn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cow/batch.h"
#include "cow/inode.h"
#include "server/watchdog.h"
#include "tests/lib/tmpdir.h"

#define WORKERS 4

struct fixture {
	struct tmpdir dir;
	struct service service;
	struct loop *loop;
	struct watchdog *watchdog;
	int notify; /* systemd's end */
	/* handlers wait for the gate */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned waiting;
	bool open;
};

struct gated {
	struct source source;
	struct fixture *f;
};

static void
gated_ready(struct source *s, uint32_t events, unsigned worker)
{
	struct fixture *f = ((struct gated *)s)->f;

	(void)events;
	(void)worker;
	pthread_mutex_lock(&f->lock);
	f->waiting++;
	pthread_cond_broadcast(&f->changed);
	while (!f->open)
		pthread_cond_wait(&f->changed, &f->lock);
	f->waiting--;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void
gated_free(struct source *s)
{
	close(s->fd);
	free(s);
}

/* One more worker waits at the gate. */
static void
occupy_worker(struct fixture *f)
{
	static const struct source_ops ops = { gated_ready, gated_free };
	struct gated *g = calloc(1, sizeof(*g));
	unsigned before;

	g->f = f;
	source_init(&g->source, f->loop, &ops, eventfd(1, EFD_CLOEXEC));
	pthread_mutex_lock(&f->lock);
	before = f->waiting;
	assert_int_equal(source_watch(&g->source, EPOLLIN), 0);
	source_drop(&g->source);
	while (f->waiting == before)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void
open_gate(struct fixture *f)
{
	pthread_mutex_lock(&f->lock);
	f->open = true;
	pthread_cond_broadcast(&f->changed);
	while (f->waiting)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct store_options so = { .mode = STORE_OWN, .create = true, .start = true };

	tmpdir_make(&f->dir);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strncpy(a.sun_path, tmpdir_path(&f->dir, "notify"), sizeof(a.sun_path) - 1);
	assert_int_equal(bind(f->notify, (struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	setenv("WATCHDOG_USEC", "4000", 1);
	assert_int_equal(store_open(tmpdir_path(&f->dir, "store"), &so, &f->service.store), 0);
	assert_int_equal(loop_open(WORKERS, &f->loop), 0);
	assert_int_equal(loop_start(f->loop, "test"), 0);
	assert_int_equal(watchdog_open(&f->service, f->loop, &f->watchdog), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	open_gate(f);
	loop_close(f->loop);
	watchdog_close(f->watchdog);
	store_close(f->service.store);
	close(f->notify);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->changed);
	tmpdir_remove(&f->dir);
	free(f);
	return 0;
}

/* Did the next look tell that the server is alive? */
static bool
tells(struct fixture *f)
{
	char text[64] = "";

	usleep(1500); /* a look is due each millisecond */
	watchdog_tick(f->watchdog);
	if (recv(f->notify, text, sizeof(text) - 1, MSG_DONTWAIT) < 0)
		return false;
	assert_string_equal(text, "WATCHDOG=1");
	return true;
}

/* Threads take a moment to come back from what held them. */
static bool
tells_soon(struct fixture *f)
{
	for (int i = 0; i < 1000; i++)
		if (tells(f))
			return true;
	return false;
}

static void
an_idle_server_is_alive(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_true(tells(*state));
}

static void
nothing_is_told_before_it_is_due(void **state)
{
	struct fixture *f = *state;

	watchdog_close(f->watchdog);
	setenv("WATCHDOG_USEC", "400000000", 1);
	assert_int_equal(watchdog_open(&f->service, f->loop, &f->watchdog), 0);
	assert_true(tells(f));
	assert_false(tells(f));
}

static void
nothing_is_told_where_nobody_asks(void **state)
{
	struct fixture *f = *state;

	watchdog_close(f->watchdog);
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(watchdog_open(&f->service, f->loop, &f->watchdog), 0);
	assert_null(f->watchdog);
	assert_false(tells(f));
}

static void
one_call_that_hangs_is_its_clients_trouble(void **state)
{
	struct fixture *f = *state;

	occupy_worker(f);
	for (int i = 0; i < 3; i++)
		assert_true(tells(f));
}

static void
half_of_the_workers_that_hang_are_the_servers(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < WORKERS / 2; i++)
		occupy_worker(f);
	assert_true(tells(f)); /* they were not there at the last look */
	assert_false(tells(f));
	assert_false(tells(f));
	open_gate(f);
	assert_true(tells_soon(f));
}

static void
a_committer_that_hangs_is_the_servers(void **state)
{
	struct fixture *f = *state;
	struct batch *b = store_batch(f->service.store);
	struct change *c = change_new();
	struct inode i = { .ino = 2, .nlink = 1 };
	struct batch_stats stats;
	uint64_t ticket;
	bool told[3];

	assert_int_equal(change_inode(c, 7, &i, (struct str){ 0 }), 0);
	assert_int_equal(batch_add(b, c, true, &ticket), 0);
	change_free(c);
	do /* it waits for the reply that it is owed */
		batch_stats(b, &stats);
	while (!stats.committing);
	for (int look = 0; look < 3; look++)
		told[look] = tells(f);
	batch_reply(b, ticket, NULL, 0);
	assert_int_equal(batch_wait(b, ticket), 0);
	assert_true(told[0]); /* it might have begun just then */
	assert_false(told[1] || told[2]);
	assert_true(tells_soon(f));
}

#define WATCHED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(an_idle_server_is_alive),
		WATCHED(nothing_is_told_before_it_is_due),
		WATCHED(nothing_is_told_where_nobody_asks),
		WATCHED(one_call_that_hangs_is_its_clients_trouble),
		WATCHED(half_of_the_workers_that_hang_are_the_servers),
		WATCHED(a_committer_that_hangs_is_the_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

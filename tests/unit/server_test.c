/*
 * The server over real sockets, with a program of the test's own: how bytes become calls, what is
 * owed to whom, limits, and the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/drc.h"
#include "server/config.h"
#include "server/server.h"
#include "server/stats.h"
#include "tests/lib/caller.h"

#define PROG      0x20000001
#define PROG_NULL 0x20000002 /* over UDP its NULL only */
#define BIG       (1u << 20)

enum { NOTHING, TWICE, BIGGEST, GATED };

struct fixture {
	struct config config;
	struct service service;
	struct server_options options;
	struct server *server;
	uint16_t port;
	/* what the handlers share, found by call->ctx's service */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;             /* the gate */
	unsigned waiting, ran; /* at the gate; through it */
	uint8_t *big;
};

static struct fixture *
fixture_of(struct rpc_call *call)
{
	struct service *service = ((struct call *)call->ctx)->service;

	return (struct fixture *)(void *)((char *)service - offsetof(struct fixture, service));
}

static void
do_nothing(struct rpc_call *call, void *args, void *res)
{
	(void)call;
	(void)args;
	(void)res;
}

static void
do_twice(struct rpc_call *call, void *args, void *res)
{
	(void)call;
	*(u_int *)res = 2 * *(u_int *)args;
}

/* A megabyte beside the head, as a READ has it. */
static void
do_biggest(struct rpc_call *call, void *args, void *res)
{
	struct fixture *f = fixture_of(call);
	struct iovec *iov = malloc(sizeof(*iov));

	*(u_int *)res = *(u_int *)args;
	*iov = (struct iovec){ f->big, BIG };
	rpc_reply_attach(call->reply, iov, 1, BIG, free, iov);
}

/* Not idempotent; waits for the gate and answers how many have passed. */
static void
do_gated(struct rpc_call *call, void *args, void *res)
{
	struct fixture *f = fixture_of(call);

	(void)args;
	pthread_mutex_lock(&f->lock);
	f->waiting++;
	pthread_cond_broadcast(&f->changed);
	while (!f->open)
		pthread_cond_wait(&f->changed, &f->lock);
	f->waiting--;
	*(u_int *)res = ++f->ran;
	pthread_mutex_unlock(&f->lock);
}

#define PROC(nm, fn, fl)                                                                       \
	{                                                                                      \
		.name = nm, .handler = fn, .decode = RPC_XDR(u_int), .encode = RPC_XDR(u_int), \
		.args_size = sizeof(u_int), .res_size = sizeof(u_int), .flags = fl             \
	}

static const struct rpc_proc procs[] = {
	[NOTHING] = { .name = "NOTHING", .handler = do_nothing, .flags = RPC_ANY_AUTH },
	[TWICE] = PROC("TWICE", do_twice, RPC_ANY_AUTH),
	[BIGGEST] = PROC("BIGGEST", do_biggest, RPC_ANY_AUTH),
	[GATED] = PROC("GATED", do_gated, RPC_ANY_AUTH | RPC_ONCE),
};
static const struct rpc_program program = { "test", PROG, 1, procs, 4 };
static const struct rpc_program null_program = { "null", PROG_NULL, 1, procs, 4 };
static const struct rpc_program *const programs[] = { &program, &null_program };

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	config_default(&f->config);
	f->service.config = &f->config;
	f->big = malloc(BIG);
	for (uint32_t i = 0; i < BIG; i++)
		f->big[i] = (uint8_t)(i * 2654435761u >> 24);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->options = (struct server_options){ .listen = "127.0.0.1",
		.threads = 4,
		.max_connections = 4,
		.programs = { programs, 2 },
		.udp = 1 };
	assert_int_equal(stats_open(programs, 2, 5, &f->service.stats), 0);
	assert_int_equal(drc_open(100, 1 << 20, serve_waiter, &f->service.drc), 0);
	assert_int_equal(server_start(&f->service, &f->options, &f->server), 0);
	f->port = server_port(f->server);
	*state = f;
	return 0;
}

static void
open_gate(struct fixture *f)
{
	pthread_mutex_lock(&f->lock);
	f->open = true;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void
await_waiting(struct fixture *f, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	while (f->waiting < n)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	open_gate(f);
	server_stop(f->server);
	drc_close(f->service.drc);
	stats_close(f->service.stats);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->changed);
	free(f->big);
	free(f);
	return 0;
}

static int
connected(void **state)
{
	return caller_connect(((struct fixture *)*state)->port, SOCK_STREAM);
}

static void
a_call_is_answered(void **state)
{
	int fd = connected(state);

	caller_call(fd, 7, PROG, TWICE, 21);
	assert_int_equal(caller_expect(fd, 7, RPC_ACCEPT_SUCCESS), 42);
	close(fd);
}

static void
what_is_not_served_is_refused(void **state)
{
	int fd = connected(state);

	caller_call(fd, 1, 100227, 0, 0);
	caller_expect(fd, 1, RPC_ACCEPT_PROG_UNAVAIL);
	caller_call(fd, 2, PROG, 99, 0);
	caller_expect(fd, 2, RPC_ACCEPT_PROC_UNAVAIL);
	caller_call(fd, 3, PROG, NOTHING, 0);
	caller_expect(fd, 3, RPC_ACCEPT_SUCCESS);
	close(fd);
}

static void
a_thousand_calls_at_once_are_all_answered_in_order(void **state)
{
	enum { N = 1000 };
	uint8_t *calls = malloc(N * CALLER_CALL);
	int fd = connected(state);

	for (uint32_t i = 0; i < N; i++)
		caller_pack(calls + i * CALLER_CALL, i, PROG, TWICE, i);
	caller_send(fd, calls, N * CALLER_CALL);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(caller_expect(fd, i, RPC_ACCEPT_SUCCESS), 2 * i);
	free(calls);
	close(fd);
}

static void
a_call_that_comes_byte_by_byte_is_answered(void **state)
{
	uint8_t call[CALLER_CALL];
	int fd = connected(state);

	caller_pack(call, 5, PROG, TWICE, 4);
	for (int i = 0; i < CALLER_CALL; i++)
		caller_send(fd, call + i, 1);
	assert_int_equal(caller_expect(fd, 5, RPC_ACCEPT_SUCCESS), 8);
	close(fd);
}

static void
a_record_that_is_too_large_ends_the_connection(void **state)
{
	static const uint8_t mark[] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
	int fd = connected(state);

	caller_send(fd, mark, sizeof(mark));
	assert_true(caller_ended(fd));
	close(fd);
	fd = connected(state);
	caller_call(fd, 1, PROG, NOTHING, 0);
	caller_expect(fd, 1, RPC_ACCEPT_SUCCESS);
	close(fd);
}

static void
what_is_no_call_is_passed_over(void **state)
{
	static const uint8_t junk[] = { 0x80, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0, 0, 0 };
	int fd = connected(state);

	caller_send(fd, junk, sizeof(junk));
	caller_call(fd, 9, PROG, NOTHING, 0);
	caller_expect(fd, 9, RPC_ACCEPT_SUCCESS);
	close(fd);
}

static void
a_client_that_reads_late_gets_every_byte_and_holds_up_nobody(void **state)
{
	enum { N = 60 };
	struct fixture *f = *state;
	int lazy = connected(state), other = connected(state);
	struct caller_reply reply;

	for (uint32_t i = 0; i < N; i++)
		caller_call(lazy, i, PROG, BIGGEST, i);
	for (uint32_t i = 0; i < 20; i++) {
		caller_call(other, i, PROG, TWICE, i);
		assert_int_equal(caller_expect(other, i, RPC_ACCEPT_SUCCESS), 2 * i);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_true(caller_receive(lazy, &reply));
		assert_int_equal(reply.xid, i);
		assert_int_equal(reply.n, 4 + BIG);
		assert_memory_equal(reply.results + 4, f->big, BIG);
		free(reply.results);
	}
	close(lazy);
	close(other);
}

static void
memory_for_those_who_never_read_is_bounded(void **state)
{
	enum { N = 12, CALLS = 20, MEMORY = 4 };
	struct fixture *f = *state;
	uint8_t calls[CALLS * CALLER_CALL];
	int greedy[N], honest;

	server_stop(f->server);
	f->options.max_connections = 2 * N;
	f->options.memory = (uint64_t)MEMORY * BIG;
	assert_int_equal(server_start(&f->service, &f->options, &f->server), 0);
	f->port = server_port(f->server);
	for (int i = 0; i < N; i++) {
		greedy[i] = connected(state);
		for (uint32_t xid = 0; xid < CALLS; xid++)
			caller_pack(calls + xid * CALLER_CALL, xid, PROG, BIGGEST, 0);
		caller_send(greedy[i], calls, sizeof(calls));
	}
	while (server_connections(f->server) > MEMORY) /* each of them holds a reply, at least */
		usleep(1000);
	honest = connected(state);
	for (uint32_t xid = 0; xid < CALLS; xid++) {
		struct caller_reply reply;

		caller_call(honest, xid, PROG, BIGGEST, xid);
		assert_true(caller_receive(honest, &reply));
		assert_int_equal(reply.n, 4 + BIG);
		free(reply.results);
	}
	for (int i = 0; i < N; i++)
		close(greedy[i]);
	close(honest);
}

static void
calls_that_wait_hold_up_their_own_connection_only(void **state)
{
	struct fixture *f = *state;
	int slow = connected(state), other = connected(state);

	caller_call(slow, 1, PROG, GATED, 0);
	await_waiting(f, 1);
	caller_call(other, 2, PROG, TWICE, 3);
	assert_int_equal(caller_expect(other, 2, RPC_ACCEPT_SUCCESS), 6);
	open_gate(f);
	assert_int_equal(caller_expect(slow, 1, RPC_ACCEPT_SUCCESS), 1);
	close(slow);
	close(other);
}

static void
a_call_sent_again_while_it_runs_runs_once_and_both_are_answered(void **state)
{
	struct fixture *f = *state;
	int first = connected(state), again = connected(state);

	caller_call(first, 77, PROG, GATED, 5);
	await_waiting(f, 1);
	caller_call(again, 77, PROG, GATED, 5);
	caller_call(again, 78, PROG, TWICE, 1); /* answered after the other was looked at */
	assert_int_equal(caller_expect(again, 78, RPC_ACCEPT_SUCCESS), 2);
	open_gate(f);
	assert_int_equal(caller_expect(first, 77, RPC_ACCEPT_SUCCESS), 1);
	assert_int_equal(caller_expect(again, 77, RPC_ACCEPT_SUCCESS), 1);
	caller_call(again, 77, PROG, GATED, 5);
	assert_int_equal(caller_expect(again, 77, RPC_ACCEPT_SUCCESS), 1);
	caller_call(again, 79, PROG, GATED, 5);
	assert_int_equal(caller_expect(again, 79, RPC_ACCEPT_SUCCESS), 2);
	assert_int_equal(stats_counted(f->service.stats, STATS_DUPLICATE), 2);
	close(first);
	close(again);
}

/* Three calls run; each is sent again 60 times over one connection, which is more than may be in
 * flight, and then another one. */
static void
more_calls_than_may_be_in_flight_are_answered_all_the_same(void **state)
{
	enum { FIRST = 3, AGAIN = 60 };
	struct fixture *f = *state;
	uint32_t sum[FIRST + 1] = { 0 }, count[FIRST + 1] = { 0 }, word;
	int first[FIRST], many = connected(state);
	struct caller_reply reply;

	for (uint32_t i = 0; i < FIRST; i++) {
		first[i] = connected(state);
		caller_call(first[i], i, PROG, GATED, 0);
		await_waiting(f, i + 1);
	}
	for (uint32_t i = 0; i < FIRST * AGAIN; i++)
		caller_call(many, i % FIRST, PROG, GATED, 0);
	caller_call(many, FIRST, PROG, TWICE, 5);
	open_gate(f);
	for (int i = 0; i < FIRST * AGAIN + 1; i++) {
		assert_true(caller_receive(many, &reply));
		assert_true(reply.xid <= FIRST && reply.n == 4);
		sum[reply.xid] += reply.results[3];
		count[reply.xid]++;
		free(reply.results);
	}
	for (uint32_t i = 0; i < FIRST; i++) {
		word = caller_expect(first[i], i, RPC_ACCEPT_SUCCESS);
		assert_true(word >= 1 && word <= FIRST);
		assert_int_equal(count[i], AGAIN);
		assert_int_equal(sum[i], AGAIN * word);
		close(first[i]);
	}
	assert_int_equal(sum[FIRST], 10);
	close(many);
}

static void
beyond_the_limit_the_idlest_connection_ends(void **state)
{
	int fds[6];

	for (uint32_t i = 0; i < 6; i++) {
		fds[i] = connected(state);
		caller_call(fds[i], i, PROG, NOTHING, 0);
		caller_expect(fds[i], i, RPC_ACCEPT_SUCCESS);
	}
	assert_int_equal(server_connections(((struct fixture *)*state)->server), 4);
	caller_call(fds[5], 9, PROG, NOTHING, 0);
	caller_expect(fds[5], 9, RPC_ACCEPT_SUCCESS);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

static void
connections_in_use_are_not_given_up_for_a_new_one(void **state)
{
	struct fixture *f = *state;
	int fds[4], late;

	for (uint32_t i = 0; i < 3; i++) {
		fds[i] = connected(state);
		caller_call(fds[i], i, PROG, GATED, i);
		await_waiting(f, i + 1);
	}
	fds[3] = connected(state);
	caller_call(fds[3], 3, PROG, NOTHING, 0);
	caller_expect(fds[3], 3, RPC_ACCEPT_SUCCESS);
	late = connected(state);
	assert_true(caller_ended(fds[3]));
	caller_call(late, 4, PROG, NOTHING, 0);
	caller_expect(late, 4, RPC_ACCEPT_SUCCESS);
	open_gate(f);
	for (uint32_t i = 0; i < 3; i++) {
		caller_expect(fds[i], i, RPC_ACCEPT_SUCCESS);
		close(fds[i]);
	}
	close(fds[3]);
	close(late);
}

/* The accept_stat that comes for a datagram. */
static uint32_t
ask_by_datagram(int fd, uint32_t xid, uint32_t prog, uint32_t proc)
{
	uint8_t call[CALLER_CALL], reply[64];
	ssize_t n;

	caller_pack(call, xid, prog, proc, 1);
	assert_int_equal(send(fd, call + 4, CALLER_CALL - 4, 0), CALLER_CALL - 4);
	n = recv(fd, reply, sizeof(reply), 0);
	assert_true(n >= 24);
	assert_int_equal(reply[3], xid);
	return reply[23];
}

static void
datagrams_are_answered_as_far_as_they_are_served(void **state)
{
	int fd = caller_connect(((struct fixture *)*state)->port, SOCK_DGRAM);

	assert_int_equal(ask_by_datagram(fd, 1, PROG, TWICE), RPC_ACCEPT_SUCCESS);
	assert_int_equal(send(fd, "short", 5, 0), 5);
	assert_int_equal(ask_by_datagram(fd, 2, PROG_NULL, NOTHING), RPC_ACCEPT_SUCCESS);
	assert_int_equal(ask_by_datagram(fd, 3, PROG_NULL, TWICE), RPC_ACCEPT_PROC_UNAVAIL);
	close(fd);
}

static void *
stop(void *arg)
{
	struct fixture *f = arg;

	server_stop(f->server);
	return NULL;
}

static void
a_call_that_runs_is_answered_before_the_server_ends(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	int fd = connected(state);

	caller_call(fd, 1, PROG, GATED, 0);
	await_waiting(f, 1);
	assert_int_equal(pthread_create(&thread, NULL, stop, f), 0);
	open_gate(f);
	assert_int_equal(caller_expect(fd, 1, RPC_ACCEPT_SUCCESS), 1);
	assert_true(caller_ended(fd));
	pthread_join(thread, NULL);
	f->server = NULL;
	close(fd);
}

static void
take_row(void *arg, const struct stats_proc *p)
{
	struct stats_proc *out = arg;

	if (strcmp(p->program, "test") == 0 && strcmp(p->name, "TWICE") == 0)
		*out = *p;
}

static void
calls_are_counted(void **state)
{
	struct fixture *f = *state;
	struct stats_proc row = { 0 };
	int fd = connected(state);

	for (uint32_t i = 0; i < 10; i++) {
		caller_call(fd, i, PROG, TWICE, 0);
		caller_expect(fd, i, RPC_ACCEPT_SUCCESS);
	}
	caller_call(fd, 10, PROG, TWICE, 1); /* a result whose first word isn't 0 */
	caller_expect(fd, 10, RPC_ACCEPT_SUCCESS);
	caller_call(fd, 11, 1, 1, 1);
	caller_expect(fd, 11, RPC_ACCEPT_PROG_UNAVAIL);
	stats_each(f->service.stats, take_row, &row);
	assert_int_equal(row.calls, 11);
	assert_int_equal(row.errors, 1);
	assert_int_equal(row.bytes_in, 11 * CALLER_CALL);
	assert_int_equal(row.bytes_out, 11 * 32);
	assert_true(stats_percentile(&row, 50) <= stats_percentile(&row, 99));
	assert_true(stats_percentile(&row, 99) <= row.max_us);
	assert_int_equal(stats_counted(f->service.stats, STATS_REJECTED), 1);
	close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_answered),
		TEST(what_is_not_served_is_refused),
		TEST(a_thousand_calls_at_once_are_all_answered_in_order),
		TEST(a_call_that_comes_byte_by_byte_is_answered),
		TEST(a_record_that_is_too_large_ends_the_connection),
		TEST(what_is_no_call_is_passed_over),
		TEST(a_client_that_reads_late_gets_every_byte_and_holds_up_nobody),
		TEST(memory_for_those_who_never_read_is_bounded),
		TEST(calls_that_wait_hold_up_their_own_connection_only),
		TEST(a_call_sent_again_while_it_runs_runs_once_and_both_are_answered),
		TEST(more_calls_than_may_be_in_flight_are_answered_all_the_same),
		TEST(beyond_the_limit_the_idlest_connection_ends),
		TEST(connections_in_use_are_not_given_up_for_a_new_one),
		TEST(datagrams_are_answered_as_far_as_they_are_served),
		TEST(a_call_that_runs_is_answered_before_the_server_ends),
		TEST(calls_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

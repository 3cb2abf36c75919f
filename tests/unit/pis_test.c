/* Machines that boot: which client each is, who is refused, who is pending, who is enrolled. */
#include "server/boot/pis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/boot/neighbour.h"
#include "server/boot/trace.h"
#include "server/config.h"
#include "server/peer.h"
#include "tests/lib/golden.h"

#define MAC_A "dc:a6:32:00:00:0a"
#define MAC_B "dc:a6:32:00:00:0b"

static const char neighbours[] =
    "IP address       HW type     Flags       HW address            Mask     Device\n"
    "10.0.0.10        0x1         0x2         " MAC_A "     *        br0\n"
    "10.0.0.11        0x1         0x2         " MAC_B "     *        br0\n"
    "10.0.0.12        0x1         0x0         00:00:00:00:00:00     *        br0\n"
    "10.0.0.1         0x1         0x2         dc:a6:32:00:00:01     *        br0\n";

struct fixture {
	struct golden golden;
	struct tmpdir dir;
	char table[256];
	struct config config;
	struct service service;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	FILE *table;

	assert_non_null(f);
	golden_open(&f->golden);
	tmpdir_make(&f->dir);
	snprintf(f->table, sizeof(f->table), "%s", tmpdir_path(&f->dir, "arp"));
	table = fopen(f->table, "w");
	assert_non_null(table);
	fputs(neighbours, table);
	fclose(table);
	f->config.memory = 64 << 20;
	f->service = (struct service){ .config = &f->config, .store = f->golden.store };
	must(peers_open(&f->service, &f->service.peers));
	must(trace_open(&f->service.trace));
	must(pis_open(&f->service, f->table, &f->service.pis));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	pis_close(f->service.pis);
	trace_close(f->service.trace);
	peers_close(f->service.peers);
	golden_close(&f->golden);
	tmpdir_remove(&f->dir);
	free(f);
	return 0;
}

static void
add(struct fixture *f, const char *name, const char *serial, const char *mac)
{
	struct client_options o = { .name = name,
		.image = "golden",
		.serial = serial,
		.nmacs = mac != NULL,
		.macs = { mac } };

	must(client_add(f->service.store, &o));
}

static struct pi_sighting
sighting(const char *serial, const char *address)
{
	struct pi_sighting pi = { .have_address = address != NULL };

	if (serial)
		snprintf(pi.serial, sizeof(pi.serial), "%s", serial);
	pi.address[10] = pi.address[11] = 0xff;
	if (address)
		assert_int_equal(inet_pton(AF_INET, address, pi.address + 12), 1);
	return pi;
}

static int
see(struct fixture *f, const char *serial, const char *address, struct client *out)
{
	struct pi_sighting pi = sighting(serial, address);

	return pis_recognise(&f->service, &pi, out);
}

static int
count_alarm(void *arg, const struct pi_alarm *a)
{
	assert_true(a->times > 0 && *a->text);
	++*(int *)arg;
	return 0;
}

static int
alarms(struct fixture *f)
{
	int n = 0;

	assert_int_equal(pis_alarms(f->service.pis, count_alarm, &n), 0);
	return n;
}

static void
a_mac_is_read_from_the_kernels_table(void **state)
{
	struct fixture *f = *state;
	struct pi_sighting a = sighting(NULL, "10.0.0.10"), none = sighting(NULL, "10.0.0.2"),
			   silent = sighting(NULL, "10.0.0.12"), one = sighting(NULL, "10.0.0.1");
	char mac[18];

	assert_int_equal(neighbour_mac(f->table, a.address, mac), 0);
	assert_string_equal(mac, MAC_A);
	assert_int_equal(neighbour_mac(f->table, one.address, mac), 0);
	assert_string_equal(mac, "dc:a6:32:00:00:01");
	assert_int_equal(neighbour_mac(f->table, none.address, mac), -ENOENT);
	assert_int_equal(neighbour_mac(f->table, silent.address, mac), -ENOENT);
	assert_int_equal(neighbour_mac("/no/such", a.address, mac), -ENOENT);
}

static void
an_address_of_ipv6_has_no_mac_in_it(void **state)
{
	struct fixture *f = *state;
	struct pi_sighting a = sighting(NULL, "10.0.0.10");
	char mac[18];

	a.address[0] = 0xfe;
	a.address[1] = 0x80;
	a.address[10] = a.address[11] = 0; /* fe80::a00:a */
	assert_int_equal(neighbour_mac(f->table, a.address, mac), -ENOENT);
}

static void
who_is_elsewhere_waits_till_its_mac_can_be_seen(void **state)
{
	struct fixture *f = *state;
	struct pi_sighting said = sighting("22222222", "10.0.0.12");
	struct client c;

	add(f, "pi2", "22222222", MAC_B);
	assert_int_equal(see(f, "22222222", "10.0.0.12", &c), -EAGAIN);
	/* Nor does it help to say the MAC. */
	snprintf(said.mac, sizeof(said.mac), "%s", MAC_B);
	assert_int_equal(pis_recognise(&f->service, &said, &c), -EAGAIN);
	/* The kernel saw another one than that. */
	said = sighting("", "10.0.0.10");
	snprintf(said.mac, sizeof(said.mac), "%s", MAC_B);
	assert_int_equal(pis_recognise(&f->service, &said, &c), -ENOENT);
	must(client_find(f->service.store, "pi2", &c));
	assert_string_equal(c.learned, "");
	assert_int_equal(see(f, "22222222", "10.0.0.11", &c), 0);
	/* At home it need not be seen each time: that it has the address says enough. */
	must(client_learn_address(f->service.store, "pi2", "10.0.0.12") - 1);
	assert_int_equal(see(f, "22222222", "10.0.0.12", &c), 0);
}

static void
a_serial_number_is_enough_the_first_time_and_the_mac_is_learned(void **state)
{
	struct fixture *f = *state;
	struct client c;

	add(f, "pi1", "1a2b3c4d", NULL);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &c), 0);
	assert_string_equal(c.name, "pi1");
	assert_string_equal(c.learned, "10.0.0.10");
	assert_int_equal(c.nmacs, 1);
	assert_string_equal(c.macs[0], MAC_A);
	assert_int_equal(alarms(f), 0);
	/* From now on another machine that says the same is refused, loudly. */
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.11", &c), -EACCES);
	assert_int_equal(alarms(f), 1);
	must(client_find(f->service.store, "pi1", &c));
	assert_string_equal(c.learned, "10.0.0.10");
}

static void
a_client_that_claims_to_be_another_one_is_refused(void **state)
{
	struct fixture *f = *state;
	struct client c;

	add(f, "pi1", "11111111", MAC_A);
	add(f, "pi2", "22222222", MAC_B);
	assert_int_equal(see(f, "11111111", "10.0.0.11", &c), -EACCES);
	assert_int_equal(see(f, "33333333", "10.0.0.11", &c), -EACCES);
	assert_int_equal(alarms(f), 2);
	assert_int_equal(see(f, "22222222", "10.0.0.11", &c), 0);
	assert_string_equal(c.name, "pi2");
}

static void
a_mac_or_an_address_alone_will_do(void **state)
{
	struct fixture *f = *state;
	struct client c;

	add(f, "pi1", NULL, MAC_A);
	assert_int_equal(see(f, NULL, "10.0.0.10", &c), 0);
	assert_string_equal(c.name, "pi1");
	/* No neighbour's MAC is known for this one. */
	must(client_learn_address(f->service.store, "pi1", "10.0.0.77") - 1);
	assert_int_equal(see(f, NULL, "10.0.0.77", &c), 0);
	assert_string_equal(c.name, "pi1");
	/* The address went to another machine: MAC B isn't pi1's. */
	assert_int_equal(client_learn_address(f->service.store, "pi1", "10.0.0.11"), 1);
	assert_int_equal(see(f, NULL, "10.0.0.11", &c), -ENOENT);
}

static void
an_address_that_was_given_to_another_client_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct client c;

	golden_client(&f->golden, "fixed", "10.0.0.50", false);
	add(f, "pi1", "1a2b3c4d", NULL);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.50", &c), -EACCES);
	assert_int_equal(alarms(f), 1);
	assert_int_equal(client_find_address(f->service.store, "10.0.0.50", &c), 0);
	assert_string_equal(c.name, "fixed");
}

static void
a_running_pi_is_not_put_out_by_one_that_says_it_is_the_same(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *four = (void *)&ss;
	struct peer_client *held;
	struct peer peer;
	struct client c;

	add(f, "pi1", "1a2b3c4d", NULL);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.60", &c), 0);
	four->sin_family = AF_INET;
	four->sin_port = htons(700);
	inet_pton(AF_INET, "10.0.0.60", &four->sin_addr);
	peer_from_sockaddr(&ss, &peer);
	assert_int_equal(peer_by_id(f->service.peers, &peer, &c.id, &held), 0);
	peer_release(f->service.peers, held);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.61", &c), -EACCES);
	assert_int_equal(alarms(f), 1);
	assert_int_equal(peer_by_id(f->service.peers, &peer, &c.id, &held), 0);
	peer_release(f->service.peers, held);
}

static void
who_got_another_address_has_lost_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *four = (void *)&ss;
	struct peer_client *held;
	struct peer peer;
	struct client one, two;

	add(f, "pi1", "11111111", NULL);
	add(f, "pi2", "22222222", NULL);
	assert_int_equal(see(f, "11111111", "10.0.0.60", &one), 0);
	four->sin_family = AF_INET;
	four->sin_port = htons(700);
	inet_pton(AF_INET, "10.0.0.60", &four->sin_addr);
	peer_from_sockaddr(&ss, &peer);
	assert_int_equal(peer_by_id(f->service.peers, &peer, &one.id, &held), 0);
	peer_release(f->service.peers, held);
	assert_int_equal(see(f, "22222222", "10.0.0.60", &two), 0);
	assert_int_equal(peer_by_id(f->service.peers, &peer, &one.id, &held), -EACCES);
	assert_int_equal(peer_by_id(f->service.peers, &peer, &two.id, &held), 0);
	peer_release(f->service.peers, held);
}

struct knocked {
	int n;
	struct pi_pending last;
};

static int
keep_pending(void *arg, const struct pi_pending *p)
{
	struct knocked *k = arg;

	k->n++;
	k->last = *p;
	return 0;
}

static struct knocked
knocked(struct fixture *f)
{
	struct knocked k = { 0 };

	assert_int_equal(pis_pending(f->service.pis, keep_pending, &k), 0);
	return k;
}

static void
an_unknown_pi_is_pending_once_and_gets_nothing(void **state)
{
	struct fixture *f = *state;
	struct pi_sighting by_mac = { .mac = MAC_A, .model = "Raspberry Pi 4" };
	struct pi_pending p;
	struct knocked k;
	struct client c;

	assert_int_equal(pis_recognise(&f->service, &by_mac, &c), -ENOENT);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &c), -ENOENT); /* the same, by its MAC */
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &c), -ENOENT);
	k = knocked(f);
	assert_int_equal(k.n, 1);
	assert_int_equal(k.last.knocks, 3);
	assert_string_equal(k.last.pi.serial, "1a2b3c4d");
	assert_string_equal(k.last.pi.mac, MAC_A);
	assert_string_equal(k.last.pi.model, "Raspberry Pi 4");
	assert_int_equal(pis_pending_find(f->service.pis, k.last.number, &p), 0);
	assert_int_equal(pis_pending_find(f->service.pis, k.last.number + 1, &p), -ENOENT);
	add(f, "pi1", "1a2b3c4d", NULL);
	pis_tidy(&f->service);
	assert_int_equal(knocked(f).n, 0);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &c), 0);
}

static void
strangers_fill_the_list_but_not_the_memory(void **state)
{
	struct fixture *f = *state;
	struct client c;
	char serial[9];

	for (int i = 0; i < 1000; i++) {
		snprintf(serial, sizeof(serial), "%08x", i + 1);
		assert_int_equal(see(f, serial, "10.0.0.99", &c), -ENOENT);
	}
	assert_in_range(knocked(f).n, 100, 300);
	assert_string_equal(knocked(f).last.pi.serial, serial);
}

static void
with_enrolment_each_new_pi_becomes_a_client_of_its_own(void **state)
{
	struct pi_enrolment e = { "golden", "room-" }, bad = { "nope", "room-" }, off = { "", "" },
			    name = { "golden", "../" };
	struct fixture *f = *state;
	struct client a, b, again;

	assert_int_equal(pis_set_enrolment(f->service.store, &bad), -ENOENT);
	assert_int_equal(pis_set_enrolment(f->service.store, &name), -EINVAL);
	must(pis_set_enrolment(f->service.store, &e));
	golden_client(&f->golden, "room-01", NULL, false);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &a), 0);
	assert_string_equal(a.name, "room-02");
	assert_string_equal(a.serial, "1a2b3c4d");
	assert_string_equal(a.macs[0], MAC_A);
	assert_string_equal(a.learned, "10.0.0.10");
	assert_int_equal(see(f, NULL, "10.0.0.11", &b), 0);
	assert_string_equal(b.name, "room-03");
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &again), 0);
	assert_string_equal(again.name, "room-02");
	/* Neither serial number nor MAC: an address alone is nobody's. */
	assert_int_equal(see(f, NULL, "10.0.0.99", &again), -ENOENT);
	must(pis_set_enrolment(f->service.store, &off));
	assert_int_equal(see(f, "55555555", "10.0.0.98", &again), -ENOENT);
}

/* --- the trace --- */

struct seen {
	int n;
	uint32_t boot;
	char text[2000];
};

static int
keep_event(void *arg, const char *who, const struct trace_event *e)
{
	struct seen *s = arg;

	(void)who;
	s->n++;
	s->boot = e->boot;
	snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), "%u:%s ", e->boot,
	    trace_stage_name(e->stage));
	return 0;
}

static struct seen
seen_of(struct fixture *f, const char *who)
{
	struct seen s = { 0 };

	assert_int_equal(trace_each(f->service.trace, who, keep_event, &s), 0);
	return s;
}

static void
a_boot_begins_with_the_bootloader(void **state)
{
	struct fixture *f = *state;
	struct trace *t = f->service.trace;

	for (int i = 0; i < 2; i++) {
		trace_note(t, "pi1", TRACE_DHCP, false, 0, "10.0.0.10");
		trace_note(t, "pi1", TRACE_TFTP, false, 100, "start4.elf");
		trace_note(t, "pi1", TRACE_LEASE, false, 0, "10.0.0.10");
		trace_note(t, "pi1", TRACE_MOUNT, false, 0, "/pi1");
		trace_note(t, "pi1", TRACE_MOUNT, false, 0, "/pi1");
		trace_note(t, "pi1", TRACE_LEASE, false, 0, "10.0.0.10");
		trace_note(t, "pi1", TRACE_UP, false, 0, "up");
	}
	assert_string_equal(seen_of(f, "pi1").text,
	    "1:dhcp 1:tftp 1:lease 1:mount 1:mount 1:lease 1:up "
	    "2:dhcp 2:tftp 2:lease 2:mount 2:mount 2:lease 2:up ");
	assert_int_equal(seen_of(f, "pi2").n, 0);
	assert_true(trace_last(t, "pi1", TRACE_MOUNT) > 0);
	assert_int_equal(trace_last(t, "pi1", TRACE_SAID), 0);
}

static void
what_was_seen_before_the_pi_was_known_is_its_own(void **state)
{
	struct fixture *f = *state;
	struct trace *t = f->service.trace;
	struct client c;

	trace_note(t, "?" MAC_A, TRACE_DHCP, false, 0, "10.0.0.10");
	trace_note(t, "?1a2b3c4d", TRACE_TFTP, true, 0, "start4.elf");
	add(f, "pi1", "1a2b3c4d", NULL);
	assert_int_equal(see(f, "1a2b3c4d", "10.0.0.10", &c), 0);
	trace_note(t, "pi1", TRACE_MOUNT, false, 0, "/pi1");
	assert_int_equal(seen_of(f, "pi1").n, 3);
	assert_int_equal(seen_of(f, "?" MAC_A).n, 0);
	assert_int_equal(seen_of(f, "?1a2b3c4d").n, 0);
}

static void
a_talkative_pi_pushes_out_its_own_events_only(void **state)
{
	struct fixture *f = *state;
	struct trace *t = f->service.trace;
	char who[20];

	trace_note(t, "pi1", TRACE_DHCP, false, 0, "x");
	for (int i = 0; i < 10000; i++)
		trace_note(t, "?evil", TRACE_TFTP, true, 0, "\033[2J%d", i);
	assert_int_equal(seen_of(f, "pi1").n, 1);
	assert_in_range(seen_of(f, "?evil").n, 50, 200);
	for (int i = 0; i < 2000; i++) {
		snprintf(who, sizeof(who), "?%d", i);
		trace_note(t, who, TRACE_TFTP, true, 0, "x");
	}
	assert_in_range(seen_of(f, NULL).n, 100, 1000);
}

static void
a_flood_of_new_pis_is_not_enrolled(void **state)
{
	struct pi_enrolment e = { "golden", "room-" };
	struct fixture *f = *state;
	struct client c;
	char serial[17];
	int n = 0, rc = 0;

	must(pis_set_enrolment(f->service.store, &e));
	for (; n < 150 && rc == 0; n++) {
		snprintf(serial, sizeof(serial), "%08x", 0x10000000u + (unsigned)n);
		rc = see(f, serial, "10.0.0.12", &c);
	}
	assert_int_equal(rc, -ENOENT);
	assert_in_range(n, 101, 120); /* a school at once, and few more */
	assert_int_equal(alarms(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mac_is_read_from_the_kernels_table),
		TEST(an_address_of_ipv6_has_no_mac_in_it),
		TEST(who_is_elsewhere_waits_till_its_mac_can_be_seen),
		TEST(a_serial_number_is_enough_the_first_time_and_the_mac_is_learned),
		TEST(a_client_that_claims_to_be_another_one_is_refused),
		TEST(a_mac_or_an_address_alone_will_do),
		TEST(an_address_that_was_given_to_another_client_is_not_taken),
		TEST(a_running_pi_is_not_put_out_by_one_that_says_it_is_the_same),
		TEST(who_got_another_address_has_lost_the_one_before),
		TEST(an_unknown_pi_is_pending_once_and_gets_nothing),
		TEST(strangers_fill_the_list_but_not_the_memory),
		TEST(with_enrolment_each_new_pi_becomes_a_client_of_its_own),
		TEST(a_flood_of_new_pis_is_not_enrolled),
		TEST(a_boot_begins_with_the_bootloader),
		TEST(what_was_seen_before_the_pi_was_known_is_its_own),
		TEST(a_talkative_pi_pushes_out_its_own_events_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

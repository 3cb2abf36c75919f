/* TFTP: what is served from a client's view, to whom, over a network that loses packets. */
#include "server/boot/tftp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/boot/bootfiles.h"
#include "server/boot/tftp_msg.h"
#include "server/boot/trace.h"
#include "server/config.h"
#include "server/peer.h"
#include "tests/lib/golden.h"
#include "tests/lib/tftpclient.h"

#define KERNEL 3000001u

struct fixture {
	struct golden golden;
	struct config config;
	struct service service;
	struct tftp *tftp;
	struct client pi;
	uint8_t *kernel;
};

static struct peer
loopback(void)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *four = (void *)&ss;
	struct peer peer;

	four->sin_family = AF_INET;
	four->sin_port = htons(700);
	inet_pton(AF_INET, "127.0.0.1", &four->sin_addr);
	peer_from_sockaddr(&ss, &peer);
	return peer;
}

static struct peer_client *
hold(struct fixture *f)
{
	struct peer peer = loopback();
	struct peer_client *held;

	must(peer_by_id(f->service.peers, &peer, &f->pi.id, &held));
	return held;
}

static uint32_t
folder(struct view *v, uint32_t in, const char *name)
{
	struct view_set set = { .set_mode = true, .mode = 0755 };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	if (view_mkdir(v, &op, in, str_of(name), &set, &attr, &wcc) == -EEXIST)
		must(view_lookup(v, &op, in, str_of(name), &attr, &attr));
	return attr.ino;
}

static void
put(struct view *v, uint32_t in, const char *name, const void *p, uint32_t n)
{
	struct view_set set = { .set_mode = true, .mode = 0644, .set_size = true };
	enum view_stable got;
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	must(view_create(v, &op, in, str_of(name), VIEW_UNCHECKED, &set, 0, &attr, &wcc));
	for (uint32_t at = 0; at < n; at += 1 << 20)
		must(view_write(v, &op, attr.ino, at, (const char *)p + at,
		    n - at < 1 << 20 ? n - at : 1 << 20, VIEW_UNSTABLE, &got, &wcc));
	must(view_commit(v, &op, attr.ino, &wcc));
}

static void
symlink_to(struct view *v, uint32_t in, const char *name, const char *target)
{
	struct view_set set = { 0 };
	struct view_op op = { 0 };
	struct view_attr attr;
	struct view_wcc wcc;

	must(view_symlink(v, &op, in, str_of(name), &set, str_of(target), &attr, &wcc));
}

/* Texts are at most so long. */
static void
put_text(struct view *v, uint32_t in, const char *name, const char *text)
{
	put(v, in, name, text, (uint32_t)strlen(text));
}

static void
fill(struct fixture *f)
{
	struct peer_client *held = hold(f);
	struct view *v = held->view;
	uint32_t boot = folder(v, INO_ROOT, "boot"), firmware = folder(v, boot, "firmware");

	f->kernel = malloc(KERNEL);
	assert_non_null(f->kernel);
	for (uint32_t i = 0; i < KERNEL; i++)
		f->kernel[i] = (uint8_t)(i * 2654435761u >> 13);
	put(v, firmware, "kernel8.img", f->kernel, KERNEL);
	put_text(v, firmware, "start4.elf", "start");
	put_text(v, firmware, "config.txt", "arm_64bit=1");
	put_text(v, firmware, "cmdline.txt",
	    "console=serial0,115200 root=PARTUUID=1-02 rootfstype=ext4 fsck.repair=yes rootwait"
	    " quiet init=/usr/lib/raspberrypi-sys-mods/firstboot splash\n");
	put(v, firmware, "empty.bin", "", 0);
	put(v, firmware, "exact.bin", f->kernel, 1024);
	put_text(v, folder(v, firmware, "overlays"), "one.dtbo", "overlay");
	symlink_to(v, firmware, "link.img", "kernel8.img");
	symlink_to(v, firmware, "up.txt", "../../../../etc/hostname");
	symlink_to(v, firmware, "loop", "loop");
	peer_release(f->service.peers, held);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tftp_options o = { .listen = "127.0.0.1", .nfs_port = 2049 };
	struct client_options pi = { .name = "pi1",
		.image = "golden",
		.serial = "1a2b3c4d",
		.nmacs = 1,
		.macs = { "dc:a6:32:01:02:03" },
		.naddresses = 1,
		.addresses = { "127.0.0.9" } };

	assert_non_null(f);
	golden_open(&f->golden);
	f->config.memory = 64 << 20;
	f->service = (struct service){ .config = &f->config, .store = f->golden.store };
	must(client_add(f->golden.store, &pi));
	must(client_find(f->golden.store, "pi1", &f->pi));
	golden_client(&f->golden, "bare", "127.0.0.8", false);
	must(peers_open(&f->service, &f->service.peers));
	must(trace_open(&f->service.trace));
	must(pis_open(&f->service, "/dev/null", &f->service.pis));
	fill(f);
	must(tftp_start(&f->service, &o, &f->tftp));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	tftp_stop(f->tftp);
	pis_close(f->service.pis);
	trace_close(f->service.trace);
	peers_close(f->service.peers);
	golden_close(&f->golden);
	free(f->kernel);
	free(f);
	return 0;
}

static struct tftpclient
client_of(struct fixture *f)
{
	return (struct tftpclient){ .port = tftp_port(f->tftp) };
}

static void
assert_kernel(struct fixture *f, struct tftpclient *c, const char *path)
{
	uint8_t *got;
	long n = tftpclient_get(c, path, &got);

	assert_int_equal(n, KERNEL);
	assert_memory_equal(got, f->kernel, KERNEL);
	free(got);
}

static void
assert_text(struct tftpclient *c, const char *path, const char *text)
{
	uint8_t *got;
	long n = tftpclient_get(c, path, &got);

	assert_int_equal(n, strlen(text));
	if (n)
		assert_memory_equal(got, text, strlen(text));
	free(got);
}

static void
assert_refused(struct tftpclient *c, const char *path, int code)
{
	uint8_t *got;

	assert_int_equal(tftpclient_get(c, path, &got), -1 - code);
}

static void
a_file_comes_whole_whatever_is_asked_for(void **state)
{
	static const struct {
		unsigned blksize, window;
	} cases[] = { { 0, 0 }, { 1024, 0 }, { 1468, 0 }, { 1408, 8 }, { 1024, 64 }, { 512, 1 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tftpclient c = client_of(f);

		c.blksize = cases[i].blksize;
		c.window = cases[i].window;
		c.tsize = i % 2;
		assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
		assert_int_equal(c.granted, cases[i].blksize);
		assert_int_equal(c.told_size, c.tsize ? KERNEL : 0);
	}
}

static void
small_blocks_are_numbered_round_and_large_ones_cut(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);

	c.blksize = 32; /* 93,751 blocks */
	c.window = 32;
	assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
	c.blksize = 65464;
	assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
	assert_int_equal(c.granted, TFTP_BLOCK_MAX);
}

static void
a_block_more_ends_a_file_of_whole_blocks(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	uint8_t *got;

	c.blksize = 512;
	assert_int_equal(tftpclient_get(&c, "1a2b3c4d/exact.bin", &got), 1024);
	free(got);
	assert_int_equal(c.data, 3);
	assert_text(&c, "1a2b3c4d/empty.bin", "");
	assert_int_equal(c.data, 1);
}

static void
what_is_lost_is_sent_again(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);

	c.blksize = 1468;
	c.window = 16;
	c.lose = 500;
	assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
	c.window = 0;
	c.lose = 1500;
	assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
}

/* Each ACK that comes twice must not make two of all that follows. */
static void
acks_that_come_twice_do_not_multiply(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);

	c.blksize = 1024;
	c.repeat = 1;
	assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
	assert_in_range(c.data, KERNEL / 1024 + 1, KERNEL / 1024 + 5);
}

static void
a_pi_is_known_by_serial_mac_or_address(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f), at = client_of(f), stranger = client_of(f);

	assert_text(&c, "1a2b3c4d/start4.elf", "start");
	assert_text(&c, "1A2B3C4D/overlays/one.dtbo", "overlay");
	assert_text(&c, "/1a2b3c4d//start4.elf", "start");
	assert_text(&c, "dc-a6-32-01-02-03/start4.elf", "start");
	at.from = "127.0.0.9";
	assert_text(&at, "start4.elf", "start");
	assert_text(&at, "overlays/one.dtbo", "overlay");
	assert_text(&at, "some-prefix/overlays/one.dtbo", "overlay");
	stranger.from = "127.0.0.7";
	assert_refused(&stranger, "start4.elf", TFTP_E_NOT_FOUND);
	assert_non_null(strstr(stranger.error, "rubus pending"));
	assert_refused(&stranger, "99999999/start4.elf", TFTP_E_NOT_FOUND);
}

static int
count(void *arg, const struct pi_pending *p)
{
	(void)p;
	++*(int *)arg;
	return 0;
}

static void
who_is_unknown_is_pending(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	int n = 0;

	assert_refused(&c, "99999999/start4.elf", TFTP_E_NOT_FOUND);
	assert_refused(&c, "99999999/start.elf", TFTP_E_NOT_FOUND);
	assert_int_equal(pis_pending(f->service.pis, count, &n), 0);
	assert_int_equal(n, 1);
	assert_true(trace_last(f->service.trace, "?99999999", TRACE_TFTP) > 0);
}

static void
nothing_leads_out_of_the_view_and_nothing_is_written(void **state)
{
	static const char *const bad[] = { "1a2b3c4d/../../../etc/passwd", "1a2b3c4d/..",
		"1a2b3c4d/overlays/../../x", "1a2b3c4d/..\\x" };
	static const uint8_t wrq[] = "\0\2"
				     "1a2b3c4d/x\0octet",
			     ascii[] = "\0\1"
				       "x\0netascii";
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	uint8_t answer[600];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(&c, bad[i], TFTP_E_ACCESS);
	/* A link's target is looked for in the view: it is the view's own file. */
	assert_text(&c, "1a2b3c4d/up.txt", "golden\n");
	assert_refused(&c, "1a2b3c4d/loop", TFTP_E_OTHER);
	assert_refused(&c, "1a2b3c4d/overlays", TFTP_E_NOT_FOUND);
	assert_refused(&c, "1a2b3c4d/start4.elf/x", TFTP_E_NOT_FOUND);
	assert_refused(&c, "1a2b3c4d/recovery.elf", TFTP_E_NOT_FOUND);
	assert_true(tftpclient_send(&c, wrq, sizeof(wrq), answer, sizeof(answer)) > 4);
	assert_int_equal(answer[1], TFTP_ERROR);
	assert_int_equal(answer[3], TFTP_E_ACCESS);
	assert_true(tftpclient_send(&c, ascii, sizeof(ascii), answer, sizeof(answer)) > 4);
	assert_int_equal(answer[1], TFTP_ERROR);
}

static void
a_client_without_a_boot_folder_is_told(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);

	c.from = "127.0.0.8";
	assert_refused(&c, "start4.elf", TFTP_E_OTHER);
	assert_non_null(strstr(c.error, "/boot"));
}

static void
the_kernels_command_line_is_made_for_the_client(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);

	assert_text(&c, "1a2b3c4d/cmdline.txt",
	    "root=/dev/nfs nfsroot=127.0.0.1:/pi1,vers=3,tcp,nolock,noacl,hard,rsize=131072,"
	    "wsize=131072 rw ip=dhcp rootwait console=serial0,115200 quiet splash\n");
	assert_text(&c, "1a2b3c4d/config.txt", "arm_64bit=1\n[all]\ndtparam=sd_poll_once\n");
}

static void
a_long_or_odd_command_line_stays_within_its_bounds(void **state)
{
	const struct boot_server server = { "192.168.1.1", 20490 };
	char own[5000], out[300];
	size_t n;

	(void)state;
	memset(own, 'x', sizeof(own));
	for (size_t i = 50; i < sizeof(own); i += 51)
		own[i] = i % 2 ? ' ' : '\n';
	n = bootfile_cmdline(own, sizeof(own), "pi1", &server, out, sizeof(out));
	assert_in_range(n, 120, sizeof(out) - 1);
	assert_int_equal(out[n - 1], '\n');
	assert_non_null(memmem(out, n, "port=20490 rw", 13));
	assert_ptr_equal(memchr(out, '\n', n), out + n - 1);
	n = bootfile_cmdline("root=/dev/sda1", 14, "pi1", &server, out, sizeof(out));
	assert_null(memmem(out, n, "sda", 3));
}

static void
a_kernel_that_is_installed_is_what_boots_next(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	struct peer_client *held = hold(f);
	struct view *v = held->view;
	uint32_t firmware = folder(v, folder(v, INO_ROOT, "boot"), "firmware");

	assert_text(&c, "1a2b3c4d/start4.elf", "start");
	put_text(v, firmware, "start4.elf", "another start");
	peer_release(f->service.peers, held);
	assert_text(&c, "1a2b3c4d/start4.elf", "another start");
}

static void
a_probe_ends_early_and_is_no_trouble(void **state)
{
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	uint8_t *got;

	c.tsize = true;
	c.blksize = 1024;
	c.early = true;
	for (int i = 0; i < 100; i++)
		assert_int_equal(tftpclient_get(&c, "1a2b3c4d/kernel8.img", &got), KERNEL);
	c.early = false;
	assert_kernel(f, &c, "1a2b3c4d/kernel8.img");
}

static void
odd_packets_are_survived(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} cases[] = { { "", 0 }, { "\0", 1 }, { "\0\1", 2 }, { "\0\1x", 3 }, { "\0\1x\0octet", 8 },
		{ "\0\1\0octet\0", 9 }, { "\0\11x\0octet\0", 10 }, { "\1\1x\0octet\0", 10 },
		{ "\0\1x\0octet\0blksize\0-1\0tsize", 26 }, { "\0\4\0\1", 4 },
		{ "\0\3\0\1xx", 6 } };
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	uint8_t answer[600], noise[600];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long n = tftpclient_send(&c, cases[i].p, cases[i].n, answer, sizeof(answer));

		assert_true(n == -100 || answer[1] == TFTP_ERROR);
	}
	srand(7);
	for (int i = 0; i < 20; i++) {
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)(k == 0 ? 0 : k == 1 ? 1 : rand());
		tftpclient_send(&c, noise, sizeof(noise), answer, sizeof(answer));
	}
	assert_text(&c, "1a2b3c4d/start4.elf", "start");
}

struct getter {
	struct fixture *f;
	long n;
	bool same;
};

static void *
get_one(void *arg)
{
	struct getter *g = arg;
	struct tftpclient c = client_of(g->f);
	uint8_t *got;

	c.blksize = 1024;
	g->n = tftpclient_get(&c, "1a2b3c4d/kernel8.img", &got);
	g->same = g->n == KERNEL && memcmp(got, g->f->kernel, KERNEL) == 0;
	free(got);
	return NULL;
}

static void
many_at_once_all_get_theirs(void **state)
{
	struct fixture *f = *state;
	struct getter getters[12];
	pthread_t threads[12];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		getters[i] = (struct getter){ .f = f };
		assert_int_equal(pthread_create(&threads[i], NULL, get_one, &getters[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_true(getters[i].same);
	}
}

static void
a_pause_of_minutes_is_not_granted(void **state)
{
	static const char patient[] = "\0\1"
				      "start4.elf\0octet\0timeout\0"
				      "255",
			  quick[] = "\0\1"
				    "start4.elf\0octet\0timeout\0"
				    "3";
	struct fixture *f = *state;
	struct tftpclient c = client_of(f);
	uint8_t answer[600];

	c.from = "127.0.0.9";
	/* DATA at once, since nothing is granted; else an OACK. */
	assert_true(tftpclient_send(&c, patient, sizeof(patient), answer, sizeof(answer)) > 4);
	assert_int_equal(answer[1], 3);
	assert_true(tftpclient_send(&c, quick, sizeof(quick), answer, sizeof(answer)) > 4);
	assert_int_equal(answer[1], 6);
}

static void
a_transfer_that_nobody_takes_keeps_nobody_from_the_view(void **state)
{
	static const char request[] = "\0\1"
				      "kernel8.img\0octet";
	struct fixture *f = *state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(tftp_port(f->tftp)) },
			   from = { .sin_family = AF_INET };
	socklen_t n = sizeof(to);
	uint8_t packet[600], ack[4] = { 0, 4, 0, 1 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.9", &from.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(bind(fd, (void *)&from, sizeof(from)), 0);
	assert_int_equal(sendto(fd, request, sizeof(request), 0, (void *)&to, n), sizeof(request));
	assert_int_equal(recvfrom(fd, packet, sizeof(packet), 0, (void *)&to, &n), 516);
	/* It has half a file to go; this would wait for ever. */
	must(peers_without(f->service.peers, "pi1", NULL, NULL));
	assert_int_equal(sendto(fd, ack, sizeof(ack), 0, (void *)&to, n), sizeof(ack));
	do
		assert_int_equal(recv(fd, packet, sizeof(packet), 0), 516);
	while (packet[3] != 2);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_comes_whole_whatever_is_asked_for),
		TEST(small_blocks_are_numbered_round_and_large_ones_cut),
		TEST(a_block_more_ends_a_file_of_whole_blocks),
		TEST(what_is_lost_is_sent_again),
		TEST(acks_that_come_twice_do_not_multiply),
		TEST(a_pi_is_known_by_serial_mac_or_address),
		TEST(who_is_unknown_is_pending),
		TEST(nothing_leads_out_of_the_view_and_nothing_is_written),
		TEST(a_client_without_a_boot_folder_is_told),
		TEST(the_kernels_command_line_is_made_for_the_client),
		TEST(a_long_or_odd_command_line_stays_within_its_bounds),
		TEST(a_kernel_that_is_installed_is_what_boots_next),
		TEST(a_probe_ends_early_and_is_no_trouble),
		TEST(odd_packets_are_survived),
		TEST(many_at_once_all_get_theirs),
		TEST(a_pause_of_minutes_is_not_granted),
		TEST(a_transfer_that_nobody_takes_keeps_nobody_from_the_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

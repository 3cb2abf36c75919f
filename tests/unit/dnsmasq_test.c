/* The configuration for dnsmasq: what stands in it, and what must never get into it. */
#include "server/boot/dnsmasq.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cow/bytes.h"
static char *
write_text(const struct dnsmasq *d, int want)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	assert_int_equal(dnsmasq_write(f, d), want);
	fclose(f);
	return text;
}

static void
beside_a_router_only_the_boot_is_told(void **state)
{
	const struct dnsmasq_host host = { "dc:a6:32:01:02:03", "10.0.0.9", "pi-01" };
	const struct dnsmasq d = { .interface = "eth0",
		.address = "10.0.0.1",
		.network = "10.0.0.0",
		.netmask = "255.255.255.0",
		.nhosts = 1,
		.hosts = &host };
	char *text = write_text(&d, 0);

	(void)state;
	assert_non_null(strstr(text, "\nport=0\n"));
	assert_non_null(strstr(text, "\ninterface=eth0\n"));
	assert_non_null(strstr(text, "\ndhcp-range=10.0.0.0,proxy,255.255.255.0\n"));
	assert_non_null(strstr(text, "\npxe-service=0,\"Raspberry Pi Boot   \",0,10.0.0.1\n"));
	assert_non_null(strstr(text, "\ndhcp-option-force=66,\"10.0.0.1\"\n"));
	assert_null(strstr(text, "dhcp-host="));
	assert_null(strstr(text, "dhcp-authoritative"));
	assert_null(strstr(text, "enable-tftp"));
	free(text);
}

static void
alone_it_gives_addresses_by_mac(void **state)
{
	const struct dnsmasq_host hosts[] = { { "dc:a6:32:01:02:03", "10.0.0.9", "pi-01" },
		{ "dc:a6:32:01:02:04", "", "pi-02" } };
	const struct dnsmasq d = { .interface = "br0",
		.address = "10.0.0.1",
		.network = "10.0.0.0",
		.netmask = "255.255.255.0",
		.from = "10.0.0.100",
		.to = "10.0.0.199",
		.nhosts = 2,
		.hosts = hosts };
	char *text = write_text(&d, 0);

	(void)state;
	assert_non_null(strstr(text, "\ndhcp-range=10.0.0.100,10.0.0.199,255.255.255.0,12h\n"));
	assert_non_null(strstr(text, "\ndhcp-ignore-clid\n"));
	assert_non_null(strstr(text, "\ndhcp-option=option:router\n"));
	assert_non_null(strstr(text, "\ndhcp-host=dc:a6:32:01:02:03,id:*,10.0.0.9,pi-01\n"));
	assert_non_null(strstr(text, "\ndhcp-host=dc:a6:32:01:02:04,id:*,10.0.0.1"));
	free(text);
}

static void
nothing_gets_in_that_is_not_what_it_should_be(void **state)
{
	const struct dnsmasq good = { .interface = "eth0",
		.address = "10.0.0.1",
		.network = "10.0.0.0",
		.netmask = "255.255.255.0",
		.from = "10.0.0.100",
		.to = "10.0.0.199" };
	struct dnsmasq bad[11];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].interface = "eth0\ndhcp-script=/bin/sh";
	bad[1].interface = "";
	bad[2].interface = "a-name-that-is-too-long";
	bad[3].to = NULL;
	bad[4].from = "10.0.0.x";
	bad[5].router = "10.0.0.1,evil";
	bad[6].to = "10.0.0.50";
	bad[7].from = "10.1.0.100";
	bad[8].to = "10.0.1.9";
	bad[9].router = "10.9.9.9";
	bad[10].from = bad[10].to = NULL;
	bad[10].router = "10.0.0.254";
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *text = write_text(&bad[i], -EINVAL);

		assert_true(!text || !*text);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_router_only_the_boot_is_told),
		cmocka_unit_test(alone_it_gives_addresses_by_mac),
		cmocka_unit_test(nothing_gets_in_that_is_not_what_it_should_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

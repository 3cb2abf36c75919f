/*
 * bootloader OPTION...: a Pi that is switched on: address, files, and the addresses of its kernel
 * and system. The last line of its output says how it went.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sys/bootloader.h"

/* --- files, in each bootloader's order --- */

enum how {
	MUST,  /* no boot without it */
	MAY,   /* often it isn't there */
	LOOK,  /* looks whether it is there, and ends early */
	BARE,  /* without a prefix or options: the ROM's */
	BAREM, /* so, and it must be there */
};

struct step {
	enum how how;
	const char *name;
};

/* From the ROM, then by bootcode.bin, then by start.elf. */
static const struct step steps_3[] = { { BAREM, "bootcode.bin" }, { BARE, "bootsig.bin" },
	{ LOOK, "start.elf" }, { MAY, "autoboot.txt" }, { MUST, "config.txt" },
	{ LOOK, "recovery.elf" }, { LOOK, "start.elf" }, { MUST, "start.elf" },
	{ MUST, "fixup.dat" }, { MAY, "recovery.elf" }, { MUST, "config.txt" },
	{ MAY, "dt-blob.bin" }, { MAY, "recovery.elf" }, { MUST, "config.txt" },
	{ MAY, "bootcfg.txt" }, { MUST, "cmdline.txt" }, { LOOK, "recovery8.img" },
	{ LOOK, "recovery8-32.img" }, { LOOK, "recovery7.img" }, { LOOK, "recovery.img" },
	{ LOOK, "kernel8.img" }, { MAY, "armstub8-32.bin" }, { MUST, "kernel8.img" },
	{ MUST, "initramfs8" } };
static const struct step steps_3b[] = { { MUST, "bcm2710-rpi-3-b.dtb" } };
static const struct step steps_3bplus[] = { { MUST, "bcm2710-rpi-3-b-plus.dtb" } };

static const struct step steps_4[] = { { MUST, "config.txt" }, { MAY, "pieeprom.sig" },
	{ LOOK, "recover4.elf" }, { LOOK, "recovery.elf" }, { MUST, "start4.elf" },
	{ MUST, "fixup4.dat" }, { MUST, "config.txt" }, { MAY, "dt-blob.bin" },
	{ MUST, "config.txt" }, { MAY, "bootcfg.txt" }, { LOOK, "recovery8.img" },
	{ LOOK, "kernel8.img" }, { MUST, "initramfs8" }, { MUST, "bcm2711-rpi-4-b.dtb" },
	{ MAY, "overlays/overlay_map.dtb" }, { MUST, "config.txt" },
	{ MUST, "overlays/vc4-kms-v3d-pi4.dtbo" }, { MUST, "cmdline.txt" },
	{ MAY, "armstub8-gic.bin" }, { MUST, "kernel8.img" } };

/* Its start.elf is in the EEPROM. */
static const struct step steps_5[] = { { MUST, "config.txt" }, { MAY, "pieeprom.sig" },
	{ MUST, "config.txt" }, { MAY, "bcm2712d0-rpi-5-b.dtb" }, { MUST, "bcm2712-rpi-5-b.dtb" },
	{ MAY, "overlays/overlay_map.dtb" }, { MUST, "overlays/vc4-kms-v3d-pi5.dtbo" },
	{ MUST, "cmdline.txt" }, { MAY, "armstub8-2712.bin" }, { MUST, "kernel_2712.img" },
	{ MUST, "initramfs_2712" } };

/* --- */

int
fail(struct pi *pi, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(pi->why, sizeof(pi->why), fmt, args);
	va_end(args);
	return -1;
}

static int
run_step(struct pi *pi, const char *prefix, const struct step *s)
{
	bool bare = s->how == BARE || s->how == BAREM;
	char path[200];
	int rc;

	snprintf(path, sizeof(path), "%s%s", bare ? "" : prefix, s->name);
	rc = tftp_get(pi, path, bare ? TFTP_PLAIN : s->how == LOOK ? TFTP_PROBE : 0);
	return rc == 0 && s->how != MUST && s->how != BAREM ? 1 : rc == 1 ? 1 : -1;
}

static int
run_steps(struct pi *pi, const char *prefix, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (run_step(pi, prefix, &steps[i]) < 0)
			return -1;
	return 0;
}

#define RUN(pi, prefix, steps) run_steps(pi, prefix, steps, sizeof(steps) / sizeof((steps)[0]))

/* The folder of its serial number, if a start.elf is there; else none for all that follows. */
static int
find_prefix(struct pi *pi, char prefix[16])
{
	static const char *const names[] = { "start4.elf", "start.elf" };
	char path[200];

	snprintf(prefix, 16, "%08x/", pi->serial);
	for (size_t i = 0; i < 2; i++) {
		int rc;

		snprintf(path, sizeof(path), "%s%s", prefix, names[i]);
		rc = tftp_get(pi, path, TFTP_PROBE);
		if (rc)
			return rc;
	}
	*prefix = '\0';
	return 0;
}

static int
fetch_3(struct pi *pi)
{
	char prefix[16];

	snprintf(prefix, sizeof(prefix), "%08x/", pi->serial);
	if (RUN(pi, prefix, steps_3) < 0)
		return -1;
	return pi->model == PI_3B ? RUN(pi, prefix, steps_3b) : RUN(pi, prefix, steps_3bplus);
}

static int
fetch(struct pi *pi)
{
	char prefix[16];

	if (ether_resolve(&pi->ether, pi->server) < 0)
		return fail(pi, "no ARP from the TFTP server");
	if (pi->model <= PI_3BPLUS) {
		pi->ether.deaf = true;
		return fetch_3(pi);
	}
	if (find_prefix(pi, prefix) < 0)
		return -1;
	return pi->model == PI_4 ? RUN(pi, prefix, steps_4) : RUN(pi, prefix, steps_5);
}

/* The addresses of the kernel and, if system, of the system are the bootloader's. */
static int
check_leases(struct pi *pi, bool system)
{
	struct in_addr had = pi->ether.address, now;
	char text[INET_ADDRSTRLEN];

	for (int who = DHCP_KERNEL; who <= (system ? DHCP_SYSTEM : DHCP_KERNEL); who++) {
		if (dhcp_lease(pi, (enum dhcp_who)who, &now) < 0)
			return -1;
		inet_ntop(AF_INET, &now, text, sizeof(text));
		if (now.s_addr != had.s_addr)
			return fail(pi, "its %s got another address, %s",
			    who == DHCP_KERNEL ? "kernel" : "system", text);
	}
	return 0;
}

static int
run(struct pi *pi, bool system)
{
	int64_t began = ether_now(), dhcp = 0, files = 0;
	char address[INET_ADDRSTRLEN], server[INET_ADDRSTRLEN];
	struct in_addr had = { 0 };
	int rc = dhcp_boot(pi);

	dhcp = ether_now() - began;
	had = pi->ether.address;
	rc = rc < 0 ? rc : fetch(pi);
	files = ether_now() - began - dhcp;
	rc = rc < 0 ? rc : check_leases(pi, system);
	inet_ntop(AF_INET, &had, address, sizeof(address));
	inet_ntop(AF_INET, &pi->server, server, sizeof(server));
	printf("serial=%08x address=%s server=%s dhcp_ms=%lld tftp_ms=%lld files=%u probed=%u "
	       "refused=%u "
	       "refusal_ms=%u bytes=%llu %s%s\n",
	    pi->serial, address, server, (long long)dhcp, (long long)files, pi->files, pi->probed,
	    pi->refused, pi->worst_refusal, (unsigned long long)pi->bytes,
	    rc < 0 ? "failed: " : "booted", rc < 0 ? pi->why : "");
	return rc < 0 ? 1 : 0;
}

static bool
read_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

int
main(int argc, char **argv)
{
	static const char *const models[] = { "3b", "3b+", "4", "5" };
	struct pi pi = { 0 };
	const char *interface = "eth0";
	uint8_t mac[6] = { 0 };
	bool system = false, good = true;
	int option;

	while ((option = getopt(argc, argv, "i:m:s:t:o:w:vSl")) != -1) {
		switch (option) {
		case 'i':
			interface = optarg;
			break;
		case 'm':
			good = read_mac(optarg, mac) && good;
			break;
		case 's':
			pi.serial = (uint32_t)strtoul(optarg, NULL, 16);
			break;
		case 't':
			while (pi.model <= PI_5 && strcmp(models[pi.model], optarg) != 0)
				pi.model++;
			good = good && pi.model <= PI_5;
			break;
		case 'o':
			pi.out = optarg;
			break;
		case 'w':
			pi.slow = (unsigned)atoi(optarg);
			break;
		case 'v':
			pi.loud = true;
			break;
		case 'S':
			pi.stubborn = true;
			break;
		case 'l':
			system = true;
			break;
		default:
			good = false;
		}
	}
	if (!good || !pi.serial || optind != argc) {
		fprintf(stderr, "bootloader -t 3b|3b+|4|5 -s SERIAL -m MAC [-i INTERFACE] [-o "
				"FOLDER] [-w MICROSECONDS] [-v]"
				" [-S: stubborn] [-l: the system's lease, too]\n");
		return 2;
	}
	if (ether_open(&pi.ether, interface, mac) < 0) {
		perror(interface);
		return 2;
	}
	return run(&pi, system);
}

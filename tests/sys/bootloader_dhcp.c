/* DISCOVER as bootloaders send it; what of the answers each of them believes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/sys/bootloader.h"

#define ANY_PORT_SERVER 67
#define CLIENT_PORT     68
#define FIXED           236 /* bytes before the cookie */
#define PACKET          576
#define ROM_XID         0x26f30339u /* every Pi 3's */

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5 };
enum {
	SUBNET = 1,
	ROUTER = 3,
	VENDOR = 43,
	ADDRESS = 50,
	TYPE = 53,
	SERVER_ID = 54,
	LIST = 55,
	CLASS = 60,
	CLIENT_ID = 61,
	TFTP_NAME = 66,
	ARCH = 93,
	NDI = 94,
	UUID = 97
};

struct reply {
	uint8_t type;
	struct in_addr yours, next, server_id, from;
	char tftp_name[64]; /* option 66 */
	bool pxe;           /* option 60 is PXEClient */
	uint8_t vendor[256];
	size_t nvendor;
};

struct packet {
	uint8_t bytes[PACKET];
	size_t n;
};

/* --- what is sent --- */

static void
put(struct packet *p, unsigned option, const void *value, size_t n)
{
	p->bytes[p->n++] = (uint8_t)option;
	p->bytes[p->n++] = (uint8_t)n;
	memcpy(p->bytes + p->n, value, n);
	p->n += n;
}

static void
begin(struct packet *p, const struct pi *pi, uint32_t xid, uint8_t type)
{
	static const uint8_t head[4] = { 1, 1, 6, 0 }, cookie[4] = { 99, 130, 83, 99 };

	memset(p, 0, sizeof(*p));
	memcpy(p->bytes, head, 4);
	xid = htonl(xid);
	memcpy(p->bytes + 4, &xid, 4);
	memcpy(p->bytes + 28, pi->ether.mac, 6);
	memcpy(p->bytes + FIXED, cookie, 4);
	p->n = FIXED + 4;
	put(p, TYPE, &type, 1);
}

/* A Pi 3's is the serial number four times; later ones tell what they are. */
static void
put_uuid(struct packet *p, const struct pi *pi)
{
	uint8_t uuid[17] = { 0 };
	uint32_t words[4] = { pi->serial, pi->serial, pi->serial, pi->serial };

	if (pi->model >= PI_4) {
		memcpy(&words[0], pi->model == PI_4 ? "RPi4" : "RPi5", 4);
		words[1] = pi->model == PI_4 ? 0xc03111 : 0xd04170;
		memcpy(&words[2], pi->ether.mac + 2, 4);
	}
	memcpy(uuid + 1, words, 16);
	put(p, UUID, uuid, sizeof(uuid));
}

static void
put_boot_options(struct packet *p, const struct pi *pi, bool class)
{
	static const uint8_t list[] = { 43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66, 1,
		3 };
	static const uint8_t arch[2] = { 0, 0 }, ndi[3] = { 1, 2, 1 };

	put(p, LIST, list, sizeof(list));
	put(p, ARCH, arch, sizeof(arch));
	put(p, NDI, ndi, sizeof(ndi));
	put_uuid(p, pi);
	if (class)
		put(p, CLASS, "PXEClient:Arch:00000:UNDI:002001", 32);
}

static void
put_lease_options(struct packet *p, const struct pi *pi, enum dhcp_who who)
{
	static const uint8_t list[] = { 1, 3, 6, 12, 15, 17, 28 };
	uint8_t by_mac[7] = { 1 }, own[19] = { 0xff, 1, 2, 3, 4, 0, 2, 0, 0, 0xab, 0x11 };

	memcpy(by_mac + 1, pi->ether.mac, 6);
	memcpy(own + 11, &pi->serial, 4);
	memcpy(own + 15, &pi->serial, 4);
	put(p, LIST, list, sizeof(list));
	if (who == DHCP_KERNEL)
		put(p, CLIENT_ID, by_mac, sizeof(by_mac));
	else
		put(p, CLIENT_ID, own, sizeof(own));
}

static int
send_packet(struct pi *pi, struct packet *p)
{
	p->bytes[p->n++] = 255;
	return ether_send(
	    &pi->ether, true, CLIENT_PORT, ANY_PORT_SERVER, p->bytes, p->n < 300 ? 300 : p->n);
}

/* --- what comes --- */

static void
take_option(struct reply *r, unsigned option, const uint8_t *v, size_t n)
{
	switch (option) {
	case TYPE:
		r->type = n == 1 ? v[0] : 0;
		break;
	case SERVER_ID:
		if (n == 4)
			memcpy(&r->server_id, v, 4);
		break;
	case CLASS:
		r->pxe = n >= 9 && memcmp(v, "PXEClient", 9) == 0;
		break;
	case TFTP_NAME:
		snprintf(r->tftp_name, sizeof(r->tftp_name), "%.*s", (int)n, (const char *)v);
		break;
	case VENDOR:
		memcpy(r->vendor, v, n);
		r->nvendor = n;
		break;
	default:
		break;
	}
}

/* A reply to this very machine: all Pi 3 have one xid. */
static bool
take_reply(const struct pi *pi, uint32_t xid, const struct ether_udp *u, struct reply *r)
{
	uint32_t theirs;
	size_t at = FIXED + 4;

	memset(r, 0, sizeof(*r));
	if (u->n < FIXED + 4 || u->data[0] != 2 || memcmp(u->data + 28, pi->ether.mac, 6) != 0)
		return false;
	memcpy(&theirs, u->data + 4, 4);
	memcpy(&r->yours, u->data + 16, 4);
	memcpy(&r->next, u->data + 20, 4);
	r->from = u->from;
	while (at + 1 < u->n && u->data[at] != 255) {
		size_t n = u->data[at] ? u->data[at + 1] : 0;

		if (u->data[at] == 0) {
			at++;
			continue;
		}
		if (at + 2 + n > u->n)
			return false;
		take_option(r, u->data[at], u->data + at + 2, n);
		at += n + 2;
	}
	return theirs == htonl(xid) && r->type;
}

/* The menu of a PXE server, within option 43: the text of its first item. */
static size_t
find_menu(const struct reply *r, const char **out)
{
	size_t at = 0;

	while (at + 1 < r->nvendor && r->vendor[at] != 255) {
		size_t n = r->vendor[at + 1];

		if (at + 2 + n > r->nvendor)
			return 0;
		if (r->vendor[at] == 9 && n >= 3 && r->vendor[at + 4] <= n - 3) {
			*out = (const char *)r->vendor + at + 5;
			return r->vendor[at + 4];
		}
		at += n + 2;
	}
	return 0;
}

/* The 3B's ROM counts wrongly, and so wants three blanks behind. */
static bool
is_ours(const struct pi *pi, const struct reply *r)
{
	const char *want = pi->model == PI_3B ? "Raspberry Pi Boot   " : "Raspberry Pi Boot", *menu;
	size_t n = find_menu(r, &menu);

	return n >= strlen(want) && memcmp(menu, want, strlen(want)) == 0;
}

static void
keep_vendor(const struct pi *pi, const struct reply *r)
{
	char path[600];
	FILE *f;

	if (!pi->out)
		return;
	snprintf(path, sizeof(path), "%s/option43", pi->out);
	f = fopen(path, "w");
	for (size_t i = 0; f && i < r->nvendor; i++)
		fprintf(f, "%02x", r->vendor[i]);
	if (f) {
		fputc('\n', f);
		fclose(f);
	}
}

/* --- a bootloader's part --- */

/* Who has the files. A 3B's ROM believes the sender only. */
static void
choose_server(struct pi *pi, const struct reply *menu, const struct reply *address)
{
	struct in_addr named;

	if (pi->model == PI_3B)
		pi->server = pi->stubborn ? address->from : menu->from;
	else if (inet_pton(AF_INET, menu->tftp_name, &named) == 1)
		pi->server = named;
	else if (menu->next.s_addr)
		pi->server = menu->next;
	else
		pi->server = menu->server_id;
}

/* Offers till there is one with an address and one with the menu, which may be the same. */
static bool
take_offers(struct pi *pi, uint32_t xid, int64_t till, struct reply *address, struct reply *menu)
{
	struct ether_udp u;
	struct reply r;

	while (!(address->type && menu->type) &&
	       ether_receive(&pi->ether, CLIENT_PORT, till, &u) == 0) {
		if (!take_reply(pi, xid, &u, &r) || r.type != OFFER)
			continue;
		if (r.yours.s_addr && !address->type)
			*address = r;
		if (is_ours(pi, &r) && !menu->type)
			*menu = r;
	}
	return address->type && menu->type;
}

/* Asks for what was offered, and waits for the ACK. The EEPROM's REQUEST may lack option 60. */
static bool
request(struct pi *pi, uint32_t xid, const struct reply *offer, int64_t till, int who)
{
	struct packet p;
	struct ether_udp u;
	struct reply r;

	begin(&p, pi, xid, REQUEST);
	put(&p, ADDRESS, &offer->yours, 4);
	put(&p, SERVER_ID, &offer->server_id, 4);
	if (who < 0)
		put_boot_options(&p, pi, pi->model == PI_5);
	else
		put_lease_options(&p, pi, (enum dhcp_who)who);
	send_packet(pi, &p);
	while (ether_receive(&pi->ether, CLIENT_PORT, till, &u) == 0)
		if (take_reply(pi, xid, &u, &r) && r.type == ACK &&
		    r.yours.s_addr == offer->yours.s_addr)
			return true;
	return false;
}

int
dhcp_boot(struct pi *pi)
{
	bool rom = pi->model <= PI_3BPLUS;
	uint32_t xid = rom ? ROM_XID : pi->serial * 2654435761u;
	int tries = rom ? 5 : 11, ms = rom ? 5000 : 4000;
	struct reply address = { 0 }, menu = { 0 };
	bool done = false;

	pi->ether.address.s_addr = 0;
	for (int i = 0; i < tries && !done; i++) {
		int64_t till = ether_now() + ms;
		struct packet p;

		begin(&p, pi, xid, DISCOVER);
		put_boot_options(&p, pi, true);
		send_packet(pi, &p);
		done = take_offers(pi, xid, till, &address, &menu) &&
		       (rom || request(pi, xid, &address, till, -1));
	}
	if (!done)
		return fail(pi, "DHCP: no %s",
		    !address.type ? "address"
		    : !menu.type  ? "menu with its name"
				  : "answer to the request");
	keep_vendor(pi, &menu);
	pi->ether.address = address.yours;
	choose_server(pi, &menu, &address);
	return 0;
}

/* --- a kernel's and a system's --- */

int
dhcp_lease(struct pi *pi, enum dhcp_who who, struct in_addr *out)
{
	uint32_t xid = pi->serial * 2246822519u + who;

	pi->ether.address.s_addr = 0;
	for (int i = 0; i < 8; i++) {
		int64_t till = ether_now() + 4000;
		struct packet p;
		struct ether_udp u;
		struct reply r;

		begin(&p, pi, xid, DISCOVER);
		put_lease_options(&p, pi, who);
		send_packet(pi, &p);
		while (ether_receive(&pi->ether, CLIENT_PORT, till, &u) == 0) {
			if (!take_reply(pi, xid, &u, &r) || r.type != OFFER || !r.yours.s_addr)
				continue;
			if (!request(pi, xid, &r, till, (int)who))
				break;
			*out = pi->ether.address = r.yours;
			return 0;
		}
	}
	return fail(pi, "DHCP: no lease for its %s", who == DHCP_KERNEL ? "kernel" : "system");
}

/* What each line is for stands in the text itself: people read it when a Pi doesn't boot. */
#include "server/boot/dnsmasq.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cow/err.h"

#define RANGE_MAX 65536u

static uint32_t
number(const char *text)
{
	struct in_addr a = { 0 };

	inet_pton(AF_INET, text, &a);
	return ntohl(a.s_addr);
}

/* An address of the interface's network. */
static int
check_address(const struct dnsmasq *d, const char *what, const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return err_set(EINVAL, "%s %.40s: that is no address", what, text);
	if ((number(text) & number(d->netmask)) != number(d->network))
		return err_set(EINVAL, "%s %s: the network of %s is %s, netmask %s", what, text,
		    d->interface, d->network, d->netmask);
	return 0;
}

static int
check_range(const struct dnsmasq *d)
{
	int rc;

	if (!d->to)
		return err_set(EINVAL, "a range is two addresses, as in "
				       "192.168.1.100,192.168.1.199");
	if ((rc = check_address(d, "the range's", d->from)) < 0 ||
	    (rc = check_address(d, "the range's", d->to)) < 0)
		return rc;
	if (number(d->to) < number(d->from) || number(d->to) - number(d->from) >= RANGE_MAX)
		return err_set(EINVAL, "the range %s,%s ends before it begins, or is too large",
		    d->from, d->to);
	return 0;
}

/* Nothing that is taken over may end its line, or begin another word of it. */
static int
check(const struct dnsmasq *d)
{
	size_t n = strlen(d->interface);
	int rc;

	if (n == 0 || n >= IFNAMSIZ)
		return err_set(EINVAL, "\"%.20s\" is no interface", d->interface);
	for (const char *p = d->interface; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-@", *p))
			return err_set(EINVAL, "\"%.20s\" is no interface", d->interface);
	if (d->router && !d->from)
		return err_set(EINVAL, "a router is told only to whom an address is given: "
				       "a range is missing");
	rc = d->from ? check_range(d) : 0;
	return rc == 0 && d->router ? check_address(d, "the router", d->router) : rc;
}

/* --- a fixed address for each client ---
 * A Pi 3 takes what it is offered and never says so: dnsmasq then offers it to another, too. So
 * does its ping, for which everybody waits three seconds. An address that is a client's has
 * neither. */

struct range {
	uint32_t from, size;
	bool *used;
};

static void
take(struct range *r, const char *text)
{
	uint32_t at = text ? number(text) - r->from : r->size;

	if (at < r->size)
		r->used[at] = true;
}

/* By its MAC, so that it is the same each time, whoever else there is; but for collisions. "" when
 * three quarters of the range are taken: strangers need some. */
static const char *
pick(struct range *r, const char *mac, uint32_t *left, char out[INET_ADDRSTRLEN])
{
	uint32_t at = 2166136261u;
	struct in_addr a;

	*out = '\0';
	if (*left == 0)
		return out;
	--*left;
	for (const char *p = mac; *p; p++)
		at = (at ^ (unsigned char)*p) * 16777619u;
	for (at = (at ^ at >> 15) % r->size; r->used[at];)
		at = (at + 1) % r->size;
	r->used[at] = true;
	a.s_addr = htonl(r->from + at);
	inet_ntop(AF_INET, &a, out, INET_ADDRSTRLEN);
	return out;
}

static int
open_range(struct range *r, const struct dnsmasq *d, uint32_t *left)
{
	uint32_t taken = 0;

	r->from = number(d->from);
	r->size = number(d->to) - r->from + 1;
	r->used = calloc(r->size, sizeof(*r->used));
	if (!r->used)
		return -ENOMEM;
	take(r, d->address);
	take(r, d->router);
	for (int i = 0; i < d->nhosts; i++)
		take(r, *d->hosts[i].address ? d->hosts[i].address : NULL);
	for (uint32_t i = 0; i < r->size; i++)
		taken += r->used[i];
	*left = taken < r->size / 4 * 3 ? r->size / 4 * 3 - taken : 0;
	return 0;
}

static void
write_hosts(FILE *to, const struct dnsmasq *d, struct range *r, uint32_t left)
{
	char picked[INET_ADDRSTRLEN];

	if (d->nhosts)
		fputs("\n# Clients, by MAC whatever else they call themselves, each with its "
		      "address.\n",
		    to);
	for (int i = 0; i < d->nhosts; i++) {
		const struct dnsmasq_host *h = &d->hosts[i];
		const char *address = *h->address ? h->address : pick(r, h->mac, &left, picked);

		fprintf(to, "dhcp-host=%s,id:*,%s%s%s\n", h->mac, address, *address ? "," : "",
		    h->name);
	}
}

int
dnsmasq_write(FILE *to, const struct dnsmasq *d)
{
	struct range range = { 0 };
	uint32_t left = 0;
	int rc = check(d);

	if (rc == 0 && d->from)
		rc = open_range(&range, d, &left);
	if (rc < 0)
		return rc;
	fprintf(to,
	    "# Written by rubus dnsmasq: DHCP for Pis that boot from this machine, %s.\n"
	    "# Neither names nor files are served by dnsmasq.\n"
	    "port=0\n"
	    "interface=%s\n"
	    "bind-interfaces\n"
	    "log-dhcp\n",
	    d->from ? "which gives them their addresses" : "beside a router that gives addresses",
	    d->interface);
	if (d->from)
		fprintf(to,
		    "\n# Addresses. The bootloader, the kernel and the system of a Pi each ask "
		    "under"
		    " another\n# identifier, and must get the same: only the MAC counts.\n"
		    "dhcp-range=%s,%s,%s,12h\n"
		    "dhcp-authoritative\n"
		    "dhcp-ignore-clid\n"
		    "dhcp-option=option:router%s%s\n",
		    d->from, d->to, d->netmask, d->router ? "," : "", d->router ? d->router : "");
	else
		fprintf(to, "\n# Only what the router doesn't say.\ndhcp-range=%s,proxy,%s\n",
		    d->network, d->netmask);
	/* The three blanks are for the Pi 3B, whose ROM counts them. */
	fprintf(to,
	    "\n# What a bootloader wants to hear, and where its files are.\n"
	    "pxe-service=0,\"Raspberry Pi Boot   \",0,%s\n"
	    "dhcp-boot=bootcode.bin,,%s\n"
	    "dhcp-option-force=66,\"%s\"\n",
	    d->address, d->address, d->address);
	if (d->from)
		write_hosts(to, d, &range, left);
	free(range.used);
	return ferror(to) ? -EIO : 0;
}

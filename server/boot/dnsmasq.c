/* What each line is for stands in the text itself: people read it when a Pi doesn't boot. */
#include "server/boot/dnsmasq.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "cow/err.h"

static bool
is_address(const char *text)
{
	struct in_addr a;

	return inet_pton(AF_INET, text, &a) == 1;
}

/* Nothing that is taken over may end its line, or begin another word of it. */
static int
check(const struct dnsmasq *d)
{
	size_t n = strlen(d->interface);

	if (n == 0 || n >= IFNAMSIZ)
		return err_set(EINVAL, "\"%.20s\" is no interface", d->interface);
	for (const char *p = d->interface; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-@", *p))
			return err_set(EINVAL, "\"%.20s\" is no interface", d->interface);
	if ((d->from && (!is_address(d->from) || !d->to || !is_address(d->to))) ||
	    (d->router && !is_address(d->router)))
		return err_set(EINVAL, "a range is two addresses, as in "
				       "192.168.1.100,192.168.1.199, and a router is one");
	return 0;
}

static void
write_hosts(FILE *to, const struct dnsmasq *d)
{
	if (d->nhosts)
		fputs("\n# Clients, by MAC whatever else they call themselves.\n", to);
	for (int i = 0; i < d->nhosts; i++) {
		const struct dnsmasq_host *h = &d->hosts[i];

		fprintf(to, "dhcp-host=%s,id:*,%s%s%s\n", h->mac, h->address,
		    *h->address ? "," : "", h->name);
	}
}

int
dnsmasq_write(FILE *to, const struct dnsmasq *d)
{
	int rc = check(d);

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
		write_hosts(to, d);
	return ferror(to) ? -EIO : 0;
}

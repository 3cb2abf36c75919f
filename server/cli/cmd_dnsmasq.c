/* rubus dnsmasq: a configuration for dnsmasq, by what the store knows of its clients. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/boot/dnsmasq.h"
#include "server/cli/cli.h"
#include "server/cli/print.h"

#define HOSTS_MAX 4096

struct addresses {
	char address[INET_ADDRSTRLEN], network[INET_ADDRSTRLEN], netmask[INET_ADDRSTRLEN];
};

static int
find_addresses(const char *interface, struct addresses *out)
{
	struct ifaddrs *all, *i;
	struct in_addr net;
	int rc;

	if (getifaddrs(&all) < 0)
		return err_errno("no list of interfaces");
	for (i = all; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && i->ifa_netmask &&
		    strcmp(i->ifa_name, interface) == 0)
			break;
	if (i) {
		const struct sockaddr_in *a = (const void *)i->ifa_addr,
					 *m = (const void *)i->ifa_netmask;

		net.s_addr = a->sin_addr.s_addr & m->sin_addr.s_addr;
		inet_ntop(AF_INET, &a->sin_addr, out->address, sizeof(out->address));
		inet_ntop(AF_INET, &m->sin_addr, out->netmask, sizeof(out->netmask));
		inet_ntop(AF_INET, &net, out->network, sizeof(out->network));
	}
	rc = i ? 0
	       : err_set(ENOENT,
		     "the interface %s has no IPv4 address, or there is none of that name",
		     interface);
	freeifaddrs(all);
	return rc;
}

/* The values of a list, commas taken out, one after the other; NULL: no more. */
static char *
next_of(char **list)
{
	return *list && **list ? strsep(list, ",") : NULL;
}

/* The client's first address within the network: not one of another. */
static const char *
address_in(char *addresses, const struct addresses *net)
{
	struct in_addr a, n, m;
	char *one;

	inet_pton(AF_INET, net->network, &n);
	inet_pton(AF_INET, net->netmask, &m);
	while ((one = next_of(&addresses)))
		if (inet_pton(AF_INET, one, &a) == 1 && (a.s_addr & m.s_addr) == n.s_addr)
			return one;
	return "";
}

/* One line a MAC; only the first of a client can have its fixed address. What the answer lends is
 * cut into pieces. */
static int
take_hosts(struct proto_answer *answer, const struct addresses *net, struct dnsmasq_host *out)
{
	int n = 0;

	for (int i = 0; i < answer->nrows; i++) {
		const struct proto_row *row = &answer->rows[i];
		char *macs = (char *)(uintptr_t)proto_value(row, "macs"),
		     *addresses = (char *)(uintptr_t)proto_value(row, "addresses"), *mac;
		const char *learned = proto_value(row, "learned"), *address;

		if (!macs || !addresses || strcmp(row->kind, "client") != 0)
			continue;
		address = address_in(addresses, net);
		if (learned && strcmp(address, learned) == 0)
			address = "";
		while ((mac = next_of(&macs)) && n < HOSTS_MAX) {
			out[n++] = (struct dnsmasq_host){ mac, address, proto_value(row, "name") };
			address = "";
		}
	}
	return n;
}

int
cli_dnsmasq(struct cli *cli)
{
	struct dnsmasq_host *hosts CLEANUP_FREE = calloc(HOSTS_MAX, sizeof(*hosts));
	char range[64] = "", *to = NULL;
	struct proto_answer answer;
	struct addresses net;
	struct dnsmasq d;
	int status, rc;

	if (cli->given & CLI_RANGE) {
		snprintf(range, sizeof(range), "%s", cli->range);
		to = strchr(range, ',');
		if (to)
			*to++ = '\0';
	}
	rc = hosts ? find_addresses(cli->interface, &net) : -ENOMEM;
	if (rc < 0) {
		fprintf(stderr, "rubus: %s\n", err_text(rc));
		return 1;
	}
	status = cli_ask_name(cli, "client-list", NULL, &answer);
	if (status)
		return status;
	d = (struct dnsmasq){ .interface = cli->interface,
		.address = net.address,
		.network = net.network,
		.netmask = net.netmask,
		.from = *range ? range : NULL,
		.to = to,
		.router = cli->given & CLI_ROUTER ? cli->router : NULL,
		.hosts = hosts };
	d.nhosts = take_hosts(&answer, &net, hosts);
	rc = dnsmasq_write(stdout, &d);
	proto_answer_free(&answer);
	if (rc < 0)
		fprintf(stderr, "rubus: %s\n", err_text(rc));
	return rc < 0 || fflush(stdout) ? 1 : 0;
}

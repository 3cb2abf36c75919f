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

/* An address of the interface's network; in the order of the host. */
static int
read_address(const char *option, const char *text, const struct addresses *net, uint32_t *out)
{
	struct in_addr a, n, m;

	inet_pton(AF_INET, net->network, &n);
	inet_pton(AF_INET, net->netmask, &m);
	if (!text || inet_pton(AF_INET, text, &a) != 1)
		return err_set(EINVAL, "%s %s: that is no address", option, text ? text : "");
	if ((a.s_addr & m.s_addr) != n.s_addr)
		return err_set(EINVAL, "%s %s: the interface's network is %s, netmask %s", option,
		    text, net->network, net->netmask);
	*out = ntohl(a.s_addr);
	return 0;
}

static int
check_given(const struct cli *cli, const char *from, const char *to, const struct addresses *net)
{
	uint32_t first, last, router;
	int rc = 0;

	if (cli->given & CLI_RANGE && (!to || !*from))
		return err_set(EINVAL, "--range wants two addresses, as 10.77.0.100,10.77.0.199");
	if (cli->given & CLI_RANGE && (rc = read_address("--range", from, net, &first)) == 0 &&
	    (rc = read_address("--range", to, net, &last)) == 0 && last < first)
		rc = err_set(EINVAL, "--range %s,%s: it ends before it begins", from, to);
	if (rc == 0 && cli->given & CLI_ROUTER) {
		if (!(cli->given & CLI_RANGE))
			return err_set(EINVAL, "--router is told to clients with an address only: "
					       "give --range, too");
		rc = read_address("--router", cli->router, net, &router);
	}
	return rc;
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
	if (rc == 0)
		rc = check_given(cli, range, to, &net);
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

/* A packet socket, of which a filter shows what is for this station only. */
#include "tests/lib/ether.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IGNORE_OUTGOING 23 /* PACKET_IGNORE_OUTGOING, which older headers lack */
#define ARP_BYTES       28
#define ARP_TRIES       4
#define ARP_MS          500
#define IP_HEAD         20
#define UDP_HEAD        8

int64_t
ether_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* --- frames --- */

static int
set_filter(int fd, const uint8_t mac[6])
{
	uint32_t high = (uint32_t)get16(mac) << 16 | get16(mac + 2);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, get16(mac + 4), 2, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ETHER_FRAME),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

int
ether_open(struct ether *e, const char *interface, const uint8_t mac[6])
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int on = 1, bytes = 1 << 20;

	memset(e, 0, sizeof(*e));
	memcpy(e->mac, mac, 6);
	e->interface = at.sll_ifindex = (int)if_nametoindex(interface);
	e->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (e->fd < 0 || !e->interface)
		return -errno;
	setsockopt(e->fd, SOL_PACKET, IGNORE_OUTGOING, &on, sizeof(on));
	setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (set_filter(e->fd, mac) < 0 || bind(e->fd, (void *)&at, sizeof(at)) < 0)
		return -errno;
	return 0;
}

static int
send_frame(struct ether *e, const uint8_t to[6], unsigned type, const uint8_t *body, size_t n)
{
	uint8_t frame[ETHER_FRAME] = { 0 };

	memcpy(frame, to, 6);
	memcpy(frame + 6, e->mac, 6);
	put16(frame + 12, type);
	memcpy(frame + ETH_HLEN, body, n);
	n = n + ETH_HLEN < ETH_ZLEN ? ETH_ZLEN : n + ETH_HLEN;
	return send(e->fd, frame, n, 0) < 0 ? -errno : 0;
}

/* --- ARP --- */

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static int
send_arp(struct ether *e, unsigned op, const uint8_t to[6], struct in_addr about)
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 };
	uint8_t arp[ARP_BYTES] = { 0 };

	memcpy(arp, head, sizeof(head));
	put16(arp + 6, op);
	memcpy(arp + 8, e->mac, 6);
	memcpy(arp + 14, &e->address, 4);
	if (op == 2)
		memcpy(arp + 18, to, 6);
	memcpy(arp + 24, &about, 4);
	return send_frame(e, to, ETH_P_ARP, arp, sizeof(arp));
}

/* An answer from the peer is kept; a question for us is answered. */
static void
take_arp(struct ether *e, const uint8_t *arp, size_t n)
{
	struct in_addr asked, from;

	if (n < ARP_BYTES)
		return;
	memcpy(&from, arp + 14, 4);
	memcpy(&asked, arp + 24, 4);
	if (get16(arp + 6) == 2 && from.s_addr == e->peer.s_addr)
		memcpy(e->peer_mac, arp + 8, 6);
	else if (get16(arp + 6) == 1 && e->address.s_addr && asked.s_addr == e->address.s_addr &&
		 !e->deaf)
		send_arp(e, 2, arp + 8, from);
}

/* --- IPv4 and UDP --- */

static uint32_t
sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static unsigned
fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

int
ether_send(
    struct ether *e, bool to_all, uint16_t from_port, uint16_t to_port, const void *p, size_t n)
{
	uint8_t ip[ETHER_FRAME] = { 0x45 }, *udp = ip + IP_HEAD;
	const uint8_t *to = to_all ? everybody : e->peer_mac;

	if (n > 1472)
		return -EMSGSIZE;
	put16(ip + 2, (unsigned)n + IP_HEAD + UDP_HEAD);
	ip[8] = 128;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &e->address, 4);
	memcpy(ip + 16, to_all ? everybody : (const uint8_t *)&e->peer, 4);
	put16(ip + 10, fold(sum(0, ip, IP_HEAD)));
	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, (unsigned)n + UDP_HEAD);
	memcpy(udp + UDP_HEAD, p, n);
	put16(udp + 6, fold(sum(IPPROTO_UDP + (uint32_t)n + UDP_HEAD, ip + 12, n + 8 + UDP_HEAD)));
	return send_frame(e, to, ETH_P_IP, ip, n + IP_HEAD + UDP_HEAD);
}

/* Sums are the kernel's business: between virtual interfaces it makes none. */
static bool
take_udp(const struct ether *e, const uint8_t *ip, size_t n, struct ether_udp *out)
{
	size_t head, length;

	if (n < IP_HEAD + UDP_HEAD || ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP)
		return false;
	head = (ip[0] & 15u) * 4;
	if (head < IP_HEAD || head + UDP_HEAD > n)
		return false;
	length = get16(ip + head + 4);
	if (length < UDP_HEAD || head + length > n)
		return false;
	memcpy(&out->from, ip + 12, 4);
	memcpy(&out->to, ip + 16, 4);
	out->from_port = (uint16_t)get16(ip + head);
	out->to_port = (uint16_t)get16(ip + head + 2);
	out->data = ip + head + UDP_HEAD;
	out->n = length - UDP_HEAD;
	return !e->address.s_addr || out->to.s_addr == e->address.s_addr;
}

/* --- what comes --- */

/* 1: a datagram, 0: something else, which was seen to. */
static int
take_frame(struct ether *e, int64_t till, struct ether_udp *out)
{
	struct pollfd p = { e->fd, POLLIN, 0 };
	int64_t left = till - ether_now();
	ssize_t n;

	if (poll(&p, 1, left > 0 ? (int)left : 0) < 0)
		return -errno;
	if (!p.revents)
		return left > 0 ? 0 : -ETIMEDOUT;
	n = recv(e->fd, e->frame, sizeof(e->frame), MSG_DONTWAIT);
	if (n < ETH_HLEN)
		return 0;
	n -= ETH_HLEN;
	if (get16(e->frame + 12) == ETH_P_ARP)
		take_arp(e, e->frame + ETH_HLEN, (size_t)n);
	return get16(e->frame + 12) == ETH_P_IP && take_udp(e, e->frame + ETH_HLEN, (size_t)n, out);
}

int
ether_receive(struct ether *e, uint16_t port, int64_t till, struct ether_udp *out)
{
	int rc;

	while ((rc = take_frame(e, till, out)) >= 0)
		if (rc == 1 && out->to_port == port)
			return 0;
	return rc;
}

int
ether_resolve(struct ether *e, struct in_addr peer)
{
	static const uint8_t none[6];
	struct ether_udp ignored;

	e->peer = peer;
	memset(e->peer_mac, 0, 6);
	for (int i = 0; i < ARP_TRIES; i++) {
		int64_t till = ether_now() + ARP_MS;

		send_arp(e, 1, everybody, peer);
		while (take_frame(e, till, &ignored) >= 0)
			if (memcmp(e->peer_mac, none, 6) != 0)
				return 0;
	}
	return -ETIMEDOUT;
}

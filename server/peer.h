/*
 * Peer: who calls: address -> client -> view. A view is opened once, counted, and closed when it
 * was idle for long or its client is removed. Thread-safe.
 */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include <netinet/in.h>

#include "cow/view.h"
#include "server/service.h"

/* One caller: its connection, or its address for a datagram. Plain data. */
struct peer {
	uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;       /* source port */
	bool loopback;
	char text[46]; /* the address as people write it */
};

/* Of an address as above. */
bool peer_address_is_four(const uint8_t address[16]); /* IPv4 */
bool peer_address_is_loopback(const uint8_t address[16]);
void peer_address_text(const uint8_t address[16], char out[46]);

void peer_from_sockaddr(const struct sockaddr_storage *, struct peer *out);

/* A client that is in use: its catalogue entry and its open view. */
struct peer_client {
	struct client info;
	struct view *view;
	_Atomic uint64_t reads, read_bytes; /* READs since the view was opened */
					    /* the rest is private to peer.c */
};

int peers_open(struct service *, struct peers **out);
void peers_close(struct peers *); /* flushes and closes all views */

/* May this source port talk to us? (1024 and up only from loopback, or insecure_ports.) */
bool peer_port_ok(const struct service *, const struct peer *);

/* May this caller use the client's view? Its own addresses and loopback may; all, if the client
 * says so. Source ports are not looked at. */
bool peer_may_use(const struct peer *, const struct client *);

/* The client whose view this is, if the caller may use it: -ESTALE no such view, -EACCES the
 * view is not bound to this address, -EPERM the source port is refused. Held till peer_release. */
int peer_by_id(
    struct peers *, const struct peer *, const struct id *view, struct peer_client **out);
/* By export path: "/NAME", or "/" for the caller's own by address. -ENOENT, -EACCES, -EPERM. */
int peer_by_path(struct peers *, const struct peer *, struct str path, struct peer_client **out);
void peer_release(struct peers *, struct peer_client *);

/* MOUNT's list of who has mounted what, kept in memory only (RFC 1813 section 5.2). */
void peer_mounted(struct peers *, const struct peer *, const struct peer_client *, struct str path);
void peer_unmounted(struct peers *, const struct peer *, struct str path); /* n == 0: all of its */
struct peer_mount {
	char address[46], path[66], client[65];
	int64_t since, last; /* seconds since 1970: MNT, and the last call seen from there */
};
typedef int peer_mount_fn(void *arg, const struct peer_mount *);
/* fn runs under the list's lock and must not call back; what it returns but 0 ends the walk. */
int peers_mounts(struct peers *, peer_mount_fn *, void *arg);
/* Calls fn for each view that is open, held meanwhile. */
int peers_each(struct peers *, int (*fn)(void *arg, struct peer_client *), void *arg);

/* Forgets a client that has changed: closes its view when nobody holds it any more; new calls look
 * it up again. Waits for running calls. */
void peers_drop(struct peers *, const char *client);
/* The same, and then runs fn (NULL: nothing) before its view, or any, can be opened again: for the
 * removal of a client, or what else may not have an open view beside it. Returns what fn does. */
int peers_without(struct peers *, const char *client, int (*fn)(void *arg), void *arg);
/* The same for n clients. */
int peers_without_all(
    struct peers *, const char *const *clients, int n, int (*fn)(void *arg), void *arg);
/* Runs fn with the views of n clients, NULL where one is not open; none is opened or closed
 * meanwhile, and calls go on. Returns what fn does. */
int peers_with(struct peers *, const char *const *clients, int n,
    int (*fn)(void *arg, struct view *const *views), void *arg);
/* Does a machine use it as its root, as far as one can know? It has mounted it, and called not long
 * ago, or the server itself began not long ago. */
bool peers_in_use(struct peers *, const struct client *);
/* The addresses, but loopback, from which a client's view was called since then (seconds since
 * 1970), as far as they are its own: how many; at most CLIENT_ADDRESSES. */
int peers_seen(struct peers *, const char *client, int64_t since, char out[][46]);
/* From a timer: flushes uncommitted writes, closes idle views, trims memory to the budget. */
void peers_tick(struct peers *);

#endif

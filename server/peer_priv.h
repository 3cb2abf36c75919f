/*
 * What peer.c (the open views), peer_address.c (who may use which) and peer_mounts.c (who has
 * mounted what) share.
 *
 * Lock order: change, lock, mounts_lock; idle_lock alone.
 */
#ifndef SERVER_PEER_PRIV_H
#define SERVER_PEER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/peer.h"

/* By which right a caller uses a view: one of its addresses, loopback, or any address. */
#define PEER_SLOT_LOOPBACK CLIENT_ADDRESSES
#define PEER_SLOT_ANY      (CLIENT_ADDRESSES + 1)
#define PEER_SLOTS         (CLIENT_ADDRESSES + 2)

struct peer_entry {
	struct peer_client client; /* first: a peer_client is its entry */
	uint8_t addresses[CLIENT_ADDRESSES][16];
	atomic_uint refs;                 /* callers, and one for the table */
	bool idle;                        /* refs came to 0; under idle_lock */
	_Atomic int64_t seen[PEER_SLOTS]; /* seconds since 1970 of the last call */
	struct peer_entry *next;          /* in its bucket */
};

#define PEER_BUCKETS 256

struct peer_mounts {
	pthread_mutex_t lock;
	struct mounted *list;
	uint32_t n, size;
};

struct peers {
	struct service *service;
	pthread_mutex_t
	    change; /* held while a view is opened or closed, so that none is open twice */
	pthread_rwlock_t lock; /* the table */
	struct peer_entry *table[PEER_BUCKETS];
	uint32_t n;
	pthread_mutex_t idle_lock;
	pthread_cond_t idle;
	struct peer_mounts mounts;
	int64_t flushed; /* seconds since 1970: the timer's */
	int64_t refused; /* .. when it was last logged that a view is another's; under change */
};

/* A client's address, as the catalogue has it, in the form of struct peer. */
void peer_address_parse(const char *text, uint8_t out[16]);
/* The slot by which this address may use the entry's view, or -EACCES. */
int peer_slot(const struct peer_entry *, const uint8_t address[16]);
/* The entry of a view, or NULL; under lock. */
struct peer_entry *peer_find(struct peers *, const struct id *view);

void peer_mounts_init(struct peer_mounts *);
void peer_mounts_free(struct peer_mounts *);
/* Takes over from the entries when each mount was last used; before an entry goes. */
void peer_mounts_refresh(struct peers *);

/* When one of a client's mounts was last used; 0: none is known. */
int64_t peer_mounts_last(struct peers *, const char *client);

#endif

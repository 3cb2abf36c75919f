/*
 * Client: a Pi in the catalogue: its name, addresses, image and chain of layers.
 */
#ifndef COW_CLIENT_H
#define COW_CLIENT_H

#include <stdbool.h>

#include "cow/store.h"

#define CLIENT_ADDRESSES_GIVEN 8
#define CLIENT_ADDRESSES       (CLIENT_ADDRESSES_GIVEN + 1) /* with one that was learned */
#define CLIENT_MACS            4

struct client {
	char name[65];
	struct id id;         /* the view's: in handles and fsid, for ever */
	uint8_t key[16];      /* of the tag in its handles */
	uint32_t incarnation; /* raised by what makes old handles stale */
	char image[65];
	struct id image_id;
	uint64_t head; /* its open layer */
	bool any_address;
	int naddresses;
	char addresses[CLIENT_ADDRESSES][46]; /* numeric, as inet_ntop prints */
	char learned[46]; /* the one of them that it got at its last boot; "": none */
	char serial[17]; /* lower-case hex, 8 or 16 digits, as its bootloader asks; "": not known */
	int nmacs;
	char macs[CLIENT_MACS][18]; /* dc:a6:32:01:02:03 */
	int64_t created;
	char group[65];                    /* "": none */
	uint64_t identity;                 /* the layer that a reset keeps; 0: none */
	uint64_t quota;                    /* bytes; 0: none */
	bool is_volatile;                  /* its head may be lost when the server dies */
	int64_t mounted;                   /* when its root was last mounted; 0: it was unmounted */
	uint64_t delta_files, delta_bytes; /* of its whole chain */
};

struct client_options {
	const char *name, *image, *group;
	bool any_address;
	int naddresses;
	const char *addresses[CLIENT_ADDRESSES_GIVEN];
	const char *serial; /* NULL: not known */
	int nmacs;
	const char *macs[CLIENT_MACS];
};

/* -EEXIST: name, address, serial or MAC taken (the sentence says by whom); -ENOENT: no such image;
 * -EINVAL. */
int client_add(struct store *, const struct client_options *);
/* All of them in one transaction, or none. */
int clients_add(struct store *, const struct client_options *, int n);
/* Its snapshots and layers go with it; their rows and blocks are reclaimed later. -ENOENT. */
int client_remove(struct store *, const char *name);

/* What of a client can be changed; NULL and false: stays. */
struct client_set {
	const char *group; /* "": none */
	bool set_quota, set_volatile, set_any_address, set_marks;
	uint64_t quota;
	bool is_volatile, any_address;
	const struct client_options *marks; /* with set_marks: a serial, MACs and addresses given
					     * here take the place of those that it has */
};
/* -EEXIST as client_add. */
int client_set(struct store *, const char *name, const struct client_set *);
/* Its root was mounted (when), or unmounted (0). */
int client_note_mount(struct store *, const char *name, int64_t when);

int client_find(struct store *, const char *name, struct client *out);            /* -ENOENT */
int client_find_address(struct store *, const char *address, struct client *out); /* -ENOENT */
int client_find_id(struct store *, const struct id *, struct client *out);        /* -ENOENT */
/* In any of the usual spellings; -EINVAL: it is none. */
int client_find_serial(struct store *, const char *serial, struct client *out); /* -ENOENT */
int client_find_mac(struct store *, const char *mac, struct client *out);       /* -ENOENT */
/* At this address it boots now: the one that was learned before goes. 1: that is new, 0: known.
 * -EEXIST: the address was given to another client by a person. */
int client_learn_address(struct store *, const char *name, const char *address);
/* This MAC is its, too. -EEXIST: another client's; -ENOSPC: it has CLIENT_MACS of them. */
int client_learn_mac(struct store *, const char *name, const char *mac);
/* In a transaction. */
int client_set_head(struct db *, const char *name, uint64_t head);
/* Its head as it is on disk. -ENOENT. */
int client_head(struct db *, const struct id *, uint64_t *out);
/* What is kept about it for as long as it is there, and isn't cloned: text of less than `size`
 * bytes; "" where nothing is. */
int client_fact(struct store *, const char *client, const char *name, char *out, size_t size);
int client_set_fact(struct store *, const char *client, const char *name, const char *value);
typedef int client_fn(void *arg, const struct client *);
int client_each(struct store *, client_fn *, void *arg); /* by name */

#endif

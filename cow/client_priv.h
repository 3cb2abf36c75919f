/*
 * What the files about clients share.
 */
#ifndef COW_CLIENT_PRIV_H
#define COW_CLIENT_PRIV_H

#include <arpa/inet.h>

#include "cow/client.h"

/* An address as inet_ntop prints it; one of IPv4 inside of IPv6 as the IPv4 one. -EINVAL. */
int client_normalise(const char *address, char out[INET6_ADDRSTRLEN]);
/* In a transaction. -ENOENT. */
int client_find_in(struct db *, const char *name, struct client *out);

/* Checks what was asked for, and makes what is the client's own: id, key. */
int client_prepare(const struct client_options *, struct client *out);
/* Its rows, in a transaction; image, image_id and head are set. -EEXIST: name or address taken. */
int client_insert(struct db *, const struct client *);
/* Would client_insert find its name and addresses free? */
int client_check_free(struct db *, const struct client *);

#endif

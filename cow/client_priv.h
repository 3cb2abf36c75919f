/*
 * What the files about clients share.
 */
#ifndef COW_CLIENT_PRIV_H
#define COW_CLIENT_PRIV_H

#include "cow/client.h"

/* What a client is recognised by: rows of client_mark (client_mark.c). */
enum mark_kind { MARK_ADDRESS = 1, MARK_MAC = 2, MARK_SERIAL = 3 };
#define MARK_TEXT 46

/* As it stands in the catalogue. -EINVAL. */
int mark_normalise(enum mark_kind, const char *text, char out[MARK_TEXT]);
/* Checks what was asked for, and puts it into the client. -EINVAL. */
int marks_take(struct client *, const struct client_options *);
/* In a transaction. -EEXIST: one of them is another client's. */
int marks_check_free(struct db *, const struct client *);
int marks_insert(struct db *, const struct client *);
int marks_read(struct db *, struct client *);
/* Those of `to` that are given take the place of the client's. */
int marks_replace(struct db *, const char *client, const struct client *to);

/* In a transaction. -ENOENT. */
int client_find_in(struct db *, const char *name, struct client *out);

/* Checks what was asked for, and makes what is the client's own: id, key. */
int client_prepare(const struct client_options *, struct client *out);
/* Its rows, in a transaction; image, image_id and head are set. -EEXIST: name or address taken. */
int client_insert(struct db *, const struct client *);
/* Would client_insert find its name and marks free? */
int client_check_free(struct db *, const struct client *);

#endif

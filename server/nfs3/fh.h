/*
 * Fh: the file handle of NFS, 48 bytes: what it names, then a keyed tag, so that a client can't
 * make up a handle for a view or a file that the server didn't give it.
 *
 *   0        1      4             8          24    28     32        48
 *   +--------+------+-------------+----------+-----+------+---------+
 *   | version| zero | incarnation | view id  | ino | gen  |   tag   |     integers little-endian
 *   +--------+------+-------------+----------+-----+------+---------+
 *
 * The tag is SipHash-2-4-128 of the 32 bytes before it, keyed by the client's own key. All of it is
 * kept in the store, so a handle lives over restarts and moves of the store.
 */
#ifndef SERVER_NFS3_FH_H
#define SERVER_NFS3_FH_H

#include <stdbool.h>
#include <stdint.h>

#include "cow/hash.h"

#define FH_SIZE     48
#define FH_KEY_SIZE 16

struct fh {
	struct id view;
	uint32_t incarnation, ino, gen;
};

void fh_pack(const struct fh *, const uint8_t key[FH_KEY_SIZE], uint8_t out[FH_SIZE]);
/* What the handle claims, not yet to be believed: the view says whose key it must be checked with.
 * -EBADMSG: not the size or version of a handle of ours. */
int fh_unpack(const void *handle, uint32_t n, struct fh *out);
/* Whether the tag is the one that this key makes; in constant time. handle: FH_SIZE bytes. */
bool fh_verify(const void *handle, const uint8_t key[FH_KEY_SIZE]);

#endif

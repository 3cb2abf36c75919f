/*
 * Hash: names of blocks (XXH3-128 with the store's secret), ids of images, hashes of names.
 */
#ifndef COW_HASH_H
#define COW_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cow/bytes.h"

#define ID_SIZE 16

/* 128 bits: block ids, and the ids of stores, images, views. All zero: "none"; as a block id, the
 * block of zeros, which is never stored. */
struct id {
	uint8_t b[ID_SIZE];
};

#define HASH_SECRET_SIZE 192

struct hash; /* the keyed hash of one store; immutable, shared by all threads */

/* secret: HASH_SECRET_SIZE random bytes, copied. */
int hash_open(const uint8_t *secret, struct hash **out);
void hash_close(struct hash *);

/* The id of a block's bytes. attempt is 0; after a collision (other bytes under the same id) the
 * next attempt gives another id. Never the zero id. */
struct id hash_block(const struct hash *, const void *p, size_t n, uint32_t attempt);
/* For tests only: keep only so many low bits (up to 64) of each block id, so that ids collide; the
 * other bits then tell the attempts apart. 128 is normal. */
void hash_weaken(struct hash *, unsigned bits);

/* An unkeyed running hash, for the id of an image. */
struct hash_stream;
int hash_stream_open(struct hash_stream **out);
void hash_stream_add(struct hash_stream *, const void *p, size_t n);
struct id hash_stream_end(const struct hash_stream *);
void hash_stream_close(struct hash_stream *);

/* Unkeyed and fast: for tables in memory. */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

#define ID_HEX_SIZE 33 /* with the NUL */
void id_hex(const struct id *, char out[ID_HEX_SIZE]);
int id_parse(struct str hex, struct id *out); /* -EINVAL */
bool id_is_zero(const struct id *);
bool id_eq(const struct id *, const struct id *);
/* A random id from the kernel's generator. */
int id_random(struct id *out);

#endif

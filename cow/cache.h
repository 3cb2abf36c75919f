/*
 * Cache: immutable objects in bounded memory, found by key, shared by all threads. What was not
 * used lately leaves first; what is held stays valid until it is released.
 */
#ifndef COW_CACHE_H
#define COW_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

struct cache_key {
	uint32_t kind, ino, run;
};

/* Head of each object; the caller's data follow it. */
struct cache_object {
	struct cache_object *chain; /* the rest is private to cache.c */
	struct cache_key key;
	uint32_t size, refs;
	bool used, gone;
};

/* limit: bytes that may be in use before old objects leave. */
int cache_open(uint64_t limit, struct cache **out);
/* Nothing may be held any more. */
void cache_close(struct cache *);

/* A new object of this many bytes, head included; held once, in no table yet. NULL: no memory. */
void *cache_new(size_t size);
/* The object of this key, held, or NULL. */
void *cache_get(struct cache *, const struct cache_key *);
/* Puts a new object in its place; where another was faster, that one is returned, held, and this
 * one freed. */
void *cache_add(struct cache *, const struct cache_key *, void *object);
void cache_release(void *object);
uint64_t cache_used(const struct cache *);

#endif

/*
 * Drc: the duplicate-request cache for procedures marked RPC_ONCE, keyed by the caller's address,
 * xid and a checksum of the whole call. Bounded by entries and bytes. Thread-safe.
 */
#ifndef RPC_DRC_H
#define RPC_DRC_H

#include <stdbool.h>
#include <stdint.h>

struct drc;
struct drc_entry;

struct drc_key {
	uint8_t address[16]; /* the caller's, without port; IPv4 as ::ffff:a.b.c.d */
	uint32_t xid, length;
	uint64_t sum; /* of the record */
};

enum drc_state {
	DRC_NEW,  /* run it; then drc_done or drc_forget, exactly once. *entry may be NULL (no
		     memory) */
	DRC_BUSY, /* it runs; the waiter was kept and will be called */
	DRC_DONE, /* *reply is a copy of what was answered */
};

/* Called when a call that somebody else sent first is answered; reply without mark, NULL when it
 * was forgotten. Runs outside the cache's lock. */
typedef void drc_waiter_fn(void *waiter, const void *reply, uint32_t n);

/* Beside what is answered it holds what runs, which the caller bounds. -ENOMEM. */
int drc_open(uint32_t entries, uint32_t bytes, drc_waiter_fn *, struct drc **out);
void drc_close(struct drc *);

/* The address and sum for a call. */
void drc_key(
    const uint8_t address[16], uint32_t xid, const void *record, uint32_t n, struct drc_key *out);
/* DRC_DONE: *reply (malloc'ed, caller frees) and *n. DRC_NEW: *entry. waiter: kept if BUSY; called
 * at once, as if forgotten, when there is no memory or too many wait. */
enum drc_state drc_begin(struct drc *, const struct drc_key *, void *waiter,
    struct drc_entry **entry, void **reply, uint32_t *n);
/* The answer (without mark): kept for later, given to all waiters. entry: may be NULL. */
void drc_done(struct drc *, struct drc_entry *, const void *reply, uint32_t n);
/* No answer is to be kept (the call failed before it changed anything durable). */
void drc_forget(struct drc *, struct drc_entry *);

/* One entry as bytes, to be kept over a restart, and back. n: the packed size or -errno. */
#define DRC_PACKED_HEAD 32
int drc_pack(const struct drc_key *, const void *reply, uint32_t n, void *out, uint32_t room);
/* As an answered entry, unless there is one of this key. -EINVAL: too short. -ENOMEM. */
int drc_load(struct drc *, const void *packed, uint32_t n);

#endif

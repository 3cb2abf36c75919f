/*
 * Load: many NFS clients in one process and one thread. Each client is a connection; each of its
 * slots is a small stack of its own on which a work runs as if its calls blocked, so that as many
 * calls are in flight as there are slots. All calls that one readiness brings leave by one send.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "tests/bench/tree.h"
#include "tests/bench/wire.h"

#define LOAD_IN_BYTES   (256u << 10) /* a reply that is kept whole is shorter */
#define LOAD_HEAD_BYTES 256          /* of a READ's reply; its data are received and dropped */
#define LOAD_LATENCIES  4096         /* buckets: 64 a power of two, in microseconds */

struct load;
struct slot;
typedef void slot_fn(struct slot *);

struct client {
	struct load *load;
	unsigned index;
	int fd;
	bool wants_out;
	unsigned parked;
	uint8_t *out, *in;
	size_t out_n, out_room, out_sent, in_n;
	uint8_t cred[96];
	uint32_t cred_n;
	uint8_t head[LOAD_HEAD_BYTES]; /* of the reply whose data are being dropped */
	uint32_t head_n, drop_left;
	struct slot *slots;
	struct fh root, *dirs; /* by the tree's numbers; n = 0: not known yet */
	struct fh *files;      /* a work's own: those of its sample */
	unsigned next;         /* a work's own cursor, shared by the slots */
	void *state;
};

struct slot {
	struct client *client;
	unsigned index;
	bool waits, parked, drops;
	bool durable; /* the call that is being made must wait for the disk */
	uint32_t xid;
	uint64_t sent_at;
	size_t mark;            /* where the record that is being encoded starts */
	const uint8_t *p, *end; /* the reply, behind the RPC header */
	ucontext_t context;
	void *stack;
	slot_fn *run;
};

struct load_options {
	struct sockaddr_in server;
	uint16_t mount_port;
	const char
	    *exports; /* the clients' are called so, and a number; NULL: nothing is mounted */
	unsigned clients, depth;
};

struct latency {
	uint64_t n;
	uint32_t buckets[LOAD_LATENCIES];
};

struct load {
	struct load_options options;
	const struct tree *tree;
	struct sample sample;
	int epoll;
	struct client *clients;
	unsigned active;
	uint32_t sequence, random;
	uint64_t nonce;         /* of this run */
	uint64_t now, deadline; /* microseconds; deadline 0: the work ends by itself */
	const char *doing;      /* for messages */
	ucontext_t main;
	uint64_t calls, ops, bytes;
	struct latency prompt,
	    durable; /* of calls that need not, and that must wait for the disk */
};

/* Connects and mounts all clients; dies with a sentence when it can't. */
struct load *load_open(const struct load_options *);
void load_close(struct load *);
/* Runs fn on this many slots of each client until all have returned. */
void load_run(struct load *, slot_fn *, unsigned depth);
/* Microseconds that this part (0 to 1) of the calls took at most. */
double latency_of(const struct latency *, double part);
void load_reset(struct load *);
uint64_t load_microseconds(void);

/* Whether a work without an end of its own should go on. */
static inline bool
slot_goes_on(const struct slot *s)
{
	return s->client->load->now < s->client->load->deadline;
}

/* Begins a call of NFS; the arguments are put behind the pointer, which may hold `room` bytes. */
uint8_t *slot_begin(struct slot *, uint32_t procedure, size_t room);
/* Sends it and returns with the reply's first word behind the RPC header: the nfsstat3. `drops`:
 * only LOAD_HEAD_BYTES of the reply are of interest. */
uint32_t slot_call(struct slot *, uint8_t *end, bool drops);
/* The same for NULL, which has no status. */
void slot_call_null(struct slot *);
/* Waits until something has happened on this client. */
void slot_park(struct slot *);

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *must_alloc(size_t n, size_t size);

#endif

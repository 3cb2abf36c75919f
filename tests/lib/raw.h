/*
 * Raw: single calls of NFS and MOUNT through libnfs, an NFS client that shares no code with us.
 */
#ifndef TESTS_LIB_RAW_H
#define TESTS_LIB_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include <nfsc/libnfs.h>

#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw.h>

/* Sees a result while it is there: it is gone when the call is done. */
typedef void raw_take_fn(void *arg, const void *res);

struct raw {
	struct rpc_context *rpc;
	bool done;
	int status; /* RPC_STATUS_... of the last call */
	char error[256];
	raw_take_fn *take;
	void *arg;
};

/* A handle that is kept. */
struct raw_fh {
	char bytes[64];
	nfs_fh3 fh; /* points to bytes: don't copy the struct, use raw_fh_set */
};
void raw_fh_set(struct raw_fh *, const nfs_fh3 *);

/* Connects to a program of the server, as uid 0. The RPC_STATUS_... */
int raw_open(struct raw *, uint16_t port, uint32_t program, uint32_t version);
void raw_close(struct raw *);
void raw_user(struct raw *, uint32_t uid, uint32_t gid, uint32_t ngroups, uint32_t *groups);

/* Before a call: what is to see its result. */
struct raw *raw_see(struct raw *, raw_take_fn *, void *arg);
/* After it was queued (0): waits for its end. The RPC_STATUS_... */
int raw_wait(struct raw *, int queued);
/* The callback for libnfs; private is the struct raw. */
void raw_done(struct rpc_context *, int status, void *data, void *private);

/* The root of an export; fails the test if it isn't given. */
void raw_mount(uint16_t port, const char *path, struct raw_fh *out);
/* LOOKUP; the nfsstat3. */
int raw_lookup(struct raw *, const struct raw_fh *dir, const char *name, struct raw_fh *out);

/* A mount of an export by libnfs's files interface, as this user. */
struct nfs_context *raw_files(uint16_t port, const char *export, uint32_t uid, uint32_t gid);

#endif

/*
 * Direct: calls of NFS and MOUNT without a socket, so that a test can be any caller: any address,
 * port and credential.
 */
#ifndef TESTS_LIB_DIRECT_H
#define TESTS_LIB_DIRECT_H

#include "rpc/mount3.h"
#include "rpc/nfs3.h"
#include "rpc/program.h"
#include "server/call.h"
#include "server/config.h"
#include "tests/lib/golden.h"

struct direct {
	struct golden golden;
	struct config config;
	struct service service;
	struct peer peer;     /* who calls: loopback, port 700 at first */
	struct rpc_cred cred; /* AUTH_SYS, uid 0 at first */
	uint32_t xid;
	uint64_t ticket; /* of the last call; it is durable now */
	uint8_t record[1 << 21];
};

void direct_open(struct direct *);
/* As after a restart. */
void direct_reopen(struct direct *);
void direct_close(struct direct *);
void direct_peer(struct direct *, const char *address, uint16_t port);

/* How a call was answered: an enum rpc_accept, or DIRECT_DENIED + the auth_stat. */
#define DIRECT_DENIED 100

/* args and res as the procedure's row says; res is decoded only after RPC_ACCEPT_SUCCESS, and
 * borrows until the next call. Data attached to the reply follow what is decoded: *data. */
int direct_call(struct direct *, const struct rpc_program *, uint32_t proc, const void *args,
    void *res, struct str *data);

/* The root's handle of "/NAME"; fails the test if it isn't given. */
nfs_fh3 direct_mount(struct direct *, const char *path);
mountstat3 direct_mount_status(struct direct *, const char *path, nfs_fh3 *out);
/* A file's handle by a path below the root, looked up name by name as uid 0. */
nfs_fh3 direct_walk(struct direct *, const nfs_fh3 *root, const char *path);

/* The status of an NFS procedure, which must be accepted. */
nfsstat3 direct_status(struct direct *, uint32_t proc, const void *args, void *res);
#define direct_nfs(d, UPPER, args, res) direct_status(d, NFSPROC3_##UPPER, args, res)

static inline filename3
wire_name(const char *s)
{
	return (filename3){ s, (uint32_t)strlen(s) };
}

#endif

/* MOUNT: which view a path means, and whether this caller may have it. */
#include "server/mount3/mount3.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cow/err.h"
#include "rpc/mount3.h"
#include "rpc/mountlist.h"
#include "server/boot/atboot.h"
#include "server/boot/pis.h"
#include "server/boot/trace.h"
#include "server/call.h"
#include "server/log.h"
#include "server/nfs3/nfs3.h"

#define LIST_MAX     32768 /* bytes of a list: it must fit a datagram */
#define NOTE_SECONDS 3600  /* so seldom the catalogue hears that a client is in use */

static const struct {
	int err;
	mountstat3 status;
} statuses[] = {
	{ 0, MNT3_OK }, { EPERM, MNT3ERR_ACCES }, /* the source port */
	{ EACCES, MNT3ERR_ACCES }, { ENOENT, MNT3ERR_NOENT }, { ESTALE, MNT3ERR_NOENT },
	{ ENOTDIR, MNT3ERR_NOTDIR }, { EINVAL, MNT3ERR_INVAL },
	{ ENAMETOOLONG, MNT3ERR_NAMETOOLONG }, { EIO, MNT3ERR_IO },
	{ EBUSY, MNT3ERR_SERVERFAULT }, /* later, perhaps; MOUNT has no better word */
};

static mountstat3
status_of(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].err == -err)
			return statuses[i].status;
	return MNT3ERR_SERVERFAULT;
}

/* Takes the first name off a path: "//a/b" gives "a" and leaves "/b"; n 0: none is left. */
static struct str
path_next(struct str *path)
{
	struct str name;

	while (path->n && *path->p == '/') {
		path->p++;
		path->n--;
	}
	name.p = path->p;
	while (path->n && *path->p != '/') {
		path->p++;
		path->n--;
	}
	name.n = (uint32_t)(path->p - name.p);
	return name;
}

/* Walks down from the root of the view. Symlinks aren't followed. */
static int
walk(struct view *view, struct str path, struct view_attr *out)
{
	struct view_op op = { 0 };
	struct view_attr dir;
	struct str name;
	int err = view_getattr(view, INO_ROOT, out);

	while (err == 0 && (name = path_next(&path)).n) {
		dir = *out;
		err = view_lookup(view, &op, dir.ino, name, out, &dir);
	}
	if (err == 0 && !S_ISDIR(out->mode))
		err = -ENOTDIR;
	return err;
}

/* Does the caller boot from it? Its own addresses do; this machine only looks, unless the client is
 * for it alone. */
static bool
is_boot(const struct call *ctx, const struct client *c, struct str rest)
{
	return rest.n == 0 && (!ctx->peer->loopback || c->naddresses == 0);
}

/* What waits for the next boot is done before it sees its root. */
static void
prepare_boot(const struct call *ctx, const struct client *c)
{
	int64_t now = time(NULL);

	atboot_run(ctx->service, c->name);
	if (now - c->mounted > NOTE_SECONDS)
		client_note_mount(ctx->service->store, c->name, now);
}

/* The caller's view by its export's path. One that comes from an address which isn't known yet may
 * be recognised by its MAC. */
static int
find_view(const struct call *ctx, struct str path, struct peer_client **out)
{
	struct peers *peers = ctx->service->peers;
	struct pi_sighting pi = { .have_address = true };
	struct client c;
	int err = peer_by_path(peers, ctx->peer, path, out);

	if ((err != -EACCES && !(err == -ENOENT && path.n == 1)) || !ctx->service->pis)
		return err;
	memcpy(pi.address, ctx->peer->address, sizeof(pi.address));
	return pis_recognise(ctx->service, &pi, &c) == 0 ? peer_by_path(peers, ctx->peer, path, out)
							 : err;
}

static int
mount_root(const struct call *ctx, struct str path, mountres3_ok *ok)
{
	struct peers *peers = ctx->service->peers;
	struct peer_client *client;
	struct view_attr attr;
	struct str rest = path, name;
	int err;

	if (path.n == 0 || path.p[0] != '/')
		return -ENOENT;
	name = path_next(&rest);
	/* With the slash before it, it is an export's path. */
	err = find_view(ctx, (struct str){ name.p - 1, name.n + 1 }, &client);
	if (err == 0 && is_boot(ctx, &client->info, rest)) {
		struct client info = client->info;

		peer_release(peers, client);
		err = client_find(ctx->service->store, info.name, &info);
		if (err == 0)
			prepare_boot(ctx, &info);
		err =
		    peer_by_path(peers, ctx->peer, (struct str){ name.p - 1, name.n + 1 }, &client);
	}
	if (err < 0)
		return err;
	err = walk(client->view, rest, &attr);
	if (err == 0) {
		nfs3_handle_pack(&client->info, &attr, &ok->fhandle);
		ok->auth_flavors = (auth_flavors3){ .n = 1, .flavors = { RPC_FLAVOR_SYS } };
		peer_mounted(peers, ctx->peer, client, path);
		if (is_boot(ctx, &client->info, rest))
			pis_mounted(ctx->service, &client->info, ctx->peer->text);
	}
	peer_release(peers, client);
	return err;
}

/* Somebody who can't mount looks for the reason. */
static void
note_refusal(const struct call *ctx, struct str path, int err)
{
	struct pi_sighting pi = { .have_address = true };
	struct client c;
	char name[80];

	memcpy(pi.address, ctx->peer->address, sizeof(pi.address));
	pi_name(&pi, name);
	if (client_find_address(ctx->service->store, ctx->peer->text, &c) == 0)
		snprintf(name, sizeof(name), "%s", c.name);
	trace_note(ctx->service->trace, name, TRACE_MOUNT, true, 0, "%.*s from %s: %s", (int)path.n,
	    path.p, ctx->peer->text,
	    err == -EPERM    ? "its port is above 1023"
	    : err == -EACCES ? "it isn't that client's address"
	    : err == -ENOENT ? "there is no such client"
			     : strerror(-err));
}

static void
mount3_mnt(struct rpc_call *call, void *args, void *res)
{
	const struct call *ctx = call->ctx;
	const dirpath *path = args;
	mountres3 *r = res;
	int err = mount_root(ctx, (struct str){ path->p, path->n }, &r->mountres3_u.mountinfo);

	r->fhs_status = status_of(err);
	if (err < 0)
		note_refusal(ctx, (struct str){ path->p, path->n }, err);
	log_debug(ctx->service->log, LOG_MOUNT, "mount path=%.*s peer=%s port=%u status=%d",
	    (int)path->n, path->p, ctx->peer->text, ctx->peer->port, (int)r->fhs_status);
}

static void
mount3_null(struct rpc_call *call, void *args, void *res)
{
	(void)call;
	(void)args;
	(void)res;
}

/* A machine that says so doesn't use its root any more. */
static void
note_unmount(const struct call *ctx, struct str path)
{
	struct peer_client *client;
	struct str rest = path, name = path_next(&rest);
	struct client info;

	if (path.p[0] != '/' || rest.n)
		return;
	if (peer_by_path(ctx->service->peers, ctx->peer, (struct str){ name.p - 1, name.n + 1 },
		&client) < 0)
		return;
	info = client->info;
	peer_release(ctx->service->peers, client);
	if (is_boot(ctx, &info, rest) && client_find(ctx->service->store, info.name, &info) == 0 &&
	    info.mounted)
		client_note_mount(ctx->service->store, info.name, 0);
}

static void
mount3_umnt(struct rpc_call *call, void *args, void *res)
{
	const struct call *ctx = call->ctx;
	const dirpath *path = args;

	(void)res;
	if (!path->n)
		return;
	peer_unmounted(ctx->service->peers, ctx->peer, (struct str){ path->p, path->n });
	note_unmount(ctx, (struct str){ path->p, path->n });
}

static void
mount3_umntall(struct rpc_call *call, void *args, void *res)
{
	const struct call *ctx = call->ctx;

	(void)args;
	(void)res;
	peer_unmounted(ctx->service->peers, ctx->peer, (struct str){ 0 });
}

/* --- lists: a caller sees what he may use, and what he has mounted --- */

struct listing {
	const struct peer *peer;
	struct mountlist *list;
};

static struct leaf_name
leaf_of(const char *s)
{
	return (struct leaf_name){ s, (uint32_t)strlen(s) };
}

static int
dump_one(void *arg, const struct peer_mount *m)
{
	const struct listing *l = arg;

	if (!l->peer->loopback && strcmp(m->address, l->peer->text) != 0)
		return 0;
	return mountlist_add_mount(l->list, leaf_of(m->address), leaf_of(m->path));
}

/* No groups means everybody; a client without an address is loopback's. */
static int
export_one(void *arg, const struct client *client)
{
	const struct listing *l = arg;
	struct leaf_name groups[CLIENT_ADDRESSES] = { leaf_of("127.0.0.1") };
	char path[sizeof(client->name) + 1];
	uint32_t n = client->naddresses ? (uint32_t)client->naddresses : 1;

	if (!peer_may_use(l->peer, client))
		return 0;
	for (int i = 0; i < client->naddresses; i++)
		groups[i] = leaf_of(client->addresses[i]);
	snprintf(path, sizeof(path), "/%s", client->name);
	return mountlist_add_export(l->list, leaf_of(path), groups, client->any_address ? 0 : n);
}

static void
mount3_dump(struct rpc_call *call, void *args, void *res)
{
	const struct call *ctx = call->ctx;
	struct listing l = { .peer = ctx->peer };

	(void)args;
	(void)res;
	if (mountlist_open(LIST_MAX, &l.list) < 0)
		return; /* an answer too short to be one */
	peers_mounts(ctx->service->peers, dump_one, &l);
	mountlist_attach(l.list, call->reply);
}

static void
mount3_export(struct rpc_call *call, void *args, void *res)
{
	const struct call *ctx = call->ctx;
	struct listing l = { .peer = ctx->peer };

	(void)args;
	(void)res;
	if (mountlist_open(LIST_MAX, &l.list) < 0)
		return; /* an answer too short to be one */
	client_each(ctx->service->store, export_one, &l);
	mountlist_attach(l.list, call->reply);
}

/* --- the table --- */

#define PROC(UPPER, fn, ...) \
	[MOUNTPROC3_##UPPER] = { .name = #UPPER, .handler = fn, .flags = RPC_ANY_AUTH, __VA_ARGS__ }

static const struct rpc_proc procs[] = {
	PROC(NULL, mount3_null),
	PROC(MNT, mount3_mnt, .decode = RPC_XDR(dirpath), .args_size = sizeof(dirpath),
	    .encode = RPC_XDR(mountres3), .res_size = sizeof(mountres3)),
	PROC(DUMP, mount3_dump),
	PROC(UMNT, mount3_umnt, .decode = RPC_XDR(dirpath), .args_size = sizeof(dirpath)),
	PROC(UMNTALL, mount3_umntall),
	PROC(EXPORT, mount3_export),
};
static_assert(ARRAY_SIZE(procs) == 6, "a procedure is missing");

const struct rpc_program mount3_program = {
	.name = "mount3",
	.prog = MOUNT_PROGRAM,
	.vers = MOUNT_V3,
	.procs = procs,
	.nprocs = ARRAY_SIZE(procs),
};

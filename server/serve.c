/*
 * The way of one record. A task is the call and, at its head, the reply on its way out: one
 * allocation a call, freed by whoever sends it. Nothing here waits for a batch: a reply that must
 * is given to the committer's callback, and the worker goes on.
 */
#include "server/serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "rpc/drc.h"
#include "server/log.h"
#include "server/net/loop.h"
#include "server/nfs3/conv.h"
#include "server/stats.h"

struct serve {
	struct service *service;
	pthread_mutex_t lock;
	pthread_cond_t none;
	unsigned pending; /* tasks that wait for a batch or for another call's answer */
};

struct task {
	struct out out; /* first: freed by out_free */
	struct serve *serve;
	struct sink *sink;
	const struct rpc_program *program;
	const struct rpc_proc *proc;
	struct drc_entry *entry; /* not NULL: to be done or forgotten */
	uint64_t began;          /* microseconds */
	uint32_t xid, number, status, bytes_in;
	unsigned shard;
};

void
out_free(struct out *out)
{
	rpc_reply_free(&out->reply);
	free(out);
}

int
serve_open(struct service *service, struct serve **out)
{
	struct serve *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->service = service;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->none, NULL);
	*out = s;
	return 0;
}

void
serve_close(struct serve *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->none);
	free(s);
}

void
serve_drain(struct serve *s)
{
	SCOPED_LOCK(&s->lock);

	while (s->pending)
		pthread_cond_wait(&s->none, &s->lock);
}

/* The task will be finished later, perhaps by another thread. */
static void
task_detach(struct task *t)
{
	SCOPED_LOCK(&t->serve->lock);

	t->serve->pending++;
	t->sink->ops->hold(t->sink);
}

static void
task_attach(struct serve *s, struct sink *sink)
{
	sink->ops->drop(sink);
	SCOPED_LOCK(&s->lock);

	if (--s->pending == 0)
		pthread_cond_broadcast(&s->none);
}

/* Counts the call and hands its reply to the sink: the task is gone. */
static void
task_send(struct task *t)
{
	struct stats_sample sample = { t->bytes_in, rpc_reply_length(&t->out.reply), t->status,
		loop_microseconds() - t->began };

	if (t->proc)
		stats_add(t->serve->service->stats, t->shard, t->program, t->number, &sample);
	else
		stats_count(t->serve->service->stats, t->shard, STATS_REJECTED);
	t->sink->ops->send(t->sink, &t->out);
}

/* Makes the reply one that says only this status. */
static void
task_fail(struct task *t, uint32_t status)
{
	rpc_reply_free(&t->out.reply);
	rpc_reply_init(&t->out.reply);
	t->status = status;
	rpc_call_fail(t->proc, t->xid, status, &t->out.reply);
}

/* The reply's bytes without the mark; none when it could not be made. Those of RPC_ONCE procedures
 * have no data attached. */
static const void *
task_bytes(const struct task *t, uint32_t *n)
{
	*n = t->out.reply.head_len > 4 ? t->out.reply.head_len - 4 : 0;
	return *n ? t->out.reply.head + 4 : NULL;
}

/* The answer is final: whoever sends the call again gets the same. */
static void
task_remember(struct task *t)
{
	const void *p;
	uint32_t n;

	if (!t->entry)
		return;
	p = task_bytes(t, &n);
	if (p)
		drc_done(t->serve->service->drc, t->entry, p, n);
	else
		drc_forget(t->serve->service->drc, t->entry);
	t->entry = NULL;
}

static void
task_forget(struct task *t)
{
	if (t->entry)
		drc_forget(t->serve->service->drc, t->entry);
	t->entry = NULL;
}

void
serve_waiter(void *waiter, const void *reply, uint32_t n)
{
	struct task *t = waiter;
	struct serve *serve = t->serve;
	struct sink *sink = t->sink;

	stats_count(serve->service->stats, 0, STATS_DUPLICATE);
	if (!reply || rpc_reply_copy(&t->out.reply, reply, n) < 0)
		task_fail(t, NFS3ERR_JUKEBOX);
	task_send(t);
	task_attach(serve, sink);
}

/* From the committer: the task's change is on disk, or lost. */
static void
task_durable(void *arg, int err)
{
	struct task *t = arg;
	struct serve *serve = t->serve;
	struct sink *sink = t->sink;

	if (err < 0) {
		task_forget(t);
		task_fail(t, conv_status(err));
	} else {
		task_remember(t);
	}
	t->shard = 0;
	task_send(t);
	task_attach(serve, sink);
}

/* Pays what the batch is owed for an RPC_ONCE call: its answer, kept beside the change. */
static void
task_pay(struct task *t, const struct drc_key *key, uint64_t ticket)
{
	struct batch *batch = store_batch(t->serve->service->store);
	uint32_t n, room;
	const void *p = task_bytes(t, &n);
	CLEANUP_FREE uint8_t *packed = NULL;
	int len = 0;

	room = DRC_PACKED_HEAD + n;
	packed = malloc(room);
	if (p && packed)
		len = drc_pack(key, p, n, packed, room);
	batch_reply(batch, ticket, packed, len > 0 ? (uint32_t)len : 0);
}

static bool
repeatable(uint32_t status)
{
	return status != NFS3ERR_IO && status != NFS3ERR_SERVERFAULT && status != NFS3ERR_JUKEBOX;
}

static void
task_run(struct task *t, struct rpc_call *call, const struct drc_key *key)
{
	rpc_call_run(call);
	t->status = call->status;
	if (call->ticket) {
		if (t->proc->flags & RPC_ONCE)
			task_pay(t, key, call->ticket);
		task_detach(t);
		batch_after(store_batch(t->serve->service->store), call->ticket, task_durable, t);
		return;
	}
	if (repeatable(t->status))
		task_remember(t);
	else
		task_forget(t);
	task_send(t);
}

/* Looks whether the same call was answered already, or is being answered. False: it must run. */
static bool
task_is_duplicate(struct task *t, const struct drc_key *key)
{
	struct drc *drc = t->serve->service->drc;
	struct serve *serve = t->serve;
	struct sink *sink = t->sink;
	enum drc_state state;
	void *reply = NULL;
	uint32_t n = 0;

	task_detach(t);
	state = drc_begin(drc, key, t, &t->entry, &reply, &n);
	if (state == DRC_BUSY)
		return true;
	task_attach(serve, sink);
	if (state == DRC_NEW)
		return false;
	stats_count(serve->service->stats, t->shard, STATS_DUPLICATE);
	if (rpc_reply_copy(&t->out.reply, reply, n) < 0)
		task_fail(t, NFS3ERR_JUKEBOX);
	free(reply);
	task_send(t);
	return true;
}

/* Everything but NULL wants a privileged source port (see peer_port_ok). */
static bool
task_is_allowed(struct task *t, const struct peer *peer)
{
	struct service *service = t->serve->service;

	if (t->number == 0 || peer_port_ok(service, peer))
		return true;
	log_debug(service->log, LOG_RPC,
	    "refused: the source port is not below 1024 peer=%s port=%u", peer->text, peer->port);
	t->proc = NULL;
	if (rpc_reply_deny(&t->out.reply, t->xid, RPC_HEAD_TOOWEAK) == 0)
		rpc_reply_finish(&t->out.reply);
	task_send(t);
	return false;
}

static void
task_begin(struct task *t, struct rpc_call *call, const struct peer *peer)
{
	struct drc_key key;

	t->program = call->program;
	t->proc = call->proc;
	t->xid = call->head.xid;
	t->number = call->head.proc;
	if (!task_is_allowed(t, peer))
		return;
	if (t->proc->flags & RPC_ONCE) {
		drc_key(peer->address, t->xid, call->record, call->n, &key);
		if (task_is_duplicate(t, &key))
			return;
	}
	task_run(t, call, &key);
}

void
serve_record(struct serve *serve, const struct serve_programs *programs, unsigned shard,
    struct sink *sink, const struct peer *peer, const uint8_t *record, uint32_t n)
{
	struct call ctx = { serve->service, peer };
	struct rpc_call call = { .ctx = &ctx };
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return; /* the caller asks again */
	rpc_reply_init(&t->out.reply);
	t->serve = serve;
	t->sink = sink;
	t->shard = shard;
	t->bytes_in = n + 4;
	t->began = loop_microseconds();
	switch (rpc_call_open(&call, programs->list, programs->n, record, n, &t->out.reply)) {
	case RPC_OPEN_RUN:
		task_begin(t, &call, peer);
		break;
	case RPC_OPEN_ANSWERED:
		task_send(t);
		break;
	case RPC_OPEN_DROP:
		stats_count(serve->service->stats, shard, STATS_REJECTED);
		out_free(&t->out);
		break;
	}
}

static void
load_record(void *arg, struct str record)
{
	struct service *service = arg;

	drc_load(service->drc, record.p, record.n);
}

int
serve_load(struct service *service)
{
	struct db_pool *pool = store_readers(service->store);
	struct db *db = db_lend(pool);
	int n;

	if (!db)
		return -EIO;
	n = batch_records(db, load_record, service);
	db_return(pool, db);
	return n;
}

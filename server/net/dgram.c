/* UDP: a datagram is a record and a sink of its own. */
#include "server/net/dgram.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DGRAM_MAX  8192 /* the largest call: MOUNT's are far smaller */
#define DGRAM_TURN 32   /* datagrams at one event */

struct dgram {
	struct source source; /* first */
	struct serve *serve;
	struct serve_programs programs;
	uint8_t record[DGRAM_MAX]; /* only the handler arms the source: it runs once at a time */
};

/* Where one datagram came from. */
struct dgram_call {
	struct sink sink; /* first */
	struct dgram *dgram;
	atomic_uint refs;
	struct sockaddr_storage from;
	socklen_t from_len;
	size_t control_len;
	_Alignas(struct cmsghdr) char control[64]; /* the address that it came to */
};

static void
call_hold(struct sink *sink)
{
	struct dgram_call *call = (struct dgram_call *)sink;

	atomic_fetch_add(&call->refs, 1);
}

static void
call_drop(struct sink *sink)
{
	struct dgram_call *call = (struct dgram_call *)sink;

	if (atomic_fetch_sub(&call->refs, 1) > 1)
		return;
	source_drop(&call->dgram->source);
	free(call);
}

static void
call_send(struct sink *sink, struct out *out)
{
	struct dgram_call *call = (struct dgram_call *)sink;
	struct iovec iov[RPC_REPLY_IOV];
	struct msghdr msg = { .msg_name = &call->from,
		.msg_namelen = call->from_len,
		.msg_iov = iov,
		.msg_control = call->control_len ? call->control : NULL,
		.msg_controllen = call->control_len };

	if (rpc_reply_length(&out->reply) > 4) {
		msg.msg_iovlen = (size_t)rpc_reply_iov(&out->reply, 1, iov);
		/* One that can't leave is lost, as datagrams are. */
		sendmsg(call->dgram->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	out_free(out);
}

static struct dgram_call *
call_new(struct dgram *d)
{
	static const struct sink_ops ops = { call_send, call_hold, call_drop };
	struct dgram_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->sink.ops = &ops;
	call->dgram = d;
	atomic_init(&call->refs, 1);
	source_hold(&d->source);
	return call;
}

/* Serves one datagram; false: none is there. */
static bool
serve_one(struct dgram *d, unsigned worker)
{
	struct dgram_call *call = call_new(d);
	struct iovec iov = { d->record, sizeof(d->record) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct peer peer;
	ssize_t n;

	if (!call)
		return false;
	msg.msg_name = &call->from;
	msg.msg_namelen = sizeof(call->from);
	msg.msg_control = call->control;
	msg.msg_controllen = sizeof(call->control);
	n = recvmsg(d->source.fd, &msg, MSG_DONTWAIT);
	if (n > 0 && !(msg.msg_flags & MSG_TRUNC)) {
		call->from_len = msg.msg_namelen;
		call->control_len = msg.msg_controllen;
		peer_from_sockaddr(&call->from, &peer);
		serve_record(
		    d->serve, &d->programs, worker + 1, &call->sink, &peer, d->record, (uint32_t)n);
	}
	call_drop(&call->sink);
	return n >= 0;
}

static void
dgram_ready(struct source *s, uint32_t events, unsigned worker)
{
	struct dgram *d = (struct dgram *)s;

	(void)events;
	for (int i = 0; i < DGRAM_TURN && serve_one(d, worker); i++)
		;
	source_arm(s, EPOLLIN);
}

static void
dgram_free(struct source *s)
{
	close(s->fd);
	free(s);
}

int
dgram_open(struct loop *loop, struct serve *serve, const struct serve_programs *programs, int fd,
    struct dgram **out)
{
	static const struct source_ops ops = { dgram_ready, dgram_free };
	struct dgram *d = calloc(1, sizeof(*d));

	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	source_init(&d->source, loop, &ops, fd);
	d->serve = serve;
	d->programs = *programs;
	*out = d;
	return source_watch(&d->source, EPOLLIN);
}

void
dgram_close(struct dgram *d)
{
	if (!d)
		return;
	source_unwatch(&d->source);
	source_drop(&d->source);
}

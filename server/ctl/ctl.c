/*
 * The daemon's side of the control socket. It has a loop of its own: a verb that waits (for a
 * client's last call, say) holds up no NFS client.
 */
#include "server/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/ctl/address.h"
#include "server/ctl/verbs.h"
#include "server/net/loop.h"

#define WORKERS      2
#define SEND_SECONDS 10 /* then the reader is given up */

struct ctl {
	struct service *service;
	struct loop *loop;
	char *store;
};

struct listener {
	struct source source; /* first */
	struct ctl *ctl;
};

/* One request that is being read. */
struct asker {
	struct source source; /* first */
	struct ctl *ctl;
	size_t n;
	char text[PROTO_REQUEST_MAX + 1];
};

static void
source_close(struct source *s)
{
	close(s->fd);
	free(s);
}

static bool
is_trusted(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

static void
answer(struct asker *a, size_t end)
{
	static const char no_memory[] = "error ENOMEM rubusd is out of memory\n";
	struct proto_request request;
	struct proto_text text = { 0 };

	a->text[end] = '\0';
	if (proto_read_request(a->text, &request) < 0)
		proto_end(&text, -EINVAL, "the request is malformed");
	else
		verbs_run(a->ctl->service, &request, &text);
	if (text.failed)
		address_send(a->source.fd, no_memory, sizeof(no_memory) - 1);
	else
		address_send(a->source.fd, text.p, text.n);
	proto_text_free(&text);
}

static void
asker_ready(struct source *s, uint32_t events, unsigned worker)
{
	struct asker *a = (struct asker *)s;
	ssize_t n = recv(s->fd, a->text + a->n, PROTO_REQUEST_MAX - a->n, MSG_DONTWAIT);
	bool again = n < 0 && (errno == EAGAIN || errno == EINTR);
	size_t end;

	(void)events;
	(void)worker;
	a->n += n > 0 ? (size_t)n : 0;
	end = proto_request_end(a->text, a->n);
	if (again || (n > 0 && !end && a->n < PROTO_REQUEST_MAX)) {
		source_arm(s, EPOLLIN);
		return;
	}
	if (end)
		answer(a, end);
	source_unwatch(s);
}

static void
accepted(struct ctl *ctl, int fd)
{
	static const struct source_ops ops = { asker_ready, source_close };
	struct timeval limit = { SEND_SECONDS, 0 };
	struct asker *a = is_trusted(fd) ? calloc(1, sizeof(*a)) : NULL;

	if (!a) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	source_init(&a->source, ctl->loop, &ops, fd);
	a->ctl = ctl;
	source_watch(&a->source, EPOLLIN);
	source_drop(&a->source);
}

static void
listener_ready(struct source *s, uint32_t events, unsigned worker)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	(void)worker;
	if (fd >= 0)
		accepted(((struct listener *)s)->ctl, fd);
	source_arm(s, EPOLLIN);
}

/* A listening socket or -errno. */
static int
listen_at(const char *store)
{
	struct sockaddr_un a;
	CLEANUP_FD int folder = address_of(store, &a);
	int fd, err;

	if (folder < 0)
		return folder;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno("can't make the control socket");
	unlinkat(folder, CTL_SOCKET, 0);
	fchmod(fd, 0600); /* so that it is never anything else */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    fchmodat(folder, CTL_SOCKET, 0600, 0) == 0 && listen(fd, 16) == 0)
		return fd;
	err = err_errno("%s/" CTL_SOCKET, store);
	close(fd);
	return err;
}

static int
watch_listener(struct ctl *ctl)
{
	static const struct source_ops ops = { listener_ready, source_close };
	struct listener *l = calloc(1, sizeof(*l));
	int fd, err;

	if (!l)
		return -ENOMEM;
	fd = listen_at(ctl->store);
	if (fd < 0) {
		free(l);
		return fd;
	}
	source_init(&l->source, ctl->loop, &ops, fd);
	l->ctl = ctl;
	err = source_watch(&l->source, EPOLLIN);
	source_drop(&l->source);
	return err;
}

int
ctl_open(struct service *service, const char *store, struct ctl **out)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int err;

	if (!ctl)
		return -ENOMEM;
	ctl->service = service;
	ctl->store = strdup(store);
	err = ctl->store ? loop_open(WORKERS, &ctl->loop) : -ENOMEM;
	if (err == 0)
		err = watch_listener(ctl);
	if (err == 0)
		err = loop_start(ctl->loop, "ctl");
	if (err < 0) {
		ctl_close(ctl);
		return err;
	}
	*out = ctl;
	return 0;
}

void
ctl_close(struct ctl *ctl)
{
	CLEANUP_FD int folder = -1;

	if (!ctl)
		return;
	loop_close(ctl->loop);
	if (ctl->store)
		folder = open(ctl->store, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		unlinkat(folder, CTL_SOCKET, 0);
	free(ctl->store);
	free(ctl);
}

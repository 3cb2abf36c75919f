/* The command line's side of the control socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/ctl/address.h"
#include "server/ctl/ctl.h"

#define ANSWER_MAX (64u << 20)

int
ctl_connect(const char *store)
{
	struct sockaddr_un a;
	CLEANUP_FD int folder = address_of(store, &a);
	int fd, err;

	if (folder < 0)
		return folder;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno("can't make a socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (errno == ECONNREFUSED || errno == ENOENT)
		err = err_set(ENOENT, "rubusd doesn't run on %s", store);
	else if (errno == EACCES)
		err = err_set(EACCES,
		    "%s belongs to another user: run this as root (sudo), or as who runs rubusd",
		    store);
	else
		err = err_errno("%s/" CTL_SOCKET, store);
	close(fd);
	return err;
}

static int
grow(char **text, size_t *size)
{
	size_t want = 2 * *size + 8192;
	char *more = want <= ANSWER_MAX ? realloc(*text, want) : NULL;

	if (!more)
		return -ENOMEM;
	*text = more;
	*size = want;
	return 0;
}

/* Till the other side closes: a malloc'ed string. */
static int
receive_all(int fd, char **out)
{
	CLEANUP_FREE char *text = NULL;
	size_t n = 0, size = 0;
	ssize_t k;

	do {
		if (size - n < 4096 && grow(&text, &size) < 0)
			return -ENOMEM;
		k = recv(fd, text + n, size - n - 1, 0);
		n += k > 0 ? (size_t)k : 0;
	} while (k > 0 || (k < 0 && errno == EINTR));
	if (k < 0)
		return -errno;
	text[n] = '\0';
	*out = text;
	text = NULL;
	return 0;
}

int
ctl_call(int fd, const struct proto_request *request, struct proto_answer *out)
{
	struct proto_text sent CLEANUP(proto_text_free) = { 0 };
	char *text = NULL;
	int err;

	proto_write_request(&sent, request);
	err = sent.failed ? -ENOMEM : address_send(fd, sent.p, sent.n);
	if (err == 0)
		err = receive_all(fd, &text);
	if (err < 0)
		return err_set(-err, "rubusd's control socket: %s", strerror(-err));
	err = proto_read_answer(text, out);
	return err < 0 ? err_set(-err, "rubusd ended before it had answered; see its log") : 0;
}

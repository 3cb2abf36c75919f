/* Two pipes: one for what the background has to say, one for the word that it is ready, or its
 * end. */
#include "server/fuse/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cow/err.h"

/* Copies what there is; false: no more comes. */
static int
pass_on(int from)
{
	char buf[1024];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0, w; done < n; done += w)
		if ((w = write(STDERR_FILENO, buf + done, (size_t)(n - done))) <= 0)
			return 0;
	return n > 0;
}

static _Noreturn void
wait_for_it(int said, int ready)
{
	struct pollfd p[] = { { said, POLLIN, 0 }, { ready, POLLIN, 0 } };
	char c;

	while (!p[1].revents) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && !pass_on(said))
			p[0].fd = -1;
	}
	fcntl(said, F_SETFL, O_NONBLOCK);
	while (pass_on(said))
		continue;
	_exit(read(ready, &c, 1) == 1 ? 0 : 1);
}

int
daemon_begin(struct daemon *out)
{
	int said[2], ready[2], null;
	pid_t pid;

	if (pipe2(said, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
	    (null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0 || (pid = fork()) < 0)
		return err_errno("going on in the background");
	if (pid > 0) {
		close(said[1]);
		close(ready[1]);
		wait_for_it(said[0], ready[0]);
	}
	if (setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(said[1], STDERR_FILENO) < 0)
		return err_errno("going on in the background");
	close(said[0]);
	close(said[1]);
	close(ready[0]);
	close(null);
	out->ready = ready[1];
	return 0;
}

void
daemon_ready(struct daemon *d)
{
	if (d->ready < 0)
		return;
	dup2(STDIN_FILENO, STDERR_FILENO);
	if (write(d->ready, "x", 1) == 1)
		close(d->ready);
	d->ready = -1;
}

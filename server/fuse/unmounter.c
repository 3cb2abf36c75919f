/* It waits for the end of a pipe and does nothing else. (fusermount3's auto_unmount would do the
 * same, but it looks whether the mount is dead while that may still be dying.) */
#include "server/fuse/unmounter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cow/err.h"
#include "server/localmount.h"

#define PIPE 3 /* its only descriptor besides the standard ones */

/* The service that is stopped needs it till its own end. */
static void
ignore_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
}

/* What whoever called the program waits for must not stay open here. */
static int
leave_all(int end)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return -1;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (end != PIPE && dup2(end, PIPE) < 0)
		return -1;
	return close_range(PIPE + 1, ~0u, 0);
}

static void
wait_for_end(void)
{
	char c;

	while (read(PIPE, &c, 1) < 0 && errno == EINTR)
		continue;
}

static _Noreturn void
run(int end, const char *dir, pid_t server)
{
	pid_t pid;

	ignore_signals();
	if (leave_all(end) < 0 || chdir("/") < 0)
		_exit(1);
	wait_for_end();
	if (localmount_find(dir, &pid) < 0 || pid != server)
		_exit(0);
	if (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && geteuid() != 0)
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", dir, (char *)NULL);
	_exit(0);
}

int
unmounter_start(const char *dir)
{
	pid_t server = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return err_errno("starting a process");
	if (pid == 0) {
		close(ends[1]);
		run(ends[0], dir, server);
	}
	close(ends[0]); /* the other end stays open till our own */
	return 0;
}

/* The control socket's place in the store's folder. */
#include "server/ctl/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cow/err.h"
#include "server/ctl/ctl.h"

int
address_of(const char *store, struct sockaddr_un *out)
{
	int folder = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return err_errno("%s", store);
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/" CTL_SOCKET, folder);
	return folder;
}

int
address_send(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

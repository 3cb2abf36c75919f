/*
 * One file on its way. An ACK that was seen before is never answered by sending again, but for the
 * first of a window of several blocks: else each delayed ACK would double all that follows (RFC
 * 1123, section 4.2.3.1).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "cow/err.h"
#include "server/boot/tftp_priv.h"
#include "server/boot/trace.h"
#include "server/log.h"

#define BUF_BYTES 65536u
#define PAUSE_MS  500 /* before the first packet is sent again; doubled each time */
#define PAUSE_MAX 4000
#define TRIES     6

int64_t
tftp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
transfer_free(struct transfer *t)
{
	if (t->fd >= 0)
		close(t->fd);
	bootfile_close(t->file);
	free(t->buf);
	free(t);
}

/* --- sending --- */

static void
send_error(struct transfer *t, enum tftp_error code, const char *text)
{
	uint8_t packet[128];
	size_t n = tftp_write_error(packet, code, text);

	send(t->fd, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int
read_view(struct service *service, struct transfer *t)
{
	struct peer_client *held;
	int rc = peer_by_id(service->peers, &t->peer, &t->client, &held);

	if (rc < 0)
		return rc;
	rc = bootfile_read(t->file, held->view, t->buf_at, t->buf, t->buf_n);
	peer_release(service->peers, held);
	return rc;
}

/* The bytes from off on are in the buffer: where. */
static int
bytes_at(struct service *service, struct transfer *t, uint64_t off, uint32_t n, const uint8_t **out)
{
	uint64_t left = bootfile_size(t->file) - off;
	int rc;

	if (!t->buf && !(t->buf = malloc(BUF_BYTES)))
		return -ENOMEM;
	if (off < t->buf_at || off + n > t->buf_at + t->buf_n) {
		t->buf_at = off;
		t->buf_n = left < BUF_BYTES ? (uint32_t)left : BUF_BYTES;
		rc = t->buf_n ? read_view(service, t) : 0;
		if (rc < 0) {
			t->buf_n = 0;
			return rc;
		}
	}
	*out = t->buf + (off - t->buf_at);
	return 0;
}

/* What the network has no room for now is sent again when it is due. A machine whose ACK has just
 * come is there: the kernel need not ask for its MAC, which a Pi 3's ROM wouldn't answer now. */
static int
send_block(struct service *service, struct transfer *t, uint64_t block)
{
	uint64_t off = (block - 1) * t->blksize, left = bootfile_size(t->file) - off;
	uint32_t n = left < t->blksize ? (uint32_t)left : t->blksize;
	uint8_t head[TFTP_HEAD];
	struct iovec iov[2] = { { head, sizeof(head) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (t->acked && t->tries == 0 ? MSG_CONFIRM : 0);
	const uint8_t *p = NULL;
	int rc = bytes_at(service, t, off, n, &p);

	if (rc < 0)
		return rc;
	tftp_write_head(head, TFTP_DATA, (uint16_t)block);
	iov[1] = (struct iovec){ (void *)(uintptr_t)p, n };
	if (sendmsg(t->fd, &msg, flags) < 0 && errno != EAGAIN && errno != ENOBUFS &&
	    errno != ECONNREFUSED)
		return -errno;
	return 0;
}

static int
send_window(struct service *service, struct transfer *t)
{
	int rc = 0;

	while (rc == 0 && t->sent < t->blocks && t->sent < t->acked + t->window)
		rc = send_block(service, t, ++t->sent);
	t->due = tftp_now() + t->pause;
	return rc;
}

static int
send_oack(struct transfer *t)
{
	uint8_t packet[128];
	size_t n = tftp_write_oack(packet, &t->request, bootfile_size(t->file));

	t->due = tftp_now() + t->pause;
	return send(t->fd, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN ? -errno
											  : 0;
}

int
transfer_begin(struct service *service, struct transfer *t)
{
	uint8_t packet[128];

	t->blksize = t->request.blksize ? t->request.blksize : TFTP_BLOCK;
	t->window = t->request.window ? t->request.window : 1;
	t->blocks = bootfile_size(t->file) / t->blksize + 1;
	t->pause = t->request.timeout ? t->request.timeout * 1000 : PAUSE_MS;
	t->began = tftp_now();
	t->granting = tftp_write_oack(packet, &t->request, 0) > 0;
	return t->granting ? send_oack(t) : send_window(service, t);
}

/* --- what becomes of it --- */

static void
note_end(struct service *service, const struct transfer *t, const char *trouble)
{
	double seconds = (double)(tftp_now() - t->began) / 1000;
	uint64_t size = bootfile_size(t->file);

	if (trouble)
		trace_note(service->trace, t->who, TRACE_TFTP, true, 0, "%s: %s", t->path, trouble);
	else
		trace_note(service->trace, t->who, TRACE_TFTP, false, size, "%s, %.1f s", t->path,
		    seconds);
	log_debug(service->log, LOG_BOOT, "tftp %s who=%s path=%s bytes=%llu ms=%lld",
	    trouble ? trouble : "done", t->who, t->path, (unsigned long long)size,
	    (long long)(tftp_now() - t->began));
}

static bool
give_up(struct service *service, struct transfer *t, int err)
{
	const char *why = err == -ESTALE ? "the file changed while it was sent" : strerror(-err);

	send_error(t, TFTP_E_OTHER, why);
	note_end(service, t, why);
	return false;
}

/* An ACK of what is on its way moves the window on. One of less than all of it says that what came
 * after was lost. */
static int
take_ack(struct service *service, struct transfer *t, uint16_t block)
{
	uint64_t acked = t->acked + (uint16_t)(block - (uint16_t)t->acked);

	if (t->granting && block != 0)
		return 0;
	if (t->granting) {
		t->granting = false;
		return send_window(service, t);
	}
	if (acked > t->sent)
		return 0;
	if (acked == t->acked) {
		if (t->window == 1 || t->again || t->sent == t->acked)
			return 0;
		t->again = true;
	} else {
		t->again = false;
		t->tries = 0;
	}
	t->acked = t->sent = acked;
	return send_window(service, t);
}

/* One packet at a time: if there are more, we are called again, and others in between. */
bool
transfer_ready(struct service *service, struct transfer *t)
{
	uint8_t packet[600];
	ssize_t n = recv(t->fd, packet, sizeof(packet), MSG_DONTWAIT);
	int op = n < 0 ? -errno : tftp_op(packet, (size_t)n), rc = 0;
	uint16_t block;
	char text[80];

	if (op == TFTP_ERROR && tftp_read_error(packet, (size_t)n, text) >= 0) {
		/* A bootloader that only looks whether a file is there ends so. */
		log_debug(service->log, LOG_BOOT, "tftp ended by the client who=%s path=%s: %s",
		    t->who, t->path, text);
		return false;
	}
	if (op == TFTP_ACK && tftp_read_block(packet, (size_t)n, &block) == 0)
		rc = take_ack(service, t, block);
	if (rc < 0)
		return give_up(service, t, rc);
	if (t->acked < t->blocks)
		return n >= 0 || op == -EAGAIN || op == -EINTR; /* else nobody is there */
	note_end(service, t, NULL);
	return false;
}

bool
transfer_late(struct service *service, struct transfer *t)
{
	int rc;

	if (++t->tries > TRIES) {
		note_end(service, t, t->acked || !t->granting ? "no answer any more" : "no answer");
		return false;
	}
	t->pause = t->pause * 2 < PAUSE_MAX ? t->pause * 2 : PAUSE_MAX;
	t->sent = t->acked;
	t->again = false;
	rc = t->granting ? send_oack(t) : send_window(service, t);
	return rc == 0 || give_up(service, t, rc);
}

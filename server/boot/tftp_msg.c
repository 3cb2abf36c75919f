/* What comes from the network is looked at byte by byte, and never beyond its end. */
#include "server/boot/tftp_msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

int
tftp_op(const void *packet, size_t n)
{
	const uint8_t *p = packet;

	if (n < 2 || p[0] || p[1] < TFTP_RRQ || p[1] > TFTP_OACK)
		return -EBADMSG;
	return p[1];
}

/* The next text, or NULL: no NUL is left. */
static const char *
next_text(const char **p, size_t *n)
{
	const char *text = *p, *end = memchr(*p, '\0', *n);

	if (!end)
		return NULL;
	*n -= (size_t)(end - text) + 1;
	*p = end + 1;
	return text;
}

/* A number that fits, else 0. */
static uint32_t
number(const char *text, uint32_t min, uint32_t max)
{
	uint64_t value = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 9 || text[n])
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	return value < min ? 0 : value > max ? max : (uint32_t)value;
}

static void
take_option(const char *name, const char *value, struct tftp_request *out)
{
	if (strcasecmp(name, "tsize") == 0)
		out->tsize = true;
	else if (strcasecmp(name, "blksize") == 0)
		out->blksize = number(value, TFTP_BLOCK_MIN, TFTP_BLOCK_MAX);
	else if (strcasecmp(name, "windowsize") == 0)
		out->window = number(value, 1, TFTP_WINDOW);
	else if (strcasecmp(name, "timeout") == 0)
		out->timeout = number(value, 1, 255) == 255 && strcmp(value, "255") != 0
				   ? 0
				   : number(value, 1, 255);
}

int
tftp_read_request(const void *packet, size_t n, struct tftp_request *out)
{
	const char *p = (const char *)packet + 2, *mode, *name, *value;
	int op = tftp_op(packet, n);

	memset(out, 0, sizeof(*out));
	if (op != TFTP_RRQ && op != TFTP_WRQ)
		return -EBADMSG;
	n -= 2;
	out->path = next_text(&p, &n);
	mode = out->path ? next_text(&p, &n) : NULL;
	if (!mode)
		return -EBADMSG;
	out->octet = strcasecmp(mode, "octet") == 0;
	while (n && (name = next_text(&p, &n)) && (value = next_text(&p, &n)))
		take_option(name, value, out);
	return 0;
}

int
tftp_read_block(const void *packet, size_t n, uint16_t *out)
{
	int op = tftp_op(packet, n);

	if ((op != TFTP_DATA && op != TFTP_ACK) || n < TFTP_HEAD)
		return -EBADMSG;
	*out = get_be16((const uint8_t *)packet + 2);
	return 0;
}

int
tftp_read_error(const void *packet, size_t n, char text[80])
{
	const uint8_t *p = packet;
	size_t at = 0;

	if (tftp_op(packet, n) != TFTP_ERROR || n < TFTP_HEAD)
		return -EBADMSG;
	for (size_t i = TFTP_HEAD; i < n && p[i] && at < 79; i++)
		text[at++] = p[i] >= ' ' && p[i] <= '~' ? (char)p[i] : '?';
	text[at] = '\0';
	return get_be16(p + 2);
}

void
tftp_write_head(uint8_t head[TFTP_HEAD], enum tftp_op op, uint16_t block)
{
	head[0] = 0;
	head[1] = (uint8_t)op;
	head[2] = (uint8_t)(block >> 8);
	head[3] = (uint8_t)block;
}

size_t
tftp_write_error(uint8_t packet[128], enum tftp_error code, const char *text)
{
	tftp_write_head(packet, TFTP_ERROR, (uint16_t)code);
	snprintf((char *)packet + TFTP_HEAD, 128 - TFTP_HEAD, "%s", text);
	return TFTP_HEAD + strlen((char *)packet + TFTP_HEAD) + 1;
}

static size_t
put_option(uint8_t *to, const char *name, uint64_t value)
{
	int n = snprintf((char *)to, 32, "%s%c%llu", name, '\0', (unsigned long long)value);

	return (size_t)n + 1;
}

size_t
tftp_write_oack(uint8_t packet[128], const struct tftp_request *r, uint64_t tsize)
{
	size_t n = 2;

	tftp_write_head(packet, TFTP_OACK, 0);
	if (r->tsize)
		n += put_option(packet + n, "tsize", tsize);
	if (r->blksize)
		n += put_option(packet + n, "blksize", r->blksize);
	if (r->timeout)
		n += put_option(packet + n, "timeout", r->timeout);
	if (r->window)
		n += put_option(packet + n, "windowsize", r->window);
	return n == 2 ? 0 : n;
}

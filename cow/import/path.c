/* Paths of any bytes: taken apart, and made fit to be shown. */
#include "cow/import/path.h"

#include <stdio.h>

int
path_next(struct str *rest, struct str *out)
{
	while (rest->n) {
		const char *slash = memchr(rest->p, '/', rest->n);
		uint32_t n = slash ? (uint32_t)(slash - rest->p) : rest->n;

		*out = (struct str){ rest->p, n };
		rest->p += slash ? n + 1 : n;
		rest->n -= slash ? n + 1 : n;
		if (n && !str_eq(*out, STR(".")))
			return 1;
	}
	return 0;
}

/* The length of the printable UTF-8 character at p, 0 when there is none. */
static uint32_t
char_length(const unsigned char *p, uint32_t left)
{
	static const uint32_t lowest[] = { 0, 0x20, 0xa0, 0x800, 0x10000 };
	uint32_t n = *p < 0x80 ? 1 : *p >= 0xf0 && *p < 0xf8 ? 4 : *p >= 0xe0 ? 3 : 2;
	uint32_t code = n == 1 ? *p : *p & (0x7fu >> n);

	if (n > left || (*p >= 0x80 && *p < 0xc0) || *p >= 0xf8 || *p == 0x7f)
		return 0;
	for (uint32_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < lowest[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

static uint32_t
show_part(struct str s, char *out, uint32_t room)
{
	uint32_t used = 0, n;

	for (uint32_t i = 0; i < s.n; i += n) {
		const unsigned char *p = (const unsigned char *)s.p + i;

		n = char_length(p, s.n - i);
		if (used + 4 >= room)
			break;
		if (n && *p != '"' && *p != '\\') {
			memcpy(out + used, p, n);
			used += n;
		} else {
			n = 1;
			used += (uint32_t)snprintf(out + used, 5, "\\%03o", *p);
		}
	}
	return used;
}

const char *
path_show(struct str path, char out[PATH_SHOWN])
{
	uint32_t room = PATH_SHOWN - 2, used = 1;

	out[0] = '"';
	if (path.n > room / 4 && path.n > 200) {
		used += show_part((struct str){ path.p, 80 }, out + used, 90);
		used += (uint32_t)snprintf(out + used, 6, "...");
		path = (struct str){ path.p + path.n - 80, 80 };
	}
	used += show_part(path, out + used, room - used);
	out[used++] = '"';
	out[used] = '\0';
	return out;
}

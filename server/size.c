/* Bytes as people read them. */
#include "server/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
size_text(uint64_t bytes, char buf[SIZE_TEXT])
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes / 1024;
	int unit = 0;

	if (bytes < 1024) {
		snprintf(buf, SIZE_TEXT, "%" PRIu64 "%s", bytes, bytes ? "B" : "");
		return buf;
	}
	while (v >= 1023.5 && unit < 5) {
		v /= 1024;
		unit++;
	}
	snprintf(buf, SIZE_TEXT, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
	return buf;
}

int
size_parse(const char *text, uint64_t *out)
{
	static const char letters[] = "KMGT";
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end && (unit = strchr(letters, *end)) != NULL) {
		int shift = 10 * (int)(unit - letters + 1);

		if (*out > UINT64_MAX >> shift)
			return -EINVAL;
		*out <<= shift;
		end++;
	}
	return *end ? -EINVAL : 0;
}

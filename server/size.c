/* Bytes as people read them. */
#include "server/size.h"

#include <inttypes.h>
#include <stdio.h>

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

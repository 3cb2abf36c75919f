/*
 * Size: bytes as people read them.
 */
#ifndef SERVER_SIZE_H
#define SERVER_SIZE_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_TEXT 16

/* "0", "1023B", "1.5K", "12M": binary units, three digits at most beside the point. Returns buf. */
const char *size_text(uint64_t bytes, char buf[SIZE_TEXT]);

/* Digits, and one of K M G T after them or not. -EINVAL. */
int size_parse(const char *text, uint64_t *out);

#endif

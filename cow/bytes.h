/*
 * Bytes: a borrowed string of any bytes, little-endian integers, checked sums.
 */
#ifndef COW_BYTES_H
#define COW_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes, not NUL-terminated. Names of files are these. */
struct str {
	const char *p;
	uint32_t n;
};

#define STR(literal)    ((struct str){ (literal), sizeof(literal) - 1 })
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))
#define ROUND_UP(n, to) (((n) + (to)-1) / (to) * (to))

static inline struct str
str_of(const char *s)
{
	return (struct str){ s, (uint32_t)strlen(s) };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order: shorter first where one is the other's beginning. */
static inline int
str_cmp(struct str a, struct str b)
{
	uint32_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline void
put_le32(void *to, uint32_t v)
{
	uint8_t *p = to;

	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline void
put_le64(void *to, uint64_t v)
{
	uint8_t *p = to;

	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint32_t
get_le32(const void *from)
{
	const uint8_t *p = from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t
get_le64(const void *from)
{
	const uint8_t *p = from;

	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline bool
bytes_are_zeros(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

#endif

/*
 * Wire: XDR words put into and taken out of a buffer. The load generator's own, so that it depends
 * on nothing that it measures.
 */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

struct fh {
	uint32_t n;
	uint8_t bytes[64];
};

static inline uint8_t *
put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, 4);
	return p + 4;
}

static inline uint8_t *
put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, 8);
	return p + 8;
}

static inline uint8_t *
put_opaque(uint8_t *p, const void *bytes, uint32_t n)
{
	p = put32(p, n);
	memcpy(p, bytes, n);
	memset(p + n, 0, -n & 3);
	return p + n + (-n & 3);
}

static inline uint8_t *
put_fh(uint8_t *p, const struct fh *fh)
{
	return put_opaque(p, fh->bytes, fh->n);
}

static inline uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return be32toh(v);
}

static inline uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return be64toh(v);
}

#endif

/*
 * Word: XDR's unit, 32 bits in network byte order, and the padding of bytes to whole words.
 */
#ifndef RPC_WORD_H
#define RPC_WORD_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define WORD_PADDED(n) (((n) + 3u) & ~3u)

static inline uint32_t
word_get(const void *from)
{
	uint32_t w;

	memcpy(&w, from, sizeof(w));
	return ntohl(w);
}

/* The place after it. */
static inline uint8_t *
word_put(uint8_t *to, uint32_t v)
{
	uint32_t w = htonl(v);

	memcpy(to, &w, sizeof(w));
	return to + sizeof(w);
}

static inline uint8_t *
word_put_hyper(uint8_t *to, uint64_t v)
{
	return word_put(word_put(to, (uint32_t)(v >> 32)), (uint32_t)v);
}

/* Length, bytes, padding; n bytes at most 2^32 - 4. */
static inline uint8_t *
word_put_opaque(uint8_t *to, const void *from, uint32_t n)
{
	to = word_put(to, n);
	if (n > 0)
		memcpy(to, from, n);
	memset(to + n, 0, WORD_PADDED(n) - n);
	return to + WORD_PADDED(n);
}

#endif

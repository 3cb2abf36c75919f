/* XXH3 behind a few calls; the only file that knows xxhash. */
#include "cow/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "cow/err.h"

#define GOLDEN 0x9e3779b97f4a7c15u /* 2^64 over the golden ratio: odd, bits well mixed */

_Static_assert(HASH_SECRET_SIZE >= 136 && HASH_SECRET_SIZE % 16 == 0, "XXH3's least secret");

struct hash {
	uint8_t secret[HASH_SECRET_SIZE];
	unsigned bits;
};

static struct id
id_of(XXH128_hash_t h)
{
	XXH128_canonical_t c;
	struct id id;

	XXH128_canonicalFromHash(&c, h);
	_Static_assert(sizeof(c.digest) == sizeof(id.b), "128 bits");
	memcpy(id.b, c.digest, sizeof(id.b));
	return id;
}

int
hash_open(const uint8_t *secret, struct hash **out)
{
	struct hash *h = malloc(sizeof(*h));

	if (!h)
		return err_set(ENOMEM, "out of memory for the hash");
	memcpy(h->secret, secret, sizeof(h->secret));
	h->bits = 128;
	*out = h;
	return 0;
}

void
hash_close(struct hash *h)
{
	free(h);
}

/* Another secret for each attempt, as XXH3 itself makes a secret from a seed. */
static void
vary_secret(const uint8_t *secret, uint32_t attempt, uint8_t out[HASH_SECRET_SIZE])
{
	uint64_t seed = attempt * GOLDEN;

	for (size_t i = 0; i < HASH_SECRET_SIZE; i += 16) {
		put_le64(out + i, get_le64(secret + i) + seed);
		put_le64(out + i + 8, get_le64(secret + i + 8) - seed);
	}
}

/* The attempt becomes part of a weak id: else so few ids would not name all blocks of a test. */
static XXH128_hash_t
weaken(XXH128_hash_t h, unsigned bits, uint32_t attempt)
{
	if (bits >= 128)
		return h;
	h.low64 = bits >= 64 ? h.low64 : h.low64 & ((UINT64_C(1) << bits) - 1);
	h.high64 = attempt * GOLDEN;
	return h;
}

struct id
hash_block(const struct hash *h, const void *p, size_t n, uint32_t attempt)
{
	uint8_t varied[HASH_SECRET_SIZE];
	const uint8_t *secret = h->secret;
	XXH128_hash_t sum;

	if (attempt) {
		vary_secret(secret, attempt, varied);
		secret = varied;
	}
	sum = weaken(XXH3_128bits_withSecret(p, n, secret, HASH_SECRET_SIZE), h->bits, attempt);
	if (sum.low64 == 0 && sum.high64 == 0)
		sum.low64 = 1;
	return id_of(sum);
}

void
hash_weaken(struct hash *h, unsigned bits)
{
	h->bits = bits;
}

struct hash_stream {
	XXH3_state_t *state;
};

int
hash_stream_open(struct hash_stream **out)
{
	struct hash_stream *s = malloc(sizeof(*s));
	XXH3_state_t *state = XXH3_createState();

	if (!s || !state || XXH3_128bits_reset(state) != XXH_OK) {
		free(s);
		XXH3_freeState(state);
		return err_set(ENOMEM, "out of memory for a running hash");
	}
	s->state = state;
	*out = s;
	return 0;
}

void
hash_stream_add(struct hash_stream *s, const void *p, size_t n)
{
	if (n)
		XXH3_128bits_update(s->state, p, n);
}

struct id
hash_stream_end(const struct hash_stream *s)
{
	return id_of(XXH3_128bits_digest(s->state));
}

void
hash_stream_close(struct hash_stream *s)
{
	if (!s)
		return;
	XXH3_freeState(s->state);
	free(s);
}

uint64_t
hash_bytes(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

void
id_hex(const struct id *id, char out[ID_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < ID_SIZE; i++) {
		out[2 * i] = digits[id->b[i] >> 4];
		out[2 * i + 1] = digits[id->b[i] & 15];
	}
	out[2 * ID_SIZE] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
id_parse(struct str hex, struct id *out)
{
	struct id id;

	if (hex.n != 2 * ID_SIZE)
		return err_set(EINVAL, "an id has %d hex digits, not %u", 2 * ID_SIZE, hex.n);
	for (int i = 0; i < ID_SIZE; i++) {
		int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(EINVAL, "not a hex digit in the id");
		id.b[i] = (uint8_t)(high << 4 | low);
	}
	*out = id;
	return 0;
}

bool
id_is_zero(const struct id *id)
{
	static const struct id zero;

	return id_eq(id, &zero);
}

bool
id_eq(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_SIZE) == 0;
}

int
id_random(struct id *out)
{
	ssize_t n;

	do
		n = getrandom(out->b, ID_SIZE, 0);
	while (n < 0 && errno == EINTR);
	return n == ID_SIZE ? 0 : err_errno("random bytes from the kernel");
}

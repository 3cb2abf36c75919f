/* File handles as bytes, and the tag that makes them hard to forge. */
#include "server/nfs3/fh.h"

#include <errno.h>
#include <sodium.h>

enum { AT_INCARNATION = 4, AT_VIEW = 8, AT_INO = 24, AT_GEN = 28, AT_TAG = 32 };

#define FH_VERSION 1

_Static_assert(AT_TAG + crypto_shorthash_siphashx24_BYTES == FH_SIZE, "the tag ends the handle");
_Static_assert(crypto_shorthash_siphashx24_KEYBYTES == FH_KEY_SIZE, "a client's key keys the tag");

void
fh_pack(const struct fh *fh, const uint8_t key[FH_KEY_SIZE], uint8_t out[FH_SIZE])
{
	put_le32(out, FH_VERSION);
	put_le32(out + AT_INCARNATION, fh->incarnation);
	memcpy(out + AT_VIEW, fh->view.b, ID_SIZE);
	put_le32(out + AT_INO, fh->ino);
	put_le32(out + AT_GEN, fh->gen);
	crypto_shorthash_siphashx24(out + AT_TAG, out, AT_TAG, key);
}

int
fh_unpack(const void *handle, uint32_t n, struct fh *out)
{
	const uint8_t *p = handle;

	if (n != FH_SIZE || get_le32(p) != FH_VERSION)
		return -EBADMSG;
	out->incarnation = get_le32(p + AT_INCARNATION);
	memcpy(out->view.b, p + AT_VIEW, ID_SIZE);
	out->ino = get_le32(p + AT_INO);
	out->gen = get_le32(p + AT_GEN);
	return 0;
}

bool
fh_verify(const void *handle, const uint8_t key[FH_KEY_SIZE])
{
	const uint8_t *p = handle;
	uint8_t tag[crypto_shorthash_siphashx24_BYTES];

	crypto_shorthash_siphashx24(tag, p, AT_TAG, key);
	return sodium_memcmp(tag, p + AT_TAG, sizeof(tag)) == 0;
}

/*
 * Fh: any bytes as a file handle. What isn't ours is refused; what is unpacked packs to the same
 * bytes when its tag is right, and no change of a handle that was given out is believed.
 */
#include <string.h>

#include "server/nfs3/fh.h"
#include "tests/fuzz/fuzz.h"

#define AT_TAG 32 /* the tag ends the handle */

static const uint8_t key[FH_KEY_SIZE] = "a key of a view";

static void
check_made(const struct fh *fh, const uint8_t *change, size_t n)
{
	uint8_t made[FH_SIZE], changed[FH_SIZE];
	struct fh again;

	fh_pack(fh, key, made);
	PROMISE(fh_verify(made, key));
	PROMISE(fh_unpack(made, FH_SIZE, &again) == 0);
	PROMISE(again.ino == fh->ino && again.gen == fh->gen && id_eq(&again.view, &fh->view) &&
		again.incarnation == fh->incarnation);
	/* Either what the tag is of is changed, or the tag: libFuzzer sees what a tag is compared
	 * with, so both together it can get right. */
	for (int tag = 0; tag < 2; tag++) {
		size_t from = tag ? AT_TAG : 0, to = tag ? FH_SIZE : AT_TAG;

		memcpy(changed, made, FH_SIZE);
		for (size_t i = 0; i < n; i++)
			changed[from + i % (to - from)] ^= change[i];
		PROMISE(fh_verify(changed, key) == (memcmp(changed, made, FH_SIZE) == 0));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fh fh;

	if (fh_unpack(data, (uint32_t)size, &fh) == 0) {
		PROMISE(size == FH_SIZE);
		check_made(&fh, data, size);
		if (fh_verify(data, key)) {
			uint8_t again[FH_SIZE];

			fh_pack(&fh, key, again);
			PROMISE(memcmp(again, data, FH_SIZE) == 0);
		}
	}
	if (size > sizeof(fh)) {
		memcpy(&fh, data, sizeof(fh));
		check_made(&fh, data + sizeof(fh), size - sizeof(fh));
	}
	return 0;
}

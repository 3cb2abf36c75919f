/*
 * Record: a stream gives the same records in one piece, byte by byte, and in pieces of any size.
 */
#include <string.h>

#include "rpc/record.h"
#include "tests/fuzz/fuzz.h"

#define MAX 3000

/* What came out: a sum over all records, and how it ended. */
struct result {
	uint64_t sum;
	uint32_t records;
	int end;
};

static int
take_all(struct rpc_stream *s, struct result *r)
{
	const uint8_t *record;
	uint32_t n;

	while ((r->end = rpc_stream_next(s, &record, &n)) == 1) {
		PROMISE(n <= MAX && n % 4 == 0 && (uintptr_t)record % 4 == 0);
		for (uint32_t i = 0; i < n; i++)
			r->sum = (r->sum ^ record[i]) * 0x100000001b3u;
		r->sum = (r->sum ^ n) * 0x100000001b3u;
		r->records++;
	}
	return r->end;
}

static struct result
run(const uint8_t *data, size_t size, uint32_t piece)
{
	struct result r = { 0 };
	struct rpc_stream s;

	rpc_stream_init(&s, MAX);
	while (size > 0 && r.end == 0) {
		uint32_t room;
		uint8_t *where;

		PROMISE(rpc_stream_room(&s, &where, &room) == 0 && room > 0);
		if (room > piece)
			room = piece;
		if (room > size)
			room = (uint32_t)size;
		memcpy(where, data, room);
		rpc_stream_filled(&s, room);
		data += room;
		size -= room;
		take_all(&s, &r);
		if (piece % 2)
			rpc_stream_idle(&s);
		PROMISE(s.size < 64 * 1024);
	}
	rpc_stream_free(&s);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole = run(data, size, UINT32_MAX - 1);
	const uint32_t pieces[] = { 1, 2, 7, 100 };

	for (int i = 0; i < 4; i++) {
		struct result r = run(data, size, pieces[i]);

		PROMISE(r.records == whole.records && r.sum == whole.sum && r.end == whole.end);
	}
	return 0;
}

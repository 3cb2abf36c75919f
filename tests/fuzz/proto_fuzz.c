/*
 * Proto: any bytes as a request to the control socket, and as an answer from it. What is understood
 * is written again as it was understood.
 */
#include <string.h>

#include "server/ctl/proto.h"
#include "tests/fuzz/fuzz.h"

static void
check_request(const uint8_t *data, size_t n)
{
	struct proto_request r, again;
	struct proto_text text = { 0 };
	char *copy = malloc(n + 1);

	if (!copy)
		return;
	memcpy(copy, data, n);
	copy[n] = '\0';
	if (proto_read_request(copy, &r) == 0) {
		PROMISE(r.verb && r.npairs >= 0 && r.npairs <= PROTO_KEYS_MAX);
		for (int i = 0; i < r.npairs; i++)
			PROMISE(proto_get(&r, r.pairs[i].key, 0));
		proto_write_request(&text, &r);
		PROMISE(!text.failed && proto_request_end(text.p, text.n) == text.n);
		text.p[text.n] = '\0';
		PROMISE(proto_read_request(text.p, &again) == 0 && again.npairs == r.npairs);
		PROMISE(strcmp(again.verb, r.verb) == 0);
		for (int i = 0; i < r.npairs; i++)
			PROMISE(strcmp(again.pairs[i].key, r.pairs[i].key) == 0 &&
				strcmp(again.pairs[i].value, r.pairs[i].value) == 0);
	}
	proto_text_free(&text);
	free(copy);
}

static void
check_answer(const uint8_t *data, size_t n)
{
	struct proto_answer answer;
	char *copy = malloc(n + 1);

	if (!copy)
		return;
	memcpy(copy, data, n);
	copy[n] = '\0';
	if (proto_read_answer(copy, &answer) < 0)
		return;
	for (int i = 0; i < answer.nrows; i++)
		for (int k = 0; k < answer.rows[i].npairs; k++)
			PROMISE(proto_value(&answer.rows[i], answer.rows[i].pairs[k].key));
	PROMISE(answer.err == 0 || answer.sentence);
	proto_answer_free(&answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t end;

	if (size > PROTO_REQUEST_MAX)
		return 0;
	end = proto_request_end((const char *)data, size);
	PROMISE(end <= size);
	if (end)
		check_request(data, end);
	check_answer(data, size);
	return 0;
}

/* The table of works. */
#include "tests/bench/work.h"

#include <stdio.h>

#define MIB (UINT64_C(1) << 20)

static const struct work works[] = {
	{ "null", 4, 8, WORK_TIMED | WORK_WARMED | WORK_NO_MOUNT, 0, 0, 0, NULL, run_null },
	{ "getattr", 4, 8, WORK_TIMED | WORK_WARMED, 2000, 0, 0, ready_sample, run_getattr },
	{ "lookup", 4, 8, WORK_TIMED | WORK_WARMED, 2000, 0, 0, ready_sample, run_lookup },
	{ "access", 4, 8, WORK_TIMED | WORK_WARMED, 2000, 0, 0, ready_sample, run_access },
	{ "readdirplus", 4, 4, 0, 0, 0, 0, NULL, run_walk },
	{ "read1m", 4, 4, WORK_TIMED | WORK_WARMED, 16, 4 * MIB, 0, ready_sample, run_read_large },
	{ "read4k", 4, 8, WORK_TIMED | WORK_WARMED, 500, MIB / 16, 0, ready_sample,
	    run_read_small },
	{ "boot", 32, 4, WORK_SETTLES, 2000, 1, 120 * MIB, NULL, run_boot },
	{ "first4k", 4, 4, WORK_SETTLES, 500, 16384, 0, ready_sample, run_first_write },
	{ "rewrite4k", 4, 4, WORK_SETTLES, 0, 0, 0, ready_rewrite, run_rewrite },
	{ "create", 32, 1, WORK_SETTLES, 0, 0, 0, ready_create, run_create },
	{ "write1m", 2, 4, WORK_SETTLES, 0, 0, 0, ready_write_large, run_write_large },
	{ "replace", 32, 4, WORK_SETTLES, 2000, 1, 50 * MIB, NULL, run_replace },
};

const struct work *
work_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (!strcmp(works[i].name, name))
			return &works[i];
	die("no work '%s'", name);
}

void
work_list(void)
{
	size_t i;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		printf("%s %u %u\n", works[i].name, works[i].clients, works[i].depth);
}

void
work_stamp(const struct slot *s, uint8_t *page, uint32_t client, uint64_t where)
{
	memcpy(page, &s->client->load->nonce, 8);
	memcpy(page + 8, &where, 8);
	memcpy(page + 16, &client, 4);
}

const uint8_t *
work_noise(void)
{
	static uint8_t noise[1 << 20];
	static bool made;
	uint64_t x = 88172645463325252u;
	size_t i;

	for (i = 0; !made && i < sizeof(noise); i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(noise + i, &x, 8);
	}
	made = true;
	return noise;
}

uint32_t
work_random(struct slot *s)
{
	uint32_t x = s->client->load->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return s->client->load->random = x;
}

/*
 * Mountlist: the linked lists of RFC 1813 appendix I, written as the words that they are on the
 * wire: 1 before each node, 0 after the last.
 */
#include "rpc/mountlist.h"

#include <errno.h>
#include <stdlib.h>

#include "rpc/outbuf.h"

struct mountlist {
	struct outbuf out;
};

static void
list_free(void *arg)
{
	struct mountlist *m = arg;

	outbuf_free(&m->out);
	free(m);
}

int
mountlist_open(uint32_t max, struct mountlist **out)
{
	struct mountlist *m = calloc(1, sizeof(*m));
	int r;

	if (m == NULL)
		return -ENOMEM;
	r = outbuf_init(&m->out, max < 4 ? 0 : (max - 4) & ~3u);
	if (r < 0) {
		free(m);
		return r;
	}
	*out = m;
	return 0;
}

void
mountlist_close(struct mountlist *m)
{
	if (m != NULL)
		list_free(m);
}

static uint64_t
size_of(struct leaf_name name)
{
	return 4 + ((uint64_t)name.n + 3) / 4 * 4;
}

int
mountlist_add_mount(struct mountlist *m, struct leaf_name host, struct leaf_name directory)
{
	uint8_t *at;
	int r = outbuf_take(&m->out, 4 + size_of(host) + size_of(directory), &at);

	if (r != 0)
		return r;
	at = word_put(at, TRUE);
	at = word_put_opaque(at, host.p, host.n);
	word_put_opaque(at, directory.p, directory.n);
	return 0;
}

int
mountlist_add_export(struct mountlist *m, struct leaf_name directory,
    const struct leaf_name *groups, uint32_t ngroups)
{
	uint64_t n = 4 + size_of(directory) + 4;
	uint8_t *at;
	int r;

	for (uint32_t i = 0; i < ngroups; i++)
		n += 4 + size_of(groups[i]);
	r = outbuf_take(&m->out, n, &at);
	if (r != 0)
		return r;
	at = word_put(at, TRUE);
	at = word_put_opaque(at, directory.p, directory.n);
	for (uint32_t i = 0; i < ngroups; i++) {
		at = word_put(at, TRUE);
		at = word_put_opaque(at, groups[i].p, groups[i].n);
	}
	word_put(at, FALSE);
	return 0;
}

void
mountlist_attach(struct mountlist *m, struct rpc_reply *reply)
{
	word_put(outbuf_end(&m->out, 4), FALSE);
	outbuf_attach(&m->out, reply, list_free, m);
}

/*
 * Dirlist: an entry's size is known before a byte of it is written, so a list never has to be taken
 * back.
 */
#include "rpc/dirlist.h"

#include <errno.h>
#include <stdlib.h>

#include "rpc/outbuf.h"

#define ATTRIBUTES 84u                                        /* fattr3 */
#define RESOK      (4 + ATTRIBUTES + NFS3_COOKIEVERFSIZE + 8) /* attributes, verifier, end of list */

struct dirlist {
	struct outbuf out;
	uint64_t dirused;
	uint32_t dircount, count;
	bool plus;
};

static void
list_free(void *arg)
{
	struct dirlist *d = arg;

	outbuf_free(&d->out);
	free(d);
}

static int
list_open(uint32_t count, uint32_t dircount, bool plus, struct dirlist **out)
{
	struct dirlist *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL)
		return -ENOMEM;
	if (count > DIRLIST_MAX)
		count = DIRLIST_MAX;
	r = outbuf_init(&d->out, count < RESOK ? 0 : (count - RESOK) & ~3u);
	if (r < 0) {
		free(d);
		return r;
	}
	d->dircount = dircount;
	d->plus = plus;
	*out = d;
	return 0;
}

int
dirlist_open(uint32_t count, struct dirlist **out)
{
	return list_open(count, UINT32_MAX, false, out);
}

int
dirlist_open_plus(uint32_t dircount, uint32_t maxcount, struct dirlist **out)
{
	return list_open(maxcount, dircount, true, out);
}

void
dirlist_close(struct dirlist *d)
{
	if (d != NULL)
		list_free(d);
}

/* What dircount limits. */
static uint64_t
size_names(const struct dirlist_entry *e)
{
	return 8 + 4 + ((uint64_t)e->n + 3) / 4 * 4 + 8;
}

static uint64_t
size_plus(const struct dirlist_entry *e)
{
	uint64_t n = 4 + 4;

	if (e->attributes != NULL)
		n += ATTRIBUTES;
	if (e->handle != NULL)
		n += 4 + WORD_PADDED(e->handle->n);
	return n;
}

static uint8_t *
put_attributes(uint8_t *at, const fattr3 *a)
{
	XDR xdrs;
	fattr3 copy;

	at = word_put(at, a != NULL);
	if (a == NULL)
		return at;
	copy = *a;
	xdrmem_create(&xdrs, (char *)at, ATTRIBUTES, XDR_ENCODE);
	xdr_fattr3(&xdrs, &copy);
	return at + ATTRIBUTES;
}

static uint8_t *
put_handle(uint8_t *at, const nfs_fh3 *fh)
{
	at = word_put(at, fh != NULL);
	return fh != NULL ? word_put_opaque(at, fh->bytes, fh->n) : at;
}

int
dirlist_add(struct dirlist *d, const struct dirlist_entry *e)
{
	uint64_t names = size_names(e), n = 4 + names + (d->plus ? size_plus(e) : 0);
	uint8_t *at;
	int r;

	if (d->count > 0 && d->dirused + names > d->dircount)
		return 1;
	r = outbuf_take(&d->out, n, &at);
	if (r != 0)
		return r;
	at = word_put(at, TRUE);
	at = word_put_hyper(at, e->fileid);
	at = word_put_opaque(at, e->name, e->n);
	at = word_put_hyper(at, e->cookie);
	if (d->plus) {
		at = put_attributes(at, e->attributes);
		put_handle(at, e->handle);
	}
	d->dirused += names;
	d->count++;
	return 0;
}

uint32_t
dirlist_count(const struct dirlist *d)
{
	return d->count;
}

void
dirlist_attach(struct dirlist *d, bool eof, struct rpc_reply *reply)
{
	uint8_t *at = outbuf_end(&d->out, 8);

	word_put(word_put(at, FALSE), eof);
	outbuf_attach(&d->out, reply, list_free, d);
}

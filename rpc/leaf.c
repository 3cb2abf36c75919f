/*
 * Leaf: opaque bytes and names without a copy. libtirpc's own would allocate each name and stop at
 * the first NUL byte.
 */
#include "rpc/leaf.h"

#include "rpc/word.h"

/* The place of n bytes in a stream of memory, past them and their padding. */
static uint8_t *
take(XDR *xdrs, uint32_t n)
{
	if (n > UINT32_MAX - 3)
		return NULL;
	return (uint8_t *)XDR_INLINE(xdrs, WORD_PADDED(n));
}

static bool_t
put(XDR *xdrs, const void *from, uint32_t n)
{
	uint8_t *to;

	if (!xdr_uint32_t(xdrs, &n))
		return FALSE;
	if (n == 0)
		return TRUE;
	to = take(xdrs, n);
	if (to == NULL)
		return FALSE;
	memcpy(to, from, n);
	memset(to + n, 0, WORD_PADDED(n) - n);
	return TRUE;
}

/* n, and where so many bytes are; an empty run has a place too. */
static bool_t
borrow(XDR *xdrs, uint32_t max, uint32_t *n, const uint8_t **out)
{
	static const uint8_t none[4];

	if (!xdr_uint32_t(xdrs, n) || *n > max)
		return FALSE;
	*out = *n ? take(xdrs, *n) : none;
	return *out != NULL;
}

static bool_t
fh(XDR *xdrs, struct leaf_fh *fh)
{
	const uint8_t *from;

	if (xdrs->x_op == XDR_ENCODE)
		return fh->n <= LEAF_FH_MAX && put(xdrs, fh->bytes, fh->n);
	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (!borrow(xdrs, LEAF_FH_MAX, &fh->n, &from))
		return FALSE;
	memcpy(fh->bytes, from, fh->n);
	return TRUE;
}

static bool_t
name(XDR *xdrs, struct leaf_name *name)
{
	const uint8_t *from;

	if (xdrs->x_op == XDR_ENCODE)
		return put(xdrs, name->p, name->n);
	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (!borrow(xdrs, LEAF_NAME_MAX, &name->n, &from))
		return FALSE;
	name->p = (const char *)from;
	return TRUE;
}

bool_t
xdr_nfs_fh3(XDR *xdrs, nfs_fh3 *objp)
{
	return fh(xdrs, objp);
}

bool_t
xdr_fhandle3(XDR *xdrs, fhandle3 *objp)
{
	return fh(xdrs, objp);
}

bool_t
xdr_filename3(XDR *xdrs, filename3 *objp)
{
	return name(xdrs, objp);
}

bool_t
xdr_nfspath3(XDR *xdrs, nfspath3 *objp)
{
	return name(xdrs, objp);
}

bool_t
xdr_dirpath(XDR *xdrs, dirpath *objp)
{
	return name(xdrs, objp);
}

bool_t
xdr_data_borrowed(XDR *xdrs, data_borrowed *objp)
{
	switch (xdrs->x_op) {
	case XDR_ENCODE:
		return put(xdrs, objp->p, objp->n);
	case XDR_DECODE:
		return borrow(xdrs, UINT32_MAX, &objp->n, &objp->p);
	default:
		return TRUE;
	}
}

bool_t
xdr_data_attached(XDR *xdrs, data_attached *objp)
{
	return xdrs->x_op == XDR_FREE || xdr_uint32_t(xdrs, &objp->n);
}

bool_t
xdr_auth_flavors3(XDR *xdrs, auth_flavors3 *objp)
{
	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (!xdr_uint32_t(xdrs, &objp->n) || objp->n > LEAF_FLAVORS_MAX)
		return FALSE;
	for (uint32_t i = 0; i < objp->n; i++)
		if (!xdr_uint32_t(xdrs, &objp->flavors[i]))
			return FALSE;
	return TRUE;
}

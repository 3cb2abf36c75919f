/*
 * Leaf: the types at the ends of the tree that rpcgen generates. Decoded, they are values or borrow
 * from the record; nothing is allocated, so nothing need be freed.
 */
#ifndef RPC_LEAF_H
#define RPC_LEAF_H

#include <stdint.h>

#include <rpc/types.h>
#include <rpc/xdr.h>

#define LEAF_FH_MAX      64
#define LEAF_NAME_MAX    4096 /* longer ones are garbage; it is for the handler to refuse the rest */
#define LEAF_FLAVORS_MAX 4

/* opaque<64>, by value. */
struct leaf_fh {
	uint32_t n;
	uint8_t bytes[LEAF_FH_MAX];
};
typedef struct leaf_fh nfs_fh3;
typedef struct leaf_fh fhandle3;

/* string<>: any bytes, no NUL at the end. Borrowed, also to be encoded. */
struct leaf_name {
	const char *p;
	uint32_t n;
};
typedef struct leaf_name filename3;
typedef struct leaf_name nfspath3;
typedef struct leaf_name dirpath;

/* opaque<> decoded: a WRITE's data, as long as the record holds. */
struct leaf_data {
	const uint8_t *p;
	uint32_t n;
};
typedef struct leaf_data data_borrowed;

/* opaque<> encoded: the length only; the handler attaches n bytes to the reply, which pads them. */
struct leaf_attached {
	uint32_t n;
};
typedef struct leaf_attached data_attached;

/* int<>: what MNT answers. */
struct leaf_flavors {
	uint32_t n;
	uint32_t flavors[LEAF_FLAVORS_MAX];
};
typedef struct leaf_flavors auth_flavors3;

bool_t xdr_nfs_fh3(XDR *, nfs_fh3 *);
bool_t xdr_fhandle3(XDR *, fhandle3 *);
bool_t xdr_filename3(XDR *, filename3 *);
bool_t xdr_nfspath3(XDR *, nfspath3 *);
bool_t xdr_dirpath(XDR *, dirpath *);
bool_t xdr_data_borrowed(XDR *, data_borrowed *);
bool_t xdr_data_attached(XDR *, data_attached *);
bool_t xdr_auth_flavors3(XDR *, auth_flavors3 *);

#endif

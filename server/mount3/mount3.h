/*
 * Mount3: the 6 procedures of MOUNT version 3 (RFC 1813 appendix I): an export path becomes the
 * handle to begin with. "/NAME" is the client of that name, "/" the caller's own, "/NAME/FOLDER" a
 * folder within.
 */
#ifndef SERVER_MOUNT3_MOUNT3_H
#define SERVER_MOUNT3_MOUNT3_H

#include "rpc/program.h"

/* rpc_call.ctx of a call must be a struct call (server/call.h). */
extern const struct rpc_program mount3_program;

#endif

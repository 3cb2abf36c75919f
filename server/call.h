/*
 * Call: what rpc_call.ctx points at: the server and who calls. It lives as long as the call.
 */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H

#include "server/peer.h"
#include "server/service.h"

struct call {
	struct service *service;
	const struct peer *peer;
};

#endif

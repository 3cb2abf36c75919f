noinst_LIBRARIES += rpc/librpc.a
rpc_librpc_a_SOURCES =

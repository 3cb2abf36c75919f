# What the programs of server/ share; each part appends its block.
noinst_LIBRARIES += server/libserver.a
server_libserver_a_SOURCES = \
	server/call.h \
	server/config.h \
	server/log.c server/log.h \
	server/serve.h \
	server/service.h \
	server/stats.h

# NFS, MOUNT and who may call.
server_libserver_a_SOURCES += \
	server/nfs3/fh.c server/nfs3/fh.h \
	server/peer.c server/peer.h \
	server/peer_mounts.c \
	server/peer_priv.h

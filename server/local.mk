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
	server/mount3/mount3.c server/mount3/mount3.h \
	server/nfs3/conv.c server/nfs3/conv.h \
	server/nfs3/fh.c server/nfs3/fh.h \
	server/nfs3/nfs3.c server/nfs3/nfs3.h \
	server/nfs3/nfs3_priv.h \
	server/nfs3/proc_attr.c \
	server/nfs3/proc_dir.c \
	server/nfs3/proc_io.c \
	server/nfs3/proc_name.c \
	server/peer.c server/peer.h \
	server/peer_address.c \
	server/peer_mounts.c \
	server/peer_priv.h

noinst_LIBRARIES += rpc/librpc.a
rpc_librpc_a_SOURCES = \
	rpc/dirlist.c rpc/dirlist.h \
	rpc/drc.c rpc/drc.h \
	rpc/leaf.c rpc/leaf.h \
	rpc/mountlist.c rpc/mountlist.h \
	rpc/msg.c rpc/msg.h \
	rpc/outbuf.c rpc/outbuf.h \
	rpc/program.c rpc/program.h \
	rpc/record.c rpc/record.h \
	rpc/reply.c rpc/reply.h \
	rpc/word.h

# Codecs by rpcgen. Of libtirpc they need the types and xdr.h only, not all of rpc.h.
rpc_x = rpc/nfs3.x rpc/mount3.x
rpc_gen_h = $(rpc_x:.x=.h)
rpc_gen_c = $(rpc_x:.x=_xdr.c)
nodist_rpc_librpc_a_SOURCES = rpc/nfs3.h rpc/mount3.h rpc/nfs3_xdr.c rpc/mount3_xdr.c
EXTRA_DIST += $(rpc_x)
BUILT_SOURCES += $(rpc_gen_h)
CLEANFILES += $(rpc_gen_h) $(rpc_gen_c)
rpcgen_edit = sed \
	-e 's,<rpc/rpc\.h>,<rpc/xdr.h>,' \
	-e 's,^.include "\([a-z0-9]*\.h\)",\#include "rpc/\1",' \
	-e '/register int32_t \*buf;/d'
rpcgen = $(MKDIR_P) rpc && (cd $(srcdir)/rpc && $(RPCGEN) -C -i 1000 $$how $$x) >$@.raw && \
	$(rpcgen_edit) $@.raw >$@.tmp && rm $@.raw && mv $@.tmp $@
rpc/nfs3.h: rpc/nfs3.x
	$(AM_V_GEN)how=-h x=nfs3.x; $(rpcgen)
rpc/mount3.h: rpc/mount3.x
	$(AM_V_GEN)how=-h x=mount3.x; $(rpcgen)
rpc/nfs3_xdr.c: rpc/nfs3.x rpc/nfs3.h
	$(AM_V_GEN)how=-c x=nfs3.x; $(rpcgen)
rpc/mount3_xdr.c: rpc/mount3.x rpc/mount3.h
	$(AM_V_GEN)how=-c x=mount3.x; $(rpcgen)

# What the programs of server/ share; each part appends its block.
noinst_LIBRARIES += server/libserver.a
server_libserver_a_SOURCES = \
	server/call.h \
	server/collector.c server/collector.h \
	server/config.c server/config.h \
	server/localmount.c server/localmount.h \
	server/log.c server/log.h \
	server/named.c server/named.h \
	server/sandbox.c server/sandbox.h \
	server/serve.c server/serve.h \
	server/server.c server/server.h \
	server/service.h \
	server/size.c server/size.h \
	server/stats.c server/stats.h \
	server/watchdog.c server/watchdog.h

# Sockets and threads.
server_libserver_a_SOURCES += \
	server/net/conn.c server/net/conn.h \
	server/net/conns.c server/net/conns.h \
	server/net/dgram.c server/net/dgram.h \
	server/net/lanes.c server/net/lanes.h \
	server/net/listen.c server/net/listen.h \
	server/net/loop.c server/net/loop.h \
	server/net/rpcb.c server/net/rpcb.h

# Machines that boot.
server_libserver_a_SOURCES += \
	server/boot/atboot.c server/boot/atboot.h \
	server/boot/bootfiles.c server/boot/bootfiles.h \
	server/boot/dnsmasq.c server/boot/dnsmasq.h \
	server/boot/identity.c server/boot/identity.h \
	server/boot/neighbour.c server/boot/neighbour.h \
	server/boot/pis.c server/boot/pis.h server/boot/pis_priv.h \
	server/boot/pis_known.c \
	server/boot/pis_watch.c \
	server/boot/prepare.c server/boot/prepare.h \
	server/boot/tftp.c server/boot/tftp.h server/boot/tftp_priv.h \
	server/boot/tftp_msg.c server/boot/tftp_msg.h \
	server/boot/tftp_transfer.c \
	server/boot/trace.c server/boot/trace.h \
	server/boot/viewfile.c server/boot/viewfile.h

# The control socket and what is asked there.
server_libserver_a_SOURCES += \
	server/ctl/address.c server/ctl/address.h \
	server/ctl/ask.c \
	server/ctl/ctl.c server/ctl/ctl.h \
	server/ctl/proto.c server/ctl/proto.h \
	server/ctl/verbs.c server/ctl/verbs.h server/ctl/verbs_priv.h \
	server/ctl/verbs_boot.c \
	server/ctl/verbs_check.c \
	server/ctl/verbs_client.c \
	server/ctl/verbs_gc.c \
	server/ctl/verbs_image.c \
	server/ctl/verbs_lives.c \
	server/ctl/verbs_prepare.c \
	server/ctl/verbs_states.c \
	server/ctl/verbs_status.c \
	server/ctl/verbs_use.c

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

sbin_PROGRAMS += rubusd
rubusd_SOURCES = server/main.c
rubusd_CPPFLAGS = $(AM_CPPFLAGS) -DSYSCONFDIR='"$(sysconfdir)"'
rubusd_LDADD = server/libserver.a rpc/librpc.a cow/libcow.a \
	$(TIRPC_LIBS) $(SQLITE_LIBS) $(XXHASH_LIBS) $(SODIUM_LIBS) $(INIH_LIBS) $(CAP_LIBS) $(SYSTEMD_LIBS)
systemdsystemunit_DATA = server/rubusd.service
EXTRA_DIST += server/rubusd.service.in
CLEANFILES += server/rubusd.service
server/rubusd.service: server/rubusd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) server && sed 's|@sbindir[@]|$(sbindir)|' $(srcdir)/server/rubusd.service.in >$@

bin_PROGRAMS += rubus
rubus_SOURCES = \
	server/cli/ask.c \
	server/cli/cli.h \
	server/cli/cmd_backup.c \
	server/cli/cmd_boot.c \
	server/cli/cmd_check.c \
	server/cli/cmd_client.c \
	server/cli/cmd_dnsmasq.c \
	server/cli/cmd_edit.c \
	server/cli/cmd_export.c \
	server/cli/cmd_lives.c server/cli/cmd_mount.c \
	server/cli/complete.c server/cli/complete.h \
	server/cli/cmd_schedule.c \
	server/cli/cmd_states.c \
	server/cli/cmd_store.c \
	server/cli/cmd_image.c \
	server/cli/cmd_send.c \
	server/cli/cmd_stats.c \
	server/cli/cmd_status.c \
	server/cli/commands.c server/cli/commands.h \
	server/cli/main.c \
	server/cli/options.c server/cli/options.h \
	server/cli/outfile.c server/cli/outfile.h \
	server/cli/print.c server/cli/print.h server/cli/run.c
rubus_CPPFLAGS = $(AM_CPPFLAGS) -DPKGLIBEXECDIR='"$(pkglibexecdir)"'
rubus_LDADD = $(rubusd_LDADD) $(JANSSON_LIBS) $(ARCHIVE_LIBS)

pkglibexec_PROGRAMS = rubus-import rubus-fuse
rubus_import_SOURCES = \
	server/import/main.c \
	server/import/progress.c server/import/progress.h
rubus_import_LDADD = server/libserver.a cow/libcow.a \
	$(ARCHIVE_LIBS) $(SQLITE_LIBS) $(XXHASH_LIBS) $(SODIUM_LIBS) $(JANSSON_LIBS) $(CAP_LIBS)
rubus_fuse_SOURCES = \
	server/fuse/daemon.c server/fuse/daemon.h \
	server/fuse/keeper.c server/fuse/keeper.h \
	server/fuse/main.c \
	server/fuse/ops.c server/fuse/ops.h \
	server/fuse/ops_dir.c server/fuse/ops_io.c server/fuse/ops_name.c server/fuse/ops_xattr.c \
	server/fuse/unmounter.c server/fuse/unmounter.h
rubus_fuse_CPPFLAGS = $(AM_CPPFLAGS) $(FUSE_CFLAGS)
rubus_fuse_LDADD = server/libserver.a cow/libcow.a \
	$(FUSE_LIBS) $(SQLITE_LIBS) $(XXHASH_LIBS) $(SODIUM_LIBS) $(CAP_LIBS)

# The user that the unit runs as, and a configuration that says nothing but what could be said.
sysusersdir = $(prefix)/lib/sysusers.d
rubusconfdir = $(sysconfdir)/rubus
EXTRA_DIST += server/rubus.sysusers server/rubus.conf
install-conf:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(rubusconfdir)'
	$(INSTALL_DATA) $(srcdir)/server/rubus.sysusers '$(DESTDIR)$(sysusersdir)/rubus.conf'
	@test -e '$(DESTDIR)$(rubusconfdir)/rubus.conf' || \
		{ set -x; $(INSTALL_DATA) $(srcdir)/server/rubus.conf '$(DESTDIR)$(rubusconfdir)/rubus.conf'; }
# One that somebody has edited is his.
uninstall-conf:
	rm -f '$(DESTDIR)$(sysusersdir)/rubus.conf'
	! cmp -s $(srcdir)/server/rubus.conf '$(DESTDIR)$(rubusconfdir)/rubus.conf' || \
		rm -f '$(DESTDIR)$(rubusconfdir)/rubus.conf'
.PHONY: install-conf uninstall-conf

# Completion for shells. bash looks for a file of the command's name.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = scripts/completion/_rubus
EXTRA_DIST += scripts/completion/rubus.bash
install-data-local: install-conf
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)'
	$(INSTALL_DATA) $(srcdir)/scripts/completion/rubus.bash '$(DESTDIR)$(bashcompletiondir)/rubus'
uninstall-local: uninstall-conf
	rm -f '$(DESTDIR)$(bashcompletiondir)/rubus'

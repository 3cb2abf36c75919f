# These fork or look at the capabilities of each thread, which ThreadSanitizer's own thread spoils.
if !TSAN
lease_tests = tests/unit/lease_test
beside_tests = tests/sys/fuse_beside_test.sh
endif
# Tests.

# The house rules.
dist_check_SCRIPTS += tests/check-includes tests/check-format tests/check-sizes
TESTS += tests/check-includes tests/check-format tests/check-sizes

# A real kernel as the client, by `make check-vm`: as root, and it takes minutes.
vm_tests = tests/vm/mount_test.sh tests/vm/restart_test.sh tests/vm/diskless_test.sh tests/vm/netboot_test.sh
long_vm_tests = tests/vm/package_test.sh
TEST_EXTENSIONS = .sh
AM_TESTS_ENVIRONMENT = RUBUS_BUILDDIR='$(abs_builddir)'; export RUBUS_BUILDDIR;
dist_check_SCRIPTS += $(vm_tests) $(long_vm_tests)
EXTRA_DIST += scripts/debian-root scripts/package scripts/packages scripts/test scripts/try \
	scripts/deb/control.in scripts/deb/copyright.in scripts/deb/rules scripts/deb/rubus.postinst \
	scripts/deb/rubus.postrm scripts/deb/rubus.prerm \
	tests/vm/boot tests/vm/fileops-random tests/vm/fileops.differs tests/vm/fileops.ops \
	tests/vm/golden-tree tests/vm/guest tests/vm/job-keep tests/vm/job-run tests/vm/job.service \
	tests/vm/lib.sh tests/vm/mount-init
check_PROGRAMS += tests/vm/fileops
tests_vm_fileops_SOURCES = tests/vm/fileops.c tests/vm/fileops.h tests/vm/fileops_data.c \
	tests/vm/fileops_many.c tests/vm/fileops_names.c
tests_vm_fileops_CFLAGS = -std=gnu11 $(RUBUS_WARN)
tests_vm_fileops_LDFLAGS = -static
.PHONY: check-vm
check-vm: all tests/vm/fileops
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(vm_tests) $${RUBUS_LONG:+$(long_vm_tests)}"

# Benchmarks: `make bench`, and scripts/bench with its options.
EXTRA_PROGRAMS = tests/bench/load tests/bench/limits
bench_util = tests/bench/load.h tests/bench/tree.h tests/bench/util.c tests/bench/wire.h
tests_bench_load_SOURCES = tests/bench/main.c tests/bench/load.c tests/bench/nfs.c tests/bench/nfs.h \
	tests/bench/tree.c tests/bench/work.c tests/bench/work.h tests/bench/work_boot.c \
	tests/bench/work_read.c tests/bench/work_write.c $(bench_util)
tests_bench_limits_SOURCES = tests/bench/limits.c $(bench_util)
CLEANFILES += tests/bench/load tests/bench/limits
EXTRA_DIST += scripts/bench tests/bench/ganesha tests/bench/report.jq tests/bench/targets.json
.PHONY: bench
bench: all tests/bench/load tests/bench/limits
	RUBUS_BUILDDIR='$(abs_builddir)' $(srcdir)/scripts/bench

# RPC: unit tests; calls and replies as text, replayed.
rpc_libs = rpc/librpc.a $(TIRPC_LIBS)
wire_table = tests/wire/table.c tests/wire/table.h
EXTRA_DIST += tests/wire/attr.hex tests/wire/dir.hex tests/wire/fs.hex tests/wire/io.hex \
	tests/wire/mount.hex tests/wire/name.hex tests/wire/rpc.hex
if HAVE_CMOCKA
rpc_tests = tests/unit/record_test tests/unit/msg_test tests/unit/reply_test \
	tests/unit/program_test tests/unit/drc_test tests/unit/dirlist_test \
	tests/unit/leaf_test tests/wire/replay_test
check_PROGRAMS += $(rpc_tests)
TESTS += $(rpc_tests)
tests_unit_record_test_SOURCES = tests/unit/record_test.c
tests_unit_record_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_unit_msg_test_SOURCES = tests/unit/msg_test.c
tests_unit_msg_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_unit_reply_test_SOURCES = tests/unit/reply_test.c
tests_unit_reply_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_unit_program_test_SOURCES = tests/unit/program_test.c $(wire_table)
tests_unit_program_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_unit_drc_test_SOURCES = tests/unit/drc_test.c
tests_unit_drc_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_unit_dirlist_test_SOURCES = tests/unit/dirlist_test.c
tests_unit_dirlist_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_unit_leaf_test_SOURCES = tests/unit/leaf_test.c
tests_unit_leaf_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
tests_wire_replay_test_SOURCES = tests/wire/replay_test.c tests/wire/hex.c tests/wire/hex.h $(wire_table)
tests_wire_replay_test_LDADD = $(rpc_libs) $(CMOCKA_LIBS)
endif

# Fuzzing of rpc/: each target runs its corpus in `make check`; with --enable-fuzz it is a libFuzzer
# program too, with everything it calls compiled for it.
EXTRA_DIST += tests/fuzz/corpus/record tests/fuzz/corpus/msg tests/fuzz/corpus/args \
	tests/fuzz/corpus/fh tests/fuzz/corpus/proto tests/fuzz/corpus/tar tests/fuzz/corpus/store \
	tests/fuzz/corpus/stream tests/fuzz/corpus/tftp
fuzz_main = tests/fuzz/main.c tests/fuzz/fuzz.h
rpc_corpora = tests/fuzz/record_corpus tests/fuzz/msg_corpus tests/fuzz/args_corpus
check_PROGRAMS += $(rpc_corpora)
TESTS += $(rpc_corpora)
tests_fuzz_record_corpus_SOURCES = tests/fuzz/record_fuzz.c $(fuzz_main)
tests_fuzz_record_corpus_LDADD = $(rpc_libs)
tests_fuzz_msg_corpus_SOURCES = tests/fuzz/msg_fuzz.c $(fuzz_main) $(wire_table)
tests_fuzz_msg_corpus_LDADD = $(rpc_libs)
tests_fuzz_args_corpus_SOURCES = tests/fuzz/args_fuzz.c $(fuzz_main) $(wire_table)
tests_fuzz_args_corpus_LDADD = $(rpc_libs)
if FUZZ
fuzz_sanitizers = address,undefined -fno-sanitize-recover=undefined -g
fuzz_cflags = $(AM_CFLAGS) -fsanitize=fuzzer-no-link,$(fuzz_sanitizers)
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer,$(fuzz_sanitizers)
noinst_LIBRARIES += tests/fuzz/librpcfuzz.a
tests_fuzz_librpcfuzz_a_SOURCES = $(rpc_librpc_a_SOURCES) $(wire_table)
nodist_tests_fuzz_librpcfuzz_a_SOURCES = $(nodist_rpc_librpc_a_SOURCES)
tests_fuzz_librpcfuzz_a_CFLAGS = $(fuzz_cflags)
noinst_PROGRAMS += tests/fuzz/record_fuzz tests/fuzz/msg_fuzz tests/fuzz/args_fuzz
tests_fuzz_record_fuzz_SOURCES = tests/fuzz/record_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_record_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_record_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_record_fuzz_LDADD = tests/fuzz/librpcfuzz.a $(TIRPC_LIBS)
tests_fuzz_msg_fuzz_SOURCES = tests/fuzz/msg_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_msg_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_msg_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_msg_fuzz_LDADD = tests/fuzz/librpcfuzz.a $(TIRPC_LIBS)
tests_fuzz_args_fuzz_SOURCES = tests/fuzz/args_fuzz.c tests/fuzz/fuzz.h
tests_fuzz_args_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_args_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_args_fuzz_LDADD = tests/fuzz/librpcfuzz.a $(TIRPC_LIBS)
endif

# NFS: handles, attributes.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/fh_test tests/unit/conv_test
TESTS += tests/unit/fh_test tests/unit/conv_test
tests_unit_conv_test_SOURCES = tests/unit/conv_test.c
tests_unit_conv_test_LDADD = server/libserver.a cow/libcow.a $(CMOCKA_LIBS)
tests_unit_fh_test_SOURCES = tests/unit/fh_test.c
tests_unit_fh_test_LDADD = server/libserver.a cow/libcow.a $(SODIUM_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)

# NFS and MOUNT on a store of their own.
check_LIBRARIES += tests/lib/libtest.a
tests_lib_libtest_a_SOURCES = \
	tests/lib/direct.c tests/lib/direct.h \
	tests/lib/golden.c tests/lib/golden.h \
	tests/lib/served.c tests/lib/served.h \
	tests/lib/tarball.c tests/lib/tmpdir.c
nfs_test_libs = tests/lib/libtest.a server/libserver.a rpc/librpc.a cow/libcow.a \
	$(TIRPC_LIBS) $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS) $(SODIUM_LIBS) \
	$(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/peer_test tests/nfs/authority_test tests/nfs/edges_test
TESTS += tests/unit/peer_test tests/nfs/authority_test tests/nfs/edges_test
tests_unit_peer_test_SOURCES = tests/unit/peer_test.c
tests_unit_peer_test_LDADD = $(nfs_test_libs)
tests_nfs_edges_test_SOURCES = tests/nfs/edges_test.c
tests_nfs_edges_test_LDADD = $(nfs_test_libs)
tests_nfs_authority_test_SOURCES = tests/nfs/authority_test.c
tests_nfs_authority_test_LDADD = $(nfs_test_libs)
if HAVE_LIBNFS
check_PROGRAMS += tests/nfs/files_test tests/nfs/list_test tests/nfs/proto_test
TESTS += tests/nfs/files_test tests/nfs/list_test tests/nfs/proto_test
tests_nfs_proto_test_SOURCES = tests/nfs/proto_test.c tests/lib/raw.c tests/lib/raw.h
tests_nfs_proto_test_LDADD = $(nfs_test_libs) $(LIBNFS_LIBS)
tests_nfs_list_test_SOURCES = tests/nfs/list_test.c tests/lib/raw.c tests/lib/raw.h
tests_nfs_list_test_LDADD = $(nfs_test_libs) $(LIBNFS_LIBS)
tests_nfs_files_test_SOURCES = tests/nfs/files_test.c tests/lib/raw.c tests/lib/raw.h
tests_nfs_files_test_LDADD = $(nfs_test_libs) $(LIBNFS_LIBS)
endif
endif

# Blocks.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/file_test tests/unit/hash_test tests/unit/segment_test \
	tests/unit/block_test tests/unit/block_fail_test
TESTS += tests/unit/file_test tests/unit/hash_test tests/unit/segment_test \
	tests/unit/block_test tests/unit/block_fail_test
blocks_test_libs = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
block_fixture = tests/unit/block_fixture.h tests/lib/tmpdir.c
tests_unit_block_test_SOURCES = tests/unit/block_test.c $(block_fixture)
tests_unit_block_test_LDADD = $(blocks_test_libs)
tests_unit_block_fail_test_SOURCES = tests/unit/block_fail_test.c $(block_fixture)
tests_unit_block_fail_test_LDADD = $(blocks_test_libs)
tests_unit_file_test_SOURCES = tests/unit/file_test.c tests/lib/tmpdir.c
tests_unit_file_test_LDADD = $(blocks_test_libs)
tests_unit_hash_test_SOURCES = tests/unit/hash_test.c
tests_unit_hash_test_LDADD = $(blocks_test_libs)
tests_unit_segment_test_SOURCES = tests/unit/segment_test.c tests/lib/tmpdir.c
tests_unit_segment_test_LDADD = $(blocks_test_libs)
endif

# The store's folder: databases, layers, clients, imports.
EXTRA_DIST += tests/lib/tmpdir.h tests/lib/tinyimage.h
store_test_libs = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/db_test tests/unit/layer_test tests/unit/store_test \
	tests/unit/client_test
TESTS += tests/unit/db_test tests/unit/layer_test tests/unit/store_test tests/unit/client_test
tests_unit_db_test_SOURCES = tests/unit/db_test.c tests/lib/tmpdir.c
tests_unit_db_test_LDADD = $(store_test_libs)
tests_unit_layer_test_SOURCES = tests/unit/layer_test.c tests/lib/tmpdir.c
tests_unit_layer_test_LDADD = $(store_test_libs)
tests_unit_store_test_SOURCES = tests/unit/store_test.c tests/lib/tmpdir.c tests/lib/tinyimage.c
tests_unit_store_test_LDADD = $(store_test_libs)
tests_unit_client_test_SOURCES = tests/unit/client_test.c tests/lib/tmpdir.c tests/lib/tinyimage.c
tests_unit_client_test_LDADD = $(store_test_libs)
endif

# Imports. The library of what tests need, too: tarball.h makes sources, imported.h imports them.
EXTRA_DIST += tests/lib/tarball.h tests/lib/imported.h
import_test_libs = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS) $(CMOCKA_LIBS)
imported_sources = tests/lib/tmpdir.c tests/lib/imported.c tests/lib/tarball.c
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/image_writer_test tests/unit/import_dir_test \
	tests/unit/import_tar_test tests/unit/import_beside_test
TESTS += tests/unit/image_writer_test tests/unit/import_dir_test tests/unit/import_tar_test \
	tests/unit/import_beside_test
tests_unit_import_beside_test_SOURCES = tests/unit/import_beside_test.c $(imported_sources)
tests_unit_import_beside_test_LDADD = $(import_test_libs)
tests_unit_image_writer_test_SOURCES = tests/unit/image_writer_test.c $(imported_sources)
tests_unit_image_writer_test_LDADD = $(import_test_libs)
tests_unit_import_dir_test_SOURCES = tests/unit/import_dir_test.c $(imported_sources)
tests_unit_import_dir_test_LDADD = $(import_test_libs)
tests_unit_import_tar_test_SOURCES = tests/unit/import_tar_test.c $(imported_sources)
tests_unit_import_tar_test_LDADD = $(import_test_libs)
endif

# Views beside a local folder.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/view_model_test
TESTS += tests/unit/view_model_test
tests_unit_view_model_test_SOURCES = tests/unit/view_model_test.c tests/lib/tmpdir.c
tests_unit_view_model_test_LDADD = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS) $(CMOCKA_LIBS)
endif

# Views: one client's file system, and what it is made of.
EXTRA_DIST += tests/lib/as.h tests/lib/dump.h tests/lib/op.h tests/lib/viewstore.h
view_test_lib = tests/lib/op.c tests/lib/tmpdir.c tests/lib/viewstore.c
view_test_libs = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS) $(CMOCKA_LIBS)
if HAVE_CMOCKA
batch_fixture = tests/unit/batch_fixture.h tests/unit/block_fixture.h tests/lib/tmpdir.c
view_tests = tests/unit/check_test tests/unit/flat_test tests/unit/gc_test tests/unit/gc_read_test tests/unit/settings_test tests/unit/revert_test tests/unit/snapshot_test tests/unit/view_cow_test tests/unit/view_chain_test \
	tests/unit/view_data_test tests/unit/view_name_test tests/unit/view_dir_test \
	$(lease_tests) tests/unit/view_hold_test tests/unit/view_xattr_test \
	tests/unit/view_attr_test tests/unit/view_access_test tests/unit/view_restart_test \
	tests/unit/view_fault_test tests/unit/view_damage_test tests/unit/batch_test tests/unit/batch_fail_test \
	tests/unit/change_test tests/unit/names_test tests/unit/cache_test tests/unit/perm_test
check_PROGRAMS += $(view_tests)
TESTS += $(view_tests)
tests_unit_view_cow_test_SOURCES = tests/unit/view_cow_test.c $(view_test_lib)
tests_unit_view_cow_test_LDADD = $(view_test_libs)
tests_unit_gc_test_SOURCES = tests/unit/gc_test.c $(view_test_lib)
tests_unit_gc_test_LDADD = $(view_test_libs)
tests_unit_gc_read_test_SOURCES = tests/unit/gc_read_test.c $(view_test_lib)
tests_unit_gc_read_test_LDADD = $(view_test_libs)
tests_unit_gc_read_test_LDFLAGS = -Wl,--wrap=file_preadv
tests_unit_settings_test_SOURCES = tests/unit/settings_test.c $(view_test_lib)
tests_unit_settings_test_LDADD = $(view_test_libs)
tests_unit_flat_test_SOURCES = tests/unit/flat_test.c tests/lib/dump.c tests/lib/dump.h $(view_test_lib)
tests_unit_flat_test_LDADD = $(view_test_libs)
tests_unit_check_test_SOURCES = tests/unit/check_test.c $(view_test_lib)
tests_unit_check_test_LDADD = $(view_test_libs)
tests_unit_revert_test_SOURCES = tests/unit/revert_test.c $(view_test_lib)
tests_unit_revert_test_LDADD = $(view_test_libs)
tests_unit_snapshot_test_SOURCES = tests/unit/snapshot_test.c $(view_test_lib)
tests_unit_snapshot_test_LDADD = $(view_test_libs)
tests_unit_view_chain_test_SOURCES = tests/unit/view_chain_test.c $(view_test_lib)
tests_unit_view_chain_test_LDADD = $(view_test_libs)
tests_unit_view_data_test_SOURCES = tests/unit/view_data_test.c $(view_test_lib)
tests_unit_view_data_test_LDADD = $(view_test_libs)
tests_unit_view_name_test_SOURCES = tests/unit/view_name_test.c $(view_test_lib)
tests_unit_view_name_test_LDADD = $(view_test_libs)
tests_unit_view_dir_test_SOURCES = tests/unit/view_dir_test.c $(view_test_lib)
tests_unit_view_dir_test_LDADD = $(view_test_libs)
tests_unit_view_attr_test_SOURCES = tests/unit/view_attr_test.c tests/lib/as.c $(view_test_lib)
tests_unit_view_attr_test_LDADD = $(view_test_libs)
tests_unit_view_access_test_SOURCES = tests/unit/view_access_test.c tests/lib/as.c $(view_test_lib)
tests_unit_view_access_test_LDADD = $(view_test_libs)
tests_unit_lease_test_SOURCES = tests/unit/lease_test.c $(view_test_lib)
tests_unit_lease_test_LDADD = $(view_test_libs)
tests_unit_view_hold_test_SOURCES = tests/unit/view_hold_test.c $(view_test_lib)
tests_unit_view_hold_test_LDADD = $(view_test_libs)
tests_unit_view_xattr_test_SOURCES = tests/unit/view_xattr_test.c $(view_test_lib)
tests_unit_view_xattr_test_LDADD = $(view_test_libs)
tests_unit_view_restart_test_SOURCES = tests/unit/view_restart_test.c $(view_test_lib) tests/lib/dump.c
tests_unit_view_restart_test_LDADD = $(view_test_libs)
tests_unit_view_damage_test_SOURCES = tests/unit/view_damage_test.c $(view_test_lib)
tests_unit_view_damage_test_LDADD = $(view_test_libs)
tests_unit_view_fault_test_SOURCES = tests/unit/view_fault_test.c $(view_test_lib) tests/lib/dump.c
tests_unit_view_fault_test_LDADD = $(view_test_libs)
tests_unit_batch_test_SOURCES = tests/unit/batch_test.c $(batch_fixture)
tests_unit_batch_test_LDADD = $(view_test_libs)
tests_unit_batch_fail_test_SOURCES = tests/unit/batch_fail_test.c $(batch_fixture)
tests_unit_batch_fail_test_LDADD = $(view_test_libs)
tests_unit_change_test_SOURCES = tests/unit/change_test.c tests/lib/tmpdir.c
tests_unit_change_test_LDADD = $(view_test_libs)
tests_unit_names_test_SOURCES = tests/unit/names_test.c
tests_unit_names_test_LDADD = $(view_test_libs)
tests_unit_cache_test_SOURCES = tests/unit/cache_test.c
tests_unit_cache_test_LDADD = $(view_test_libs)
tests_unit_perm_test_SOURCES = tests/unit/perm_test.c
tests_unit_perm_test_LDADD = $(view_test_libs)
endif

# The real programs. tests/lib/nfs is their NFS client.
sys_tests = tests/sys/usage_test.sh tests/sys/cli_test.sh tests/sys/import_test.sh \
	tests/sys/serve_test.sh tests/sys/lives_test.sh tests/sys/schedule_test.sh tests/sys/boot_test.sh tests/sys/bootloader_test.sh tests/sys/image_test.sh tests/sys/send_test.sh tests/sys/export_test.sh tests/sys/backup_test.sh tests/sys/edit_test.sh tests/sys/full_test.sh tests/sys/completion_test.sh tests/sys/tree_test.sh tests/sys/fatal_test.sh \
	tests/sys/fuse_test.sh $(beside_tests) \
	tests/sys/privileges_test.sh tests/sys/rpcbind_test.sh tests/sys/unit_test.sh tests/sys/install_test.sh
dist_check_SCRIPTS += $(sys_tests)
TESTS += $(sys_tests)
EXTRA_DIST += tests/lib/functions.sh tests/lib/mounts.sh
if HAVE_LIBNFS
check_PROGRAMS += tests/lib/nfs tests/nfs/compare_tree
tests_nfs_compare_tree_SOURCES = tests/nfs/compare_tree.c
tests_nfs_compare_tree_CPPFLAGS = $(AM_CPPFLAGS) $(LIBNFS_CFLAGS)
tests_nfs_compare_tree_LDADD = $(LIBNFS_LIBS)
tests_lib_nfs_SOURCES = tests/lib/nfs.c
tests_lib_nfs_CPPFLAGS = $(AM_CPPFLAGS) $(LIBNFS_CFLAGS)
tests_lib_nfs_LDADD = $(LIBNFS_LIBS)
endif

# Mounts on this machine: names.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/named_test
TESTS += tests/unit/named_test
tests_unit_named_test_SOURCES = tests/unit/named_test.c
tests_unit_named_test_LDADD = server/libserver.a cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
endif

# Configuration, control socket, connections.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/config_test tests/unit/proto_test tests/unit/server_test
TESTS += tests/unit/config_test tests/unit/proto_test tests/unit/server_test
tests_unit_server_test_SOURCES = tests/unit/server_test.c tests/lib/caller.c tests/lib/caller.h
tests_unit_server_test_LDADD = $(rubusd_LDADD) $(CMOCKA_LIBS)
tests_unit_config_test_SOURCES = tests/unit/config_test.c
tests_unit_config_test_LDADD = server/libserver.a cow/libcow.a $(INIH_LIBS) $(CMOCKA_LIBS)
tests_unit_proto_test_SOURCES = tests/unit/proto_test.c
tests_unit_proto_test_LDADD = server/libserver.a $(CMOCKA_LIBS)
endif

# Whether the server is alive.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/watchdog_test
TESTS += tests/unit/watchdog_test
tests_unit_watchdog_test_SOURCES = tests/unit/watchdog_test.c tests/lib/tmpdir.c
tests_unit_watchdog_test_LDADD = $(rubusd_LDADD) $(CMOCKA_LIBS)
endif

# Benchmarks: by hand, and never in `make check`. docs/decisions/ has what came of them.
EXTRA_DIST += tests/bench/block-size.sh
EXTRA_PROGRAMS += tests/bench/block_size
CLEANFILES += tests/bench/block_size
tests_bench_block_size_SOURCES = tests/bench/block_size.c tests/bench/block_size.h \
	tests/bench/block_size_writes.c tests/bench/bench.c tests/bench/bench.h \
	tests/bench/files.c tests/bench/files.h
tests_bench_block_size_LDADD = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS)
.PHONY: bench-block-size
bench-block-size: tests/bench/block_size
	@test -n "$(SOURCE)" || { echo 'make bench-block-size SOURCE=TREE [NEWER=TREE]' >&2; exit 2; }
	@BLOCK_SIZE=tests/bench/block_size $(srcdir)/tests/bench/block-size.sh $(SOURCE) $(NEWER)

# Power cuts, on a simulated disk.
crash_world = tests/crash/disk.c tests/crash/disk.h tests/crash/disk_priv.h tests/crash/cut.c \
	tests/crash/tree.c tests/crash/tree.h tests/crash/check.c tests/crash/calls.c \
	tests/crash/world.c tests/crash/world.h tests/crash/world_priv.h
crash_libs = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS)
check_PROGRAMS += tests/crash/cut_test
tests_crash_cut_test_SOURCES = tests/crash/cut_test.c $(crash_world)
tests_crash_cut_test_LDADD = $(crash_libs)
check_PROGRAMS += tests/crash/fault_test
TESTS += tests/crash/kill_test
if !SANITIZED
TESTS += tests/crash/cut_test
endif
if !TSAN
TESTS += tests/crash/fault_test
endif
tests_crash_fault_test_SOURCES = tests/crash/fault_test.c $(crash_world)
tests_crash_fault_test_LDADD = $(crash_libs)
check_PROGRAMS += tests/crash/kill_test
tests_crash_kill_test_SOURCES = tests/crash/kill_test.c tests/crash/wire.c tests/crash/wire.h $(crash_world)
tests_crash_kill_test_LDADD = $(crash_libs)

# Stores whose files are damaged, before the real programs.
check_PROGRAMS += tests/crash/damage_test
TESTS += tests/crash/damage_test
tests_crash_damage_test_SOURCES = tests/crash/damage_test.c tests/crash/damage.c tests/crash/damage.h \
	tests/crash/damage_walk.c tests/crash/damage_walk.h tests/crash/wire.c tests/crash/wire.h \
	$(crash_world)
tests_crash_damage_test_LDADD = $(crash_libs)

# Fuzzing of what is not rpc/: handles, the control socket, imports, damaged stores.
fuzz_folder = tests/fuzz/folder.c tests/fuzz/folder.h
fuzz_cow_libs = $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS)
more_corpora = tests/fuzz/fh_corpus tests/fuzz/proto_corpus tests/fuzz/tar_corpus tests/fuzz/store_corpus \
	tests/fuzz/stream_corpus tests/fuzz/tftp_corpus
check_PROGRAMS += $(more_corpora)
TESTS += $(more_corpora)
tests_fuzz_fh_corpus_SOURCES = tests/fuzz/fh_fuzz.c $(fuzz_main)
tests_fuzz_fh_corpus_LDADD = server/libserver.a cow/libcow.a $(SODIUM_LIBS) $(XXHASH_LIBS)
tests_fuzz_proto_corpus_SOURCES = tests/fuzz/proto_fuzz.c $(fuzz_main)
tests_fuzz_proto_corpus_LDADD = server/libserver.a
tests_fuzz_tar_corpus_SOURCES = tests/fuzz/tar_fuzz.c $(fuzz_folder) $(fuzz_main)
tests_fuzz_tar_corpus_LDADD = cow/libcow.a $(fuzz_cow_libs)
tests_fuzz_tftp_corpus_SOURCES = tests/fuzz/tftp_fuzz.c $(fuzz_main)
tests_fuzz_tftp_corpus_LDADD = server/libserver.a
tests_fuzz_stream_corpus_SOURCES = tests/fuzz/stream_fuzz.c $(fuzz_folder) $(fuzz_main)
tests_fuzz_stream_corpus_LDADD = cow/libcow.a $(fuzz_cow_libs)
tests_fuzz_store_corpus_SOURCES = tests/fuzz/store_fuzz.c $(fuzz_folder) $(fuzz_main)
tests_fuzz_store_corpus_LDADD = cow/libcow.a $(fuzz_cow_libs)
if FUZZ
noinst_LIBRARIES += tests/fuzz/libcowfuzz.a
tests_fuzz_libcowfuzz_a_SOURCES = $(cow_libcow_a_SOURCES) $(fuzz_folder)
tests_fuzz_libcowfuzz_a_CFLAGS = $(fuzz_cflags)
noinst_PROGRAMS += tests/fuzz/fh_fuzz tests/fuzz/proto_fuzz tests/fuzz/tar_fuzz tests/fuzz/store_fuzz \
	tests/fuzz/stream_fuzz tests/fuzz/tftp_fuzz
tests_fuzz_fh_fuzz_SOURCES = tests/fuzz/fh_fuzz.c server/nfs3/fh.c cow/err.c cow/hash.c
tests_fuzz_fh_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_fh_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fh_fuzz_LDADD = $(SODIUM_LIBS) $(XXHASH_LIBS)
tests_fuzz_proto_fuzz_SOURCES = tests/fuzz/proto_fuzz.c server/ctl/proto.c
tests_fuzz_proto_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_proto_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_tar_fuzz_SOURCES = tests/fuzz/tar_fuzz.c
tests_fuzz_tar_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_tar_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_tar_fuzz_LDADD = tests/fuzz/libcowfuzz.a $(fuzz_cow_libs)
tests_fuzz_tftp_fuzz_SOURCES = tests/fuzz/tftp_fuzz.c server/boot/tftp_msg.c
tests_fuzz_tftp_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_tftp_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_stream_fuzz_SOURCES = tests/fuzz/stream_fuzz.c
tests_fuzz_stream_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_stream_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_stream_fuzz_LDADD = tests/fuzz/libcowfuzz.a $(fuzz_cow_libs)
tests_fuzz_store_fuzz_SOURCES = tests/fuzz/store_fuzz.c
tests_fuzz_store_fuzz_CFLAGS = $(fuzz_cflags)
tests_fuzz_store_fuzz_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_store_fuzz_LDADD = tests/fuzz/libcowfuzz.a $(fuzz_cow_libs)
endif

# What the lives of a client cost: make bench-lives.
EXTRA_PROGRAMS += tests/bench/lives
CLEANFILES += tests/bench/lives
tests_bench_lives_SOURCES = tests/bench/lives.c
tests_bench_lives_LDADD = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(ARCHIVE_LIBS)
.PHONY: bench-lives
bench-lives: tests/bench/lives
	folder=$$(mktemp -d "$${TMPDIR:-/var/tmp}/rubus-lives.XXXXXX") && \
		{ tests/bench/lives "$$folder"; status=$$?; rm -rf "$$folder"; exit $$status; }

# Hostile clients of a real rubusd, and what it keeps in memory.
check_PROGRAMS += tests/hostile/hostile_test tests/hostile/memory_test
TESTS += tests/hostile/hostile_test tests/hostile/memory_test
daemon_lib = tests/lib/daemon.c tests/lib/daemon.h tests/crash/wire.c tests/crash/wire.h $(crash_world)
tests_hostile_hostile_test_SOURCES = tests/hostile/hostile_test.c tests/hostile/attacks.c \
	tests/hostile/hostile.c tests/hostile/hostile.h $(daemon_lib)
tests_hostile_hostile_test_LDADD = $(crash_libs)
tests_hostile_memory_test_SOURCES = tests/hostile/memory_test.c $(daemon_lib)
tests_hostile_memory_test_LDADD = $(crash_libs)

EXTRA_DIST += tests/sys/fuse_beside_test.sh

# Machines that boot.
check_PROGRAMS += tests/sys/bootloader
tests_sys_bootloader_SOURCES = tests/sys/bootloader.c tests/sys/bootloader.h \
	tests/sys/bootloader_dhcp.c tests/sys/bootloader_tftp.c tests/lib/ether.c tests/lib/ether.h
check_PROGRAMS += tests/lib/tftpget
tests_lib_tftpget_SOURCES = tests/lib/tftpget.c tests/lib/tftpclient.c tests/lib/tftpclient.h
if HAVE_LIBNFS
check_PROGRAMS += tests/unit/pis_test tests/unit/tftp_test
TESTS += tests/unit/pis_test tests/unit/tftp_test
tests_unit_pis_test_SOURCES = tests/unit/pis_test.c
tests_unit_pis_test_LDADD = $(nfs_test_libs)
tests_unit_tftp_test_SOURCES = tests/unit/tftp_test.c tests/lib/tftpclient.c tests/lib/tftpclient.h
tests_unit_tftp_test_LDADD = $(nfs_test_libs)
endif
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/dnsmasq_test tests/unit/prepare_test
TESTS += tests/unit/dnsmasq_test tests/unit/prepare_test
tests_unit_dnsmasq_test_SOURCES = tests/unit/dnsmasq_test.c
tests_unit_dnsmasq_test_LDADD = server/libserver.a cow/libcow.a $(CMOCKA_LIBS)
tests_unit_prepare_test_SOURCES = tests/unit/prepare_test.c $(view_test_lib)
tests_unit_prepare_test_LDADD = server/libserver.a $(view_test_libs)
endif

# 40 machines that fetch their boot files at once: make bench-tftp.
EXTRA_PROGRAMS += tests/bench/tftp_load
CLEANFILES += tests/bench/tftp_load
tests_bench_tftp_load_SOURCES = tests/bench/tftp_load.c tests/lib/tftpclient.c tests/lib/tftpclient.h
EXTRA_DIST += tests/bench/tftp.sh
.PHONY: bench-tftp
bench-tftp: tests/bench/tftp_load rubus rubusd rubus-import
	$(srcdir)/tests/bench/tftp.sh

# Tests.

# NFS: handles, attributes.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/fh_test tests/unit/conv_test
TESTS += tests/unit/fh_test tests/unit/conv_test
tests_unit_conv_test_SOURCES = tests/unit/conv_test.c
tests_unit_conv_test_LDADD = server/libserver.a cow/libcow.a $(CMOCKA_LIBS)
tests_unit_fh_test_SOURCES = tests/unit/fh_test.c
tests_unit_fh_test_LDADD = server/libserver.a cow/libcow.a $(SODIUM_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
endif

# Blocks.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/file_test tests/unit/hash_test tests/unit/segment_test \
	tests/unit/block_test tests/unit/block_fail_test
TESTS += tests/unit/file_test tests/unit/hash_test tests/unit/segment_test \
	tests/unit/block_test tests/unit/block_fail_test
blocks_test_libs = cow/libcow.a $(SQLITE_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
block_fixture = tests/unit/block_fixture.h tests/unit/tempdir.h
tests_unit_block_test_SOURCES = tests/unit/block_test.c $(block_fixture)
tests_unit_block_test_LDADD = $(blocks_test_libs)
tests_unit_block_fail_test_SOURCES = tests/unit/block_fail_test.c $(block_fixture)
tests_unit_block_fail_test_LDADD = $(blocks_test_libs)
tests_unit_file_test_SOURCES = tests/unit/file_test.c tests/unit/tempdir.h
tests_unit_file_test_LDADD = $(blocks_test_libs)
tests_unit_hash_test_SOURCES = tests/unit/hash_test.c
tests_unit_hash_test_LDADD = $(blocks_test_libs)
tests_unit_segment_test_SOURCES = tests/unit/segment_test.c tests/unit/tempdir.h
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

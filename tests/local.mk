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

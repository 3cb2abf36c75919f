# Tests.

# Handles.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/fh_test
TESTS += tests/unit/fh_test
tests_unit_fh_test_SOURCES = tests/unit/fh_test.c
tests_unit_fh_test_LDADD = server/libserver.a cow/libcow.a $(SODIUM_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
endif

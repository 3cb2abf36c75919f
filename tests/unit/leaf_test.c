/*
 * Leaf: bytes that are borrowed lie in the record; lengths that it does not hold are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/leaf.h"
#include "rpc/word.h"

_Alignas(8) static uint8_t record[8192];

/* length, then so many bytes. */
static XDR
stream(uint32_t length, uint32_t bytes)
{
	XDR xdrs;

	word_put(record, length);
	memset(record + 4, 'x', bytes);
	xdrmem_create(&xdrs, (char *)record, 4 + bytes, XDR_DECODE);
	return xdrs;
}

static void
a_handle_is_a_value_of_up_to_64_bytes(void **state)
{
	nfs_fh3 fh;

	(void)state;
	for (uint32_t n = 0; n <= 80; n++) {
		XDR xdrs = stream(n, WORD_PADDED(n));

		assert_int_equal(xdr_nfs_fh3(&xdrs, &fh), n <= 64);
		if (n > 64)
			continue;
		assert_int_equal(fh.n, n);
		assert_memory_equal(fh.bytes, record + 4, n);
		assert_int_equal(XDR_GETPOS(&xdrs), 4 + WORD_PADDED(n));
	}
}

static void
a_name_lies_in_the_record(void **state)
{
	XDR xdrs = stream(300, 300);
	filename3 name;

	(void)state;
	assert_true(xdr_filename3(&xdrs, &name));
	assert_ptr_equal(name.p, record + 4);
	assert_int_equal(name.n, 300);
}

static void
an_empty_name_has_a_place(void **state)
{
	XDR xdrs = stream(0, 0);
	filename3 name = { NULL, 1 };

	(void)state;
	assert_true(xdr_filename3(&xdrs, &name));
	assert_int_equal(name.n, 0);
	assert_non_null(name.p);
}

static void
a_name_beyond_every_limit_is_garbage(void **state)
{
	XDR xdrs = stream(LEAF_NAME_MAX, LEAF_NAME_MAX);
	filename3 name;

	(void)state;
	assert_true(xdr_filename3(&xdrs, &name));
	xdrs = stream(LEAF_NAME_MAX + 1, LEAF_NAME_MAX + 4);
	assert_false(xdr_filename3(&xdrs, &name));
}

static void
no_length_reaches_beyond_the_record(void **state)
{
	static const uint32_t lengths[] = { 9, 12, 4097, 0x7fffffff, 0x80000000, 0xfffffff8,
		0xfffffffc, 0xfffffffd, 0xffffffff };
	data_borrowed data;
	filename3 name;
	nfs_fh3 fh;

	(void)state;
	for (int i = 0; i < 9; i++) {
		XDR a = stream(lengths[i], 8), b = a, c = a;

		assert_false(xdr_data_borrowed(&a, &data));
		assert_false(xdr_filename3(&b, &name));
		assert_false(xdr_nfs_fh3(&c, &fh));
	}
}

static void
padding_belongs_to_the_bytes(void **state)
{
	data_borrowed data;

	(void)state;
	for (uint32_t n = 1; n <= 8; n++) {
		XDR whole = stream(n, WORD_PADDED(n)), cut = stream(n, WORD_PADDED(n) - 1);

		assert_true(xdr_data_borrowed(&whole, &data));
		assert_int_equal(data.n, n);
		assert_int_equal(XDR_GETPOS(&whole), 4 + WORD_PADDED(n));
		assert_false(xdr_data_borrowed(&cut, &data));
	}
}

static void
encoded_bytes_are_padded_with_zeros(void **state)
{
	_Alignas(8) uint8_t out[16];
	nfspath3 path = { "abcde", 5 };
	XDR xdrs;

	(void)state;
	memset(out, 0xee, sizeof(out));
	xdrmem_create(&xdrs, (char *)out, sizeof(out), XDR_ENCODE);
	assert_true(xdr_nfspath3(&xdrs, &path));
	assert_int_equal(XDR_GETPOS(&xdrs), 12);
	assert_memory_equal(out, "\0\0\0\5abcde\0\0\0\xee", 13);
	assert_false(xdr_nfspath3(&xdrs, &path));
}

static void
attached_data_are_a_length_only(void **state)
{
	_Alignas(8) uint8_t out[16];
	data_attached data = { 5 };
	XDR xdrs;

	(void)state;
	xdrmem_create(&xdrs, (char *)out, sizeof(out), XDR_ENCODE);
	assert_true(xdr_data_attached(&xdrs, &data));
	assert_int_equal(XDR_GETPOS(&xdrs), 4);
	assert_int_equal(word_get(out), 5);
}

static void
flavours_are_few(void **state)
{
	auth_flavors3 flavors;
	XDR xdrs;

	(void)state;
	for (uint32_t n = 0; n <= 6; n++) {
		xdrs = stream(n, 4 * n);
		assert_int_equal(xdr_auth_flavors3(&xdrs, &flavors), n <= LEAF_FLAVORS_MAX);
	}
	xdrs = stream(3, 8);
	assert_false(xdr_auth_flavors3(&xdrs, &flavors));
	xdrs = stream(0xffffffff, 64);
	assert_false(xdr_auth_flavors3(&xdrs, &flavors));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_is_a_value_of_up_to_64_bytes),
		cmocka_unit_test(a_name_lies_in_the_record),
		cmocka_unit_test(an_empty_name_has_a_place),
		cmocka_unit_test(a_name_beyond_every_limit_is_garbage),
		cmocka_unit_test(no_length_reaches_beyond_the_record),
		cmocka_unit_test(padding_belongs_to_the_bytes),
		cmocka_unit_test(encoded_bytes_are_padded_with_zeros),
		cmocka_unit_test(attached_data_are_a_length_only),
		cmocka_unit_test(flavours_are_few),
	};

	return cmocka_run_group_tests_name("leaf", tests, NULL, NULL);
}

/* Images made call by call: contents of files, what the id depends on, and what is given back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/image_writer.h"
#include "tests/lib/imported.h"

#define CONTENT 300001u

struct fixture {
	struct imported at;
	uint8_t *bytes; /* CONTENT of them, with zeros in the middle */
};

static int
setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	imported_open(&f->at, 0);
	f->bytes = calloc(1, CONTENT);
	for (uint32_t i = 0; i < CONTENT; i++)
		f->bytes[i] = i < 70000 || i > 250000 ? (uint8_t)(i * 2654435761u >> 24) : 0;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	imported_close(&f->at);
	free(f->bytes);
	free(f);
	return 0;
}

static struct image_writer *
open_writer(struct store *store)
{
	struct image_writer *w;
	int err = image_writer_open(store, &w);

	if (err)
		fail_msg("%s", err_text(err));
	return w;
}

/* The content's bytes in pieces of this size; zeros as holes when they are whole pieces. */
static struct image_content
put_content(struct fixture *f, struct image_writer *w, uint32_t piece, bool holes)
{
	struct image_contents *c = image_writer_contents(w);
	struct image_content out;

	for (uint32_t at = 0, n; at < CONTENT; at += n) {
		n = CONTENT - at < piece ? CONTENT - at : piece;
		if (holes && at > 70000 && at + n <= 250000)
			assert_int_equal(image_contents_hole(c, n), 0);
		else
			assert_int_equal(image_contents_data(c, f->bytes + at, n), 0);
	}
	assert_int_equal(image_contents_end(c, &out), 0);
	return out;
}

static uint32_t
put_root(struct image_writer *w, uint32_t names)
{
	const struct inode root = { .mode = S_IFDIR | 0755,
		.nlink = 2,
		.size = 4096,
		.parent = INO_ROOT,
		.cookie = COOKIE_FIRST + names };
	uint32_t ino;

	assert_int_equal(image_writer_inode(w, &root, (struct str){ 0 }, NULL, &ino), 0);
	return ino;
}

static uint32_t
put_file(struct image_writer *w, const char *name, const struct image_content *content)
{
	const struct inode in = { .mode = S_IFREG | 0644, .nlink = 1 };
	uint32_t ino;

	assert_int_equal(image_writer_inode(w, &in, (struct str){ 0 }, content, &ino), 0);
	assert_int_equal(image_writer_name(w, INO_ROOT, str_of(name), ino), 0);
	return ino;
}

static void
publish(struct fixture *f, struct image_writer *w, const char *name)
{
	int err = image_writer_publish(w, name, &f->at.result.id);

	if (err)
		fail_msg("%s", err_text(err));
	image_writer_totals(w, &f->at.result.totals);
	image_writer_close(w);
	if (f->at.image)
		image_release(f->at.image);
	assert_int_equal(store_image(f->at.store, &f->at.result.id, &f->at.image), 0);
}

static void
pieces_do_not_matter(void **state)
{
	static const uint32_t sizes[] = { 1, 511, 4096, 65536, 65537, CONTENT };
	struct fixture *f = *state;
	struct image_writer *w = open_writer(f->at.store);
	struct image_content first, c;
	char name[16];

	put_root(w, ARRAY_SIZE(sizes) * 2 + 1);
	first = put_content(f, w, 10000, false);
	put_file(w, "0", &first);
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		c = put_content(f, w, sizes[i / 2], i % 2);
		assert_true(id_eq(&c.hash, &first.hash));
		assert_int_equal(c.size, first.size);
		assert_int_equal(c.used, first.used);
		snprintf(name, sizeof(name), "1%c", (char)('a' + i));
		put_file(w, name, &c);
	}
	publish(f, w, "image");
	imported_expect(&f->at, "0", 0, f->bytes, CONTENT);
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		snprintf(name, sizeof(name), "1%c", (char)('a' + i));
		imported_expect(&f->at, name, 0, f->bytes, CONTENT);
	}
	assert_int_equal(f->at.result.totals.files, ARRAY_SIZE(sizes) * 2 + 1);
	assert_in_range(f->at.result.totals.stored, 1, 70000 + 50001 + 65536);
}

static struct id
id_with_block_size(struct fixture *f, uint32_t block_size)
{
	struct imported other;
	struct image_writer *w;
	struct image_content c;
	struct id id;

	imported_open(&other, block_size);
	w = open_writer(other.store);
	put_root(w, 1);
	c = put_content(f, w, 4096, true);
	put_file(w, "file", &c);
	assert_int_equal(image_writer_publish(w, "image", &id), 0);
	image_writer_close(w);
	imported_close(&other);
	return id;
}

static void
the_id_does_not_depend_on_the_store(void **state)
{
	struct id small = id_with_block_size(*state, 4096);
	struct id large = id_with_block_size(*state, 65536);

	assert_true(id_eq(&small, &large));
}

static void
zeros_at_other_places_are_other_contents(void **state)
{
	static const uint8_t page[4096] = { 1 };
	struct fixture *f = *state;
	struct image_writer *w = open_writer(f->at.store);
	struct image_contents *c = image_writer_contents(w);
	struct image_content outs[4];

	for (int i = 0; i < 4; i++) {
		assert_int_equal(image_contents_hole(c, (uint64_t)i * 4096), 0);
		assert_int_equal(image_contents_data(c, page, sizeof(page)), 0);
		assert_int_equal(image_contents_hole(c, (uint64_t)(3 - i) * 4096), 0);
		assert_int_equal(image_contents_end(c, &outs[i]), 0);
		assert_int_equal(outs[i].size, 4 * 4096);
		for (int k = 0; k < i; k++)
			assert_false(id_eq(&outs[i].hash, &outs[k].hash));
	}
	image_writer_close(w);
}

static void
a_dropped_content_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct image_writer *w = open_writer(f->at.store);
	struct image_contents *contents = image_writer_contents(w);
	struct image_content c;

	put_root(w, 1);
	assert_int_equal(image_contents_data(contents, f->bytes, 70001), 0);
	assert_int_equal(image_contents_drop(contents), 0);
	assert_int_equal(image_contents_data(contents, "text", 4), 0);
	assert_int_equal(image_contents_end(contents, &c), 0);
	put_file(w, "file", &c);
	publish(f, w, "image");
	assert_int_equal(imported_inode(&f->at, "file").size, 4);
	imported_expect(&f->at, "file", 0, "text", 4);
}

static void
a_huge_hole_is_no_work(void **state)
{
	struct fixture *f = *state;
	struct image_writer *w = open_writer(f->at.store);
	struct image_content c;

	put_root(w, 1);
	assert_int_equal(image_contents_hole(image_writer_contents(w), (uint64_t)1 << 42), 0);
	assert_int_equal(image_contents_data(image_writer_contents(w), "end", 3), 0);
	assert_int_equal(image_contents_end(image_writer_contents(w), &c), 0);
	put_file(w, "file", &c);
	publish(f, w, "image");
	assert_int_equal(imported_inode(&f->at, "file").size, ((uint64_t)1 << 42) + 3);
	assert_int_equal(imported_inode(&f->at, "file").used, 512);
	imported_expect(&f->at, "file", ((uint64_t)1 << 42) - 1, "\0end", 4);
}

static void
what_is_not_published_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct image_writer *w = open_writer(f->at.store);
	struct image_content c = put_content(f, w, 4096, false);
	struct image_info info;

	put_root(w, 1);
	put_file(w, "file", &c);
	image_writer_close(w);
	imported_expect_nothing(&f->at);
	assert_int_equal(store_image_find(f->at.store, "image", &info), -ENOENT);
}

static void
a_name_that_was_taken_meanwhile_is_refused(void **state)
{
	struct fixture *f = *state;
	struct image_writer *first = open_writer(f->at.store), *second = open_writer(f->at.store);
	struct image_content c = put_content(f, second, 4096, false);
	struct id id;

	put_root(first, 0);
	put_root(second, 1);
	put_file(second, "file", &c);
	publish(f, first, "image");
	assert_int_equal(image_writer_publish(second, "image", &id), -EEXIST);
	image_writer_close(second);
	assert_int_equal(tmpdir_count(&f->at.dir, "store/images", ""), 1);
	assert_int_equal(tmpdir_count(&f->at.dir, "store/segments", ""), 0);
}

static void
another_import_shares_the_blocks(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct image_writer *w = open_writer(f->at.store);
		struct image_content c = put_content(f, w, 4096, false);

		put_root(w, 1);
		put_file(w, i ? "other" : "file", &c);
		publish(f, w, i ? "second" : "first");
		if (i)
			assert_int_equal(f->at.result.totals.stored, 0);
		else
			assert_int_not_equal(f->at.result.totals.stored, 0);
	}
	assert_int_equal(tmpdir_count(&f->at.dir, "store/images", ".db"), 2);
	imported_expect(&f->at, "other", 0, f->bytes, CONTENT);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(pieces_do_not_matter),
		TEST(the_id_does_not_depend_on_the_store),
		TEST(zeros_at_other_places_are_other_contents),
		TEST(a_dropped_content_is_forgotten),
		TEST(a_huge_hole_is_no_work),
		TEST(what_is_not_published_is_given_back),
		TEST(a_name_that_was_taken_meanwhile_is_refused),
		TEST(another_import_shares_the_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

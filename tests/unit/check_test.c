/* The check: a whole store is said to be whole, and what is wrong is found and named. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/check.h"
#include "cow/err.h"
#include "cow/revert.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

struct told {
	char text[65536];
	size_t n;
};

static int
tell(void *arg, const char *sentence)
{
	struct told *t = arg;

	if (t->n + strlen(sentence) + 2 < sizeof(t->text))
		t->n += (size_t)snprintf(t->text + t->n, sizeof(t->text) - t->n, "%s\n", sentence);
	return 0;
}

static struct check_result
check(struct viewstore *vs, bool all, struct told *t)
{
	struct check_options o = { .all_bytes = all, .found = tell, .arg = t };
	struct check_result r;

	t->n = 0;
	t->text[0] = '\0';
	op_must(check_run(vs->store, &o, &r));
	return r;
}

static void
live(struct viewstore *vs)
{
	struct snapshot_of of = { "a", vs->a };
	uint32_t ino = op_create(vs->a, op_find(vs->a, "dir"), "mine");

	op_write_pattern(vs->a, ino, 0, 50000, 11);
	op_must(snapshot_create(vs->store, &of, 1, "one", NULL));
	op_write_pattern(vs->a, ino, 0, 9000, 12);
	op_remove(vs->a, INO_ROOT, "hard1");
	op_rename(vs->a, INO_ROOT, "empty", op_find(vs->a, "dir"), "moved");
	viewstore_flush(vs);
}

static void
a_whole_store_is_whole(void **state)
{
	struct viewstore *vs = *state;
	struct told t;
	struct check_result r;

	live(vs);
	r = check(vs, true, &t);
	assert_string_equal(t.text, "");
	assert_int_equal(r.problems, 0);
	assert_int_equal(r.images, 1);
	assert_true(r.blocks > 80 && r.bytes > 300000);
}

/* Flips a bit of a segment's file. */
static void
flip(struct viewstore *vs, int64_t segment, int64_t off, unsigned bit)
{
	const char *path = tmpdir_path(&vs->dir, "store/segments");
	DIR *dir = opendir(path);
	struct dirent *e;
	char name[600] = "";
	uint8_t byte;
	int fd;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (strtoll(e->d_name, NULL, 16) == segment && e->d_name[0] != '.')
			snprintf(name, sizeof(name), "%s/%.200s", path, e->d_name);
	closedir(dir);
	fd = open(name, O_RDWR);
	assert_true(fd >= 0 && pread(fd, &byte, 1, off) == 1);
	byte ^= (uint8_t)(1u << bit);
	assert_int_equal(pwrite(fd, &byte, 1, off), 1);
	close(fd);
}

static void
damage(struct viewstore *vs, const char *sql)
{
	flip(
	    vs, viewstore_count(vs, "SELECT max(segment) FROM block"), viewstore_count(vs, sql), 4);
}

/* Anywhere in the head or the bytes of any block. */
static void
every_bit_of_a_block_counts(void **state)
{
	struct viewstore *vs = *state;
	const char *seed_set = getenv("RUBUS_SEED"), *full = getenv("RUBUS_LONG");
	uint64_t random = seed_set ? strtoull(seed_set, NULL, 10) : (uint64_t)time(NULL);
	int64_t blocks;
	struct told t;

	print_message("RUBUS_SEED=%llu\n", (unsigned long long)random);
	random = random * 0x9e3779b97f4a7c15 | 1;
	live(vs);
	blocks = viewstore_count(vs, "SELECT count(*) FROM block");
	for (int i = 0; i < (full && *full != '0' ? 2000 : 100); i++) {
		char sql[128];
		int64_t segment, off, n;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		n = (int64_t)(random >> 33) % blocks;
		snprintf(sql, sizeof(sql), "SELECT segment FROM block LIMIT 1 OFFSET %d", (int)n);
		segment = viewstore_count(vs, sql);
		snprintf(sql, sizeof(sql), "SELECT off FROM block LIMIT 1 OFFSET %d", (int)n);
		off = viewstore_count(vs, sql);
		snprintf(sql, sizeof(sql), "SELECT stored FROM block LIMIT 1 OFFSET %d", (int)n);
		off += (int64_t)(random >> 20) % (viewstore_count(vs, sql) + 32) - 32;
		flip(vs, segment, off, random & 7);
		assert_int_equal(check(vs, true, &t).damaged, 1);
		assert_non_null(strstr(t.text, ": damaged at byte "));
		flip(vs, segment, off, random & 7);
	}
	assert_int_equal(check(vs, true, &t).problems, 0);
}

/* valgrind sees that no more is looked at than was read. */
static void
a_length_in_a_blocks_head_is_not_believed(void **state)
{
	struct viewstore *vs = *state;
	int64_t segment = viewstore_count(vs, "SELECT segment FROM block LIMIT 1");
	int64_t off = viewstore_count(vs, "SELECT off FROM block LIMIT 1");
	struct told t;

	for (unsigned bit = 0; bit < 32; bit++) {
		flip(vs, segment, off - 28 + bit / 8, bit % 8);
		assert_int_equal(check(vs, true, &t).damaged, 1);
		flip(vs, segment, off - 28 + bit / 8, bit % 8);
	}
}

static void
a_damaged_block_is_named_by_client_and_path(void **state)
{
	struct viewstore *vs = *state;
	struct told t;
	struct check_result r;

	live(vs);
	damage(vs, "SELECT off + 100 FROM block WHERE segment = (SELECT max(segment) FROM block)"
		   " ORDER BY off DESC LIMIT 1");
	assert_int_equal(check(vs, false, &t).problems, 0);
	r = check(vs, true, &t);
	assert_int_equal(r.damaged, 1);
	assert_non_null(strstr(t.text, "its bytes are not what they were"));
	assert_non_null(strstr(t.text, "client a: /dir/mine: damaged at byte 8192"));
	assert_null(strstr(t.text, "snapshot a@one: /dir/mine"));
}

static void
a_golden_block_is_named_by_its_image(void **state)
{
	struct viewstore *vs = *state;
	struct told t;

	viewstore_exec(
	    vs, "UPDATE block SET off = off + 8 WHERE off = (SELECT min(off) FROM block)");
	assert_int_equal(check(vs, false, &t).damaged, 1);
	assert_non_null(strstr(t.text, "image golden: /"));
	assert_null(strstr(t.text, "client a: /"));
}

static const struct {
	const char *sql, *said;
} wrongs[] = {
	{ "UPDATE client SET head = 99 WHERE name = 'b'", "client b: its head is missing" },
	{ "UPDATE layer SET sealed = 1", "client a: its head is sealed" },
	{ "UPDATE snapshot SET layer = 99", "snapshot a@one: its layer is missing" },
	{ "INSERT INTO snapshot SELECT 'x', name, kind, layer, image, image_id, identity, created, "
	  "note"
	  " FROM snapshot",
	    "snapshot x@one is of no client" },
	{ "UPDATE layer SET parent = 77 WHERE id = (SELECT head FROM client WHERE name = 'a')",
	    "what it lies on is missing" },
	{ "INSERT INTO extent VALUES(1, 999, 0, x'')", "blocks of a file that isn't there" },
	{ "INSERT INTO dirent VALUES(1, 999, x'61', 5, 9)", "names in what is no folder of it" },
	{ "INSERT INTO xattr VALUES(55, 2, x'61', x'62')",
	    "extended attributes of layer 55, which is missing" },
	{ "DELETE FROM segment", "which is missing" },
	{ "INSERT INTO freed SELECT segment, off, stored FROM block LIMIT 1",
	    "is to be given back, but in use" },
	{ "DELETE FROM block WHERE id = (SELECT max(id) FROM block)", "not in the index" },
	{ "INSERT INTO client_fact VALUES('nobody', 'ssh', 'x')",
	    "facts about nobody, who is no client" },
	{ "INSERT INTO client_mark VALUES(1, '10.0.0.9', 'nobody', 0)",
	    "the address, MAC or serial number 10.0.0.9 is of no client" },
};

static void
what_rows_contradict_is_told(void **state)
{
	struct viewstore *vs = *state;
	struct check_options o = { .found = tell };
	struct store_options so = { .mode = STORE_LOOK };

	live(vs);
	view_close(vs->a);
	view_close(vs->b);
	vs->a = vs->b = NULL;
	store_close(vs->store);
	vs->store = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct told t = { .n = 0 };
		struct check_result r;
		struct store *s;
		struct db *db;

		op_must(db_open(tmpdir_path(&vs->dir, "store/store.db"), DB_WRITE, &db));
		op_must(db_exec(db, "CREATE TABLE IF NOT EXISTS kept(n)"));
		op_must(db_begin(db));
		op_must(db_exec(db, wrongs[i].sql));
		op_must(db_commit(db));
		op_must(store_open(tmpdir_path(&vs->dir, "store"), &so, &s));
		o.arg = &t;
		op_must(check_run(s, &o, &r));
		assert_true(r.problems > 0);
		if (!strstr(t.text, wrongs[i].said))
			fail_msg("%s: %s", wrongs[i].sql, t.text);
		store_close(s);
		db_close(db);
	}
}

static void
the_index_is_made_again_from_the_segments(void **state)
{
	struct viewstore *vs = *state;
	struct check_options o = { .found = tell };
	struct check_repair_result r;
	struct told t;
	int64_t before;

	live(vs);
	before = viewstore_count(vs, "SELECT count(*) FROM block");
	viewstore_exec(vs, "DELETE FROM block WHERE stored > 2000;"
			   "UPDATE block SET off = off + 8 WHERE id = (SELECT min(id) FROM block)");
	o.arg = &t;
	t.n = 0;
	op_must(check_repair(vs->store, &o, &r));
	assert_int_equal(r.dropped, 1);
	assert_int_equal(viewstore_count(vs, "SELECT count(*) FROM block"), before);
	viewstore_reopen(vs);
	assert_int_equal(check(vs, true, &t).problems, 0);
	op_assert_pattern(vs->a, op_find(vs->a, "dir/mine"), 0, 0, 9000, 12);
	op_assert_pattern(vs->a, op_find(vs->a, "data"), 0, 0, VIEWSTORE_DATA, 1);
	op_must(check_repair(vs->store, &o, &r));
	assert_int_equal(r.added + r.dropped, 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, viewstore_setup, viewstore_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_whole_store_is_whole),
		TEST(every_bit_of_a_block_counts),
		TEST(a_length_in_a_blocks_head_is_not_believed),
		TEST(a_damaged_block_is_named_by_client_and_path),
		TEST(a_golden_block_is_named_by_its_image),
		TEST(what_rows_contradict_is_told),
		TEST(the_index_is_made_again_from_the_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

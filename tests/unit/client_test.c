/* The catalogue of clients: names, addresses, layers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cow/client.h"
#include "cow/err.h"
#include "cow/layer.h"
#include "tests/lib/tinyimage.h"
#include "tests/lib/tmpdir.h"

struct fixture {
	struct tmpdir dir;
	struct store *store;
};

static int
setup(void **state)
{
	struct store_options options = { .mode = STORE_OWN, .create = true };
	static struct fixture f;

	tmpdir_make(&f.dir);
	if (store_open(f.dir.path, &options, &f.store) < 0)
		return -1;
	tinyimage_publish(f.store, "pios", 41);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	tmpdir_remove(&f->dir);
	return 0;
}

static int
add(struct store *s, const char *name, const char *address)
{
	struct client_options options = {
		.name = name, .image = "pios", .naddresses = !!address, .addresses = { address }
	};

	return client_add(s, &options);
}

static struct client
find(struct store *s, const char *name)
{
	struct client c;

	assert_int_equal(client_find(s, name, &c), 0);
	return c;
}

static void
a_client_begins_with_an_empty_head_above_its_image(void **state)
{
	struct fixture *f = *state;
	struct layer layer;
	struct client c;
	struct db *db;

	assert_int_equal(add(f->store, "pi1", "10.0.0.7"), 0);
	c = find(f->store, "pi1");
	assert_string_equal(c.name, "pi1");
	assert_string_equal(c.image, "pios");
	assert_false(id_is_zero(&c.id));
	assert_int_equal(c.incarnation, 1);
	assert_false(c.any_address);
	assert_int_equal(c.naddresses, 1);
	assert_string_equal(c.addresses[0], "10.0.0.7");
	assert_int_equal(c.delta_files + c.delta_bytes, 0);
	db = db_lend(store_readers(f->store));
	assert_int_equal(layer_get(db, c.head, &layer), 0);
	db_return(store_readers(f->store), db);
	assert_int_equal(layer.next_ino, 42);
	assert_int_equal(layer.parent, 0);
	assert_true(id_eq(&layer.image, &c.image_id));
	assert_false(layer.sealed);
}

static void
no_two_clients_share_id_key_or_head(void **state)
{
	struct fixture *f = *state;
	struct client one, two;

	assert_int_equal(add(f->store, "pi1", NULL), 0);
	assert_int_equal(add(f->store, "pi2", NULL), 0);
	one = find(f->store, "pi1");
	two = find(f->store, "pi2");
	assert_false(id_eq(&one.id, &two.id));
	assert_memory_not_equal(one.key, two.key, sizeof(one.key));
	assert_int_not_equal(one.head, two.head);
}

static void
a_client_is_found_by_name_id_and_address(void **state)
{
	struct fixture *f = *state;
	struct client c, by;
	struct id other = { { 1 } };

	assert_int_equal(add(f->store, "pi1", "10.0.0.7"), 0);
	assert_int_equal(add(f->store, "pi2", "10.0.0.8"), 0);
	c = find(f->store, "pi2");
	assert_int_equal(client_find_id(f->store, &c.id, &by), 0);
	assert_string_equal(by.name, "pi2");
	assert_int_equal(client_find_address(f->store, "10.0.0.8", &by), 0);
	assert_string_equal(by.name, "pi2");
	assert_int_equal(client_find(f->store, "pi3", &by), -ENOENT);
	assert_int_equal(client_find_id(f->store, &other, &by), -ENOENT);
	assert_int_equal(client_find_address(f->store, "10.0.0.9", &by), -ENOENT);
}

static void
an_address_is_one_however_it_is_written(void **state)
{
	static const struct {
		const char *given, *kept, *taken;
	} cases[] = {
		{ "::ffff:10.0.0.7", "10.0.0.7", "10.0.0.7" },
		{ "FE80:0:0::1", "fe80::1", "fe80:0000::0001" },
		{ "10.0.0.8", "10.0.0.8", "::ffff:0a00:0008" },
	};
	struct fixture *f = *state;
	struct client c;
	char name[8];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(name, sizeof(name), "pi%u", i);
		assert_int_equal(add(f->store, name, cases[i].given), 0);
		assert_string_equal(find(f->store, name).addresses[0], cases[i].kept);
		assert_int_equal(add(f->store, "other", cases[i].taken), -EEXIST);
		assert_non_null(strstr(err_text(-EEXIST), name));
		assert_int_equal(client_find_address(f->store, cases[i].taken, &c), 0);
		assert_string_equal(c.name, name);
	}
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "", "10.0.0", "10.0.0.256", "10.0.0.1/24", "pi.local",
		"fe80::1%eth0", "1.2.3.4 ", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
		"::", "::ffff:0.0.0.0", "ff02::1" };
	struct fixture *f = *state;
	struct client c;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(add(f->store, "pi1", bad[i]), -EINVAL);
	assert_int_equal(client_find(f->store, "pi1", &c), -ENOENT);
}

static int
count_layers(struct db *db, void *arg)
{
	static const char sql[] = "SELECT count(*) FROM layer";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	assert_int_equal(db_step(db, stmt), 1);
	*(int64_t *)arg = sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return 0;
}

static void
a_refused_client_leaves_nothing_behind(void **state)
{
	struct client_options no_image = { .name = "pi2", .image = "nope" };
	struct client_options twice = { .name = "pi2",
		.image = "pios",
		.naddresses = 2,
		.addresses = { "10.0.0.8", "10.0.0.7" } };
	struct fixture *f = *state;
	struct client c;
	int64_t layers;

	assert_int_equal(add(f->store, "pi1", "10.0.0.7"), 0);
	assert_int_equal(add(f->store, "pi1", "10.0.0.9"), -EEXIST);
	assert_int_equal(add(f->store, "../pi2", NULL), -EINVAL);
	assert_int_equal(client_add(f->store, &no_image), -ENOENT);
	assert_non_null(strstr(err_text(-ENOENT), "nope"));
	assert_int_equal(client_add(f->store, &twice), -EEXIST);
	assert_non_null(strstr(err_text(-EEXIST), "10.0.0.7 belongs to client pi1"));
	assert_int_equal(client_find(f->store, "pi2", &c), -ENOENT);
	assert_int_equal(client_find_address(f->store, "10.0.0.8", &c), -ENOENT);
	assert_int_equal(store_write(f->store, count_layers, &layers), 0);
	assert_int_equal(layers, 1);
}

/* A client, and numbers for two more layers. */
struct growth {
	struct client c;
	uint64_t layers[2];
};

static struct growth
growth_of(struct store *store, const char *name)
{
	struct growth g = { .c = find(store, name) };

	g.layers[0] = store_new_layer(store);
	g.layers[1] = store_new_layer(store);
	return g;
}

static int
sum_of_layers(struct db *db, void *arg)
{
	struct growth *g = arg;
	struct client *c = &g->c;
	uint64_t head = g->layers[0];

	assert_int_equal(layer_seal(db, c->head), 0);
	assert_int_equal(layer_create(db, head, c->head, &c->image_id, 50), 0);
	assert_int_equal(db_exec(db, "UPDATE layer SET files = id, bytes = 1000 * id"), 0);
	c->delta_files = c->head + head;
	c->head = head;
	return db_exec(db, "UPDATE client SET head = (SELECT max(id) FROM layer)");
}

static void
a_delta_is_that_of_the_whole_chain(void **state)
{
	struct fixture *f = *state;
	struct client got;
	struct growth g;

	assert_int_equal(add(f->store, "pi1", NULL), 0);
	g = growth_of(f->store, "pi1");
	assert_int_equal(store_write(f->store, sum_of_layers, &g), 0);
	got = find(f->store, "pi1");
	assert_int_equal(got.head, g.c.head);
	assert_int_equal(got.delta_files, g.c.delta_files);
	assert_int_equal(got.delta_bytes, g.c.delta_files * 1000);
}

static int
fork_head(struct db *db, void *arg)
{
	struct growth *g = arg;
	struct client *two = &g->c;
	uint64_t sealed;
	struct layer layer;

	assert_int_equal(layer_get(db, two->head, &layer), 0);
	assert_int_equal(layer_seal(db, two->head), 0);
	sealed = two->head;
	assert_int_equal(layer_create(db, g->layers[0], sealed, &two->image_id, 50), 0);
	assert_int_equal(
	    db_exec(db, "UPDATE client SET head = (SELECT max(id) FROM layer) WHERE name = 'pi2'"),
	    0);
	assert_int_equal(layer_create(db, g->layers[1], sealed, &two->image_id, 50), 0);
	return db_exec(
	    db, "UPDATE client SET head = (SELECT max(id) FROM layer) WHERE name = 'pi1'");
}

static void
a_removed_client_leaves_its_layers_to_the_collector(void **state)
{
	struct fixture *f = *state;
	struct growth two;
	struct client c;
	int64_t layers;

	assert_int_equal(add(f->store, "pi1", "10.0.0.7"), 0);
	assert_int_equal(add(f->store, "pi2", NULL), 0);
	two = growth_of(f->store, "pi2");
	assert_int_equal(store_write(f->store, fork_head, &two), 0);
	assert_int_equal(store_write(f->store, count_layers, &layers), 0);
	assert_int_equal(layers, 4);
	assert_int_equal(client_remove(f->store, "pi1"), 0);
	assert_int_equal(client_remove(f->store, "pi1"), -ENOENT);
	assert_int_equal(client_find_address(f->store, "10.0.0.7", &c), -ENOENT);
	assert_int_equal(store_write(f->store, count_layers, &layers), 0);
	assert_int_equal(layers, 4); /* its own head is the collector's */
	assert_int_equal(add(f->store, "pi3", "10.0.0.7"), 0);
	find(f->store, "pi2");
	assert_int_equal(client_remove(f->store, "pi2"), 0);
	assert_int_equal(store_write(f->store, count_layers, &layers), 0);
	assert_int_equal(layers, 5);
}

struct names {
	struct store *store;
	char text[100];
};

static int
join_names(void *arg, const struct client *c)
{
	struct names *all = arg;

	assert_int_equal(find(all->store, c->name).head, c->head);
	strcat(strcat(all->text, c->name), " ");
	return strcmp(c->name, "pi3") == 0 ? 1 : 0;
}

static void
clients_are_listed_by_name_until_told_to_stop(void **state)
{
	static const char *const names[] = { "pi3", "pi1", "pi4", "pi2" };
	struct fixture *f = *state;
	struct names all = { .store = f->store };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(add(f->store, names[i], NULL), 0);
	assert_int_equal(client_each(f->store, join_names, &all), 1);
	assert_string_equal(all.text, "pi1 pi2 pi3 ");
}

static void
clients_are_there_after_reopening(void **state)
{
	struct store_options options = { .mode = STORE_OWN };
	struct fixture *f = *state;
	struct client before, after;

	assert_int_equal(add(f->store, "pi1", "10.0.0.7"), 0);
	before = find(f->store, "pi1");
	store_close(f->store);
	assert_int_equal(store_open(f->dir.path, &options, &f->store), 0);
	after = find(f->store, "pi1");
	assert_memory_equal(before.key, after.key, sizeof(before.key));
	assert_true(id_eq(&before.id, &after.id));
	assert_int_equal(before.head, after.head);
}

/* --- serial numbers, MACs, and addresses that are learned --- */

static int
add_pi(struct store *s, const char *name, const char *serial, const char *mac)
{
	struct client_options o = { .name = name,
		.image = "pios",
		.serial = serial,
		.nmacs = mac != NULL,
		.macs = { mac } };

	return client_add(s, &o);
}

static void
a_pi_is_found_by_serial_and_mac_however_they_are_written(void **state)
{
	static const char *const serials[] = { "1a2b3c4d", "1A2B3C4D", "0x1a2b3c4d",
		"100000001a2b3c4d" };
	static const char *const macs[] = { "dc:a6:32:01:02:0f", "DC-A6-32-01-02-0F",
		"dca63201020f" };
	struct fixture *f = *state;
	struct client c;

	assert_int_equal(add_pi(f->store, "pi1", "100000001A2B3C4D", "DC-A6-32-01-02-0F"), 0);
	c = find(f->store, "pi1");
	assert_string_equal(c.serial, "1a2b3c4d");
	assert_int_equal(c.nmacs, 1);
	assert_string_equal(c.macs[0], "dc:a6:32:01:02:0f");
	for (unsigned i = 0; i < ARRAY_SIZE(serials); i++) {
		assert_int_equal(client_find_serial(f->store, serials[i], &c), 0);
		assert_int_equal(add_pi(f->store, "pi2", serials[i], NULL), -EEXIST);
		assert_non_null(strstr(err_text(-EEXIST), "1a2b3c4d belongs to client pi1"));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(macs); i++) {
		assert_int_equal(client_find_mac(f->store, macs[i], &c), 0);
		assert_int_equal(add_pi(f->store, "pi2", NULL, macs[i]), -EEXIST);
	}
	assert_int_equal(client_find_serial(f->store, "1a2b3c4e", &c), -ENOENT);
	assert_int_equal(client_find_mac(f->store, "dc:a6:32:01:02:03", &c), -ENOENT);
	assert_int_equal(client_remove(f->store, "pi1"), 0);
	assert_int_equal(client_find_serial(f->store, "1a2b3c4d", &c), -ENOENT);
}

static void
what_is_no_serial_or_mac_is_refused(void **state)
{
	static const char *const serials[] = { "", "1a2b3c4", "1a2b3c4d5", "1a2b3c4g", "0x",
		" 1a2b3c4d", "00000000100000001a2b3c4d" };
	static const char *const macs[] = { "", "dc", "dc:a6:32:01:02", "dc:a6:32:01:02:03:04",
		"dc:a6:32-01:02:03", "dc.a6.32.01.02.03", "dca6:3201:0203", "d:c:a6:32:01:02:03",
		"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", "dc:a6:32:01:02:0g",
		"dc:a6:32:01:02:03 " };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(serials); i++)
		assert_int_equal(add_pi(f->store, "pi1", serials[i], NULL), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(macs); i++)
		assert_int_equal(add_pi(f->store, "pi1", NULL, macs[i]), -EINVAL);
}

static void
the_address_of_the_last_boot_takes_the_place_of_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct client c;

	assert_int_equal(add(f->store, "pi1", "10.0.0.7"), 0);
	assert_int_equal(add(f->store, "pi2", NULL), 0);
	assert_int_equal(client_learn_address(f->store, "pi1", "10.0.0.20"), 1);
	assert_int_equal(client_learn_address(f->store, "pi1", "10.0.0.20"), 0);
	assert_int_equal(client_learn_address(f->store, "pi1", "10.0.0.7"), 0);
	assert_int_equal(client_learn_address(f->store, "pi1", "10.0.0.21"), 1);
	c = find(f->store, "pi1");
	assert_int_equal(c.naddresses, 2);
	assert_string_equal(c.learned, "10.0.0.21");
	assert_int_equal(client_find_address(f->store, "10.0.0.20", &c), -ENOENT);
	/* It went to another machine since; but what a person said stays. */
	assert_int_equal(client_learn_address(f->store, "pi2", "10.0.0.21"), 1);
	assert_int_equal(client_learn_address(f->store, "pi2", "10.0.0.7"), -EEXIST);
	assert_int_equal(client_learn_address(f->store, "pi2", "0.0.0.0"), -EINVAL);
	assert_int_equal(client_learn_address(f->store, "pi3", "10.0.0.9"), -ENOENT);
	assert_string_equal(find(f->store, "pi1").learned, "");
	assert_int_equal(find(f->store, "pi1").naddresses, 1);
	assert_string_equal(find(f->store, "pi2").learned, "10.0.0.21");
	assert_int_equal(add(f->store, "pi3", "10.0.0.21"), 0);
	assert_string_equal(find(f->store, "pi2").learned, "");
}

static void
macs_are_learned_up_to_a_number(void **state)
{
	struct fixture *f = *state;
	char mac[18];

	assert_int_equal(add_pi(f->store, "pi1", "1a2b3c4d", NULL), 0);
	assert_int_equal(add_pi(f->store, "pi2", NULL, "dc:a6:32:00:00:99"), 0);
	for (int i = 0; i < CLIENT_MACS; i++) {
		snprintf(mac, sizeof(mac), "dc:a6:32:00:00:%02x", i);
		assert_int_equal(client_learn_mac(f->store, "pi1", mac), 0);
	}
	assert_int_equal(client_learn_mac(f->store, "pi1", "dc:a6:32:00:00:77"), -ENOSPC);
	assert_int_equal(client_learn_mac(f->store, "pi2", "dc:a6:32:00:00:01"), -EEXIST);
	assert_int_equal(find(f->store, "pi1").nmacs, CLIENT_MACS);
}

static void
what_a_client_is_recognised_by_can_be_replaced(void **state)
{
	struct client_options marks = {
		.name = "pi1", .serial = "aabbccdd", .nmacs = 1, .macs = { "dc:a6:32:00:00:02" }
	};
	struct client_set set = { .set_marks = true, .marks = &marks };
	struct fixture *f = *state;
	struct client c;

	assert_int_equal(add_pi(f->store, "pi1", "1a2b3c4d", "dc:a6:32:00:00:01"), 0);
	assert_int_equal(add(f->store, "pi2", "10.0.0.8"), 0);
	assert_int_equal(client_learn_address(f->store, "pi1", "10.0.0.20"), 1);
	assert_int_equal(client_set(f->store, "pi1", &set), 0);
	c = find(f->store, "pi1");
	assert_string_equal(c.serial, "aabbccdd");
	assert_int_equal(c.nmacs, 1);
	assert_string_equal(c.macs[0], "dc:a6:32:00:00:02");
	assert_string_equal(c.learned, "10.0.0.20");
	marks =
	    (struct client_options){ .name = "pi1", .naddresses = 1, .addresses = { "10.0.0.8" } };
	assert_int_equal(client_set(f->store, "pi1", &set), -EEXIST);
	assert_string_equal(find(f->store, "pi1").serial, "aabbccdd");
	marks.addresses[0] = "10.0.0.20"; /* for ever from now on */
	assert_int_equal(client_set(f->store, "pi1", &set), 0);
	assert_string_equal(find(f->store, "pi1").learned, "");
	assert_int_equal(find(f->store, "pi1").naddresses, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void
clients_are_added_together_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct client_options all[] = {
		{ .name = "a", .image = "pios", .naddresses = 1, .addresses = { "192.0.2.1" } },
		{ .name = "b", .image = "pios" },
		{ .name = "c", .image = "pios", .naddresses = 1, .addresses = { "192.0.2.1" } },
	};
	struct client out;

	assert_int_equal(clients_add(f->store, all, 3), -EEXIST); /* one address for two */
	all[2].addresses[0] = "192.0.2.3";
	all[1].image = "other";
	assert_int_equal(clients_add(f->store, all, 3), -ENOENT);
	all[1].image = "pios";
	all[1].name = "a";
	assert_int_equal(clients_add(f->store, all, 3), -EEXIST);
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_find(f->store, all[i].name, &out), -ENOENT);
	all[1].name = "b";
	assert_int_equal(clients_add(f->store, all, 3), 0);
	assert_int_equal(client_find_address(f->store, "192.0.2.3", &out), 0);
	assert_string_equal(out.name, "c");
	assert_true(find(f->store, "a").head != find(f->store, "b").head);
	assert_false(
	    id_eq(&out.id, &(struct id){ 0 }) || memcmp(out.key, find(f->store, "a").key, 16) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_begins_with_an_empty_head_above_its_image),
		TEST(no_two_clients_share_id_key_or_head),
		TEST(a_client_is_found_by_name_id_and_address),
		TEST(an_address_is_one_however_it_is_written),
		TEST(what_is_no_address_is_refused),
		TEST(a_refused_client_leaves_nothing_behind),
		TEST(a_delta_is_that_of_the_whole_chain),
		TEST(a_removed_client_leaves_its_layers_to_the_collector),
		TEST(clients_are_listed_by_name_until_told_to_stop),
		TEST(clients_are_there_after_reopening),
		TEST(clients_are_added_together_or_not_at_all),
		TEST(a_pi_is_found_by_serial_and_mac_however_they_are_written),
		TEST(what_is_no_serial_or_mac_is_refused),
		TEST(the_address_of_the_last_boot_takes_the_place_of_the_one_before),
		TEST(macs_are_learned_up_to_a_number),
		TEST(what_a_client_is_recognised_by_can_be_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

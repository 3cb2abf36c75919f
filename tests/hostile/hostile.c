/* The store, and the server as a process. */
#include "tests/hostile/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/err.h"
#include "cow/view.h"
#include "tests/crash/world.h"

#define MOUNT 100005

static int
must(int r)
{
	if (r < 0)
		die("%s", err_text(r));
	return r;
}

static void
add_client(struct store *store, const char *name)
{
	struct client_options o = { .name = name, .image = "golden", .any_address = true };

	must(client_add(store, &o));
}

static void
fill(struct store *store)
{
	struct view_set none = { 0 };
	struct view_op op = { 0 };
	struct view_attr dir, attr;
	struct view_wcc wcc;
	struct client c;
	struct view *v;
	char name[32];

	must(client_find(store, "big", &c));
	must(view_open(store, &c, &v));
	must(view_mkdir(v, &op, 2, STR("many"), &none, &dir, &wcc));
	for (int i = 0; i < HOSTILE_NAMES; i++) {
		snprintf(name, sizeof(name), "a-name-of-some-length-%06d", i);
		must(view_create(
		    v, &op, dir.ino, str_of(name), VIEW_GUARDED, &none, 0, &attr, &wcc));
	}
	view_close(v);
}

static void
make_store(struct hostile *h)
{
	struct store_options o = { .mode = STORE_OWN };
	const char *tmp = getenv("TMPDIR");
	struct store *store;
	char source[256];

	snprintf(h->top, sizeof(h->top), "%.150s/rubus-hostile-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(h->top))
		die("%s: %m", h->top);
	snprintf(h->store, sizeof(h->store), "%s/store", h->top);
	snprintf(source, sizeof(source), "%s/source", h->top);
	mkdir(h->store, 0700);
	mkdir(source, 0700);
	world_make(h->store, source);
	must(store_open(h->store, &o, &store));
	add_client(store, "well");
	add_client(store, "big");
	fill(store);
	store_close(store);
}

static void
find_many(struct hostile *h)
{
	struct wire wire;

	wire_open(&wire, h->daemon.port, 1);
	wire_begin(&wire, MOUNT, 1);
	wire_put_name(&wire, "/big");
	if (wire_send(&wire, WIRE_WELL) != 0)
		die("no export of the client big");
	wire_take_fh(&wire, &h->big);
	wire_begin(&wire, 100003, 3);
	wire_put_fh(&wire, &h->big);
	wire_put_name(&wire, "many");
	if (wire_send(&wire, WIRE_WELL) != 0)
		die("no folder of many names");
	wire_take_fh(&wire, &h->many);
	wire_close(&wire);
}

void
hostile_open(struct hostile *h)
{
	memset(h, 0, sizeof(*h));
	make_store(h);
	daemon_start(&h->daemon, h->top, h->store, NULL);
	find_many(h);
}

void
hostile_close(struct hostile *h)
{
	char command[300];

	daemon_stop(&h->daemon);
	snprintf(command, sizeof(command), "rm -rf '%s'", h->top);
	if (system(command) != 0)
		die("%s", command);
}

/* The changing calls: a table, and how each is made, remembered and acknowledged. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cow/commit.h"
#include "cow/err.h"
#include "cow/flatten.h"
#include "cow/gc.h"
#include "cow/import/import.h"
#include "cow/inode.h"
#include "cow/revert.h"
#include "tests/crash/disk_priv.h"
#include "tests/crash/world_priv.h"

/* One call on its way: the view and who calls, and where the arguments come from. */
struct now {
	struct world *w;
	unsigned v; /* which view */
	struct view *view;
	struct view_op op;
	bool fixed;
	uint32_t loosened, tightened; /* inodes with more, with no uncommitted bytes */
};

static const struct view_set nothing;

/* --- arguments --- */

static unsigned
pick(struct now *n, unsigned fixed, unsigned of)
{
	return n->fixed ? fixed : (unsigned)(world_random(n->w) % of);
}

/* A name: the fixed one, or one of few, so that calls meet. */
static const char *
pick_name(struct now *n, const char *fixed)
{
	static const char *const names[] = { "f", "g", "h", "n", "m", "s", "d", "e", "D", "x", "y",
		"o", "a name of forty bytes, which takes room" };

	return n->fixed ? fixed : names[world_random(n->w) % ARRAY_SIZE(names)];
}

static uint32_t
lookup(struct now *n, uint32_t dir, const char *name)
{
	struct view_op op = { 0 };
	struct view_attr attr, dir_attr;
	int err = view_lookup(n->view, &op, dir, str_of(name), &attr, &dir_attr);

	return err ? 0 : attr.ino;
}

/* The root, or a folder in it. */
static uint32_t
pick_folder(struct now *n, const char *fixed)
{
	const char *name = n->fixed ? fixed : pick(n, 0, 2) ? pick_name(n, "") : "";
	uint32_t ino = name[0] ? lookup(n, INO_ROOT, name) : INO_ROOT;

	return ino ? ino : INO_ROOT;
}

static uint32_t
pick_file(struct now *n, const char *fixed)
{
	return lookup(n, pick_folder(n, ""), pick_name(n, fixed));
}

/* --- calls --- */

static int
call_create(struct now *n)
{
	struct view_set set = { .set_mode = true, .mode = 0644 };
	struct view_attr out;
	struct view_wcc wcc;

	return view_create(n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, "n")),
	    pick(n, 1, 2), &set, 0, &out, &wcc);
}

static int
call_create_exclusive(struct now *n)
{
	struct view_attr out;
	struct view_wcc wcc;

	return view_create(n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, "o")),
	    VIEW_EXCLUSIVE, &nothing, 77, &out, &wcc);
}

static int
write_to(struct now *n, uint32_t ino, uint64_t off, uint32_t len, enum view_stable want)
{
	uint8_t *bytes = malloc(len), mark = (uint8_t)(n->w->n * 16 + 5);
	enum view_stable got;
	struct view_wcc wcc;
	int err;

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((mark + (off + i) / 512) | 1);
	err = view_write(n->view, &n->op, ino, off, bytes, len, want, &got, &wcc);
	free(bytes);
	if (err == 0 && got == VIEW_UNSTABLE)
		n->loosened = ino;
	else if (err == 0)
		n->tightened = ino;
	return err;
}

static int
call_write_small(struct now *n)
{
	return write_to(
	    n, pick_file(n, "f"), pick(n, 0, 20000), 1 + pick(n, 99, 300), VIEW_FILE_SYNC);
}

static int
call_write_blocks(struct now *n)
{
	return write_to(
	    n, pick_file(n, "f"), pick(n, 4000, 20000), 1 + pick(n, 8999, 20000), VIEW_FILE_SYNC);
}

static int
call_write_new(struct now *n)
{
	return write_to(n, pick_file(n, "n"), 0, 5000, VIEW_DATA_SYNC);
}

static int
call_write_later(struct now *n)
{
	return write_to(
	    n, pick_file(n, "f"), pick(n, 3000, 20000), 1 + pick(n, 5999, 9000), VIEW_UNSTABLE);
}

static int
call_commit(struct now *n)
{
	struct view_wcc wcc;

	n->tightened = pick_file(n, "f");
	return view_commit(n->view, &n->op, n->tightened, &wcc);
}

static int
setattr(struct now *n, uint32_t ino, const struct view_set *set)
{
	struct view_wcc wcc;

	return view_setattr(n->view, &n->op, ino, set, &wcc);
}

static int
call_cut(struct now *n)
{
	struct view_set set = { .set_size = true, .size = pick(n, 5000, 12000) };

	return setattr(n, pick_file(n, "f"), &set);
}

static int
call_empty(struct now *n)
{
	struct view_set set = { .set_size = true };

	return setattr(n, pick_file(n, "f"), &set);
}

static int
call_grow(struct now *n)
{
	struct view_set set = { .set_size = true, .size = 20000 + pick(n, 0, 200000) };

	return setattr(n, pick_file(n, "f"), &set);
}

static int
call_chmod(struct now *n)
{
	struct view_set set = { .set_mode = true, .mode = 0600 + pick(n, 0, 64) };

	return setattr(n, pick_file(n, "g"), &set);
}

static int
call_mkdir(struct now *n)
{
	struct view_attr out;
	struct view_wcc wcc;

	return view_mkdir(
	    n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, "m")), &nothing, &out, &wcc);
}

static int
call_symlink(struct now *n)
{
	struct view_attr out;
	struct view_wcc wcc;

	return view_symlink(n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, "s")),
	    &nothing, STR("d/x"), &out, &wcc);
}

static int
call_mknod(struct now *n)
{
	static const uint32_t rdev[2] = { 1, 3 };
	struct view_attr out;
	struct view_wcc wcc;

	return view_mknod(n->view, &n->op, pick_folder(n, "d"), str_of(pick_name(n, "o")), S_IFCHR,
	    rdev, &nothing, &out, &wcc);
}

static int
call_link(struct now *n)
{
	struct view_attr out;
	struct view_wcc wcc;

	return view_link(n->view, &n->op, pick_file(n, "g"), pick_folder(n, "e"),
	    str_of(pick_name(n, "n")), &out, &wcc);
}

static int
remove_name(struct now *n, const char *fixed)
{
	struct view_wcc wcc;

	return view_remove(n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, fixed)), &wcc);
}

static int
call_remove_golden(struct now *n)
{
	return remove_name(n, "f");
}

static int
call_remove_link(struct now *n)
{
	return remove_name(n, "g");
}

static int
call_remove_new(struct now *n)
{
	return remove_name(n, "n");
}

static int
call_rmdir(struct now *n)
{
	struct view_wcc wcc;

	return view_rmdir(n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, "e")), &wcc);
}

static int
call_rmdir_new(struct now *n)
{
	struct view_wcc wcc;

	return view_rmdir(n->view, &n->op, pick_folder(n, ""), str_of(pick_name(n, "m")), &wcc);
}

static int
rename_name(struct now *n, const char *from, const char *old, const char *to, const char *new)
{
	struct view_wcc a, b;
	uint32_t dir = pick_folder(n, from);

	return view_rename(n->view, &n->op, dir, str_of(pick_name(n, old)), pick_folder(n, to),
	    str_of(pick_name(n, new)), &a, &b);
}

static int
call_rename_folder(struct now *n)
{
	return rename_name(n, "", "d", "", "D");
}

static int
call_rename_over(struct now *n)
{
	return rename_name(n, "", "g", "", "f");
}

static int
call_rename_away(struct now *n)
{
	return rename_name(n, "d", "x", "e", "x");
}

static int
call_rename_new(struct now *n)
{
	return rename_name(n, "", "n", "", "f");
}

/* --- calls on the catalogue --- */

static int
call_add_client(struct now *n)
{
	struct client_options c = { .name = "c",
		.image = "golden",
		.any_address = true,
		.naddresses = 1,
		.addresses = { "10.0.0.1" } };

	return client_add(n->w->store, &c);
}

static int
call_remove_client(struct now *n)
{
	return client_remove(n->w->store, "c");
}

static int
call_import(struct now *n)
{
	struct import_options o = { .name = "two" };
	struct import_result result;

	return n->w->source[0] ? import_run(n->w->store, n->w->source, &o, &result) : -ENOENT;
}

static int
call_remove_image(struct now *n)
{
	return store_image_remove(n->w->store, "two");
}

/* Both views in one commit; they go on. */
static int
call_snapshot(struct now *n)
{
	struct snapshot_of of[] = { { "a", n->w->views[0] }, { "b", n->w->views[1] } };

	return snapshot_create(n->w->store, of, 2, "one", NULL);
}

static int
call_remove_snapshot(struct now *n)
{
	return snapshot_remove(n->w->store, "a", "one");
}

static int
call_clone(struct now *n)
{
	struct snapshot_of of = { "a", n->w->views[0] };
	struct client_options o = { .name = "c", .any_address = true };

	return client_clone(n->w->store, &of, NULL, &o);
}

static int
call_reset(struct now *n)
{
	struct revert r = { .client = "c", .kind = SNAPSHOT_RESET };

	return revert_run(n->w->store, &r, 1);
}

static int
call_undo(struct now *n)
{
	struct revert r = { .client = "c", .kind = SNAPSHOT_UNDO };

	return revert_run(n->w->store, &r, 1);
}

static int
call_flatten(struct now *n)
{
	struct flatten *f;
	int r = flatten_begin(n->w->store, "a", 1, &f);

	if (r != 1)
		return r < 0 ? r : -ENOENT;
	r = flatten_swap(f, n->w->views[0]);
	flatten_end(f);
	return r < 0 ? r : 0;
}

static int
call_commit_image(struct now *n)
{
	struct image_info info;
	struct snapshot s;
	int err = snapshot_find(n->w->store, "a", "one", &s);

	return err < 0 ? err : image_commit(n->w->store, &s.image_id, s.layer, "three", &info);
}

static int
flush_views(void *arg)
{
	struct world *w = arg;
	int err = view_flush(w->views[0]);

	return err < 0 ? err : view_flush(w->views[1]);
}

static int
call_collect(struct now *n)
{
	struct gc_options o = { .flush = flush_views, .arg = n->w };
	struct gc_result result;

	return gc_run(n->w->store, &o, &result);
}

static const struct call {
	const char *name;
	int (*run)(struct now *);
	bool catalogue;
} calls[] = {
	{ "create", call_create },
	{ "create-exclusive", call_create_exclusive },
	{ "write-small", call_write_small },
	{ "write-blocks", call_write_blocks },
	{ "write-new", call_write_new },
	{ "write-later", call_write_later },
	{ "commit", call_commit },
	{ "cut", call_cut },
	{ "empty", call_empty },
	{ "grow", call_grow },
	{ "chmod", call_chmod },
	{ "mkdir", call_mkdir },
	{ "symlink", call_symlink },
	{ "mknod", call_mknod },
	{ "link", call_link },
	{ "remove-golden", call_remove_golden },
	{ "remove-link", call_remove_link },
	{ "remove-new", call_remove_new },
	{ "rmdir", call_rmdir },
	{ "rmdir-new", call_rmdir_new },
	{ "rename-folder", call_rename_folder },
	{ "rename-over", call_rename_over },
	{ "rename-away", call_rename_away },
	{ "rename-new", call_rename_new },
	{ "add-client", call_add_client, true },
	{ "remove-client", call_remove_client, true },
	{ "import", call_import, true },
	{ "remove-image", call_remove_image, true },
	{ "snapshot", call_snapshot, true },
	{ "remove-snapshot", call_remove_snapshot, true },
	{ "clone", call_clone, true },
	{ "reset", call_reset, true },
	{ "undo", call_undo, true },
	{ "flatten", call_flatten, true },
	{ "commit-image", call_commit_image, true },
	{ "collect", call_collect, true },
};

unsigned
world_calls(void)
{
	return ARRAY_SIZE(calls);
}

const char *
world_call_name(unsigned call)
{
	return calls[call].name;
}

bool
world_call_is_catalogue(unsigned call)
{
	return calls[call].catalogue;
}

/* --- making one --- */

static void
mark(struct world *w, enum world_mark kind, unsigned number)
{
	if (w->disk)
		disk_mark(w->disk, kind, number);
}

struct ack {
	struct world *w;
	unsigned number;
};

/* From the committer. */
static void
acknowledged(void *arg, int err)
{
	struct ack *ack = arg;

	unsigned done = 0;

	/* A COMMIT may wait for an earlier batch than the call before it. */
	while (done < ack->number && ack->w->tickets[done + 1] <= ack->w->tickets[ack->number])
		done++;
	if (!err)
		mark(ack->w, WORLD_DONE, done);
	__atomic_store_n(&ack->w->acks[ack->number], err, __ATOMIC_SEQ_CST);
	free(ack);
}

static void
loosen(struct world *w, const struct now *n)
{
	uint32_t *l = w->loose[n->v];
	unsigned *count = &w->nloose[n->v];

	for (unsigned i = 0; i < *count; i++)
		if (l[i] == n->loosened || l[i] == n->tightened)
			l[i--] = l[--*count];
	if (n->loosened && *count == WORLD_LOOSE)
		die("too many files with uncommitted bytes");
	if (n->loosened)
		l[(*count)++] = n->loosened;
}

static int
call_catalogue(struct world *w, const struct call *c, struct now *n)
{
	int err;

	mark(w, CATALOGUE_BEGUN, w->ncatalogues);
	err = c->run(n);
	if (err < 0)
		return err;
	world_remember_catalogue(w);
	mark(w, CATALOGUE_DONE, w->ncatalogues++);
	return 0;
}

int
world_call(struct world *w, unsigned call, bool fixed)
{
	struct now n = {
		.w = w, .v = fixed ? 0 : (unsigned)(world_random(w) % WORLD_VIEWS), .fixed = fixed
	};
	struct ack *ack;
	int err;

	n.view = w->views[n.v];
	if (calls[call].catalogue)
		return call_catalogue(w, &calls[call], &n);
	n.op.owes = true; /* so that no failure changes what is there while it is remembered */
	mark(w, WORLD_BEGUN, w->n);
	if ((err = calls[call].run(&n)) < 0)
		return err;
	loosen(w, &n);
	world_remember_views(w);
	if (w->n >= WORLD_CALLS)
		die("more than %u calls", WORLD_CALLS);
	w->acks[w->n] = n.op.ticket ? 1 : 2;
	w->tickets[w->n] = n.op.ticket;
	if (n.op.ticket) {
		if (!(ack = malloc(sizeof(*ack))))
			abort();
		*ack = (struct ack){ w, w->n };
		w->ticket = n.op.ticket;
		w->n++;
		batch_reply(store_batch(w->store), n.op.ticket, NULL, 0);
		batch_after(store_batch(w->store), n.op.ticket, acknowledged, ack);
	} else {
		w->n++;
	}
	return 0;
}

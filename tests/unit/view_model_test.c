/*
 * The same random operations on a view and on a folder of this machine's own file system: every
 * result and, at the end, every name, attribute and byte must be the same. In between the view's
 * memory is trimmed, its store closed and opened again, its head sealed under a new one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/err.h"
#include "cow/flatten.h"
#include "cow/gc.h"
#include "cow/import/import.h"
#include "cow/layer.h"
#include "cow/snapshot.h"
#include "cow/view.h"
#include "tests/lib/tmpdir.h"

#define DEPTH    3
#define NAMES    6
#define MAX_SIZE (300u << 10)

struct world {
	struct tmpdir dir;
	char local[sizeof(struct tmpdir) + 8], store_path[sizeof(struct tmpdir) + 8];
	struct store *store;
	struct client client;
	struct view *view;
	uint64_t random;
	char log[256]; /* what is being done, for failures */
};

static uint32_t
pick(struct world *w, uint32_t below)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(w->random >> 33) % below;
}

static struct view_op
root(void)
{
	return (struct view_op){ 0 };
}

/* --- the two sides --- */

static void
open_store(struct world *w)
{
	struct store_options o = {
		.mode = STORE_OWN, .create = true, .start = true, .block_size = 4096
	};

	if (store_open(w->store_path, &o, &w->store) < 0)
		fail_msg("%s", err_text(-EIO));
}

static void
open_view(struct world *w)
{
	assert_int_equal(client_find(w->store, "pi", &w->client), 0);
	assert_int_equal(view_open(w->store, &w->client, &w->view), 0);
}

static void
reopen(struct world *w)
{
	view_close(w->view);
	store_close(w->store);
	open_store(w);
	open_view(w);
}

static int
push(struct db *db, void *arg)
{
	struct world *w = arg;
	struct layer head;
	uint64_t id = store_new_layer(w->store);
	sqlite3_stmt *s;
	int err = layer_get(db, w->client.head, &head);

	if (!err)
		err = layer_seal(db, head.id);
	if (!err)
		err = layer_create(db, id, head.id, &head.image, head.next_ino);
	if (err)
		return err;
	s = db_stmt(db, "UPDATE client SET head = ? WHERE name = 'pi'");
	sqlite3_bind_int64(s, 1, (int64_t)id);
	return db_run(db, s);
}

static int
flush(void *arg)
{
	return view_flush(((struct world *)arg)->view);
}

static int
remove_snapshot(void *arg, const struct snapshot *s)
{
	struct world *w = arg;

	return pick(w, 2) ? snapshot_remove(w->store, s->client, s->name) : 0;
}

/* Snapshots go, and what nobody needs any more is collected beside the view. */
static void
give_back(struct world *w)
{
	struct gc_options o = { .flush = flush, .arg = w, .marks = 50 };
	struct gc_result result;

	struct flatten *flat;
	int r = flatten_begin(w->store, "pi", 2, &flat);

	assert_in_range(r, 0, 1);
	if (r) {
		assert_int_equal(flatten_swap(flat, w->view), 1);
		flatten_end(flat);
	}
	assert_int_equal(snapshot_each(w->store, NULL, remove_snapshot, w), 0);
	assert_int_equal(gc_run(w->store, &o, &result), 0);
}

static void
snapshot(struct world *w)
{
	struct snapshot_of of = { "pi", w->view };

	if (pick(w, 2) == 0) { /* without a pause: what is in memory stays there */
		assert_int_equal(snapshot_create(w->store, &of, 1, NULL, NULL), 0);
		assert_int_equal(client_find(w->store, "pi", &w->client), 0);
		if (pick(w, 2) == 0)
			give_back(w);
		return;
	}
	view_close(w->view);
	assert_int_equal(store_write(w->store, push, w), 0);
	open_view(w);
}

/* A random path of at most DEPTH names from a small set, so that operations meet. */
static void
random_path(struct world *w, char *out)
{
	uint32_t depth = 1 + pick(w, DEPTH);

	*out = '\0';
	for (uint32_t i = 0; i < depth; i++)
		out += sprintf(out, "%s%c", i ? "/" : "", 'a' + (char)pick(w, NAMES));
}

static int
walk(struct world *w, const char *path, size_t n, struct view_attr *out)
{
	struct view_attr dir;
	uint32_t ino = INO_ROOT;
	int err = view_getattr(w->view, ino, out);

	while (n && !err) {
		struct view_op op = root();
		const char *slash = memchr(path, '/', n);
		uint32_t k = (uint32_t)(slash ? (size_t)(slash - path) : n);

		err = view_lookup(w->view, &op, out->ino, (struct str){ path, k }, out, &dir);
		path += k + (slash != NULL);
		n -= k + (slash != NULL);
	}
	return err;
}

/* The folder above a path, on both sides. False: not a folder, on both sides. */
static bool
parent(struct world *w, const char *path, uint32_t *dir, struct str *name, int *fd)
{
	const char *slash = strrchr(path, '/');
	struct view_attr a;
	int err = walk(w, path, slash ? (size_t)(slash - path) : 0, &a);

	*name = str_of(slash ? slash + 1 : path);
	*dir = a.ino;
	*fd = open(w->local, O_DIRECTORY | O_CLOEXEC);
	for (const char *p = path; slash && *fd >= 0 && p < slash;) {
		const char *end = strchr(p, '/');
		char part[8] = { 0 };
		int next;

		memcpy(part, p, (size_t)(end - p));
		next = openat(*fd, part, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(*fd);
		*fd = next;
		p = end + 1;
	}
	if (*fd >= 0) {
		assert_int_equal(err, 0);
		assert_true(S_ISDIR(a.mode));
		return true;
	}
	assert_true(err != 0 || !S_ISDIR(a.mode));
	return false;
}

static void
same(struct world *w, int local, int view)
{
	int want = local < 0 ? -errno : 0;

	if (getenv("MODEL_TRACE"))
		fprintf(stderr, "%s: %d\n", w->log, want);
	if (want != view)
		fail_msg("%s: here %s, in the view %s", w->log, strerror(-want), strerror(-view));
}

/* --- comparing --- */

static void
compare_attr(struct world *w, const struct stat *st, const struct view_attr *a)
{
	if (st->st_mode != a->mode || st->st_nlink != a->nlink || st->st_uid != a->uid ||
	    st->st_gid != a->gid || (!S_ISDIR(a->mode) && (uint64_t)st->st_size != a->size) ||
	    (S_ISCHR(a->mode) &&
		(major(st->st_rdev) != a->rdev[0] || minor(st->st_rdev) != a->rdev[1])))
		fail_msg("%s: attributes differ: mode %o/%o links %u/%u size %lld/%llu", w->log,
		    st->st_mode, a->mode, (unsigned)st->st_nlink, a->nlink, (long long)st->st_size,
		    (unsigned long long)a->size);
}

static void
compare_bytes(struct world *w, int fd, uint32_t ino, uint64_t off, uint32_t n)
{
	char *buf = calloc(1, n);
	struct view_op op = root();
	struct view_attr a;
	struct view_data d;
	ssize_t got = pread(fd, buf, n, (off_t)off);

	assert_int_equal(view_read(w->view, &op, ino, off, n, &d, &a), 0);
	if (got != (ssize_t)d.len)
		fail_msg("%s: read %zd here, %u in the view", w->log, got, d.len);
	if (d.len && memcmp(buf, d.iov[0].iov_base, d.len) != 0)
		fail_msg("%s: bytes differ at %llu +%u", w->log, (unsigned long long)off, n);
	assert_int_equal(d.eof, off + d.len >= a.size);
	view_data_release(&d);
	free(buf);
}

struct names {
	char seen[64][8];
	int n;
};

static int
collect(void *arg, struct str name, uint32_t cookie, uint32_t ino, const struct view_attr *a)
{
	struct names *l = arg;

	assert_true(cookie > 0 && ino > 0 && a);
	assert_true(l->n < 64 && name.n < 8);
	memcpy(l->seen[l->n], name.p, name.n);
	l->seen[l->n++][name.n] = '\0';
	return 0;
}

static void
compare_tree(struct world *w, int fd, uint32_t ino)
{
	DIR *dir = fdopendir(fd);
	struct names l = { 0 };
	struct view_op op = root();
	struct view_attr da;
	struct dirent *e;
	int count = 0;
	bool eof;

	assert_int_equal(view_readdir(w->view, &op, ino, 0, true, collect, &l, &eof, &da), 0);
	assert_true(eof);
	while ((e = readdir(dir))) {
		struct view_attr a;
		struct stat st;

		count++;
		if (e->d_name[0] == '.')
			continue;
		snprintf(w->log, sizeof(w->log), "final %.100s in inode %u", e->d_name, ino);
		assert_int_equal(view_lookup(w->view, &op, ino, str_of(e->d_name), &a, &da), 0);
		assert_int_equal(fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		compare_attr(w, &st, &a);
		if (S_ISREG(st.st_mode)) {
			int f = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);

			for (uint64_t off = 0; off <= a.size; off += 100000)
				compare_bytes(w, f, a.ino, off, 100000);
			close(f);
		} else if (S_ISDIR(st.st_mode)) {
			compare_tree(
			    w, openat(dirfd(dir), e->d_name, O_DIRECTORY | O_CLOEXEC), a.ino);
		}
	}
	if (count != l.n)
		fail_msg("%s: %d names here, %d in the view", w->log, count, l.n);
	closedir(dir);
}

/* --- the operations --- */

static void
do_create(struct world *w, int fd, uint32_t dir, struct str name)
{
	static const enum view_create how[] = { VIEW_UNCHECKED, VIEW_GUARDED };
	bool excl = pick(w, 2);
	struct view_set set = { .set_mode = true, .mode = 0640 };
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a;
	struct stat st;
	int f;

	/* Opening what is no file does other things here. */
	if (fstatat(fd, name.p, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) && !excl)
		return;
	f = openat(fd, name.p, O_WRONLY | O_CREAT | (excl ? O_EXCL : 0) | O_CLOEXEC, 0640);
	same(w, f, view_create(w->view, &op, dir, name, how[excl], &set, 0, &a, &wcc));
	if (f >= 0)
		close(f);
}

static void
do_mkdir(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_set set = { .set_mode = true, .mode = 0750 };
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a;

	same(w, mkdirat(fd, name.p, 0750), view_mkdir(w->view, &op, dir, name, &set, &a, &wcc));
}

static void
do_unlink(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_op op = root();
	struct view_wcc wcc;

	same(w, unlinkat(fd, name.p, 0), view_remove(w->view, &op, dir, name, &wcc));
}

static void
do_rmdir(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_op op = root();
	struct view_wcc wcc;

	same(w, unlinkat(fd, name.p, AT_REMOVEDIR), view_rmdir(w->view, &op, dir, name, &wcc));
}

static void
do_symlink(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_set set = { 0 };
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a;

	same(w, symlinkat("some/where", fd, name.p),
	    view_symlink(w->view, &op, dir, name, &set, STR("some/where"), &a, &wcc));
}

static void
do_mknod(struct world *w, int fd, uint32_t dir, struct str name)
{
	uint32_t rdev[2] = { 0, 0 };
	struct view_set set = { .set_mode = true, .mode = 0600 };
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a;

	same(w, mkfifoat(fd, name.p, 0600),
	    view_mknod(w->view, &op, dir, name, S_IFIFO, rdev, &set, &a, &wcc));
}

static void
do_rename(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_op op = root();
	struct view_wcc w1, w2;
	char path[32];
	struct str new;
	uint32_t to;
	int fd2;

	random_path(w, path);
	snprintf(w->log + strlen(w->log), sizeof(w->log) - strlen(w->log), " to %s", path);
	if (parent(w, path, &to, &new, &fd2)) {
		same(w, renameat(fd, name.p, fd2, new.p),
		    view_rename(w->view, &op, dir, name, to, new, &w1, &w2));
		close(fd2);
	}
}

static void
do_link(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_op op = root();
	struct view_attr a, da;
	struct view_wcc wcc;
	char path[32];
	struct str new;
	uint32_t to;
	int fd2, err;

	random_path(w, path);
	snprintf(w->log + strlen(w->log), sizeof(w->log) - strlen(w->log), " as %s", path);
	if (!parent(w, path, &to, &new, &fd2))
		return;
	err = view_lookup(w->view, &op, dir, name, &a, &da);
	if (!err && !S_ISDIR(a.mode))
		err = view_link(w->view, &op, a.ino, to, new, &a, &wcc);
	else if (!err)
		err = -EPERM;
	if (linkat(fd, name.p, fd2, new.p, 0) < 0 && errno == EEXIST && err == -EPERM)
		err = -EEXIST; /* a folder linked onto a name: either says enough */
	else
		errno = err ? -err : errno, same(w, err ? -1 : 0, err);
	close(fd2);
}

/* The file that a name is, on both sides. */
static int
open_file(struct world *w, int fd, uint32_t dir, struct str name, int flags, struct view_attr *a)
{
	struct view_op op = root();
	struct view_attr da;
	struct stat st;
	int err = view_lookup(w->view, &op, dir, name, a, &da);

	same(w, fstatat(fd, name.p, &st, AT_SYMLINK_NOFOLLOW), err);
	if (err)
		return -1;
	compare_attr(w, &st, a);
	return S_ISREG(st.st_mode) ? openat(fd, name.p, flags | O_CLOEXEC) : -1;
}

static void
do_write(struct world *w, int fd, uint32_t dir, struct str name)
{
	static char buf[40000];
	enum view_stable got, want = pick(w, 3) ? VIEW_UNSTABLE : VIEW_FILE_SYNC;
	uint32_t n = pick(w, 3) ? 1 + pick(w, 500) : 1 + pick(w, sizeof(buf) - 1);
	uint64_t off = pick(w, 2) ? pick(w, MAX_SIZE) : pick(w, MAX_SIZE) / 4096 * 4096;
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a;
	int f = open_file(w, fd, dir, name, O_WRONLY, &a);

	if (f < 0)
		return;
	if (pick(w, 3) == 0)
		off = a.size; /* append */
	memset(buf, pick(w, 4) ? 'A' + (int)pick(w, 26) : 0, n);
	assert_int_equal(pwrite(f, buf, n, (off_t)off), n);
	close(f);
	assert_int_equal(view_write(w->view, &op, a.ino, off, buf, n, want, &got, &wcc), 0);
	if (pick(w, 4) == 0)
		assert_int_equal(view_commit(w->view, &op, a.ino, &wcc), 0);
}

static void
do_read(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_attr a;
	int f = open_file(w, fd, dir, name, O_RDONLY, &a);

	if (f < 0)
		return;
	compare_bytes(w, f, a.ino, pick(w, MAX_SIZE), 1 + pick(w, 100000));
	close(f);
}

static void
do_truncate(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_set set = { .set_size = true };
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a;
	int f = open_file(w, fd, dir, name, O_WRONLY, &a);

	if (f < 0)
		return;
	set.size = pick(w, 3) ? pick(w, MAX_SIZE) : pick(w, 20) * 16384;
	assert_int_equal(ftruncate(f, (off_t)set.size), 0);
	close(f);
	assert_int_equal(view_setattr(w->view, &op, a.ino, &set, &wcc), 0);
}

static void
do_chmod(struct world *w, int fd, uint32_t dir, struct str name)
{
	struct view_set set = { .set_mode = true, .mode = 0400 + pick(w, 0400) };
	struct view_op op = root();
	struct view_wcc wcc;
	struct view_attr a, da;
	int err = view_lookup(w->view, &op, dir, name, &a, &da);

	if (err || S_ISLNK(a.mode))
		return;
	same(w, fchmodat(fd, name.p, set.mode, 0), view_setattr(w->view, &op, a.ino, &set, &wcc));
}

typedef void op_fn(struct world *, int fd, uint32_t dir, struct str name);

static void
step(struct world *w)
{
	static const struct {
		const char *name;
		op_fn *fn;
	} ops[] = { { "create", do_create }, { "create", do_create }, { "mkdir", do_mkdir },
		{ "mkdir", do_mkdir }, { "unlink", do_unlink }, { "rmdir", do_rmdir },
		{ "symlink", do_symlink }, { "mknod", do_mknod }, { "rename", do_rename },
		{ "rename", do_rename }, { "link", do_link }, { "write", do_write },
		{ "write", do_write }, { "write", do_write }, { "read", do_read },
		{ "truncate", do_truncate }, { "chmod", do_chmod } };
	uint32_t op = pick(w, ARRAY_SIZE(ops)), dir;
	struct str name;
	char path[32];
	int fd;

	random_path(w, path);
	snprintf(w->log, sizeof(w->log), "%s %s", ops[op].name, path);
	if (!parent(w, path, &dir, &name, &fd))
		return;
	ops[op].fn(w, fd, dir, name);
	close(fd);
}

/* A golden tree to begin with, made by hand so that no view is needed for it. */
static void
plant(struct world *w)
{
	char path[sizeof(w->local) + 8], buf[9000];

	assert_int_equal(mkdir(w->local, 0755), 0);
	for (char a = 'a'; a < 'a' + NAMES; a++) {
		snprintf(path, sizeof(path), "%s/%c", w->local, a);
		mkdir(path, 0755);
		for (char b = 'a'; b < 'a' + NAMES - 1; b++) {
			int f;

			snprintf(path, sizeof(path), "%s/%c/%c", w->local, a, b);
			if (b % 3 == 0) {
				mkdir(path, 0711);
				continue;
			}
			f = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
			memset(buf, a + b, sizeof(buf));
			for (int i = 0; i < (a - 'a') * (b - 'a'); i++)
				assert_int_equal(write(f, buf, sizeof(buf)), sizeof(buf));
			close(f);
		}
	}
}

static void
run_seed(uint64_t seed, int steps)
{
	struct world w = { .random = seed };
	struct client_options c = { .name = "pi", .image = "golden" };
	struct import_options io = { .name = "golden" };
	struct import_result r;

	tmpdir_make(&w.dir);
	snprintf(w.local, sizeof(w.local), "%s/local", w.dir.path);
	snprintf(w.store_path, sizeof(w.store_path), "%s/store", w.dir.path);
	printf("seed %llu, %d steps\n", (unsigned long long)seed, steps);
	plant(&w);
	open_store(&w);
	if (import_run(w.store, w.local, &io, &r) < 0)
		fail_msg("import: %s", err_text(-EINVAL));
	assert_int_equal(client_add(w.store, &c), 0);
	open_view(&w);
	for (int i = 0; i < steps; i++) {
		step(&w);
		if (pick(&w, 200) == 0)
			view_trim(w.view, 0);
		if (pick(&w, 400) == 0)
			reopen(&w);
		if (pick(&w, 700) == 0)
			snapshot(&w);
	}
	for (int again = 0; again < 2; again++) {
		compare_tree(&w, open(w.local, O_DIRECTORY | O_CLOEXEC), INO_ROOT);
		reopen(&w);
	}
	view_close(w.view);
	store_close(w.store);
	tmpdir_remove(&w.dir);
}

static void
a_view_behaves_as_a_local_folder(void **state)
{
	const char *seed = getenv("MODEL_SEED"), *steps = getenv("MODEL_STEPS");
	int n = steps ? atoi(steps) : 3000;

	(void)state;
	umask(0);
	if (seed) {
		run_seed(strtoull(seed, NULL, 10), n);
		return;
	}
	for (uint64_t s = 1; s <= 4; s++)
		run_seed(s, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_view_behaves_as_a_local_folder) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

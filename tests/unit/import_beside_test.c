/* Imports in a process of their own: beside the store's owner, and killed in the middle. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cow/err.h"
#include "tests/lib/imported.h"

#define FILES 40

/* The importing process is forked before anyone has the store open: SQLite's locks don't survive a
 * fork. It waits for a byte in the pipe. */
struct fixture {
	struct imported at; /* its store is the owner's */
	int go[2];
	pid_t child;
};

/* Where a progress callback stops its process for good; 0: nowhere. */
static uint64_t kill_at;

static int
kill_myself(void *arg, const struct import_progress *p)
{
	(void)arg;
	if (kill_at && p->entries >= kill_at)
		raise(SIGKILL);
	return 0;
}

static int
import_beside(struct fixture *f, const char *source)
{
	const struct store_options options = { .mode = STORE_IMPORT };
	const struct import_options import = { .name = "image", .progress = kill_myself };
	struct import_result result;
	struct store *store;
	char byte;
	int err;

	if (read(f->go[0], &byte, 1) != 1)
		return 2;
	err = store_open(tmpdir_path(&f->at.dir, "store"), &options, &store);
	if (err)
		return 3;
	err = import_run(store, source, &import, &result);
	store_close(store);
	return err ? 4 : 0;
}

static void
write_files(struct tmpdir *dir)
{
	char name[32], text[16];

	assert_int_equal(mkdir(tmpdir_path(dir, "src"), 0755), 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "src/%03d", i);
		snprintf(text, sizeof(text), "%d", i);
		tmpdir_write(dir, name, text);
	}
}

static void
open_owner(struct fixture *f)
{
	const struct store_options options = { .mode = STORE_OWN, .create = true };

	assert_int_equal(store_open(tmpdir_path(&f->at.dir, "store"), &options, &f->at.store), 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	tmpdir_make(&f->at.dir);
	write_files(&f->at.dir);
	open_owner(f);
	store_close(f->at.store);
	assert_int_equal(pipe(f->go), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	close(f->go[0]);
	close(f->go[1]);
	imported_close(&f->at);
	free(f);
	return 0;
}

static void
start(struct fixture *f)
{
	f->child = fork();
	assert_true(f->child >= 0);
	if (f->child == 0)
		_exit(import_beside(f, tmpdir_path(&f->at.dir, "src")));
}

static int
finish(struct fixture *f)
{
	int status;

	assert_int_equal(write(f->go[1], "!", 1), 1);
	assert_int_equal(waitpid(f->child, &status, 0), f->child);
	return status;
}

static void
an_import_runs_beside_the_owner(void **state)
{
	struct fixture *f = *state;
	struct image_info info;
	int status;

	start(f);
	open_owner(f);
	status = finish(f);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(store_image_find(f->at.store, "image", &info), 0);
	assert_int_equal(info.entries, FILES);
	assert_int_equal(store_image(f->at.store, &info.id, &f->at.image), 0);
	imported_expect(&f->at, "007", 0, "7", 1);
}

static void
a_killed_import_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct image_info info;
	int status;

	kill_at = FILES;
	start(f);
	kill_at = 0;
	status = finish(f);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(tmpdir_count(&f->at.dir, "store/images", ".tmp"), 1);
	open_owner(f);
	imported_expect_nothing(&f->at);
	assert_int_equal(store_image_find(f->at.store, "image", &info), -ENOENT);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_import_runs_beside_the_owner),
		TEST(a_killed_import_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

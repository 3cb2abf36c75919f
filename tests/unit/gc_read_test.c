/* The collector and a slow disk: what a read has looked up stays till it is read. The linker hands
 * the store's reads to __wrap_file_preadv, which stands for the disk. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "cow/gc.h"
#include "tests/lib/op.h"
#include "tests/lib/viewstore.h"

#define SIZE 100000u

int __real_file_preadv(int fd, const char *name, struct iovec *iov, int n, uint64_t off);
int __wrap_file_preadv(int fd, const char *name, struct iovec *iov, int n, uint64_t off);

/* A disk that answers the reads of one thread when it is told to. */
static struct disk {
	sem_t asked, answer;
	atomic_bool slow;
	pthread_t reader;
} disk;

int
__wrap_file_preadv(int fd, const char *name, struct iovec *iov, int n, uint64_t off)
{
	if (disk.slow && pthread_equal(pthread_self(), disk.reader)) {
		disk.slow = false;
		sem_post(&disk.asked);
		sem_wait(&disk.answer);
	}
	return __real_file_preadv(fd, name, iov, n, off);
}

struct reading {
	struct view *view;
	uint32_t ino;
};

static void *
read_pattern(void *arg)
{
	struct reading *r = arg;

	disk.reader = pthread_self();
	disk.slow = true;
	op_assert_pattern(r->view, r->ino, 0, 0, SIZE, 7);
	return NULL;
}

struct collecting {
	struct viewstore *vs;
	int waits; /* how often the collector said that it waits for readers */
};

static int
flush(void *arg)
{
	struct collecting *c = arg;
	int err = view_flush(c->vs->a);

	return err ? err : view_flush(c->vs->b);
}

static int
answer_when_waited_for(void *arg, const char *what, uint64_t done, uint64_t of)
{
	struct collecting *c = arg;

	(void)done;
	(void)of;
	if (strcmp(what, "readers") == 0 && ++c->waits == 10)
		sem_post(&disk.answer);
	return 0;
}

static void
a_slow_read_gets_what_it_looked_up(void **state)
{
	struct viewstore *vs = *state;
	struct reading r = { vs->a, op_create(vs->a, INO_ROOT, "f") };
	struct collecting c = { .vs = vs };
	struct gc_options o = { .flush = flush, .progress = answer_when_waited_for, .arg = &c };
	struct gc_result result;
	pthread_t reader;

	op_write_pattern(r.view, r.ino, 0, SIZE, 7);
	viewstore_flush(vs);
	sem_init(&disk.asked, 0, 0);
	sem_init(&disk.answer, 0, 0);
	assert_int_equal(pthread_create(&reader, NULL, read_pattern, &r), 0);
	sem_wait(&disk.asked);
	op_remove(vs->a, INO_ROOT, "f");
	viewstore_flush(vs);
	op_must(gc_run(vs->store, &o, &result));
	assert_true(result.bytes >= SIZE);
	if (c.waits < 10)
		sem_post(&disk.answer);
	pthread_join(reader, NULL);
	assert_int_equal(c.waits, 10);
	sem_destroy(&disk.asked);
	sem_destroy(&disk.answer);
}

static int
setup(void **state)
{
	static struct viewstore vs;

	viewstore_make(&vs, NULL);
	*state = &vs;
	return 0;
}

static int
teardown(void **state)
{
	viewstore_remove(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_slow_read_gets_what_it_looked_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

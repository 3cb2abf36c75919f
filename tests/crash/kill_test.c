/* rubusd killed under the load of 32 clients, again and again. Each client knows what was
 * acknowledged to it, sends again what was not, uses its old handles, and finds everything: what
 * is sent twice, or again after the restart, is done once.
 *
 * kill_test [SEED], or RUBUS_SEED. RUBUS_LONG=1: 200 kills in place of 20. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cow/client.h"
#include "cow/err.h"
#include "tests/crash/wire.h"
#include "tests/crash/world.h"

#define CLIENTS 32
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 5 /* rubusd is slow then; what a sanitizer says of it counts */
#else
#define KILLS 20
#endif
#define SLOTS 8
#define ROUND 48 /* calls between two looks at everything */
#define NFS   100003
#define MOUNT 100005

enum {
	GETATTR = 1,
	SETATTR = 2,
	LOOKUP = 3,
	READLINK = 5,
	READ = 6,
	WRITE = 7,
	CREATE = 8,
	MKDIR = 9,
	SYMLINK = 10,
	MKNOD = 11,
	REMOVE = 12,
	RMDIR = 13,
	RENAME = 14,
	LINK = 15,
	COMMIT = 21
};

/* What a client knows of one of its files: acknowledged. */
struct slot {
	bool there, renamed;
	struct wire_fh fh;
	uint32_t size, seed;
};

struct client_state {
	struct wire wire;
	unsigned number;
	struct wire_fh root;
	struct slot slots[SLOTS];
	bool folder, symlink, pipe, linked; /* linked: a second name of the pipe is there */
	struct wire_fh pipe_fh;
	uint32_t pipe_mode, target;
	uint64_t random, calls, looks, again;
	const bool *stop;
};

static uint64_t
next(struct client_state *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random * 0x2545f4914f6cdd1d >> 20;
}

static void
name_of(unsigned slot, bool renamed, char out[32])
{
	snprintf(out, 32, "%s-%u", renamed ? "moved" : "file", slot);
}

static uint8_t
byte_of(const struct client_state *c, uint32_t seed, uint32_t at)
{
	return (uint8_t)(seed * 31 + at / 97 + at * 5 + c->number);
}

/* Sends it well or ill; it must succeed, for the client knows what is there. */
static void
call(struct client_state *c, const char *what)
{
	uint64_t r = next(c) % 60;
	uint32_t status = wire_send(&c->wire, r < 3 ? (enum wire_ill)(WIRE_TWICE + r) : WIRE_WELL);

	c->calls++;
	if (status)
		die("client %u: %s: status %u (call %llu, %llu sent again)", c->number, what,
		    status, (unsigned long long)c->calls, (unsigned long long)c->wire.resent);
}

/* --- calls --- */

static void
create(struct client_state *c, unsigned i)
{
	struct slot *s = &c->slots[i];
	char name[32];

	name_of(i, false, name);
	wire_begin(&c->wire, NFS, CREATE);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, name);
	wire_put(&c->wire, 1); /* GUARDED */
	wire_put(&c->wire, 1);
	wire_put(&c->wire, 0644);
	for (int k = 0; k < 5; k++)
		wire_put(&c->wire, 0);
	call(c, "CREATE");
	if (!wire_take(&c->wire))
		die("a CREATE without a handle");
	*s = (struct slot){ .there = true };
	wire_take_fh(&c->wire, &s->fh);
}

static uint64_t
send_write(struct client_state *c, struct slot *s, uint32_t n, uint32_t seed, uint32_t stable)
{
	uint8_t bytes[16384];

	for (uint32_t k = 0; k < n; k++)
		bytes[k] = byte_of(c, seed, k);
	wire_begin(&c->wire, NFS, WRITE);
	wire_put_fh(&c->wire, &s->fh);
	wire_put64(&c->wire, 0);
	wire_put(&c->wire, n);
	wire_put(&c->wire, stable);
	wire_put_bytes(&c->wire, bytes, n);
	call(c, "WRITE");
	wire_skip_wcc(&c->wire);
	if (wire_take(&c->wire) != n || wire_take(&c->wire) < stable)
		die("a WRITE that wrote less than it was given");
	return wire_take64(&c->wire);
}

static uint64_t
send_commit(struct client_state *c, const struct slot *s)
{
	wire_begin(&c->wire, NFS, COMMIT);
	wire_put_fh(&c->wire, &s->fh);
	wire_put64(&c->wire, 0);
	wire_put(&c->wire, 0);
	call(c, "COMMIT");
	wire_skip_wcc(&c->wire);
	return wire_take64(&c->wire);
}

/* The file has the bytes of seed up to n; what is behind stays. */
static void
write_slot(struct client_state *c, unsigned i)
{
	struct slot *s = &c->slots[i];
	uint32_t seed = (uint32_t)next(c), n = s->size + (uint32_t)next(c) % 3000;
	uint64_t verf;

	if (n == 0 || n > 16384)
		n = 16384;
	if (next(c) % 2) {
		send_write(c, s, n, seed, 2);
	} else {
		do {
			verf = send_write(c, s, n, seed, 0);
			c->again++;
		} while (send_commit(c, s) != verf);
		c->again--;
	}
	s->size = n;
	s->seed = seed;
}

static void
rename_slot(struct client_state *c, unsigned i)
{
	struct slot *s = &c->slots[i];
	char from[32], to[32];

	name_of(i, s->renamed, from);
	name_of(i, !s->renamed, to);
	wire_begin(&c->wire, NFS, RENAME);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, from);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, to);
	call(c, "RENAME");
	s->renamed = !s->renamed;
}

static void
send_remove(struct client_state *c, const char *name)
{
	wire_begin(&c->wire, NFS, REMOVE);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, name);
	call(c, "REMOVE");
}

static void
remove_slot(struct client_state *c, unsigned i)
{
	struct slot *s = &c->slots[i];
	char name[32];

	name_of(i, s->renamed, name);
	send_remove(c, name);
	*s = (struct slot){ 0 };
}

/* Attributes that are not set. */
static void
put_no_attributes(struct client_state *c)
{
	for (int k = 0; k < 6; k++)
		wire_put(&c->wire, 0);
}

static void
change_folder(struct client_state *c)
{
	wire_begin(&c->wire, NFS, c->folder ? RMDIR : MKDIR);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, "folder");
	if (!c->folder)
		put_no_attributes(c);
	call(c, c->folder ? "RMDIR" : "MKDIR");
	c->folder = !c->folder;
}

static void
target_of(const struct client_state *c, char out[32])
{
	snprintf(out, 32, "to/%u", c->target);
}

static void
change_symlink(struct client_state *c)
{
	char target[32];

	if (c->symlink) {
		send_remove(c, "symlink");
	} else {
		c->target = (uint32_t)next(c);
		target_of(c, target);
		wire_begin(&c->wire, NFS, SYMLINK);
		wire_put_fh(&c->wire, &c->root);
		wire_put_name(&c->wire, "symlink");
		put_no_attributes(c);
		wire_put_name(&c->wire, target);
		call(c, "SYMLINK");
	}
	c->symlink = !c->symlink;
}

static void
make_pipe(struct client_state *c)
{
	wire_begin(&c->wire, NFS, MKNOD);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, "pipe");
	wire_put(&c->wire, 7); /* NF3FIFO */
	wire_put(&c->wire, 1);
	wire_put(&c->wire, c->pipe_mode = 0600);
	for (int k = 0; k < 5; k++)
		wire_put(&c->wire, 0);
	call(c, "MKNOD");
	if (!wire_take(&c->wire))
		die("a MKNOD without a handle");
	wire_take_fh(&c->wire, &c->pipe_fh);
}

static void
change_link(struct client_state *c)
{
	if (c->linked) {
		send_remove(c, "linked");
	} else {
		wire_begin(&c->wire, NFS, LINK);
		wire_put_fh(&c->wire, &c->pipe_fh);
		wire_put_fh(&c->wire, &c->root);
		wire_put_name(&c->wire, "linked");
		call(c, "LINK");
	}
	c->linked = !c->linked;
}

struct pipe_attr {
	uint32_t mode, nlink, ctime, ctime_nsec;
};

static struct pipe_attr
getattr_pipe(struct client_state *c)
{
	struct pipe_attr a;

	wire_begin(&c->wire, NFS, GETATTR);
	wire_put_fh(&c->wire, &c->pipe_fh);
	call(c, "GETATTR of the pipe");
	wire_skip(&c->wire, 1);
	a.mode = wire_take(&c->wire);
	a.nlink = wire_take(&c->wire);
	wire_skip(&c->wire, 16);
	a.ctime = wire_take(&c->wire);
	a.ctime_nsec = wire_take(&c->wire);
	return a;
}

/* Done a second time it would fail, for the first has changed the ctime that it names. */
static void
chmod_pipe(struct client_state *c)
{
	struct pipe_attr a = getattr_pipe(c);

	wire_begin(&c->wire, NFS, SETATTR);
	wire_put_fh(&c->wire, &c->pipe_fh);
	wire_put(&c->wire, 1);
	wire_put(&c->wire, c->pipe_mode = 0400 + (uint32_t)next(c) % 0400);
	for (int k = 0; k < 5; k++)
		wire_put(&c->wire, 0);
	wire_put(&c->wire, 1);
	wire_put(&c->wire, a.ctime);
	wire_put(&c->wire, a.ctime_nsec);
	call(c, "SETATTR with a guard");
}

static void
change_pipe(struct client_state *c)
{
	unsigned what = (unsigned)(next(c) % 4);

	if (!c->pipe) {
		make_pipe(c);
		c->pipe = true;
	} else if (what == 0 && !c->linked) {
		send_remove(c, "pipe");
		c->pipe = false;
	} else if (what == 1) {
		change_link(c);
	} else {
		chmod_pipe(c);
	}
}

/* --- looking --- */

static uint32_t
lookup(struct client_state *c, const char *name, struct wire_fh *out)
{
	uint32_t status;

	wire_begin(&c->wire, NFS, LOOKUP);
	wire_put_fh(&c->wire, &c->root);
	wire_put_name(&c->wire, name);
	status = wire_send(&c->wire, WIRE_WELL);
	if (status == 0)
		wire_take_fh(&c->wire, out);
	return status;
}

static void
look_at_bytes(struct client_state *c, const struct slot *s)
{
	const uint8_t *p;
	uint32_t n;

	wire_begin(&c->wire, NFS, READ);
	wire_put_fh(&c->wire, &s->fh);
	wire_put64(&c->wire, 0);
	wire_put(&c->wire, 16384);
	call(c, "READ by an old handle");
	wire_skip_post(&c->wire);
	wire_skip(&c->wire, 2);
	p = wire_take_bytes(&c->wire, &n);
	if (c->wire.bad || n != s->size)
		die("client %u: %u bytes instead of %u", c->number, n, s->size);
	for (uint32_t k = 0; k < n; k++)
		if (p[k] != byte_of(c, s->seed, k))
			die("client %u: byte %u is not what was acknowledged", c->number, k);
}

static void
must_be(struct client_state *c, const char *name, bool there)
{
	struct wire_fh fh;
	uint32_t status = lookup(c, name, &fh);

	if (status != (there ? 0 : 2))
		die("client %u: %s: status %u, must be %s", c->number, name, status,
		    there ? "there" : "gone");
}

static void
look_at_symlink(struct client_state *c)
{
	struct wire_fh fh;
	const uint8_t *p;
	char target[32];
	uint32_t n;

	lookup(c, "symlink", &fh);
	wire_begin(&c->wire, NFS, READLINK);
	wire_put_fh(&c->wire, &fh);
	call(c, "READLINK");
	wire_skip_post(&c->wire);
	p = wire_take_bytes(&c->wire, &n);
	target_of(c, target);
	if (n != strlen(target) || memcmp(p, target, n) != 0)
		die("client %u: the symlink's target", c->number);
}

static void
look_at_others(struct client_state *c)
{
	struct pipe_attr a;

	must_be(c, "folder", c->folder);
	must_be(c, "symlink", c->symlink);
	must_be(c, "pipe", c->pipe);
	must_be(c, "linked", c->linked);
	if (c->symlink)
		look_at_symlink(c);
	if (!c->pipe)
		return;
	a = getattr_pipe(c);
	if (a.mode != c->pipe_mode || a.nlink != 1u + c->linked)
		die("client %u: the pipe has mode %o and %u links, must be %o and %u", c->number,
		    a.mode, a.nlink, c->pipe_mode, 1u + c->linked);
}

static void
look_at_all(struct client_state *c)
{
	struct wire_fh fh;
	char name[32];

	for (unsigned i = 0; i < SLOTS; i++)
		for (unsigned renamed = 0; renamed < 2; renamed++) {
			const struct slot *s = &c->slots[i];
			bool there = s->there && s->renamed == (renamed != 0);
			uint32_t status;

			name_of(i, renamed != 0, name);
			status = lookup(c, name, &fh);
			if (status != (there ? 0 : 2))
				die("client %u: %s: status %u, must be %s", c->number, name, status,
				    there ? "there" : "gone");
			if (!there)
				continue;
			if (fh.n != s->fh.n || memcmp(fh.bytes, s->fh.bytes, fh.n) != 0)
				die("client %u: %s has another handle", c->number, name);
			look_at_bytes(c, s);
		}
	look_at_others(c);
	c->looks++;
}

static void
change_something(struct client_state *c)
{
	unsigned i = (unsigned)(next(c) % SLOTS), what = (unsigned)(next(c) % 8);

	if (next(c) % 4 == 0)
		change_pipe(c);
	else if (what == 0 && next(c) % 2)
		change_folder(c);
	else if (what == 0)
		change_symlink(c);
	else if (!c->slots[i].there)
		create(c, i);
	else if (what == 1)
		remove_slot(c, i);
	else if (what <= 3)
		rename_slot(c, i);
	else
		write_slot(c, i);
}

static void
mount_root(struct client_state *c)
{
	char path[32];

	snprintf(path, sizeof(path), "/c%u", c->number);
	wire_begin(&c->wire, MOUNT, 1);
	wire_put_name(&c->wire, path);
	call(c, "MNT");
	wire_take_fh(&c->wire, &c->root);
}

static void *
client_main(void *arg)
{
	struct client_state *c = arg;
	uint64_t resent = 0;

	mount_root(c);
	for (unsigned n = 1; !__atomic_load_n(c->stop, __ATOMIC_RELAXED); n++) {
		change_something(c);
		/* After a restart at once. */
		if (n % ROUND == 0 || c->wire.resent != resent)
			look_at_all(c);
		resent = c->wire.resent;
	}
	look_at_all(c);
	wire_close(&c->wire);
	return NULL;
}

/* --- the server --- */

struct server {
	char top[200], store[256], log[256], program[512], port_text[16];
	uint16_t port;
	pid_t pid;
	double slowest, sum;
	unsigned starts;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint16_t
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		die("no free port: %m");
	close(fd);
	return ntohs(a.sin_port);
}

/* Until it answers an NFS call. */
static void
start_server(struct server *s)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	double begun = now(), took;
	struct wire wire;
	uint32_t status;

	s->pid = fork();
	if (s->pid == 0) {
		/* Not longer than the test; and what it says goes beside its store. */
		int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
			_exit(126);
		execl(s->program, "rubusd", "--store", s->store, "--listen", "127.0.0.1", "--port",
		    s->port_text, (char *)NULL);
		_exit(127);
	}
	wire_open(&wire, s->port, 1);
	do {
		if (waitpid(s->pid, NULL, WNOHANG) != 0)
			die("rubusd doesn't start");
		if (now() - begun > 20)
			die("rubusd doesn't serve");
		nanosleep(&pause, NULL);
		wire_begin(&wire, MOUNT, 1);
		wire_put_name(&wire, "/nobody");
	} while (wire_try(&wire, &status) < 0);
	wire_close(&wire);
	took = now() - begun;
	s->slowest = took > s->slowest ? took : s->slowest;
	s->sum += took;
	s->starts++;
}

static void
make_store(struct server *s)
{
	struct store_options o = { .mode = STORE_OWN };
	const char *tmp = getenv("TMPDIR"), *build = getenv("RUBUS_BUILDDIR");
	char name[16], source[256];
	struct store *store;
	int err;

	snprintf(s->top, sizeof(s->top), "%s/rubus-kill-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(s->top))
		die("%s: %m", s->top);
	snprintf(s->store, sizeof(s->store), "%s/store", s->top);
	snprintf(s->log, sizeof(s->log), "%s/log", s->top);
	snprintf(source, sizeof(source), "%s/source", s->top);
	snprintf(s->program, sizeof(s->program), "%s/rubusd", build && *build ? build : ".");
	mkdir(s->store, 0700);
	mkdir(source, 0700);
	world_make(s->store, source);
	if ((err = store_open(s->store, &o, &store)) < 0)
		die("%s", err_text(err));
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client_options c = { .name = name, .image = "golden", .any_address = true };

		snprintf(name, sizeof(name), "c%u", i);
		if ((err = client_add(store, &c)) < 0)
			die("%s", err_text(err));
	}
	store_close(store);
	s->port = free_port();
	snprintf(s->port_text, sizeof(s->port_text), "%u", s->port);
}

/* What a sanitizer of rubusd found; of the killed ones, too. */
static void
check_log(const struct server *s)
{
	FILE *f = fopen(s->log, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "Sanitizer") || strstr(line, "runtime error"))
			die("%s: %s", s->log, line);
	if (f)
		fclose(f);
}

static void
check_store(const struct server *s)
{
	struct store_options o = { .mode = STORE_OWN };
	struct store *store;
	int err = store_open(s->store, &o, &store);

	if (err < 0)
		die("%s", err_text(err));
	world_check_store(store, "at the end");
	store_close(store);
}

int
main(int argc, char **argv)
{
	uint64_t seed = world_seed(argc, argv, (uint64_t)time(NULL)), calls = 0;
	uint64_t resent = 0, looks = 0, again = 0;
	const char *full = getenv("RUBUS_LONG");
	unsigned kills = full && *full && *full != '0' ? 200 : KILLS;
	static struct client_state clients[CLIENTS];
	static struct server server;
	pthread_t threads[CLIENTS];
	static bool stop;
	char command[300];
	int status;

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	make_store(&server);
	start_server(&server);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client_state *c = &clients[i];

		c->number = i;
		c->stop = &stop;
		c->random = (seed + i) * 0x9e3779b97f4a7c15 | 1;
		wire_open(&c->wire, server.port, (uint32_t)(c->random >> 32));
		if (pthread_create(&threads[i], NULL, client_main, c) != 0)
			die("no thread: %m");
	}
	for (unsigned i = 0; i < kills; i++) {
		uint64_t ms = 100 + (seed * 2654435761u + i * 40503u) % 400;
		struct timespec pause = { .tv_nsec = (long)ms * 1000000 };

		nanosleep(&pause, NULL);
		kill(server.pid, SIGKILL);
		waitpid(server.pid, &status, 0);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			die("rubusd ended by itself: %x", (unsigned)status);
		start_server(&server);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		calls += clients[i].calls;
		resent += clients[i].wire.resent;
		looks += clients[i].looks;
		again += clients[i].again;
	}
	kill(server.pid, SIGTERM);
	waitpid(server.pid, &status, 0);
	if (status != 0)
		die("rubusd ended with %x", (unsigned)status);
	check_log(&server);
	check_store(&server);
	printf("%u kills, %llu calls, %llu tries again, %llu looks at everything, %llu writes sent "
	       "again "
	       "for their verifier\nserving again after %.3f s, at most %.3f s\n",
	    kills, (unsigned long long)calls, (unsigned long long)resent, (unsigned long long)looks,
	    (unsigned long long)again, server.sum / server.starts, server.slowest);
	snprintf(command, sizeof(command), "rm -rf '%s'", server.top);
	return system(command) != 0;
}

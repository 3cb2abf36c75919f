/*
 * Damaged stores: bits flipped, files cut off, parts overwritten or gone. The real rubusd starts or
 * says why it doesn't; each call is answered; `rubus check --all-bytes` finds every damaged block
 * and names who needs it; after `--repair` all that is whole is as it was.
 *
 * RUBUS_LONG: 5,000 cases in place of 200. RUBUS_SEED: the one case of that number, which a failure
 * prints; its store stays in the folder that is printed, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/damage.h"
#include "tests/crash/damage_walk.h"
#include "tests/crash/world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CASES    20
#define PATIENCE 60000 /* ms */
#else
#define CASES    200
#define PATIENCE 10000
#endif
#define LONG_CASES 5000
#define FATAL      70 /* rubusd: the store can't be written any more */

static char top[256], store[300], bin[256];
static unsigned long long number;
static uint64_t state_of_random;

#define fail(...)                                                                                  \
	do {                                                                                       \
		printf("RUBUS_SEED=%llu; its store as it was damaged: %s/damaged\n", number, top); \
		die(__VA_ARGS__);                                                                  \
	} while (0)

static uint64_t
any(uint64_t below)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (state_of_random * 0x2545f4914f6cdd1d >> 20) % below;
}

/* --- programs --- */

static long long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static char *
slurp(const char *name)
{
	static char texts[2][1 << 20];
	static int at;
	char path[300], *text = texts[at++ % 2];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(texts[0]) - 1, f) : 0;
	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static int
output(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %m", path);
	return fd;
}

static pid_t
spawn(const char *name, const char *a, const char *b, const char *c, const char *d)
{
	int out = output("out"), err = output("err"); /* empty before anybody looks at them */
	char program[300];
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(program, sizeof(program), "%s/%s", bin, name);
		dup2(out, 1);
		dup2(err, 2);
		execl(program, name, "--store", store, a, b, c, d, (char *)NULL);
		_exit(127);
	}
	close(out);
	close(err);
	return pid;
}

/* Its exit status; fails when it is ended by a signal, or a sanitizer had to say something. */
static int
wait_for(pid_t pid, const char *what)
{
	int status, fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { fd, POLLIN, 0 };

	if (poll(&p, 1, PATIENCE) != 1) {
		kill(pid, SIGABRT);
		fail("%s hangs: %s", what, slurp("err"));
	}
	close(fd);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status))
		fail("%s: signal %d: %s", what, WTERMSIG(status), slurp("err"));
	if (strstr(slurp("err"), "Sanitizer") || strstr(slurp("err"), "runtime error"))
		fail("%s: %s", what, slurp("err"));
	return WEXITSTATUS(status);
}

/* One sentence at least, in words. */
static void
expect_sentence(const char *what)
{
	const char *text = slurp("err"), *colon = strchr(text, ':');

	if (!colon || strlen(colon) < 10 || !strchr(colon + 2, ' '))
		fail("%s: refused without a sentence: \"%s\"", what, text);
}

static int
rubus(const char *a, const char *b)
{
	return wait_for(spawn("rubus", a, b, NULL, NULL), "rubus");
}

/* The port it serves on; 0: it refused. */
static uint16_t
start(pid_t *pid)
{
	static const char serves[] = " main: serves ";
	struct timespec pause = { 0, 1000000 };
	long long end = now_ms() + PATIENCE;
	const char *line;

	*pid = spawn("rubusd", "--listen", "127.0.0.1", "--port", "0");
	for (;;) {
		siginfo_t info = { 0 };

		line = strstr(slurp("err"), serves);
		if (line && (line = strstr(line, "port=")) && strchr(line, '\n'))
			return (uint16_t)atoi(line + 5);
		waitid(P_PID, (id_t)*pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid && !strstr(slurp("err"), serves))
			break;
		if (now_ms() > end)
			fail("rubusd neither serves nor refuses: %s", slurp("err"));
		nanosleep(&pause, NULL);
	}
	if (wait_for(*pid, "rubusd") != 1)
		fail("rubusd refuses with another status than 1: %s", slurp("err"));
	expect_sentence("rubusd");
	return 0;
}

/* A call wasn't answered: then rubusd ends, why is seen later. */
static void
expect_going(pid_t pid, const struct walk *seen)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { fd, POLLIN, 0 };

	if (poll(&p, 1, PATIENCE / 2) != 1) {
		kill(pid, SIGABRT);
		fail("%s, and rubusd goes on: %s", seen->unanswered, slurp("err"));
	}
	close(fd);
}

/* What each client sees, or nothing of it; false: rubusd doesn't serve the store. */
static bool
serve(const struct damage_store *d, struct walk seen[DAMAGE_STATES], bool change)
{
	pid_t pid;
	uint16_t port = start(&pid);
	bool served = port != 0;
	int status;

	for (int i = 0; i < DAMAGE_STATES; i++) {
		seen[i] = (struct walk){ .patience = PATIENCE };
		if (!d->states[i].client || !port)
			continue;
		if (walk(&seen[i], port, d->states[i].client, change) < 0) {
			expect_going(pid, &seen[i]);
			port = 0;
		}
	}
	if (port)
		kill(pid, SIGTERM);
	status = served ? wait_for(pid, "rubusd") : 0;
	if (status == FATAL && strstr(slurp("err"), "the store can't go on: "))
		return served;
	if (status != 0 || (served && !port))
		fail("rubusd ended with %d: %s", status, slurp("err"));
	return served;
}

/* --- the damage --- */

struct damaged {
	struct damage_part parts[DAMAGE_PARTS];
	bool bad[DAMAGE_BLOCKS];
	int nbad;
	bool segments, databases; /* which were touched */
	char text[2000];
};

static void
note(struct damaged *x, const char *what, const struct damage_part *p, uint64_t at)
{
	size_t n = strlen(x->text);

	snprintf(x->text + n, sizeof(x->text) - n, "%s %s %llu\n", what, p->name,
	    (unsigned long long)at);
}

static void
damage_part(struct damaged *x, struct damage_part *p)
{
	uint64_t how = any(20), many = any(3) ? 1 + any(4) : 1 + any(100), n = p->n;

	if (strncmp(p->name, "segments/", 9) == 0)
		x->segments = true;
	else if (strstr(p->name, ".db"))
		x->databases = true;
	if (how == 0) {
		note(x, "gone", p, 0);
		p->gone = true;
	} else if (n && how <= 4) {
		p->n = any(3) ? any(n) : any(n + 1) / 512 * 512;
		note(x, "cut", p, p->n);
	} else if (n && how <= 6) {
		uint64_t at = any(n), k = any(2) ? 512 : 4096;

		at = at / k * k;
		k = n - at < k ? n - at : k;
		memset(p->bytes + at, any(2) ? 0 : (int)any(256), k);
		note(x, "overwritten", p, at);
	} else if (n) {
		while (many--) {
			uint64_t at = any(n);

			p->bytes[at] ^= (uint8_t)(1u << any(8));
			note(x, "flipped", p, at);
		}
	}
}

/* Which blocks are not what they were. */
static void
find_bad(const struct damage_store *d, struct damaged *x)
{
	for (int i = 0; i < d->nblocks; i++) {
		const struct damage_block *b = &d->blocks[i];
		const struct damage_part *was = &d->parts[b->part], *is = &x->parts[b->part];
		size_t from = b->off - 32, n = b->stored + 32;

		x->bad[i] = is->gone || is->n < 48 || memcmp(is->bytes, was->bytes, 48) != 0 ||
			    is->n < from + n || memcmp(is->bytes + from, was->bytes + from, n) != 0;
		x->nbad += x->bad[i];
	}
}

static bool
chosen(const struct damage_part *p, uint64_t kind)
{
	static const char *const kinds[] = { "segments/", "images/", "store.db" };

	return kind >= 3 || strncmp(p->name, kinds[kind], strlen(kinds[kind])) == 0;
}

static struct damaged *
make_damage(const struct damage_store *d)
{
	struct damaged *x = calloc(1, sizeof(*x));
	uint64_t kind = any(10), parts = any(4) ? 1 : 1 + any(3);

	kind = kind < 4 ? 0 : kind < 6 ? 1 : kind < 9 ? 2 : 3;
	memcpy(x->parts, d->parts, sizeof(x->parts));
	for (int i = 0; i < d->nparts; i++) {
		x->parts[i].bytes = malloc(d->parts[i].n + 1);
		memcpy(x->parts[i].bytes, d->parts[i].bytes, d->parts[i].n);
	}
	while (parts) {
		struct damage_part *p = &x->parts[any((uint64_t)d->nparts)];

		if (!chosen(p, kind))
			continue;
		damage_part(x, p);
		parts--;
	}
	find_bad(d, x);
	return x;
}

static void
free_damage(const struct damage_store *d, struct damaged *x)
{
	for (int i = 0; i < d->nparts; i++)
		free(x->parts[i].bytes);
	free(x);
}

/* --- what must be seen and said --- */

/* Is one of the damaged blocks at `at` of the file? */
static bool
is_bad_at(
    const struct damage_store *d, const struct damaged *x, const struct damage_file *f, uint32_t at)
{
	for (int i = 0; i < d->nblocks; i++)
		if (x->bad[i] && damage_in_file(d, &d->blocks[i], f, at))
			return true;
	return false;
}

static bool
same_block(const struct damage_file *a, const struct damage_file *b, uint32_t at)
{
	uint32_t off = at * DAMAGE_BLOCK, n;

	if (!b || off >= b->n)
		return false;
	n = a->n < b->n ? a->n - off : b->n - off;
	return memcmp(a->bytes + off, b->bytes + off, n < DAMAGE_BLOCK ? n : DAMAGE_BLOCK) == 0;
}

/* A file that has a damaged block of its own is named; one that has none isn't. */
static void
expect_path(const struct damage_store *d, const struct damaged *x, const struct damage_state *s,
    const struct damage_file *f, const char *said)
{
	const struct damage_file *beneath = damage_beneath(d, s, f);
	bool own = false, bad = false;
	char line[128];

	for (uint32_t at = 0; at * DAMAGE_BLOCK < f->n; at++)
		if (is_bad_at(d, x, f, at)) {
			bad = true;
			own = own || !same_block(f, beneath, at);
		}
	snprintf(line, sizeof(line), "%s: %s: damaged at byte ", s->what, f->path);
	if (own && !strstr(said, line))
		fail("not said: %s\n%s%s", line, x->text, said);
	if (!bad && strstr(said, line))
		fail("said, but isn't so: %s\n%s%s", line, x->text, said);
}

/* After a check that found: block, and path. */
static void
expect_named(const struct damage_store *d, const struct damaged *x)
{
	const char *said = slurp("out");
	char line[128];

	for (int i = 0; i < d->nblocks; i++) {
		snprintf(line, sizeof(line), "block %s, in segment %u at %llu: ", d->blocks[i].hex,
		    d->blocks[i].segment, (unsigned long long)d->blocks[i].off);
		if (x->bad[i] != (strstr(said, line) != NULL))
			fail("%s: %s\n%s%s", x->bad[i] ? "not said" : "said, but isn't so", line,
			    x->text, said);
	}
	for (int i = 0; i < DAMAGE_STATES; i++)
		for (int k = 0; k < d->states[i].n; k++)
			expect_path(d, x, &d->states[i], &d->states[i].files[k], said);
}

/* Does a run of 32 blocks have a damaged one? */
static bool
run_is_bad(
    const struct damage_store *d, const struct damaged *x, const struct damage_file *f, uint32_t at)
{
	for (uint32_t k = at / 32 * 32; k < at / 32 * 32 + 32 && k * DAMAGE_BLOCK < f->n; k++)
		if (is_bad_at(d, x, f, k))
			return true;
	return false;
}

/* Bytes that are whole are what they were. repaired: those that are lost give an error. */
static void
expect_file(const struct damage_store *d, const struct damaged *x, const struct damage_file *f,
    const struct walk_file *now, bool repaired)
{
	if (now->n != f->n)
		fail("%s: %u bytes, not %u\n%s", f->path, now->n, f->n, x->text);
	for (uint32_t at = 0; at * DAMAGE_BLOCK < f->n; at++) {
		uint32_t off = at * DAMAGE_BLOCK;
		uint32_t n = f->n - off < DAMAGE_BLOCK ? f->n - off : DAMAGE_BLOCK;
		bool is = !now->status[at] && memcmp(now->bytes + off, f->bytes + off, n) == 0;

		if (!is && !run_is_bad(d, x, f, at))
			fail("%s: block %u isn't what it was (status %u)\n%s", f->path, at,
			    now->status[at], x->text);
		if (repaired && is_bad_at(d, x, f, at) && !now->status[at])
			fail("%s: block %u is lost, and was read\n%s", f->path, at, x->text);
	}
}

static void
expect_seen(const struct damage_store *d, const struct damaged *x,
    const struct walk seen[DAMAGE_STATES], bool repaired)
{
	for (int i = 0; i < DAMAGE_STATES; i++) {
		const struct damage_state *s = &d->states[i];

		for (int k = 0; s->client && k < s->n; k++) {
			const struct walk_file *now = walk_find(&seen[i], s->files[k].path);

			if (!now)
				fail("%s: %s is gone\n%s", s->what, s->files[k].path, x->text);
			expect_file(d, x, &s->files[k], now, repaired);
		}
	}
}

/* --- cases --- */

static unsigned long long served, refused, found_bad, walked, lost, mended;

/* A store whose databases are whole: all is known of what must come. */
static void
look_at_blocks(const struct damage_store *d, struct damaged *x)
{
	struct walk seen[DAMAGE_STATES];
	int status;

	if (!serve(d, seen, false))
		fail("rubusd refuses: %s\n%s", slurp("err"), x->text);
	expect_seen(d, x, seen, false);
	walk_free(seen, DAMAGE_STATES);
	status = rubus("check", "--all-bytes");
	if (status != (x->nbad > 0))
		fail("check ended with %d: %s\n%s", status, slurp("out"), x->text);
	expect_named(d, x);
	found_bad += (unsigned)x->nbad;
	if ((status = rubus("check", "--repair")) != (x->nbad > 0))
		fail("check --repair ended with %d: %s%s", status, slurp("err"), x->text);
	if (!serve(d, seen, false))
		fail("rubusd refuses after --repair: %s\n%s", slurp("err"), x->text);
	expect_seen(d, x, seen, true);
	walk_free(seen, DAMAGE_STATES);
	served++;
}

static int
errors_of(const struct walk seen[DAMAGE_STATES])
{
	int n = 0;

	for (int i = 0; i < DAMAGE_STATES; i++)
		n += seen[i].errors;
	return n;
}

static void
expect_end(int status, const struct damaged *x)
{
	if (status != 0 && status != 1)
		fail("rubus ended with %d: %s%s", status, slurp("err"), x->text);
	if (status == 1 && !*slurp("out"))
		expect_sentence("rubus");
}

/* One whose databases are damaged: much may be lost, but each program comes to an end. */
static void
look_at_all(const struct damage_store *d, struct damaged *x)
{
	struct walk seen[DAMAGE_STATES];
	bool runs = serve(d, seen, false);
	int errors = errors_of(seen), status;

	served += runs;
	refused += !runs;
	for (int i = 0; i < DAMAGE_STATES; i++)
		walked += (unsigned)seen[i].n;
	walk_free(seen, DAMAGE_STATES);
	status = rubus("check", "--all-bytes");
	expect_end(status, x);
	if (status == 0 && (errors || !runs))
		fail("check says that all is well, and %d calls failed\n%s%s", errors, x->text,
		    slurp("out"));
	lost += (unsigned)status;
	status = rubus("check", "--repair");
	expect_end(status, x);
	mended += status == 0;
	serve(d, seen, true);
	walk_free(seen, DAMAGE_STATES);
	expect_end(rubus("check", NULL), x);
}

static void
remove_folder(const char *name)
{
	char command[320];

	snprintf(command, sizeof(command), "rm -rf '%s/%s'", top, name);
	if (system(command) != 0)
		die("%s", command);
}

static void
run_case(const struct damage_store all[2])
{
	char kept[300];
	struct damaged *x;
	const struct damage_store *d;

	state_of_random = (number + 1) * 0x9e3779b97f4a7c15 | 1;
	for (int i = 0; i < 8; i++)
		any(2);
	d = &all[any(4) == 0];
	x = make_damage(d);
	remove_folder("store");
	remove_folder("damaged");
	snprintf(kept, sizeof(kept), "%s/damaged", top);
	damage_lay_down(x->parts, d->nparts, kept);
	damage_lay_down(x->parts, d->nparts, store);
	if (x->databases)
		look_at_all(d, x);
	else
		look_at_blocks(d, x);
	free_damage(d, x);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR"), *build = getenv("RUBUS_BUILDDIR");
	const char *full = getenv("RUBUS_LONG"), *one = getenv("RUBUS_SEED");
	unsigned cases = full && *full && *full != '0' ? LONG_CASES : CASES;
	unsigned long long first =
	    one && *one ? strtoull(one, NULL, 10) : (unsigned long long)time(NULL) * 10000;
	static struct damage_store all[2];
	char made[300];

	signal(SIGPIPE, SIG_IGN);
	snprintf(bin, sizeof(bin), "%.200s", build && *build ? build : ".");
	snprintf(top, sizeof(top), "%.200s/rubus-damage-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		die("%s: %m", top);
	snprintf(store, sizeof(store), "%s/store", top);
	for (int i = 0; i < 2; i++) {
		snprintf(made, sizeof(made), "%s/made%d", top, i);
		mkdir(made, 0700);
		damage_make(&all[i], made, i == 1);
	}
	if (one && *one)
		cases = 1;
	for (unsigned i = 0; i < cases; i++) {
		number = first + i;
		run_case(all);
	}
	printf("%u cases from RUBUS_SEED=%llu on: %llu served, %llu refused; %llu damaged blocks, "
	       "each named; of damaged databases %llu were found so, %llu whole after --repair, "
	       "%llu files read\n",
	    cases, first, served, refused, found_bad, lost, mended, walked);
	remove_folder("");
	return 0;
}

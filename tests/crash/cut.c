/* The record played back: what is durable at each point, what waits, and what a cut can leave. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/hash.h"
#include "tests/crash/disk_priv.h"

#define SECTOR     512u
#define EXHAUSTIVE 4u /* with so many waiting changes or fewer, each subset is a state */

struct bytes {
	uint8_t *p;
	size_t n, size;
};

struct file {
	bool folder;
	struct bytes durable;
	const struct record **waiting; /* its writes and truncations since its last sync */
	unsigned nwaiting;
};

struct name {
	const char *name;
	struct file *file;
};

struct names {
	struct name *p;
	unsigned n;
};

/* A name made, moved or removed, and its folder not synced since. */
struct renaming {
	const struct record *r;
	struct file *file; /* FILE_OPEN, FILE_MKDIR, FILE_RENAME */
};

struct cut {
	struct disk *disk;
	unsigned at;
	struct file **files;
	unsigned nfiles;
	struct names now, durable;
	struct renaming *renamings;
	unsigned nrenamings;
};

struct cut_state {
	struct names names;
	struct bytes *contents; /* of each name's file */
	char text[64];
};

/* --- bytes --- */

static void
bytes_resize(struct bytes *b, size_t n)
{
	if (n > b->size) {
		b->size = n + n / 2;
		b->p = realloc(b->p, b->size);
		if (!b->p)
			abort();
	}
	if (n > b->n)
		memset(b->p + b->n, 0, n - b->n);
	b->n = n;
}

static void
bytes_put(struct bytes *b, uint64_t off, const uint8_t *p, size_t n)
{
	if (!n)
		return;
	if (off + n > b->n)
		bytes_resize(b, off + n);
	memcpy(b->p + off, p, n);
}

/* The sectors of a write whose bits are set (the 64 first; the others as the last of these). */
static void
bytes_put_sectors(struct bytes *b, const struct record *r, uint64_t sectors)
{
	for (uint64_t off = r->off, end = r->off + r->len, i = 0; off < end; i++) {
		uint64_t next = (off / SECTOR + 1) * SECTOR;

		if (next > end)
			next = end;
		if (sectors >> (i < 63 ? i : 63) & 1)
			bytes_put(b, off, r->bytes + (off - r->off), next - off);
		off = next;
	}
}

static void
apply(struct bytes *b, const struct record *r, uint64_t sectors)
{
	if (r->event == FILE_WRITE)
		bytes_put_sectors(b, r, sectors);
	else if (sectors && r->event == FILE_TRUNCATE)
		bytes_resize(b, r->off);
	else if (sectors && r->event == FILE_PUNCH && r->off < b->n)
		memset(b->p + r->off, 0, r->len < b->n - r->off ? r->len : b->n - r->off);
}

/* --- names --- */

static struct name *
names_find(const struct names *l, const char *name)
{
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->p[i].name, name) == 0)
			return &l->p[i];
	return NULL;
}

static void
names_set(struct names *l, const char *name, struct file *file)
{
	struct name *at = names_find(l, name);

	if (!at) {
		l->p = disk_grow(l->p, l->n, sizeof(*l->p));
		at = &l->p[l->n++];
		at->name = name;
	}
	at->file = file;
}

static void
names_unset(struct names *l, const char *name)
{
	struct name *at = names_find(l, name);

	if (at)
		*at = l->p[--l->n];
}

static void
names_apply(struct names *l, const struct renaming *c)
{
	if (c->r->event == FILE_RENAME || c->r->event == FILE_UNLINK)
		names_unset(l, c->r->name);
	if (c->r->event != FILE_UNLINK)
		names_set(l, c->r->event == FILE_RENAME ? c->r->to : c->r->name, c->file);
}

static bool
is_in(const char *name, const char *folder)
{
	const char *slash = strrchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;

	return strlen(folder) == n && strncmp(name, folder, n) == 0;
}

/* --- playing back --- */

static struct file *
add_file(struct cut *c, bool folder)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->folder = folder;
	c->files = disk_grow(c->files, c->nfiles, sizeof(struct file *));
	c->files[c->nfiles++] = f;
	return f;
}

struct cut *
cut_open(struct disk *d)
{
	struct cut *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->disk = d;
	for (unsigned i = 0; i < d->nbase; i++) {
		struct file *f = add_file(c, d->base[i].folder);

		bytes_put(&f->durable, 0, d->base[i].bytes, d->base[i].n);
		names_set(&c->now, d->base[i].name, f);
		names_set(&c->durable, d->base[i].name, f);
	}
	return c;
}

void
cut_close(struct cut *c)
{
	for (unsigned i = 0; i < c->nfiles; i++) {
		free(c->files[i]->durable.p);
		free(c->files[i]->waiting);
		free(c->files[i]);
	}
	free(c->files);
	free(c->now.p);
	free(c->durable.p);
	free(c->renamings);
	free(c);
}

static void
sync_file(struct file *f)
{
	for (unsigned i = 0; i < f->nwaiting; i++)
		apply(&f->durable, f->waiting[i], ~(uint64_t)0);
	f->nwaiting = 0;
}

static void
sync_folder(struct cut *c, const char *folder)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < c->nrenamings; i++) {
		if (is_in(c->renamings[i].r->name, folder))
			names_apply(&c->durable, &c->renamings[i]);
		else
			c->renamings[kept++] = c->renamings[i];
	}
	c->nrenamings = kept;
}

static void
change_name(struct cut *c, const struct record *r)
{
	struct name *there = names_find(&c->now, r->name);
	struct renaming change = { r, there ? there->file : NULL };

	if (r->event == FILE_OPEN || r->event == FILE_MKDIR) {
		if (there)
			return;
		change.file = add_file(c, r->event == FILE_MKDIR);
	}
	names_apply(&c->now, &change);
	c->renamings = disk_grow(c->renamings, c->nrenamings, sizeof(*c->renamings));
	c->renamings[c->nrenamings++] = change;
}

static void
change_file(struct cut *c, const struct record *r)
{
	struct name *there = names_find(&c->now, r->name);
	struct file *f = there ? there->file : NULL;

	if (!f)
		return; /* without a name: gone after a cut, whatever is in it */
	if (r->event == FILE_FSYNC) {
		sync_file(f);
		return;
	}
	f->waiting = disk_grow(f->waiting, f->nwaiting, sizeof(*f->waiting));
	f->waiting[f->nwaiting++] = r;
}

enum cut_step
cut_next(struct cut *c, int *kind, uint64_t *value)
{
	const struct record *r = c->disk->records + c->at;

	if (c->at == c->disk->n)
		return CUT_END;
	c->at++;
	if (r->mark) {
		*kind = r->kind;
		*value = r->off;
		return CUT_MARK;
	}
	if (r->event == FILE_FSYNC && r->folder)
		sync_folder(c, r->name);
	else if (r->event == FILE_FSYNC || r->event == FILE_WRITE || r->event == FILE_TRUNCATE ||
		 r->event == FILE_PUNCH)
		change_file(c, r);
	else
		change_name(c, r);
	return CUT_CHANGE;
}

unsigned
cut_at(const struct cut *c)
{
	return c->at;
}

void
cut_describe(const struct cut *c, char *out, size_t size)
{
	static const char *const events[] = { [FILE_OPEN] = "make",
		[FILE_WRITE] = "write",
		[FILE_FSYNC] = "sync",
		[FILE_RENAME] = "rename",
		[FILE_UNLINK] = "remove",
		[FILE_TRUNCATE] = "truncate",
		[FILE_PUNCH] = "punch",
		[FILE_MKDIR] = "mkdir" };
	const struct record *r = c->at ? &c->disk->records[c->at - 1] : NULL;

	if (!r || r->mark)
		snprintf(out, size, "record %u", c->at);
	else
		snprintf(out, size, "record %u: %s %s at %llu, %llu bytes", c->at, events[r->event],
		    r->name, (unsigned long long)r->off, (unsigned long long)r->len);
}

/* --- the states of a cut --- */

enum way {
	KEEP_ALL,
	LOSE_ALL,
	TEAR_LAST,
	ONLY_LAST,
	ONLY_NAMES,
	ONLY_BYTES,
	TORN_AND_OLDER, /* the last file's writes in reverse: the newer half without the older */
	FIXED_WAYS
};

static unsigned
waiting(const struct cut *c)
{
	unsigned n = c->nrenamings;

	for (unsigned i = 0; i < c->nfiles; i++)
		n += c->files[i]->nwaiting;
	return n;
}

unsigned
cut_states(const struct cut *c, unsigned more)
{
	unsigned n = waiting(c);

	return n <= EXHAUSTIVE ? 1u << n : FIXED_WAYS + more;
}

static uint64_t
random_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1d;
}

/* Who decides about each waiting change, in order: bytes file by file, then names. */
struct chooser {
	unsigned i, n, way;
	bool exhaustive;
	uint64_t random;
};

/* Which sectors of it are there; names: all or none. */
static uint64_t
choose(struct chooser *ch, bool name, bool last)
{
	unsigned i = ch->i++;
	uint64_t r;

	if (ch->exhaustive)
		return ch->way >> i & 1 ? ~(uint64_t)0 : 0;
	switch (ch->way) {
	case KEEP_ALL:
		return ~(uint64_t)0;
	case LOSE_ALL:
		return 0;
	case TEAR_LAST:
		return last && !name ? 0x5 : ~(uint64_t)0;
	case ONLY_LAST:
		return last || name ? ~(uint64_t)0 : 0;
	case ONLY_NAMES:
		return name ? ~(uint64_t)0 : 0;
	case ONLY_BYTES:
		return name ? 0 : ~(uint64_t)0;
	case TORN_AND_OLDER:
		return name || i >= ch->n / 2 ? ~(uint64_t)0 : 0;
	default:
		r = random_next(&ch->random);
		return r & 1 ? ~(uint64_t)0 : name || r & 2 ? 0 : random_next(&ch->random);
	}
}

static struct bytes
content(const struct file *f, struct chooser *ch)
{
	struct bytes b = { 0 };

	bytes_put(&b, 0, f->durable.p, f->durable.n);
	for (unsigned i = 0; i < f->nwaiting; i++)
		apply(&b, f->waiting[i], choose(ch, false, i + 1 == f->nwaiting));
	return b;
}

static bool
has_folder(const struct names *l, const char *name)
{
	const char *slash = strrchr(name, '/');
	char folder[256];

	if (!slash)
		return true;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
	return names_find(l, folder) != NULL;
}

struct cut_state *
cut_state(struct cut *c, unsigned i, uint64_t seed)
{
	struct cut_state *s = calloc(1, sizeof(*s));
	struct chooser ch = { .n = waiting(c), .way = i, .random = seed | 1 };
	struct bytes *all = calloc(c->nfiles + 1, sizeof(*all));

	if (!s || !all)
		abort();
	ch.exhaustive = ch.n <= EXHAUSTIVE;
	snprintf(s->text, sizeof(s->text), "state %u of %u waiting changes, seed %llu", i, ch.n,
	    (unsigned long long)seed);
	for (unsigned k = 0; k < c->nfiles; k++)
		all[k] = content(c->files[k], &ch);
	for (unsigned k = 0; k < c->durable.n; k++)
		names_set(&s->names, c->durable.p[k].name, c->durable.p[k].file);
	for (unsigned k = 0; k < c->nrenamings; k++)
		if (choose(&ch, true, false) && c->renamings[k].file)
			names_apply(&s->names, &c->renamings[k]);
	for (unsigned k = 0; k < s->names.n;)
		if (has_folder(&s->names, s->names.p[k].name))
			k++;
		else
			names_unset(&s->names, s->names.p[k].name);
	s->contents = calloc(s->names.n + 1, sizeof(*s->contents));
	for (unsigned k = 0; k < c->nfiles; k++) {
		bool named = false;

		for (unsigned j = 0; j < s->names.n; j++)
			if (s->names.p[j].file == c->files[k]) {
				s->contents[j] = all[k];
				named = true;
			}
		if (!named)
			free(all[k].p);
	}
	free(all);
	return s;
}

void
cut_state_free(struct cut_state *s)
{
	for (unsigned i = 0; i < s->names.n; i++) {
		bool again = false;

		for (unsigned j = 0; j < i; j++)
			again = again || s->contents[j].p == s->contents[i].p;
		if (!again)
			free(s->contents[i].p);
	}
	free(s->contents);
	free(s->names.p);
	free(s);
}

uint64_t
cut_state_hash(const struct cut_state *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < s->names.n; i++) {
		uint64_t h =
		    hash_bytes(s->names.p[i].name, strlen(s->names.p[i].name), s->contents[i].n);

		sum += hash_bytes(s->contents[i].p, s->contents[i].n, h);
	}
	return sum;
}

const char *
cut_state_text(const struct cut_state *s)
{
	return s->text;
}

static void
empty_folder(int at, const char *folder)
{
	int fd = openat(at, folder, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type == DT_DIR)
			empty_folder(fd, e->d_name);
		unlinkat(fd, e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	}
	if (dir)
		closedir(dir);
}

void
cut_state_write(const struct cut_state *s, const char *folder)
{
	int root;

	empty_folder(AT_FDCWD, folder);
	if (!s)
		return;
	root = open(folder, O_RDONLY | O_DIRECTORY);
	for (unsigned i = 0; i < s->names.n; i++)
		if (s->names.p[i].file->folder && mkdirat(root, s->names.p[i].name, 0700) < 0)
			abort();
	for (unsigned i = 0; i < s->names.n; i++) {
		int fd;

		if (s->names.p[i].file->folder)
			continue;
		fd = openat(root, s->names.p[i].name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 ||
		    write(fd, s->contents[i].p, s->contents[i].n) != (ssize_t)s->contents[i].n)
			abort();
		close(fd);
	}
	close(root);
}

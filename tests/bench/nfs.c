/* RFC 1813 as far as the works need it. */
#include "tests/bench/nfs.h"

#include <stdlib.h>

enum {
	GETATTR = 1,
	SETATTR = 2,
	LOOKUP = 3,
	ACCESS = 4,
	READ = 6,
	WRITE = 7,
	CREATE = 8,
	MKDIR = 9,
	REMOVE = 12,
	RENAME = 14,
	READDIRPLUS = 17,
	COMMIT = 21,
	FATTR_BYTES = 84,
	DIRECTORY = 2,
};

static void
must(const struct slot *s, const char *procedure, uint32_t status)
{
	if (status)
		die("%s: client %u: %s: nfsstat3 %u", s->client->load->doing, s->client->index,
		    procedure, status);
}

static const uint8_t *
need(const struct slot *s, const uint8_t *p, size_t n)
{
	if (p > s->end || (size_t)(s->end - p) < n)
		die("%s: a short reply", s->client->load->doing);
	return p;
}

static const uint8_t *
skip_attributes(const struct slot *s, const uint8_t *p)
{
	p = need(s, p, 4);
	return p + 4 + (get32(p) ? FATTR_BYTES : 0);
}

static const uint8_t *
take_fh(const struct slot *s, const uint8_t *p, struct fh *out)
{
	p = need(s, p, 4);
	out->n = get32(p);
	if (out->n > sizeof(out->bytes))
		die("%s: a handle of %u bytes", s->client->load->doing, out->n);
	need(s, p + 4, out->n);
	memcpy(out->bytes, p + 4, out->n);
	return p + 4 + ((out->n + 3) & ~3u);
}

static uint8_t *
put_name(uint8_t *p, const struct fh *dir, const char *name)
{
	return put_opaque(put_fh(p, dir), name, (uint32_t)strlen(name));
}

void
nfs_getattr(struct slot *s, const struct fh *fh)
{
	must(s, "GETATTR", slot_call(s, put_fh(slot_begin(s, GETATTR, 68), fh), false));
}

void
nfs_access(struct slot *s, const struct fh *fh)
{
	uint8_t *p = put_fh(slot_begin(s, ACCESS, 72), fh);

	must(s, "ACCESS", slot_call(s, put32(p, 0x3f), false));
}

uint32_t
nfs_lookup(struct slot *s, const struct fh *dir, const char *name, struct fh *out)
{
	uint8_t *p = slot_begin(s, LOOKUP, 400);
	uint32_t status = slot_call(s, put_name(p, dir, name), false);

	if (status == NOENT)
		return status;
	must(s, "LOOKUP", status);
	if (out)
		take_fh(s, s->p, out);
	return 0;
}

uint32_t
nfs_read(struct slot *s, const struct fh *fh, uint64_t offset, uint32_t n, bool *eof)
{
	uint8_t *p = put64(put_fh(slot_begin(s, READ, 80), fh), offset);
	const uint8_t *q;

	must(s, "READ", slot_call(s, put32(p, n), true));
	q = need(s, skip_attributes(s, s->p), 8);
	if (eof)
		*eof = get32(q + 4);
	s->client->load->bytes += get32(q);
	return get32(q);
}

void
nfs_write(
    struct slot *s, const struct fh *fh, uint64_t offset, const void *data, uint32_t n, int how)
{
	uint8_t *p = put64(put_fh(slot_begin(s, WRITE, 100 + n), fh), offset);
	const uint8_t *q;

	p = put_opaque(put32(put32(p, n), (uint32_t)how), data, n);
	must(s, "WRITE", slot_call(s, p, false));
	q = need(s, s->p, 4);
	q = need(s, skip_attributes(s, q + 4 + (get32(q) ? 24 : 0)), 4);
	if (get32(q) != n)
		die("%s: %u bytes of %u written", s->client->load->doing, get32(q), n);
	s->client->load->bytes += n;
}

void
nfs_commit(struct slot *s, const struct fh *fh)
{
	uint8_t *p = put64(put_fh(slot_begin(s, COMMIT, 80), fh), 0);

	s->durable = true;
	must(s, "COMMIT", slot_call(s, put32(p, 0), false));
}

/* A sattr3 of a mode alone. */
static uint8_t *
put_mode(uint8_t *p, uint32_t mode)
{
	p = put32(put32(p, 1), mode);
	p = put32(put32(put32(p, 0), 0), 0);
	return put32(put32(p, 0), 0);
}

static void
take_created(
    struct slot *s, const char *procedure, const struct fh *dir, const char *name, struct fh *out)
{
	if (get32(need(s, s->p, 4)))
		take_fh(s, s->p + 4, out);
	else
		must(s, procedure, nfs_lookup(s, dir, name, out));
}

void
nfs_create(struct slot *s, const struct fh *dir, const char *name, struct fh *out)
{
	uint8_t *p = put_name(slot_begin(s, CREATE, 440), dir, name);

	s->durable = true;
	must(s, "CREATE", slot_call(s, put_mode(put32(p, 0), 0644), false));
	take_created(s, "CREATE", dir, name, out);
}

void
nfs_mkdir(struct slot *s, const struct fh *dir, const char *name, struct fh *out)
{
	uint8_t *p = put_name(slot_begin(s, MKDIR, 440), dir, name);

	s->durable = true;
	must(s, "MKDIR", slot_call(s, put_mode(p, 0755), false));
	take_created(s, "MKDIR", dir, name, out);
}

void
nfs_setattr(struct slot *s, const struct fh *fh, uint32_t mode)
{
	uint8_t *p = put_fh(slot_begin(s, SETATTR, 140), fh);

	p = put32(put32(p, 1), mode);
	p = put32(put32(put32(p, 0), 0), 0);
	p = put32(put32(put32(p, 2), 1500000000), 1000);
	p = put32(put32(put32(p, 2), 1500000000), 1000);
	s->durable = true;
	must(s, "SETATTR", slot_call(s, put32(p, 0), false));
}

void
nfs_rename(
    struct slot *s, const struct fh *from, const char *old, const struct fh *to, const char *new)
{
	uint8_t *p = put_name(slot_begin(s, RENAME, 800), from, old);

	s->durable = true;
	must(s, "RENAME", slot_call(s, put_name(p, to, new), false));
}

void
nfs_remove(struct slot *s, const struct fh *dir, const char *name)
{
	uint8_t *p = slot_begin(s, REMOVE, 400);

	s->durable = true;
	must(s, "REMOVE", slot_call(s, put_name(p, dir, name), false));
}

static const uint8_t *
take_entry(struct slot *s, const uint8_t *p, uint64_t *cookie, nfs_entry_fn *fn)
{
	const uint8_t *name;
	struct fh fh = { 0 };
	bool is_dir = false;
	uint32_t n;

	p = need(s, p, 12);
	n = get32(p + 8);
	name = p + 12;
	p = need(s, name + ((n + 3) & ~3u), 12);
	*cookie = get64(p);
	p += 8;
	if (get32(p))
		is_dir = get32(need(s, p + 4, FATTR_BYTES)) == DIRECTORY;
	p = need(s, skip_attributes(s, p), 4);
	p = get32(p) ? take_fh(s, p + 4, &fh) : p + 4;
	fn(s, name, n, fh.n ? &fh : NULL, is_dir);
	return p;
}

bool
nfs_readdirplus(
    struct slot *s, const struct fh *dir, uint64_t *cookie, uint8_t verifier[8], nfs_entry_fn *fn)
{
	uint8_t *p = put64(put_fh(slot_begin(s, READDIRPLUS, 100), dir), *cookie);
	const uint8_t *q;

	memcpy(p, verifier, 8);
	must(s, "READDIRPLUS", slot_call(s, put32(put32(p + 8, 8192), 32768), false));
	q = need(s, skip_attributes(s, s->p), 12);
	memcpy(verifier, q, 8);
	for (q += 8; get32(need(s, q, 8));)
		q = take_entry(s, q + 4, cookie, fn);
	return get32(q + 4);
}

const struct fh *
nfs_dir(struct slot *s, uint32_t dir, bool access)
{
	struct client *c = s->client;
	const struct tree *t = c->load->tree;
	struct fh fh;

	if (!c->dirs) {
		c->dirs = must_alloc(t->ndirs, sizeof(*c->dirs));
		c->dirs[0] = c->root;
	}
	if (c->dirs[dir].n)
		return &c->dirs[dir];
	fh = *nfs_dir(s, t->dirs[dir].parent, access);
	must(s, "LOOKUP of a directory", nfs_lookup(s, &fh, t->dirs[dir].name, &fh));
	if (access)
		nfs_access(s, &fh);
	c->dirs[dir] = fh;
	return &c->dirs[dir];
}

void
nfs_file(struct slot *s, const struct tree_file *f, struct fh *out)
{
	must(s, f->name, nfs_lookup(s, nfs_dir(s, f->dir, false), f->name, out));
}

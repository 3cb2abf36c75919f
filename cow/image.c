/* A sealed image in memory: inodes by the chunk, folders whole, extents and targets by the piece,
 * in one cache for all clients. */
#include "cow/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cow/cache.h"
#include "cow/cleanup.h"
#include "cow/err.h"

#define CHUNK       64u /* inodes that are loaded together: neighbours in walk order */
#define CONNECTIONS 8

enum kind { INODES, FOLDER, EXTENT, TARGET };

struct image {
	struct id id;
	unsigned refs;
	uint32_t last_ino;
	struct blocks *blocks;
	struct db_pool *pool;
	struct cache *cache;
	pthread_mutex_t loading; /* so that many who miss the same thing load it once */
};

struct chunk {
	struct cache_object head;
	struct inode inodes[CHUNK]; /* ino 0: none */
};

struct folder {
	struct cache_object head;
	struct image_dir dir;
};

struct piece {
	struct cache_object head;
	uint32_t n;
	struct {
		struct id id;
		struct block_loc loc;
	} at[];
};

struct target {
	struct cache_object head;
	uint32_t n;
	char bytes[];
};

static int
read_last_ino(struct image *im)
{
	struct db *db = db_lend(im->pool);
	sqlite3_stmt *s = db ? db_stmt(db, "SELECT max(ino) FROM inode") : NULL;
	int row = db ? db_step(db, s) : -EIO;
	int64_t last = 0;

	if (row == 1) {
		last = sqlite3_column_int64(s, 0);
		db_reset(s);
	}
	if (db)
		db_return(im->pool, db);
	if (row < 0)
		return row;
	if (last < INO_ROOT || last > INO_MAX)
		return err_set(EIO, "the image's inodes are not numbered from the root on");
	im->last_ino = (uint32_t)last;
	return 0;
}

int
image_open(struct files *files, struct blocks *blocks, const struct id *id, uint64_t memory,
    struct image **out)
{
	struct image *im = calloc(1, sizeof(*im));
	char path[4096], hex[ID_HEX_SIZE];
	int err;

	if (!im)
		return -ENOMEM;
	id_hex(id, hex);
	snprintf(path, sizeof(path), "%s/images/%s.db", files_path(files), hex);
	im->id = *id;
	im->refs = 1;
	im->blocks = blocks;
	pthread_mutex_init(&im->loading, NULL);
	err = db_pool_open(files, path, DB_IMMUTABLE, CONNECTIONS, &im->pool);
	if (!err)
		err = cache_open(memory, &im->cache);
	if (!err)
		err = read_last_ino(im);
	if (err) {
		image_release(im);
		return err_prefix(err, "image %s", hex);
	}
	*out = im;
	return 0;
}

struct image *
image_hold(struct image *im)
{
	__atomic_fetch_add(&im->refs, 1, __ATOMIC_RELAXED);
	return im;
}

void
image_release(struct image *im)
{
	if (!im || __atomic_fetch_sub(&im->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	cache_close(im->cache);
	if (im->pool)
		db_pool_close(im->pool);
	pthread_mutex_destroy(&im->loading);
	free(im);
}

const struct id *
image_id(const struct image *im)
{
	return &im->id;
}

uint32_t
image_last_ino(const struct image *im)
{
	return im->last_ino;
}

uint64_t
image_memory(struct image *im)
{
	return cache_used(im->cache);
}

/* Makes an object from rows. *out is new, or NULL with -errno. */
typedef int load_fn(struct image *, struct db *, const struct cache_key *, void **out);

static int
get(struct image *im, const struct cache_key *key, load_fn *load, void **out)
{
	struct db *db;
	int err;

	if ((*out = cache_get(im->cache, key)))
		return 0;
	SCOPED_LOCK(&im->loading);
	if ((*out = cache_get(im->cache, key)))
		return 0;
	if (!(db = db_lend(im->pool)))
		return -EIO;
	err = load(im, db, key, out);
	db_return(im->pool, db);
	if (!err)
		*out = cache_add(im->cache, key, *out);
	return err;
}

static int
load_inodes(struct image *im, struct db *db, const struct cache_key *key, void **out)
{
	struct chunk *c = cache_new(sizeof(*c));
	sqlite3_stmt *s;
	int row;

	(void)im;
	if (!c)
		return -ENOMEM;
	memset(c->inodes, 0, sizeof(c->inodes));
	s = db_stmt(db, "SELECT " INODE_COLUMNS " FROM inode WHERE ino BETWEEN ? AND ?");
	sqlite3_bind_int64(s, 1, (int64_t)key->ino * CHUNK);
	sqlite3_bind_int64(s, 2, (int64_t)key->ino * CHUNK + CHUNK - 1);
	while ((row = db_step(db, s)) == 1) {
		struct inode i;

		inode_column(s, 0, &i);
		c->inodes[i.ino % CHUNK] = i;
	}
	if (row < 0)
		cache_release(c);
	else
		*out = c;
	return row;
}

int
image_inode(struct image *im, uint32_t ino, struct inode *out)
{
	struct cache_key key = { INODES, ino / CHUNK, 0 };
	void *c;
	int err;

	if (ino < INO_ROOT || ino > im->last_ino)
		return err_set(ESTALE, "the image has no inode %u", ino);
	if ((err = get(im, &key, load_inodes, &c)) < 0)
		return err;
	*out = ((struct chunk *)c)->inodes[ino % CHUNK];
	cache_release(c);
	if (out->ino == ino && out->size > INODE_SIZE_MAX)
		return err_set(EIO, "inode %u: its row is damaged: no file is so large", ino);
	return out->ino == ino ? 0 : err_set(ESTALE, "the image has no inode %u", ino);
}

static int
load_target(struct image *im, struct db *db, const struct cache_key *key, void **out)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT target FROM inode WHERE ino = ?");
	struct target *t;
	struct str bytes;
	int row;

	(void)im;
	sqlite3_bind_int64(s, 1, key->ino);
	row = db_step(db, s);
	if (row != 1)
		return row < 0 ? row : err_set(ESTALE, "the image has no inode %u", key->ino);
	bytes = db_column_str(s, 0);
	t = cache_new(sizeof(*t) + bytes.n);
	if (t) {
		t->n = bytes.n;
		memcpy(t->bytes, bytes.p, bytes.n);
	}
	db_reset(s);
	*out = t;
	return t ? 0 : -ENOMEM;
}

int
image_target(struct image *im, uint32_t ino, char buf[TARGET_BYTES_MAX + 1])
{
	struct cache_key key = { TARGET, ino, 0 };
	struct target *t;
	void *object;
	uint32_t n;
	int err = get(im, &key, load_target, &object);

	if (err)
		return err;
	t = object;
	n = t->n;
	if (n <= TARGET_BYTES_MAX) {
		memcpy(buf, t->bytes, n);
		buf[n] = '\0';
	}
	cache_release(t);
	return n <= TARGET_BYTES_MAX ? (int)n : err_set(EIO, "inode %u: target too long", ino);
}

static int
load_piece(struct image *im, struct db *db, const struct cache_key *key, void **out)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT ids FROM extent WHERE ino = ? AND run = ?");
	struct extent e = { 0 };
	struct piece *p;
	uint32_t n;
	int err;

	sqlite3_bind_int64(s, 1, key->ino);
	sqlite3_bind_int64(s, 2, key->run);
	err = db_step(db, s);
	if (err == 1) {
		err = extent_unpack(im->blocks, db_column_str(s, 0), &e);
		db_reset(s);
	}
	if (err < 0)
		return err;
	n = extent_length(&e);
	p = cache_new(sizeof(*p) + n * sizeof(p->at[0]));
	if (!p)
		return -ENOMEM;
	p->n = n;
	for (uint32_t i = 0; i < n; i++) {
		p->at[i].id = e.ids[i];
		p->at[i].loc = e.locs[i];
	}
	*out = p;
	return 0;
}

int
image_extent(struct image *im, uint32_t ino, uint32_t run, struct extent *out)
{
	struct cache_key key = { EXTENT, ino, run };
	struct piece *p;
	void *object;
	int err = get(im, &key, load_piece, &object);

	if (err)
		return err;
	p = object;
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < p->n; i++) {
		out->ids[i] = p->at[i].id;
		out->locs[i] = p->at[i].loc;
	}
	cache_release(p);
	return 0;
}

int
image_runs(struct image *im, uint32_t ino, uint32_t *end)
{
	struct db *db = db_lend(im->pool);
	sqlite3_stmt *s = db ? db_stmt(db, "SELECT max(run) + 1 FROM extent WHERE ino = ?") : NULL;
	int row;

	sqlite3_bind_int64(s, 1, ino);
	row = db ? db_step(db, s) : -EIO;
	if (row == 1)
		*end = (uint32_t)sqlite3_column_int64(s, 0);
	db_return(im->pool, db);
	return row < 0 ? row : 0;
}

/* A folder is one object: its names' table, then their bytes. */
static struct folder *
new_folder(uint32_t count, uint64_t bytes)
{
	struct folder *f = cache_new(sizeof(*f) + count * sizeof(struct image_name) + bytes);

	if (f) {
		f->dir.count = 0;
		f->dir.names = (struct image_name *)(f + 1);
	}
	return f;
}

static int
measure_folder(struct db *db, uint32_t ino, uint32_t *count, uint64_t *bytes)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT count(*), coalesce(sum(length(CAST(name AS BLOB))), "
				      "0) FROM dirent WHERE dir = ?");
	int row;

	sqlite3_bind_int64(s, 1, ino);
	row = db_step(db, s);
	if (row != 1)
		return row < 0 ? row : -EIO;
	*count = (uint32_t)sqlite3_column_int64(s, 0);
	*bytes = (uint64_t)sqlite3_column_int64(s, 1);
	db_reset(s);
	return 0;
}

static int
load_folder(struct image *im, struct db *db, const struct cache_key *key, void **out)
{
	struct image_name *names;
	struct folder *f;
	uint32_t count = 0;
	uint64_t bytes = 0;
	sqlite3_stmt *s;
	char *at;
	int err = measure_folder(db, key->ino, &count, &bytes);

	(void)im;
	if (err)
		return err;
	if (!(f = new_folder(count, bytes)))
		return -ENOMEM;
	names = (struct image_name *)(f + 1);
	at = (char *)(names + count);
	s = db_stmt(db, "SELECT name, ino FROM dirent WHERE dir = ? ORDER BY name");
	sqlite3_bind_int64(s, 1, key->ino);
	while ((err = db_step(db, s)) == 1 && f->dir.count < count) {
		struct str name = db_column_str(s, 0);

		if (name.n == 0 || name.n > NAME_BYTES_MAX) {
			err = err_set(EIO, "folder %u: a name's row is damaged", key->ino);
			db_reset(s);
			break;
		}
		memcpy(at, name.p, name.n);
		names[f->dir.count++] =
		    (struct image_name){ { at, name.n }, (uint32_t)sqlite3_column_int64(s, 1) };
		at += name.n;
	}
	if (err == 1)
		db_reset(s);
	if (err < 0)
		cache_release(f);
	else
		*out = f;
	return err < 0 ? err : 0;
}

int
image_dir(struct image *im, uint32_t ino, const struct image_dir **out)
{
	struct cache_key key = { FOLDER, ino, 0 };
	void *f;
	int err = get(im, &key, load_folder, &f);

	if (!err)
		*out = &((struct folder *)f)->dir;
	return err;
}

void
image_dir_release(struct image *im, const struct image_dir *dir)
{
	(void)im;
	if (dir)
		cache_release((char *)(uintptr_t)dir - offsetof(struct folder, dir));
}

int
image_dir_find(const struct image_dir *dir, struct str name)
{
	uint32_t low = 0, high = dir->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = str_cmp(dir->names[mid].name, name);

		if (c == 0)
			return (int)mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

int
image_xattrs(struct image *im, uint32_t ino, image_xattr_fn *fn, void *arg)
{
	struct db *db = db_lend(im->pool);
	sqlite3_stmt *s;
	int err, row;

	if (!db)
		return -EIO;
	s = db_stmt(db, "SELECT name, value FROM xattr WHERE ino = ? ORDER BY name");
	sqlite3_bind_int64(s, 1, ino);
	for (err = 0; (row = db_step(db, s)) == 1;) {
		err = fn(arg, db_column_str(s, 0), db_column_str(s, 1));
		if (err) {
			db_reset(s);
			break;
		}
	}
	db_return(im->pool, db);
	return row < 0 ? row : err;
}

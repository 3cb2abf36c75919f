/* Imports, looked at through the image reader. */
#include "tests/lib/imported.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/import/path.h"

static void
note_problem(void *arg, const char *sentence)
{
	struct imported *f = arg;
	size_t n = strlen(f->sentences);

	f->problems++;
	snprintf(f->sentences + n, sizeof(f->sentences) - n, "%s\n", sentence);
}

void
imported_open(struct imported *f, uint32_t block_size)
{
	struct store_options options = {
		.mode = STORE_OWN, .create = true, .block_size = block_size
	};

	memset(f, 0, sizeof(*f));
	tmpdir_make(&f->dir);
	assert_int_equal(store_open(tmpdir_path(&f->dir, "store"), &options, &f->store), 0);
	f->options.problem = note_problem;
	f->options.arg = f;
}

void
imported_close(struct imported *f)
{
	if (f->image)
		image_release(f->image);
	store_close(f->store);
	tmpdir_remove(&f->dir);
}

int
imported_run(struct imported *f, const char *source, const char *name)
{
	int err;

	f->problems = 0;
	f->sentences[0] = '\0';
	f->options.name = name;
	err = import_run(f->store, source, &f->options, &f->result);
	if (err)
		return err;
	if (f->image)
		image_release(f->image);
	return store_image(f->store, &f->result.id, &f->image);
}

struct id
imported_id(struct imported *f, const char *source, const char *name)
{
	int err = imported_run(f, source, name);

	if (err)
		fail_msg("importing %s: %s\n%s", source, err_text(err), f->sentences);
	return f->result.id;
}

uint32_t
imported_find(struct imported *f, const char *path)
{
	struct str rest = str_of(path), part;
	uint32_t ino = INO_ROOT;

	while (ino && path_next(&rest, &part)) {
		const struct image_dir *dir;
		int at;

		assert_int_equal(image_dir(f->image, ino, &dir), 0);
		at = image_dir_find(dir, part);
		ino = at < 0 ? 0 : dir->names[at].ino;
		image_dir_release(f->image, dir);
	}
	return ino;
}

struct inode
imported_inode(struct imported *f, const char *path)
{
	struct inode in = { 0 };
	uint32_t ino = imported_find(f, path);

	if (!ino)
		fail_msg("%s isn't there", path);
	assert_int_equal(image_inode(f->image, ino, &in), 0);
	return in;
}

void
imported_expect(struct imported *f, const char *path, uint64_t off, const void *p, size_t n)
{
	struct blocks *blocks = store_blocks(f->store);
	uint32_t size = blocks_size(blocks), ino = imported_inode(f, path).ino;
	char *block CLEANUP_FREE = malloc(size);

	for (size_t done = 0, take; done < n; done += take, off += take) {
		uint64_t index = off / size;
		uint32_t from = (uint32_t)(off % size);
		struct extent x;

		take = n - done < size - from ? n - done : size - from;
		assert_int_equal(
		    image_extent(f->image, ino, (uint32_t)(index / EXTENT_RUN), &x), 0);
		assert_int_equal(
		    block_read(blocks, &x.locs[index % EXTENT_RUN], from, block, (uint32_t)take),
		    0);
		assert_memory_equal(block, (const char *)p + done, take);
	}
}

void
imported_expect_target(struct imported *f, const char *path, const char *target)
{
	char buf[TARGET_BYTES_MAX + 1];
	int n = image_target(f->image, imported_inode(f, path).ino, buf);

	assert_int_equal(n, strlen(target));
	assert_memory_equal(buf, target, strlen(target));
}

struct wanted {
	const char *name;
	char *buf;
	int n;
};

static int
take_xattr(void *arg, struct str name, struct str value)
{
	struct wanted *w = arg;

	if (str_eq(name, str_of(w->name)) && value.n <= 256) {
		if (value.n)
			memcpy(w->buf, value.p, value.n);
		w->n = (int)value.n;
	}
	return 0;
}

int
imported_xattr(struct imported *f, const char *path, const char *name, char buf[256])
{
	struct wanted w = { name, buf, -1 };

	assert_int_equal(image_xattrs(f->image, imported_inode(f, path).ino, take_xattr, &w), 0);
	return w.n;
}

void
imported_expect_nothing(struct imported *f)
{
	assert_int_equal(tmpdir_count(&f->dir, "store/images", ""), 0);
	assert_int_equal(tmpdir_count(&f->dir, "store/segments", ""), 0);
}

/* Is a store sound in itself: its databases, and the blocks that its rows name? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cow/blkindex.h"
#include "cow/err.h"
#include "cow/hash.h"
#include "tests/crash/world.h"

static void
check_database(struct db *db, const char *what)
{
	sqlite3_stmt *s = db_stmt(db, "PRAGMA integrity_check");

	if (db_step(db, s) != 1 || strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
		die("%s: store.db: %s", what, s ? (const char *)sqlite3_column_text(s, 0) : "");
	db_reset(s);
}

/* Whatever the index says of a block is true: the bytes are there, under their hash. */
static void
check_index(struct store *store, struct db *db, struct hash *hash, const char *what)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT id, segment, off, stored FROM block");
	uint8_t *bytes = malloc(blocks_size(store_blocks(store)));
	struct id id;
	int row;

	while ((row = db_step(db, s)) == 1) {
		struct block_loc loc = { (uint32_t)sqlite3_column_int64(s, 1),
			(uint32_t)sqlite3_column_int64(s, 3),
			(uint64_t)sqlite3_column_int64(s, 2) };
		struct id is;
		int err = db_column_id(s, 0, &id);

		if (err == 0)
			err = block_read(store_blocks(store), &loc, 0, bytes, loc.stored);
		if (err < 0)
			die("%s: a block can't be read: %s", what, err_text(err));
		is = hash_block(hash, bytes, loc.stored, 0);
		if (!id_eq(&is, &id))
			die("%s: segment %u at %llu: other bytes than the index says", what,
			    loc.segment, (unsigned long long)loc.off);
	}
	if (row < 0)
		die("%s: the index can't be read: %s", what, err_text(row));
	free(bytes);
}

static void
check_extents(struct db *db, const char *what)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT layer, ino, ids FROM extent");
	struct block_loc loc;
	struct id id;
	int row;

	while ((row = db_step(db, s)) == 1) {
		struct str ids = db_column_str(s, 2);

		for (; ids.n >= ID_SIZE; ids.p += ID_SIZE, ids.n -= ID_SIZE) {
			memcpy(id.b, ids.p, ID_SIZE);
			if (!id_is_zero(&id) && blkindex_find(db, &id, &loc) != 1)
				die("%s: inode %lld names a block that is not in the index", what,
				    (long long)sqlite3_column_int64(s, 1));
		}
	}
	if (row < 0)
		die("%s: the extents can't be read: %s", what, err_text(row));
}

/* No row of a layer that is not there, no segment's row without an end. */
static void
check_rows(struct db *db, const char *what)
{
	static const char *const none[] = {
		"SELECT count(*) FROM inode WHERE layer NOT IN (SELECT id FROM layer)",
		"SELECT count(*) FROM dirent WHERE layer NOT IN (SELECT id FROM layer)",
		"SELECT count(*) FROM extent WHERE layer NOT IN (SELECT id FROM layer)",
		"SELECT count(*) FROM client WHERE head NOT IN (SELECT id FROM layer)",
		"SELECT count(*) FROM block WHERE segment NOT IN (SELECT seq FROM segment)",
		"SELECT count(*) FROM import",
		"SELECT count(*) FROM xattr WHERE layer NOT IN (SELECT id FROM layer)",
		"SELECT count(*) FROM layer WHERE parent AND parent NOT IN (SELECT id FROM layer)",
		"SELECT count(*) FROM layer a JOIN layer b ON a.parent = b.id WHERE NOT b.sealed",
		"SELECT count(*) FROM client JOIN layer ON head = layer.id"
		" WHERE sealed OR layer.image != client.image_id",
		"SELECT count(*) FROM snapshot LEFT JOIN layer ON snapshot.layer = layer.id"
		" WHERE layer.id IS NULL OR NOT sealed OR layer.image != image_id",
		"SELECT count(*) FROM snapshot WHERE client NOT IN (SELECT name FROM client)",
		"SELECT count(*) FROM client_mark WHERE client NOT IN (SELECT name FROM client)",
		"SELECT count(*) FROM extent e LEFT JOIN inode i ON e.layer = i.layer AND e.ino = "
		"i.ino"
		" WHERE i.ino IS NULL OR i.nlink = 0",
		"SELECT count(*) FROM freed JOIN block USING (segment, off)",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		sqlite3_stmt *s = db_stmt(db, none[i]);

		if (db_step(db, s) != 1 || sqlite3_column_int64(s, 0) != 0)
			die("%s: %s", what, none[i]);
		db_reset(s);
	}
}

struct checked {
	struct store *store;
	const char *what;
};

static int
check_names(struct image *image, uint32_t ino)
{
	const struct image_dir *dir = NULL;
	struct inode inode;
	int err = image_dir(image, ino, &dir);

	for (uint32_t i = 0; !err && i < dir->count; i++)
		err = image_inode(image, dir->names[i].ino, &inode);
	if (dir)
		image_dir_release(image, dir);
	return err;
}

/* An image that the catalogue names is there, and so is all that it is made of. A committed one
 * has no inode where its client removed one; but none that a name tells of. */
static int
check_image(void *arg, const struct image_info *info)
{
	struct checked *c = arg;
	struct image *image;
	int err = store_image(c->store, &info->id, &image);

	for (uint32_t ino = INO_ROOT; !err && ino <= image_last_ino(image); ino++) {
		struct extent extent;
		struct inode inode;

		err = image_inode(image, ino, &inode);
		if (err == -ESTALE && ino != INO_ROOT) {
			err = 0;
			continue;
		}
		if (!err)
			err = image_extent(image, ino, 0, &extent);
		if (!err && S_ISDIR(inode.mode))
			err = check_names(image, ino);
	}
	if (err < 0)
		die("%s: image %s: %s", c->what, info->name, err_text(err));
	image_release(image);
	return 0;
}

void
world_check_store(struct store *store, const char *what)
{
	struct db *db = db_lend(store_readers(store));
	sqlite3_stmt *s =
	    db ? db_stmt(db, "SELECT value FROM meta WHERE key = 'hash_secret'") : NULL;
	struct hash *hash;

	if (!db || db_step(db, s) != 1 ||
	    hash_open((const uint8_t *)db_column_str(s, 0).p, &hash) < 0)
		die("%s: no secret", what);
	db_reset(s);
	check_database(db, what);
	check_index(store, db, hash, what);
	check_extents(db, what);
	check_rows(db, what);
	hash_close(hash);
	db_return(store_readers(store), db);
	store_images(store, check_image, &(struct checked){ store, what });
}

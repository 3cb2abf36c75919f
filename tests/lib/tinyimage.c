/* Images that hardly hold anything. */
#include "tests/lib/tinyimage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cow/schema_image.h"

static void
add_inode(struct db *db, uint32_t ino)
{
	static const char sql[] =
	    "INSERT INTO inode(" INODE_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	struct inode in = { .ino = ino,
		.gen = 1,
		.mode = ino == INO_ROOT ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = ino == INO_ROOT ? 2 : 1,
		.parent = ino == INO_ROOT ? INO_ROOT : 0 };
	sqlite3_stmt *stmt = db_stmt(db, sql);

	inode_bind(stmt, 1, &in);
	assert_int_equal(db_run(db, stmt), 0);
}

void
tinyimage_fill(struct store_import *import, uint32_t last_ino)
{
	struct db *db;

	assert_int_equal(db_open(store_import_path(import), DB_SCRATCH, &db), 0);
	assert_int_equal(db_exec(db, schema_image), 0);
	for (uint32_t ino = INO_ROOT; ino <= last_ino; ino++)
		add_inode(db, ino);
	db_close(db);
}

struct image_info
tinyimage_info(const char *name, uint32_t last_ino)
{
	struct image_info info = { .entries = last_ino - INO_ROOT };

	snprintf(info.name, sizeof(info.name), "%s", name);
	put_le32(info.id.b, last_ino);
	return info;
}

void
tinyimage_publish(struct store *s, const char *name, uint32_t last_ino)
{
	struct image_info info = tinyimage_info(name, last_ino);
	struct store_import *import;

	assert_int_equal(store_import_begin(s, &import), 0);
	tinyimage_fill(import, last_ino);
	assert_int_equal(store_import_publish(import, &info), 0);
	store_import_end(import);
}

/* Databases as such, and what their rows say of each other. */
#include <errno.h>
#include <stdio.h>

#include "cow/check_priv.h"
#include "cow/err.h"

/* --- SQLite's own check --- */

static int
check_integrity(struct check *c, struct db *db, const char *what)
{
	sqlite3_stmt *stmt = db_stmt(db, "PRAGMA integrity_check(20)");
	int rc, told = 0;

	while ((rc = db_step(db, stmt)) == 1) {
		struct str s = db_column_str(stmt, 0);

		if (str_eq(s, STR("ok")))
			continue;
		if ((told = check_tell(c, "%s: %.*s", what, (int)s.n, s.p)) < 0)
			break;
	}
	db_reset(stmt);
	if (told < 0)
		return told;
	return rc < 0 ? check_tell(c, "%s: %s", what, err_text(rc)) : 0;
}

static int
check_image_file(void *arg, const struct id *id)
{
	struct check *c = arg;
	char what[80], hex[ID_HEX_SIZE];
	struct db *db;
	int rc = store_image_db(c->store, id, &db);

	id_hex(id, hex);
	snprintf(what, sizeof(what), "images/%s.db", hex);
	c->result->images++;
	if (rc < 0)
		return check_tell(c, "%s", err_text(rc));
	rc = check_integrity(c, db, what);
	db_close(db);
	return rc < 0 ? rc : check_progress(c, "images", c->result->images, 0);
}

int
check_databases(struct check *c)
{
	struct db *db = db_lend(store_readers(c->store));
	int rc = db ? check_integrity(c, db, "store.db") : -EIO;

	db_return(store_readers(c->store), db);
	return rc < 0 ? rc : store_each_image_file(c->store, check_image_file, c);
}

/* --- rules --- */

#define RULE_TELLS 20 /* so often the same rule is told */

/* Each gives a text for what breaks the rule. */
static const struct rule {
	const char *sql, *before, *after; /* the text stands between them */
} rules[] = {
	{ "SELECT name FROM client WHERE head NOT IN (SELECT id FROM layer)", "client ",
	    ": its head is missing" },
	{ "SELECT client.name FROM client JOIN layer ON head = layer.id WHERE sealed", "client ",
	    ": its head is sealed" },
	{ "SELECT client.name FROM client JOIN layer ON head = layer.id"
	  " WHERE layer.image != client.image_id",
	    "client ", ": its head lies on another image than it has" },
	{ "SELECT name FROM client WHERE identity AND identity NOT IN (SELECT id FROM layer)",
	    "client ", ": its identity is missing" },
	{ "SELECT client || '@' || name FROM snapshot WHERE layer NOT IN (SELECT id FROM layer)",
	    "snapshot ", ": its layer is missing" },
	{ "SELECT client || '@' || name FROM snapshot WHERE client NOT IN (SELECT name FROM "
	  "client)",
	    "snapshot ", " is of no client" },
	{ "SELECT value FROM client_mark WHERE client NOT IN (SELECT name FROM client)",
	    "the address, MAC or serial number ", " is of no client" },
	{ "SELECT DISTINCT client FROM client_fact WHERE client NOT IN (SELECT name FROM client)",
	    "facts about ", ", who is no client" },
	{ "SELECT client FROM pending WHERE client NOT IN (SELECT name FROM client)",
	    "something waits for the boot of ", ", who is no client" },
	{ "SELECT id FROM layer WHERE parent AND parent NOT IN (SELECT id FROM layer)", "layer ",
	    ": what it lies on is missing" },
	{ "SELECT a.id FROM layer a JOIN layer b ON a.parent = b.id WHERE NOT b.sealed", "layer ",
	    " lies on one that is open" },
	{ "SELECT DISTINCT layer FROM inode WHERE layer NOT IN (SELECT id FROM layer)",
	    "inodes of layer ", ", which is missing" },
	{ "SELECT DISTINCT layer FROM dirent WHERE layer NOT IN (SELECT id FROM layer)",
	    "names of layer ", ", which is missing" },
	{ "SELECT DISTINCT layer FROM extent WHERE layer NOT IN (SELECT id FROM layer)",
	    "extents of layer ", ", which is missing" },
	{ "SELECT DISTINCT layer FROM xattr WHERE layer NOT IN (SELECT id FROM layer)",
	    "extended attributes of layer ", ", which is missing" },
	{ "SELECT e.layer || ', inode ' || e.ino FROM extent e LEFT JOIN inode i"
	  " ON e.layer = i.layer AND e.ino = i.ino WHERE i.ino IS NULL OR i.nlink = 0",
	    "layer ", ": blocks of a file that isn't there" },
	{ "SELECT d.layer || ', inode ' || d.dir FROM dirent d LEFT JOIN inode i"
	  " ON d.layer = i.layer AND d.dir = i.ino WHERE i.ino IS NULL"
	  " OR (i.mode & 61440) != 16384 GROUP BY d.layer, d.dir",
	    "layer ", ": names in what is no folder of it" },
	{ "SELECT DISTINCT segment FROM block WHERE segment NOT IN (SELECT seq FROM segment)",
	    "blocks lie in segment ", ", which is missing" },
	{ "SELECT segment || ' at ' || off FROM freed JOIN block USING (segment, off)",
	    "a block in segment ", " is to be given back, but in use" },
};

static int
check_rule(struct check *c, struct db *db, const struct rule *rule)
{
	sqlite3_stmt *stmt = db_stmt(db, rule->sql);
	int rc = 0, told = 0;

	for (int i = 0; i < RULE_TELLS && told == 0 && (rc = db_step(db, stmt)) == 1; i++) {
		struct str s = db_column_str(stmt, 0);

		told = check_tell(c, "%s%.*s%s", rule->before, (int)s.n, s.p, rule->after);
	}
	db_reset(stmt);
	if (told < 0)
		return told;
	return rc < 0 ? check_tell(c, "store.db: %s", err_text(rc)) : 0;
}

/* An image that a layer or a name needs has its file. */
static int
check_image_needed(struct check *c, struct db *db)
{
	static const char sql[] = "SELECT id FROM image UNION SELECT image FROM layer";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc, told = 0;

	while ((rc = db_step(db, stmt)) == 1 && told == 0) {
		struct image *image;
		struct id id;

		rc = db_column_id(stmt, 0, &id);
		if (rc == 0)
			rc = store_image(c->store, &id, &image);
		if (rc < 0)
			told = check_tell(c, "%s", err_text(rc));
		else
			image_release(image);
	}
	db_reset(stmt);
	return told;
}

int
check_rules(struct check *c)
{
	struct db *db = db_lend(store_readers(c->store));
	sqlite3_stmt *stmt;
	int rc = db ? 0 : -EIO;

	for (size_t i = 0; i < ARRAY_SIZE(rules) && rc == 0; i++)
		rc = check_rule(c, db, &rules[i]);
	if (rc == 0)
		rc = check_image_needed(c, db);
	if (rc == 0) {
		stmt = db_stmt(db, "SELECT count(*) FROM layer");
		if (db_step(db, stmt) == 1)
			c->result->layers = (uint64_t)sqlite3_column_int64(stmt, 0);
		db_reset(stmt);
	}
	db_return(store_readers(c->store), db);
	return rc;
}

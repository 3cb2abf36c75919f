/* A change's rows on their way into store.db, in their order. */
#include "cow/change.h"
#include "cow/dirent.h"
#include "cow/layer.h"
#include "cow/xattr.h"

static int
apply(struct db *db, const struct change_row *r)
{
	switch (r->kind) {
	case CHANGE_INODE:
		return inode_put(db, r->layer, &r->inode, r->bytes);
	case CHANGE_DROP_INODE:
		return inode_drop(db, r->layer, r->ino);
	case CHANGE_NAME:
		return dirent_put(db, r->layer, r->ino, r->bytes, r->name.ino, r->name.cookie);
	case CHANGE_DROP_NAME:
		return dirent_drop(db, r->layer, r->ino, r->bytes);
	case CHANGE_EXTENT:
		return extent_put(db, r->layer, r->ino, r->run, r->bytes);
	case CHANGE_DROP_EXTENTS:
		return extent_drop(db, r->layer, r->ino, r->run);
	case CHANGE_XATTR:
		return xattr_put(
		    db, r->layer, r->ino, r->bytes, r->xattr.whiteout ? NULL : &r->xattr.value);
	case CHANGE_DROP_XATTR:
		return xattr_drop(db, r->layer, r->ino, r->bytes);
	case CHANGE_LAYER:
		return layer_count(
		    db, r->layer, r->counters.next_ino, r->counters.files, r->counters.bytes);
	case CHANGE_CALL:
		return r->call.fn(db, r->call.arg);
	}
	return 0;
}

int
change_apply(const struct change *c, struct db *db)
{
	int err = 0;

	for (const struct change_row *r = change_rows(c); r && !err; r = r->next)
		err = r->dead ? 0 : apply(db, r);
	return err;
}

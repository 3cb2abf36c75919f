/* Calls of a view by whoever the test says. */
#include "tests/lib/as.h"

#include "tests/lib/op.h"

int
as_setattr(struct view *v, struct view_op op, uint32_t ino, struct view_set set)
{
	struct view_wcc wcc;

	return view_setattr(v, &op, ino, &set, &wcc);
}

int
as_chmod(struct view *v, struct view_op op, uint32_t ino, uint32_t mode)
{
	return as_setattr(v, op, ino, (struct view_set){ .set_mode = true, .mode = mode });
}

int
as_chown(struct view *v, struct view_op op, uint32_t ino, uint32_t uid)
{
	return as_setattr(v, op, ino, (struct view_set){ .set_uid = true, .uid = uid });
}

int
as_chgrp(struct view *v, struct view_op op, uint32_t ino, uint32_t gid)
{
	return as_setattr(v, op, ino, (struct view_set){ .set_gid = true, .gid = gid });
}

uint32_t
as_create(struct view *v, struct view_op op, uint32_t dir, const char *name, uint32_t mode)
{
	struct view_set set = { .set_mode = true, .mode = mode };
	struct view_attr out;
	struct view_wcc wcc;

	op_must(view_create(v, &op, dir, str_of(name), VIEW_GUARDED, &set, 0, &out, &wcc));
	return out.ino;
}

/*
 * As: calls of a view by somebody (op_as) in short; -errno is the test's to look at.
 */
#ifndef TESTS_LIB_AS_H
#define TESTS_LIB_AS_H

#include "cow/view.h"

int as_setattr(struct view *, struct view_op, uint32_t ino, struct view_set);
int as_chmod(struct view *, struct view_op, uint32_t ino, uint32_t mode);
int as_chown(struct view *, struct view_op, uint32_t ino, uint32_t uid);
int as_chgrp(struct view *, struct view_op, uint32_t ino, uint32_t gid);
/* A new file; this one fails the test. */
uint32_t as_create(struct view *, struct view_op, uint32_t dir, const char *name, uint32_t mode);

#endif

/* Who may do what, as a local file system decides it. */
#include "cow/perm.h"

#include <errno.h>
#include <sys/stat.h>

bool
perm_member(const struct view_op *op, uint32_t gid)
{
	if (op->gid == gid)
		return true;
	for (uint32_t i = 0; i < op->ngroups; i++)
		if (op->groups[i] == gid)
			return true;
	return false;
}

bool
perm_owner(const struct inode *i, const struct view_op *op)
{
	return op->uid == 0 || op->uid == i->uid;
}

bool
perm_may(const struct inode *i, const struct view_op *op, unsigned want)
{
	unsigned have;

	if (op->uid == 0)
		return !(want & PERM_EXEC) || S_ISDIR(i->mode) || (i->mode & 0111);
	if (op->uid == i->uid)
		have = i->mode >> 6;
	else if (perm_member(op, i->gid))
		have = i->mode >> 3;
	else
		have = i->mode;
	return (have & want) == want;
}

void
perm_clear_set_id(struct inode *i, const struct view_op *op)
{
	i->mode &= ~(uint32_t)S_ISUID;
	if ((i->mode & S_IXGRP) || (op->uid != 0 && !perm_member(op, i->gid)))
		i->mode &= ~(uint32_t)S_ISGID;
}

int
perm_unname(const struct inode *dir, const struct inode *victim, const struct view_op *op)
{
	if (!perm_may(dir, op, PERM_WRITE | PERM_EXEC))
		return -EACCES;
	if ((dir->mode & S_ISVTX) && !perm_owner(dir, op) && !perm_owner(victim, op))
		return -EPERM;
	return 0;
}

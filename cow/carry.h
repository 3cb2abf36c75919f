/*
 * Carry: a folder of one view becomes the same in another. Contents go over by reference, hard
 * links stay links.
 */
#ifndef COW_CARRY_H
#define COW_CARRY_H

#include "cow/keep.h"
#include "cow/view.h"

/* Makes each of the folders in `to` what it is in `from`: names, attributes but for the ctime,
 * hard links among all of them, contents. A folder that `from` lacks is taken away from `to`. A
 * symlink, or what is no folder, on the way to one: -ENOTDIR, and the sentence names it. Both views
 * are the caller's alone. */
int carry_folders(struct view *from, struct view *to, const struct keeps *);

#endif
